"""The steady state, as numbers: tasks that count, segment bytes read and slots that compute, twice a second, from
the metrics.

Counters of a worker that was killed begin at 0 again; what they said before stays counted.
"""

import statistics
import threading
import time
from collections import defaultdict
from dataclasses import dataclass

from . import metrics

_PERIOD_S = 0.5

#: Rates are of stretches of this length: a task takes about as long.
_STRETCH_S = 2.0

_COUNTERS = {
    "tasks": 'tailor_worker_attempts_total{outcome="counts"}',
    "bytes": "tailor_worker_read_bytes_total",
    "attempts": "tailor_worker_attempts_total",
    "seconds": "tailor_worker_attempt_seconds_sum",
}


@dataclass(frozen=True)
class Sample:
    """Holds the sums over all workers at one time."""

    at: float
    totals: dict[str, float]
    busy_slots: float


class Observer:
    """Samples a site, and keeps its history and its manifests up to date, until it is stopped."""

    def __init__(self, site, manifests):
        self._site, self._manifests = site, manifests
        self._last: dict[tuple[str, str], float] = {}
        self._gone: dict[str, float] = defaultdict(float)
        self._is_over = threading.Event()
        self.samples: list[Sample] = []
        self._threads = [
            threading.Thread(target=self._every, args=(_PERIOD_S, self._sample), name="observer", daemon=True),
            threading.Thread(target=self._every, args=(1.0, self._audit), name="auditor", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stops sampling after a last sample."""
        self._is_over.set()
        for thread in self._threads:
            thread.join(timeout=20)
        self._sample()
        self._audit()

    def totals(self) -> dict[str, float]:
        """Returns the sums over all samples so far."""
        return self.samples[-1].totals if self.samples else dict.fromkeys(_COUNTERS, 0.0)

    def _every(self, period: float, do) -> None:
        while not self._is_over.is_set():
            do()
            self._is_over.wait(period)

    def _audit(self) -> None:
        if self._site.history is not None:
            self._site.history.catch_up()
        self._manifests.look()

    def _sample(self) -> None:
        busy = 0.0
        for server, found in self._site.scrape("workers").items():
            busy += metrics.total(found, "tailor_worker_busy_slots")
            for name, series in _COUNTERS.items():
                value, before = metrics.total(found, series), self._last.get((server, name), 0.0)
                if value < before:
                    self._gone[name] += before
                self._last[server, name] = value
        totals = {
            name: self._gone[name] + sum(v for (_, n), v in self._last.items() if n == name) for name in _COUNTERS
        }
        self.samples.append(Sample(time.monotonic(), totals, busy))


@dataclass(frozen=True)
class Spread:
    """Least, median and most of a number over a phase."""

    least: float
    median: float
    most: float


def steady_state(samples: list[Sample], begin: float, end: float) -> dict[str, Spread | None]:
    """Tasks and bytes a second, and busy slots, between two instants."""
    within = [sample for sample in samples if begin <= sample.at <= end]
    return {
        "tasks_per_s": _rates(within, "tasks"),
        "bytes_per_s": _rates(within, "bytes"),
        "busy_slots": _spread([sample.busy_slots for sample in within]),
    }


def _rates(samples: list[Sample], name: str) -> Spread | None:
    rates, first = [], None
    for sample in samples:
        if first is None:
            first = sample
        elif sample.at - first.at >= _STRETCH_S:
            rates.append((sample.totals[name] - first.totals[name]) / (sample.at - first.at))
            first = sample
    return _spread(rates)


def _spread(values: list[float]) -> Spread | None:
    return Spread(min(values), statistics.median(values), max(values)) if values else None
