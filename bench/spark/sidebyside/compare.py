"""Compares Spark's output with Tailor's, row by row: a full outer join, and the order of Spark's files.

usage: python -m sidebyside.compare KIND STRICTNESS TAILOR.parquet SPARK_FOLDER      (KIND: points, rollup, series)

It runs in a process of its own, because the one that measures has to stay small. It prints a `Comparison` as JSON.
"""

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.compute
import pyarrow.parquet

#: Rows that are joined at once; the join holds one side of them in memory.
_ROWS_AT_ONCE = 8_000_000
_MEMORY = "4GB"
#: Sums of the same doubles in another order differ by less.
_SUM_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Kind:
    """A table that both write: its key behind org and metric, and its other columns."""

    time: str | None
    columns: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        return ("org", "metric") if self.time is None else ("org", "metric", self.time)


KINDS = {
    "points": Kind("time", ("value",)),
    "rollup": Kind("start", ("count", "sum", "min", "max", "first", "last")),
    "series": Kind(None, ("metadata",)),
}


@dataclass(frozen=True)
class Comparison:
    """Rows by how they compare. NaN equals NaN; -0.0 does not equal 0.0."""

    tailor: int
    spark: int
    #: Rows that only one of them has.
    missing: int
    extra: int
    #: Rows with another value.
    different: int
    #: Rows that differ only in the sign of a zero that Spark's `min`, `max` or `sum` made, which takes both for equal.
    zeros: int
    #: Rows that differ only in the last digits of the sum, which DataFrames add in an order of their own.
    rounded: int
    #: Neighbours in a file of Spark's that are not in order, and series that lie in several files.
    unsorted: int
    scattered: int

    def is_equal(self) -> bool:
        faults = (self.missing, self.extra, self.different, self.unsorted, self.scattered)
        return self.tailor == self.spark and not any(faults)


