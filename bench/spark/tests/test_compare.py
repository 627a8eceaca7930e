import tempfile
import unittest
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
from sidebyside.compare import KINDS, Comparison, compare

NAN, HIGH = float("nan"), 2**63 + 5
POINTS = [(7, 1, 10, 1.5), (7, 1, 20, -0.0), (7, HIGH, 10, NAN), (8, 1, 10, 4.0)]
ROLLUP = [(7, 1, 0, 2, 0.3, -0.0, 0.2, 0.1, 0.2), (8, 1, 0, 1, 4.0, 4.0, 4.0, 4.0, 4.0)]
FLOATS = ("value", "sum", "min", "max", "first", "last")


def signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


class TheComparison(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)

    def tailor(self, kind: str, rows: list[tuple]) -> Path:
        names = ("org_id", "metric_id", "timestamp", *KINDS[kind].columns)
        path = self.place / "tailor.parquet"
        types = {"org_id": pa.uint64(), "metric_id": pa.uint64(), "timestamp": pa.timestamp("ms", "UTC")}
        types["count"] = pa.uint64()
        self.write(path, names, rows, types)
        return path

    def spark(self, kind: str, *files: list[tuple]) -> Path:
        folder = self.place / "spark"
        folder.mkdir()
        for number, rows in enumerate(files):
            in_order = sorted((signed(org), signed(metric), *rest) for org, metric, *rest in rows)
            self.write(folder / f"part-{number}.parquet", (*KINDS[kind].key, *KINDS[kind].columns), in_order, {})
        return folder

    @staticmethod
    def write(path: Path, names: tuple, rows: list[tuple], types: dict) -> None:
        columns = zip(*rows, strict=True)
        made = {
            name: pa.array(column, types.get(name, pa.float64() if name in FLOATS else pa.int64()))
            for name, column in zip(names, columns, strict=True)
        }
        parquet.write_table(pa.table(made), path)

    def points(self, *files: list[tuple]) -> Comparison:
        return compare(KINDS["points"], self.tailor("points", POINTS), self.spark("points", *files), is_strict=True)

    def rollup(self, rows: list[tuple], is_strict: bool) -> Comparison:
        return compare(KINDS["rollup"], self.tailor("rollup", ROLLUP), self.spark("rollup", rows), is_strict)

    def test_the_same_points_in_several_files_are_equal(self):
        self.assertEqual(self.points(POINTS[:2], POINTS[2:]), Comparison(4, 4, 0, 0, 0, 0, 0, 0, 0))

    def test_a_missing_and_an_additional_point_are_found(self):
        found = self.points([*POINTS[:3], (8, 2, 10, 4.0)])
        self.assertEqual((found.missing, found.extra, found.different), (1, 1, 0))
        self.assertFalse(found.is_equal())

    def test_a_value_of_other_bits_is_found(self):
        for index, value in ((0, 1.5000000000000002), (1, 0.0), (2, 1.0), (3, NAN)):
            with self.subTest(value=value):
                self.setUp()
                rows = list(POINTS)
                rows[index] = (*rows[index][:3], value)
                found = self.points(rows)
                self.assertEqual((found.different, found.is_equal()), (1, False))

    def test_a_point_that_comes_twice_is_found(self):
        found = self.points([*POINTS, POINTS[0]])
        self.assertFalse(found.is_equal())
        self.assertGreater(found.different + found.extra + found.unsorted, 0)

    def test_a_file_out_of_order_is_found(self):
        folder = self.spark("points", POINTS)
        rows = [(signed(org), signed(metric), *rest) for org, metric, *rest in (POINTS[3], *POINTS[:3])]
        self.write(folder / "part-0.parquet", ("org", "metric", "time", "value"), rows, {})
        found = compare(KINDS["points"], self.tailor("points", POINTS), folder, is_strict=True)
        # The row of 8 stands before those of 7; the high id, which Spark takes for negative, behind the low one.
        self.assertEqual((found.unsorted, found.different, found.is_equal()), (2, 0, False))

    def test_a_series_in_two_files_is_found(self):
        found = self.points(POINTS[:1], POINTS[1:])
        self.assertEqual((found.scattered, found.is_equal()), (1, False))

    def test_rounding_of_sums_and_zeros_of_minima_are_counted_apart_unless_strict(self):
        rounded = [(*ROLLUP[0][:4], 0.30000000000000004, *ROLLUP[0][5:]), ROLLUP[1]]
        zero = [(*ROLLUP[0][:5], 0.0, *ROLLUP[0][6:]), ROLLUP[1]]
        for rows, counts in ((rounded, (0, 1)), (zero, (1, 0))):
            self.setUp()
            found = self.rollup(rows, is_strict=False)
            self.assertEqual((found.zeros, found.rounded, found.is_equal()), (*counts, True))
            self.setUp()
            self.assertEqual(self.rollup(rows, is_strict=True).different, 1)

    def test_other_columns_of_a_rollup_are_never_near(self):
        for column in (3, 6, 7, 8):
            with self.subTest(column=column):
                self.setUp()
                row = list(ROLLUP[1])
                row[column] = 5
                found = self.rollup([ROLLUP[0], tuple(row)], is_strict=False)
                self.assertEqual((found.different, found.is_equal()), (1, False))
