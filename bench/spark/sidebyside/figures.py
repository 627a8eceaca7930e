"""Figures of an engine, from its runs on a large and a small workload."""

import statistics
from dataclasses import asdict, dataclass

from .engines import Run
from .workload import Workload


@dataclass(frozen=True)
class Spread:
    """Least, median and largest of some samples."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, samples: list[float]) -> "Spread":
        return cls(min(samples), statistics.median(samples), max(samples))


@dataclass(frozen=True)
class Figures:
    """Figures of one engine."""

    name: str
    rounds: int
    wall_s: Spread
    cpu_s: Spread
    peak_rss_mib: Spread
    #: CPU of a billion points that are read, start-up included.
    cpu_s_per_gpt: float
    #: The same for the points that the large workload has more than the small one: start-up is left out.
    steady_cpu_s_per_gpt: float
    bits_per_point: float
    bits_per_rollup_row: float
    #: CPU within Spark's tasks; None for an engine without such a metric.
    task_cpu_s: float | None
    gc_s: float | None

    @classmethod
    def of(
        cls, name: str, runs: list[Run], large: Workload, small_runs: list[Run], small: Workload, rollup_rows: int
    ) -> "Figures":
        cpu = Spread.of([run.usage.cpu_s for run in runs])
        small_cpu = Spread.of([run.usage.cpu_s for run in small_runs])
        tasks = [run.tasks for run in runs if run.tasks]
        return cls(
            name=name,
            rounds=len(runs),
            wall_s=Spread.of([run.usage.wall_s for run in runs]),
            cpu_s=cpu,
            peak_rss_mib=Spread.of([run.usage.peak_rss_bytes / (1 << 20) for run in runs]),
            cpu_s_per_gpt=cpu.median / large.points_read * 1e9,
            steady_cpu_s_per_gpt=(cpu.median - small_cpu.median) / (large.points_read - small.points_read) * 1e9,
            bits_per_point=runs[-1].points_bytes * 8 / large.points,
            bits_per_rollup_row=runs[-1].rollup_bytes * 8 / rollup_rows,
            task_cpu_s=statistics.median(task["task_cpu_s"] for task in tasks) if tasks else None,
            gc_s=statistics.median(task["gc_s"] for task in tasks) if tasks else None,
        )

    def dollars(self, points: float, core_hour: float) -> float:
        """Price of the cores for a job of `points`, start-up left out."""
        return self.steady_cpu_s_per_gpt * points / 1e9 / 3600 * core_hour

    def json(self) -> dict[str, object]:
        return asdict(self)