def compare(kind: Kind, tailor: Path, spark: Path, is_strict: bool) -> Comparison:
    """Compares Tailor's export with a folder of Spark's files. Unless strict, zeros and rounding are counted apart."""
    db = duckdb.connect()
    db.execute(f"SET memory_limit = '{_MEMORY}'; SET temp_directory = '{spark.parent / 'duckdb'}'")
    files = sorted(spark.glob("*.parquet"))
    db.execute(f"CREATE VIEW ours AS {_ours(kind, tailor)}")
    db.execute(f"CREATE VIEW theirs AS SELECT * FROM read_parquet({[str(file) for file in files]})")
    counts = [db.execute(f"SELECT count(*) FROM {side}").fetchone()[0] for side in ("ours", "theirs")]
    slices = max(1, -(-counts[0] // _ROWS_AT_ONCE))
    joined = [db.execute(_join(kind, slices, number, is_strict)).fetchone() for number in range(slices)]
    matched, missing, extra, different, zeros, rounded = (sum(part) for part in zip(*joined, strict=True))
    # A row that one side has twice matches twice.
    doubled = matched + missing - counts[0] + matched + extra - counts[1]
    return Comparison(
        *counts,
        missing,
        extra,
        different + doubled,
        zeros,
        rounded,
        unsorted=sum(_unsorted(kind, file) for file in files),
        scattered=_scattered(db, files),
    )


def _ours(kind: Kind, tailor: Path) -> str:
    """Selects an export of Tailor's with Spark's names and types: Spark has no unsigned numbers."""
    signed = [
        f"CASE WHEN {name} >= 9223372036854775808 THEN ({name}::HUGEINT - 18446744073709551616)::BIGINT"
        f" ELSE {name}::BIGINT END"
        for name in ("org_id", "metric_id")
    ]
    source = f"FROM read_parquet('{tailor}')"
    if kind.time is None:
        return f"SELECT DISTINCT {signed[0]} AS org, {signed[1]} AS metric, metadata {source}"
    columns = ", ".join("count::BIGINT AS count" if name == "count" else f'"{name}"' for name in kind.columns)
    return f'SELECT {signed[0]} AS org, {signed[1]} AS metric, epoch_ms("timestamp") AS {kind.time}, {columns} {source}'


def _join(kind: Kind, slices: int, number: int, is_strict: bool) -> str:
    """Joins one slice of the series; counts matched rows, and all others by how they differ."""
    of_slice = f"WHERE hash(metric) % {slices} = {number}"
    equal, but_zeros, but_rounding = zip(*(_equalities(name, is_strict) for name in kind.columns), strict=True)
    same, same_but_zeros, same_but_rounding = map(_all, (equal, but_zeros, but_rounding))
    return f"""
        SELECT
            count(*) FILTER (WHERE is_matched),
            count(*) FILTER (WHERE is_theirs IS NULL),
            count(*) FILTER (WHERE is_ours IS NULL),
            count(*) FILTER (WHERE is_matched AND NOT same AND NOT same_but_zeros AND NOT same_but_rounding),
            count(*) FILTER (WHERE is_matched AND NOT same AND same_but_zeros),
            count(*) FILTER (WHERE is_matched AND NOT same AND NOT same_but_zeros AND same_but_rounding)
        FROM (
            SELECT is_ours, is_theirs, is_ours AND is_theirs IS NOT NULL AS is_matched,
                {same} AS same, {same_but_zeros} AS same_but_zeros, {same_but_rounding} AS same_but_rounding
            FROM (SELECT *, true AS is_ours FROM ours {of_slice}) AS ours
            FULL OUTER JOIN (SELECT *, true AS is_theirs FROM theirs {of_slice}) AS theirs
            ON {" AND ".join(f"ours.{name} = theirs.{name}" for name in kind.key)}
        )
    """


def _all(tests: tuple[str, ...]) -> str:
    return " AND ".join(f"({test})" for test in tests)


def _equalities(name: str, is_strict: bool) -> tuple[str, str, str]:
    """Tests of a column: the same bits; the same but for a zero's sign; the same but for that and a sum's rounding."""
    ours, theirs = f'ours."{name}"', f'theirs."{name}"'
    if name in ("count", "metadata"):
        same = f"{ours} IS NOT DISTINCT FROM {theirs}"
        return same, same, same
    number = f"{ours} IS NOT DISTINCT FROM {theirs}"
    same = f"{number} AND ({ours} <> 0 OR signbit({ours}) = signbit({theirs}))"
    if is_strict:
        return same, same, same
    but_zeros = number if name in ("min", "max", "sum") else same
    is_near = f"abs({ours} - {theirs}) <= {_SUM_TOLERANCE} * abs({ours})"
    return same, but_zeros, f"({number} OR {is_near})" if name == "sum" else but_zeros


def _unsorted(kind: Kind, file: Path) -> int:
    """Counts the rows of a file that do not come after the row before."""
    compute = pyarrow.compute
    table = pyarrow.parquet.read_table(file, columns=list(kind.key))
    if table.num_rows < 2:
        return 0
    is_after = None
    for name in reversed(kind.key):
        column = table[name].combine_chunks()
        before, after = column.slice(0, len(column) - 1), column.slice(1)
        is_greater = compute.greater(after, before)
        is_after = (
            is_greater
            if is_after is None
            else compute.or_(is_greater, compute.and_(compute.equal(after, before), is_after))
        )
    return len(is_after) - (compute.sum(is_after).as_py() or 0)


def _scattered(db: duckdb.DuckDBPyConnection, files: list[Path]) -> int:
    """Counts the series that lie in several files."""
    return db.execute(
        f"""
        SELECT count(*) FROM (
            SELECT org, metric FROM read_parquet({[str(file) for file in files]}, filename = true)
            GROUP BY org, metric HAVING min(filename) <> max(filename)
        )
        """
    ).fetchone()[0]


def main() -> None:
    kind, strictness, tailor, spark = sys.argv[1:]
    found = compare(KINDS[kind], Path(tailor), Path(spark), strictness == "strict")
    print(json.dumps({**dataclasses.asdict(found), "is_equal": found.is_equal()}))


if __name__ == "__main__":
    main()
