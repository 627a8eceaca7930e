"""The command line: which game days, and where."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from . import faults, report, scenario
from .day import Day
from .lab import Lab
from .local import LocalSite
from .outcome import Outcome
from .scenario import BadScenario, Scenario
from .tailor import REPOSITORY, CommandFailed, binary
from .verdict import Judgement, Verdict, judge

SCENARIOS = REPOSITORY / "chaos/scenarios"
REPORTS = REPOSITORY / "chaos/reports"

_USAGE, _FAILED, _NOT_HELD = 2, 1, 6


def main(words: list[str]) -> int:
    """Runs what was asked for: 0 if every hypothesis held, 6 if one did not, 1 if a day could not be run, 2 on mistakes."""
    options = _parser().parse_args(words)
    try:
        return _run(options)
    except BadScenario as error:
        print(f"chaos: {error}", file=sys.stderr)
        return _USAGE
    except (CommandFailed, OSError) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("chaos/run", description=__doc__)
    parser.add_argument("scenario", nargs="*", help="names or numbers of scenarios, or `soak`")
    parser.add_argument("--all", action="store_true", help="every scenario")
    parser.add_argument("--fast", action="store_true", help="the fast ones, as `make test` runs them")
    parser.add_argument("--list", action="store_true", help="list scenarios with their hypotheses")
    parser.add_argument("--faults", action="store_true", help="list what a step may do")
    return parser


def _run(options: argparse.Namespace) -> int:
    scenarios = [scenario.load(path) for path in sorted(SCENARIOS.glob("*.toml"))]
    if options.list:
        print(*(f"{each.name}\n    {each.hypothesis}" for each in scenarios), sep="\n")
        return 0
    if options.faults:
        print(*(f"{template}\n    {does}" for template, does in faults.catalogue()), sep="\n")
        return 0
    chosen = [each for each in scenarios if options.all or (options.fast and each.is_fast) or _is_named(each, options.scenario)]
    if not chosen:
        raise BadScenario(f"no scenario is named {' '.join(options.scenario) or 'at all'}; `chaos/run --list` lists them")
    return _days(chosen)


def _is_named(each: Scenario, names: list[str]) -> bool:
    number, _, rest = each.name.partition("-")
    return any(name in (each.name, number, rest) for name in names)


def _days(chosen: list[Scenario]) -> int:
    home = REPOSITORY / "target/chaos" / time.strftime("%Y%m%d-%H%M%S")
    lab = Lab(home, binary())
    results: list[tuple[Outcome, Judgement]] = []
    try:
        for each in chosen:
            results.append(_day(each, lab, home))
            (REPORTS / "summary.md").write_text(report.summary(results))
    finally:
        lab.stop()
    print(f"\n{report.summary(results)}")
    return 0 if all(judgement.verdict == Verdict.HELD for _, judgement in results) else _NOT_HELD


def _day(each: Scenario, lab: Lab, home: Path) -> tuple[Outcome, Judgement]:
    print(f"\n{each.name}: {each.hypothesis}", flush=True)
    folder = home / each.name
    folder.mkdir(parents=True)
    site = LocalSite(each, lab, folder)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"  {time.monotonic() - began:6.1f} s  {text}", flush=True)

    try:
        outcome = Day(each, site, _commit(), say).run()
    finally:
        site.stop()
    judgement = judge(outcome)
    path = report.write(REPORTS, outcome)
    say(f"{judgement.verdict}: {path.relative_to(REPOSITORY)}")
    for reason in judgement.reasons:
        say(f"  {reason}")
    return outcome, judgement


def _commit() -> str:
    told = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True)
    return told.stdout.strip() or "unknown"
