"""Reads Parquet files of Tailor with DuckDB and pyarrow, and compares them with an export as CSV, row by row.

usage: peers.py EXPORT.csv FILE.parquet...    (the files together hold the rows of the export, in any order of files)

Bits are compared, not digits: -0.0 is not 0.0. NaN is NaN; a payload is the one thing that text loses.
"""

import csv
import struct
import sys

import duckdb
import pyarrow.compute
import pyarrow.parquet


def bits(value):
    value = float(value)
    return "NaN" if value != value else struct.pack("<d", value)


def exported(path):
    with open(path, newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        return header, [typed(header, row) for row in reader]


def typed(header, row):
    return tuple(
        int(cell) if name in ("org_id", "metric_id", "timestamp", "count") else bits(cell)
        for name, cell in zip(header, row, strict=True)
    )


def by_duckdb(paths, header):
    columns = ", ".join("epoch_ms(timestamp)" if name == "timestamp" else name for name in header)
    rows = duckdb.execute(
        f"select {columns} from read_parquet(?) order by org_id, metric_id, timestamp", [paths]
    ).fetchall()
    return [typed(header, row) for row in rows]


def by_pyarrow(paths, header):
    rows = []
    for path in paths:
        file = pyarrow.parquet.ParquetFile(path)
        assert file.schema_arrow.names == header, f"{path}: {file.schema_arrow.names}"
        assert_described(path, file)
        table = file.read()
        columns = [
            pyarrow.compute.cast(table[name], "int64") if name == "timestamp" else table[name] for name in header
        ]
        own = [typed(header, row) for row in zip(*(column.to_pylist() for column in columns), strict=True)]
        assert [row[:3] for row in own] == sorted(row[:3] for row in own), f"{path} is not sorted"
        rows.extend(own)
    return sorted(rows, key=lambda row: row[:3])


def assert_described(path, file):
    """What the file promises to those who skip through it."""
    schema = file.schema_arrow
    assert str(schema.field("org_id").type) == "uint64", schema
    assert str(schema.field("metric_id").type) == "uint64", schema
    assert str(schema.field("timestamp").type) == "timestamp[ms, tz=UTC]", schema
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        order = [(column.column_index, column.descending) for column in group.sorting_columns]
        assert order == [(0, False), (1, False), (2, False)], f"{path}: sorted by {order}"
        assert all(group.column(column).has_offset_index for column in range(group.num_columns)), path


def main():
    header, expected = exported(sys.argv[1])
    paths = sys.argv[2:]
    for reader in (by_duckdb, by_pyarrow):
        found = reader(paths, header)
        assert len(found) == len(expected), f"{reader.__name__}: {len(found)} rows, exported were {len(expected)}"
        for number, (own, other) in enumerate(zip(found, expected, strict=True)):
            assert own == other, f"{reader.__name__}: row {number} is {own}, exported was {other}"
    print(len(expected))


main()
