"""The whole run: checks on odd data, segments, rounds in turn, comparison, table."""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from . import machine, meter, table, verify, workload
from .engines import ALL, REPOSITORY, Engine, Run, Site, java_home, spark_home
from .figures import Figures
from .workload import Workload


def main() -> None:
    options = _options()
    site = Site(options.dir.resolve(), options.tailor.resolve(), options.workers)
    site.work.mkdir(parents=True, exist_ok=True)
    _say("checking the engines on odd data")
    verify.on_odd_data(site, _say)
    load = machine.Load()
    began_s = meter.cpu_of_children()
    small = _prepare(site, options.small_points)
    large = _prepare(site, options.points)
    small_runs = _rounds(site, small, options.rounds)
    large_runs = _rounds(site, large, options.rounds)
    others = load.others_share(meter.cpu_of_children() - began_s)
    _say("comparing the outputs")
    rollup_rows = verify.outputs(site, _say)
    figures = [
        Figures.of(engine.name, large_runs[engine], large, small_runs[engine], small, rollup_rows) for engine in ALL
    ]
    text = "\n".join((*_conditions(options, small, large, others), "", table.of(figures, options.core_hour)))
    (site.work / "table.md").write_text(text)
    facts: dict[str, object] = {"points": large.points, "processor": machine.processor(), "others_share": others}
    facts["engines"] = [figure.json() for figure in figures]
    (site.work / "result.json").write_text(json.dumps(facts, indent=2))
    print(text, end="")
    _say(f"wrote {site.work / 'table.md'} and result.json beside it")
    for left in ("output", "export", "spark-local"):
        shutil.rmtree(site.work / left, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/spark/run.py", description=__doc__)
    parser.add_argument("--points", type=int, default=100_000_000, help="points of the measured job")
    parser.add_argument(
        "--small-points", type=int, default=20_000_000, help="points of another job: the difference has no start-up"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each engine on each job, in turn")
    parser.add_argument("--workers", type=int, default=2, help="tasks at once, of every engine")
    parser.add_argument("--core-hour", type=float, default=0.015, help="dollars of a core for an hour")
    parser.add_argument("--tailor", type=Path, default=REPOSITORY / "target/release/tailor", help="binary to measure")
    parser.add_argument("--dir", type=Path, default=REPOSITORY / "target/bench-spark", help="folder for all data")
    options = parser.parse_args()
    if options.small_points >= options.points or options.rounds < 1:
        parser.error("--small-points must be less than --points, and --rounds at least 1")
    return options


def _prepare(site: Site, points: int) -> Workload:
    _say(f"making {points} points")
    made = workload.generated(site.tailor, points, site.work)
    made.warm()
    return made


def _rounds(site: Site, on: Workload, rounds: int) -> dict[Engine, list[Run]]:
    """Runs every engine on the workload, in turn."""
    runs: dict[Engine, list[Run]] = {engine: [] for engine in ALL}
    for number in range(1, rounds + 1):
        for engine in ALL:
            run = engine.run(site, on)
            runs[engine].append(run)
            used = run.usage
            _say(
                f"{on.points} points, round {number}: {engine.name}: {used.wall_s:.1f} s, {used.cpu_s:.1f} s of CPU,"
                f" {used.peak_rss_bytes >> 20} MiB {json.dumps(run.tasks) if run.tasks else ''}"
            )
    return runs


def _conditions(options: argparse.Namespace, small: Workload, large: Workload, others: float) -> list[str]:
    """Sentences on the run that stand before its table."""
    return [
        f"{options.workers} tasks at once on {machine.processor()}; others took {others:.0%} of its time.",
        f"{large.points} points in {large.bytes / (1 << 20):.0f} MiB of segments; what is without start-up is the"
        f" difference to {small.points} points.",
        f"Spark {_spark_version()} on {_java_version()}. A core for an hour costs ${options.core_hour}.",
    ]


def _spark_version() -> str:
    jar = next((spark_home() / "jars").glob("spark-core_*.jar"))
    return jar.stem.rpartition("-")[2]


def _java_version() -> str:
    told = subprocess.run([f"{java_home()}/bin/java", "-version"], capture_output=True, text=True, check=True)
    return told.stderr.splitlines()[1].partition(" (build ")[2].rstrip(")")


def _say(text: str) -> None:
    print(f"bench-spark: {text}", file=sys.stderr, flush=True)
