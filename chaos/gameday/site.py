"""Defines the site of a game day: the part that is the same on this machine and on Kubernetes."""

from abc import ABC, abstractmethod

from . import metrics
from .lab import Lab
from .metrics import Metrics


class Site(ABC):
    """A cluster, its input, and what can be asked of it."""

    lab: Lab
    input: str

    def __init__(self) -> None:
        self._saved: tuple[str, bytes] | None = None

    @abstractmethod
    def scrape(self, server: str) -> dict[str, Metrics]:
        """Metrics of those that answer."""

    def leader(self) -> str | None:
        """Returns the coordinator whose metrics say that it leads."""
        told = self.scrape("coordinators")
        return next((name for name, found in told.items() if metrics.total(found, "tailor_is_leader") == 1), None)

    def a_segment(self) -> tuple[str, bytes]:
        """Key and bytes of the input's first segment, as they were before anything was done to it."""
        if self._saved is None:
            self._saved = self.lab.first_segment(self.input)
        return self._saved

    def put_back(self) -> None:
        """Writes the original bytes of the segment back."""
        key, good = self.a_segment()
        self.lab.s3.put(key, good)
