"""Reads a CSV file by Python's own means: prints series, milliseconds and value of every point, in the order of rows."""

import csv
import gzip
import re
import sys
from datetime import datetime, timezone

path, times, form, values, labels = sys.argv[1:]
split = lambda names: [name for name in names.split(",") if name]
times, values, labels = split(times), split(values), sorted(split(labels))


def instant(row):
    text = " ".join(row[name].strip() for name in times)
    if form == "quarter":
        year, quarter = map(int, re.findall(r"\d+", text))
        at = datetime(year, quarter * 3 - 2, 1, tzinfo=timezone.utc)
    else:
        at = datetime.strptime(text, form).replace(tzinfo=timezone.utc)
    return int((at - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds()) * 1000


opened = gzip.open(path, "rt", encoding="utf-8-sig", newline="") if path.endswith(".gz") else open(path, encoding="utf-8-sig", newline="")
with opened as text:
    for row in csv.DictReader(text):
        for value in values:
            if row[value].strip():
                name = "m" if len(values) == 1 else f"m.{value}"
                print("|".join([name] + [row[label] for label in labels]), instant(row), repr(float(row[value])), sep="\t")
