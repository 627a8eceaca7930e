"""Defines the site of a game day: the part that is the same on this machine and on Kubernetes."""

from abc import ABC, abstractmethod

from . import metrics
from .lab import Lab
from .metrics import Metrics

#: Keys of foreign objects that a day puts into the dataset. Most look like keys of the engine; none is.
FOREIGN = (
    "README.txt",
    "data/2020/ledger.parquet",
    "data/0000/window=all/shard=org-mod-01/theirs/p00000-a-1-0000000000000001.part",
    "data/0000/window=all/shard=org-mod-01/theirs/p00000-a-1-0000000000000001.rollup-5m.part",
    "jobs/theirs/plans/notes.json",
    "marks/notes.txt",
    "scratch/alice/notes.txt",
    "scratch/theirs/runs/theirs/shard=org-mod-01/m-00000-a-1-0000000000000001.run",
    "scratch/tailor-1-1/draft.txt",
)


class Site(ABC):
    """A cluster, its input, and what can be asked of it."""

    lab: Lab
    input: str
    dataset: str
    #: Factor for the pace of scenarios, so that a job outlasts steps that take longer than signals to processes.
    pace_factor = 1.0

    def __init__(self) -> None:
        self._saved: tuple[str, bytes] | None = None

    @abstractmethod
    def named(self, server: str) -> list[str]:
        """Names of the servers that a word means."""

    @abstractmethod
    def scrape(self, server: str) -> dict[str, Metrics]:
        """Metrics of those that answer."""

    @abstractmethod
    def signal(self, name: str, signal: str) -> None:
        """Sends a signal to one server."""

    @abstractmethod
    def exit_of(self, name: str) -> int | str | None:
        """Returns the exit code of a server; `runs` while it runs."""

    def signal_all(self, names: list[str], signal: str) -> None:
        """Sends a signal to several servers."""
        for name in names:
            self.signal(name, signal)

    def startable(self, server: str) -> list[str]:
        """Names of the servers that a step may start: those that a word means, whether they run or not."""
        return self.named(server)

    def worker_name(self, name: str) -> str:
        """Returns the name under which the cluster lists a worker."""
        return name

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

    def put_foreign(self) -> None:
        """Puts the objects of others into the dataset; each holds its own key."""
        for key in FOREIGN:
            self.lab.s3.put(self.in_dataset(key), key.encode())

    def remove_foreign(self) -> None:
        """Removes the objects of others again."""
        for key in FOREIGN:
            self.lab.s3.delete(self.in_dataset(key))

    def foreign_lost(self) -> int:
        """Counts the objects of others that are gone or changed."""
        return sum(not self._is_unchanged(key) for key in FOREIGN)

    def in_dataset(self, key: str) -> str:
        """Returns the key in the bucket of a key in the dataset."""
        return f"{self.lab.key(self.dataset)}/{key}"

    def _is_unchanged(self, key: str) -> bool:
        try:
            return self.lab.s3.get(self.in_dataset(key)) == key.encode()
        except FileNotFoundError:
            return False
