"""Rung 2: what each case renders, as reviewed files. `make chart-golden` writes them anew; the diff is the review."""

import os
from pathlib import Path

import pytest
import yaml
from chart import CASES, rendered

GOLDEN = Path(__file__).parent / "golden"


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, so that a diff shows the line that changed."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)
_Dumper.ignore_aliases = lambda *_: True


def dump(objects: list[dict]) -> str:
    objects = sorted(objects, key=lambda item: (item["kind"], item["metadata"]["name"]))
    for item in objects:
        # Files of the chart are tested where they lie.
        if item["metadata"]["name"].rpartition("-dashboard-")[1]:
            item["data"] = {name: "(file)" for name in item["data"]}
        if item["kind"] == "PrometheusRule":
            item["spec"] = "(file)"
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=True, width=140)


@pytest.mark.parametrize("case", CASES)
def test_a_release_is_what_was_reviewed(case):
    path = GOLDEN / f"{case}.yaml"
    now = dump(rendered(case))
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(now)
    assert now == path.read_text(), f"{path.name} differs; look at the change, then run `make chart-golden`"


def test_no_golden_file_is_left_over():
    assert sorted(path.stem for path in GOLDEN.glob("*.yaml")) == CASES
