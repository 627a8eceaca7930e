import unittest
from pathlib import Path

from sidebyside import table
from sidebyside.engines import Run
from sidebyside.figures import Figures, Spread
from sidebyside.meter import Usage
from sidebyside.workload import Workload

SMALL = Workload(Path(), points_read=1_000_000, points=900_000, bytes=1)
LARGE = Workload(Path(), points_read=11_000_000, points=10_000_000, bytes=1)


def runs(*cpu_s: float, tasks: dict[str, float] | None = None) -> list[Run]:
    return [Run(Usage(cpu / 2, cpu, 512 << 20), 20_000_000, 5_000, tasks or {}) for cpu in cpu_s]


def figures(name: str, large_s: list[float], small_s: list[float]) -> Figures:
    return Figures.of(name, runs(*large_s), LARGE, runs(*small_s), SMALL, rollup_rows=1_000)


class TheTable(unittest.TestCase):
    def test_start_up_is_left_out_by_the_difference_of_both_jobs(self):
        slow_start = figures("slow start", [70.0, 80.0, 60.0], [60.0, 61.0, 59.0])
        self.assertAlmostEqual(slow_start.cpu_s_per_gpt, 70 / 11e6 * 1e9)
        self.assertAlmostEqual(slow_start.steady_cpu_s_per_gpt, 1000)

    def test_sizes_are_per_point_that_is_written(self):
        one = figures("one", [2.0], [1.0])
        self.assertAlmostEqual(one.bits_per_point, 16)
        self.assertAlmostEqual(one.bits_per_rollup_row, 40)

    def test_dollars_are_core_hours_without_start_up(self):
        # 1,000 s a billion points are 277.8 core hours for 10^12 points.
        one = figures("one", [70.0], [60.0])
        self.assertAlmostEqual(one.dollars(1e12, 0.018), 5.0)

    def test_metrics_of_tasks_are_medians_and_absent_for_others(self):
        spark = Figures.of("s", runs(9, tasks={"task_cpu_s": 7, "gc_s": 1}), LARGE, runs(2), SMALL, 1)
        self.assertEqual((spark.task_cpu_s, spark.gc_s), (7, 1))
        self.assertIsNone(figures("t", [2.0], [1.0]).task_cpu_s)

    def test_a_row_has_median_and_ends_and_the_last_engine_is_the_measure(self):
        text = table.of([figures("slow", [40.0, 20.0, 30.0], [5.0]), figures("fast", [10.0], [5.0])], 0.015)
        self.assertIn("| slow | 3 | 15.0 (10.0 to 20.0) | 30.0 (20.0 to 40.0) | 512 | 16.00 |", text)
        self.assertIn("| slow | 3.0 | 3.0 | 5.0 | 1.0 | 1.0 |", text)
        self.assertNotIn("| fast | 1.0 |", text)

    def test_a_spread_has_the_median_of_an_even_number_of_samples(self):
        self.assertEqual(Spread.of([4.0, 1.0, 2.0, 3.0]), Spread(1.0, 2.5, 4.0))
