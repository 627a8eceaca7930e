"""Verifies that every engine has written the same points and the same rollup as Tailor."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import meter
from .engines import DATAFRAME, EXPERT, STEP, TAILOR, TAILOR_PARQUET, Site
from .workload import Workload

Say = Callable[[str], None]
_HERE = Path(__file__).resolve().parents[1]


class Difference(Exception):
    """An engine's output that is not Tailor's."""


def on_odd_data(site: Site, say: Say) -> None:
    """Runs every engine on a small set of odd points, and compares metadata as well."""
    folder = site.work / "odd"
    shutil.rmtree(folder, ignore_errors=True)
    segments = folder / "segments"
    _python("sidebyside.odd", segments)
    size = sum(segment.stat().st_size for segment in segments.rglob("*.seg"))
    odd = Workload(segments, points_read=0, points=0, bytes=size)
    for engine in (DATAFRAME, EXPERT, TAILOR_PARQUET, TAILOR):
        engine.run(site, odd)
    outputs(site, say, has_metadata=True)


def outputs(site: Site, say: Say, has_metadata: bool = False) -> int:
    """Compares the last output of every engine with Tailor's; returns the number of rollup rows."""
    exports = site.work / "export"
    shutil.rmtree(exports, ignore_errors=True)
    exports.mkdir(parents=True)
    points, rollup = exports / "tailor-points.parquet", exports / "tailor-rollup.parquet"
    _export(site, points, "--metadata" if has_metadata else "")
    _export(site, rollup, "--rollup", STEP)
    expert = exports / "expert"
    meter.run(
        [str(word) for word in EXPERT.submit(site, "ExportJob", [site.output(EXPERT), expert])],
        site.work / "export.log",
        EXPERT.env(),
    )
    _compare("points", "strict", points, expert / "points", "expert", say)
    if has_metadata:
        _compare("series", "strict", points, expert / "series", "expert", say)
    rows = _compare("rollup", "strict", rollup, expert / "rollup", "expert", say)
    dataframe = site.output(DATAFRAME)
    _compare("points", "strict", points, dataframe / "points", "DataFrame", say)
    _compare("rollup", "lenient", rollup, dataframe / "rollup", "DataFrame", say)
    _same_parquet(site)
    return rows


def _export(site: Site, to: Path, *options: str) -> None:
    command = [site.tailor, "dataset", "export", site.output(TAILOR), "--format", "parquet", "--to", to]
    subprocess.run([*command, *filter(None, options)], check=True, stdout=subprocess.DEVNULL)


def _same_parquet(site: Site) -> None:
    """Tailor compares its own Parquet parts with its parts."""
    subprocess.run(
        [site.tailor, "dataset", "diff", site.output(TAILOR), site.output(TAILOR_PARQUET)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _compare(kind: str, strictness: str, tailor: Path, spark: Path, name: str, say: Say) -> int:
    found = json.loads(_python("sidebyside.compare", kind, strictness, tailor, spark))
    is_equal = found.pop("is_equal")
    counts = ", ".join(f"{count} {word}" for word, count in found.items() if count or word in ("tailor", "spark"))
    say(f"{kind} of the {name} job: {counts}")
    if not is_equal:
        raise Difference(f"the {kind} of the {name} job are not Tailor's: {counts}; see {spark}")
    return found["tailor"]


def _python(module: str, *words: object) -> str:
    """Runs a module in a process of its own, so that this one, whose memory a child starts with, stays small."""
    command = [sys.executable, "-m", module, *map(str, words)]
    return subprocess.run(command, cwd=_HERE, check=True, stdout=subprocess.PIPE, text=True).stdout
