"""Detection: looks beside the course of a day for what must be seen, and notes when it was."""

import threading
import time

from . import condition
from .condition import Condition
from .outcome import Detection
from .probes import Probes


class Watcher:
    """Looks for what must be seen, from the first step on, until all of it was or its time is up."""

    def __init__(self, wanted: tuple[Condition, ...], probes: Probes, detections: list[Detection], within: float):
        self._wanted, self._probes, self._detections = wanted, probes, detections
        self._within = within
        self._before: dict[str, condition.Reading] = {}
        self._began = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def begin(self) -> None:
        """Takes the baseline, right before the first step, and begins to look."""
        self._before = condition.baseline(list(self._wanted), self._probes.read)
        self._began = time.monotonic()
        self._thread.start()

    def wait(self) -> None:
        """Waits until all was seen, or its time is up."""
        while self._thread.is_alive() and self._elapsed() < self._within:
            time.sleep(0.1)

    def stop(self) -> None:
        """Stops looking; the conditions seen so far stay noted."""
        self._is_over.set()
        if self._began:
            self._thread.join(timeout=20)

    def _watch(self) -> None:
        while not self._is_over.is_set():
            for wanted, detection in zip(self._wanted, self._detections, strict=True):
                if detection.after is None and wanted.holds(
                    self._probes.read(wanted.probe), self._before.get(wanted.probe)
                ):
                    detection.after = self._elapsed()
            if all(detection.after is not None for detection in self._detections):
                return
            self._is_over.wait(0.1)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began
