"""The command line: which game days, and where."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from . import chaosmesh, containers, faults, kubernetes, report, scenario, soak
from .day import Day
from .kubernetes import KubernetesSite
from .lab import LocalLab, kubernetes_lab
from .local import LocalSite
from .outcome import Outcome
from .poll import TooLong
from .prometheus import Prometheus
from .scenario import Scenario
from .table import BadScenario
from .tailor import REPOSITORY, CommandFailed, binary
from .verdict import Judgement, Verdict, judge

SCENARIOS = REPOSITORY / "chaos/scenarios"
REPORTS = REPOSITORY / "chaos/reports"

Site = LocalSite | KubernetesSite  # and so `containers.ContainerSite`

_USAGE, _FAILED, _NOT_HELD = 2, 1, 6

#: Errors that keep a day from being run at all.
_TROUBLES = (CommandFailed, TooLong, faults.NotHere, OSError)


def main(words: list[str]) -> int:
    """Runs what was asked for. 0: every hypothesis held, 6: one did not, 1: a day could not be run, 2: a mistake."""
    options = _parser().parse_args(words)
    # A signal to stop ends everything that was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_FAILED))
    try:
        return _run(options)
    except BadScenario as error:
        print(f"chaos: {error}", file=sys.stderr)
        return _USAGE
    except _TROUBLES as error:
        print(f"chaos: {error}", file=sys.stderr)
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("chaos/run", description=__doc__)
    parser.add_argument("scenario", nargs="*", help="names or numbers of scenarios, or `soak`")
    parser.add_argument("--all", action="store_true", help="every scenario")
    parser.add_argument("--fast", action="store_true", help="the fast ones, as `make test` runs them")
    parser.add_argument("--list", action="store_true", help="list scenarios with their hypotheses")
    parser.add_argument("--faults", action="store_true", help="list what a step may do")
    parser.add_argument(
        "--prometheus", action="store_true", help="scrape the cluster, and ask for the alert that the scenario names"
    )
    kubernetes = parser.add_argument_group("on Kubernetes")
    kubernetes.add_argument(
        "--kubernetes", metavar="NAMESPACE", help="run in the cluster of this namespace, faults through kubectl"
    )
    kubernetes.add_argument("--containers", action="store_true", help="run in pods that are containers of podman here")
    kubernetes.add_argument("--bucket", metavar="URI", help="where input and dataset go, as s3://BUCKET/PREFIX")
    kubernetes.add_argument("--chaos-mesh", metavar="NAMESPACE", help="print manifests for Chaos Mesh, and run nothing")
    long_day = parser.add_argument_group("soak")
    long_day.add_argument("--minutes", type=float, default=10, help="how long (10)")
    long_day.add_argument("--workers", type=int, default=6, help="workers of one slot (6)")
    long_day.add_argument("--kill", default="30%", help="how many workers die each minute, or a share of them (30%%)")
    long_day.add_argument("--seed", type=int, default=1, help="which of them (1)")
    long_day.add_argument("--pace", default="100ms", help="how long each request to S3 waits (100ms)")
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.scenario == ["soak"]:
        return _soak(options)
    scenarios = [scenario.load(path) for path in sorted(SCENARIOS.glob("*.toml"))]
    if options.list:
        listed = [each for each in scenarios if each.is_fast or not options.fast]
        print(*(f"{each.name}\n    {each.hypothesis}" for each in listed), sep="\n")
        return 0
    if options.faults:
        print(*(f"{template}\n    {does}" for template, does in faults.catalogue()), sep="\n")
        return 0
    chosen = [
        each
        for each in scenarios
        if options.all or (options.fast and each.is_fast) or _is_named(each, options.scenario)
    ]
    if not chosen:
        raise BadScenario(
            f"no scenario is named {' '.join(options.scenario) or 'at all'}; `chaos/run --list` lists them"
        )
    if options.chaos_mesh:
        print(*(chaosmesh.manifests(each, options.chaos_mesh) for each in chosen), sep="---\n", end="")
        return 0
    if options.prometheus and (options.containers or options.kubernetes):
        raise BadScenario("--prometheus stands beside processes of this machine, not beside pods")
    if options.containers:
        return _in_containers(chosen)
    return _in_namespace(chosen, options) if options.kubernetes else _here(chosen, options.prometheus)


def _is_named(each: Scenario, names: list[str]) -> bool:
    number, _, rest = each.name.partition("-")
    return any(name in (each.name, number, rest) for name in names)


def _home() -> Path:
    """A folder of this run alone: tests start several in the same second."""
    return REPOSITORY / "target/chaos" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"


def _here(chosen: list[Scenario], has_prometheus: bool) -> int:
    home = _home()
    lab = LocalLab(home, binary())
    try:
        return _days(chosen, home, lambda each, folder: LocalSite(each, lab, folder), has_prometheus)
    finally:
        lab.stop()


def _in_containers(chosen: list[Scenario]) -> int:
    home, program = _home(), binary()
    containers.build(program)
    pods, gateway = containers.network()
    try:
        lab = LocalLab(home, program, gateway)
        try:
            return _days(chosen, home, lambda each, folder: containers.ContainerSite(each, lab, folder, pods))
        finally:
            lab.stop()
    finally:
        pods.remove()


def _in_namespace(chosen: list[Scenario], options: argparse.Namespace) -> int:
    if not options.bucket:
        raise BadScenario("--kubernetes needs --bucket s3://BUCKET/PREFIX, which the namespace and this machine reach")
    lab = kubernetes_lab(kubernetes.tailor_of(options.kubernetes), options.bucket)
    return _days(chosen, _home(), lambda each, folder: KubernetesSite(each, lab, folder, options.kubernetes))


def _days(
    chosen: list[Scenario], home: Path, site_of: Callable[[Scenario, Path], Site], has_prometheus: bool = False
) -> int:
    results, not_run = [], []
    REPORTS.mkdir(exist_ok=True)
    for each in chosen:
        try:
            results.append(_day(each, home, site_of, has_prometheus))
        except _TROUBLES as error:
            not_run.append(each.name)
            print(f"chaos: {each.name} could not be run: {error}", file=sys.stderr)
        (REPORTS / "summary.md").write_text(report.summary(results))
    print(f"\n{report.summary(results)}")
    if not_run:
        print(f"not run: {', '.join(not_run)}")
        return _FAILED
    return 0 if all(judgement.verdict == Verdict.HELD for _, judgement in results) else _NOT_HELD


def _day(
    each: Scenario, home: Path, site_of: Callable[[Scenario, Path], Site], has_prometheus: bool
) -> tuple[Outcome, Judgement]:
    print(f"\n{each.name}: {each.hypothesis}", flush=True)
    folder = home / each.name
    folder.mkdir(parents=True)
    say = _speaker()
    prometheus = Prometheus(folder / "prometheus") if has_prometheus else None
    site = site_of(each, folder)
    try:
        outcome = Day(each, site, _commit(), say, prometheus).run()
    finally:
        if prometheus is not None:
            prometheus.stop()
        site.stop()
    judgement = judge(outcome)
    path = report.write(REPORTS, outcome)
    say(f"{judgement.verdict}: {path.relative_to(REPOSITORY)}")
    for reason in judgement.reasons:
        say(f"  {reason}")
    return outcome, judgement


def _soak(options: argparse.Namespace) -> int:
    home = _home()
    folder = home / "soak"
    folder.mkdir(parents=True)
    chosen = soak.scenario(options.workers, options.pace)
    figures = soak.Figures(options.minutes, options.workers, options.seed)
    lab = LocalLab(home, binary())
    site = LocalSite(chosen, lab, folder)
    try:
        soak.Soak(site, chosen.workload, figures, options.kill, _speaker()).run()
    finally:
        site.stop()
        lab.stop()
    soak.write(REPORTS, figures)
    print(f"\n{soak.table(figures)}")
    return _NOT_HELD if figures.differences else 0


def _speaker() -> Callable[[str], None]:
    began = time.monotonic()
    return lambda text: print(f"  {time.monotonic() - began:6.1f} s  {text}", flush=True)


def _commit() -> str:
    told = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True)
    return told.stdout.strip() or "unknown"
