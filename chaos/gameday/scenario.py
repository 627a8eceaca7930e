"""A scenario: what is believed, what is done, and what must be seen. One TOML file; the README has every key.

Unknown keys are refused with file and key, so a misspelled bound cannot pass for one that held.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from . import condition, faults, units
from .condition import Condition
from .releases import PREVIOUS, RELEASES, THIS
from .table import BadScenario, Table

_SERVER = re.compile(r"[cw]\d+")


@dataclass(frozen=True)
class Server:
    """Describes the differences of one coordinator or worker from the others."""

    flags: str = ""
    disk: str = ""  # the size of a tmpfs over its scratch folder
    under: str = ""  # a command that it is started by, such as `prlimit --as=...`
    has_clock: bool = False  # whether its wall clock can be set
    has_spot: bool = False  # whether it asks a metadata service of ours for notices
    is_late: bool = False  # whether only a step starts it
    release: str = ""  # the release of which it starts, if another than that of the topology


@dataclass(frozen=True)
class Topology:
    """Describes the servers of a cluster."""

    coordinators: int = 1
    workers: int = 2
    slots: int = 1
    memory: str = "64MiB"
    lease: str = "5s"
    etcd_flags: str = ""
    etcd_members: int = 1
    release: str = THIS  # the release of which servers start
    own_links: tuple[str, ...] = ()  # workers whose links to everybody are theirs alone
    servers: dict[str, Server] = field(default_factory=dict)

    @property
    def has_previous(self) -> bool:
        """Tells whether a server starts as the previous release."""
        return PREVIOUS in (self.release, *(server.release for server in self.servers.values()))

    def release_of(self, name: str) -> str:
        """Returns the release of which a server starts."""
        return self.servers.get(name, Server()).release or self.release


@dataclass(frozen=True)
class Workload:
    """Describes the input and the job that the cluster runs during the day."""

    gen: str = "--points 400000 --orgs 4 --partitions 6 --big-share 0"
    job: str = "--split-size 48KiB --partition-size 48KiB --rollup 5m"
    pace: str = "100ms"  # how long each request to S3 waits until the cluster has recovered
    steady: float = 3.0  # for how long the job runs undisturbed before the first step, once a task is done
    is_private: bool = False  # whether the input is this day's own, to be damaged
    is_bad: bool = False  # whether the input is a fault itself, which takes effect once the job is submitted
    ends: str = "done"
    within: float = 240.0
    sameness: bool = True  # whether the content must be that of a calm run


@dataclass(frozen=True)
class Step:
    """Holds one line of the fault: the condition, the command, and the time until it is undone."""

    do: str
    when: Condition | None = None
    wait: float = 0.0
    lasts: float | None = None


@dataclass(frozen=True)
class Scenario:
    """Describes a game day as its file does."""

    name: str
    hypothesis: str
    faults: tuple[int, ...]  # numbers of the list in the README
    is_fast: bool
    topology: Topology
    workload: Workload
    steps: tuple[Step, ...]
    detect: tuple[Condition, ...]
    detect_within: float
    alert: str  # the alert that must fire where a Prometheus stands beside the cluster; empty if none has to
    unseen: str  # why nothing of it is to be seen, where that is known
    recover: Condition
    recover_within: float
    attempts_again_max: int
    abort: Condition | None
    abort_after: float
    expect: tuple[Condition, ...]


def load(path: Path) -> Scenario:
    """Reads and checks a scenario."""
    try:
        return _scenario(path.stem, tomllib.loads(path.read_text()))
    except (ValueError, BadScenario) as error:
        raise BadScenario(f"{path}: {error}") from None


def _scenario(name: str, raw: dict) -> Scenario:
    top = Table("", raw)
    detect, recover, waste, abort = (top.table(key) for key in ("detect", "recover", "waste", "abort"))
    scenario = Scenario(
        name=name,
        hypothesis=top.take("hypothesis", str),
        faults=tuple(top.take("faults", list, [])),
        is_fast=top.take("fast", bool, False),
        topology=_topology(top.table("topology")),
        workload=_workload(top.table("workload")),
        steps=tuple(_step(step) for step in top.tables("fault")),
        detect=detect.conditions("by", []),
        detect_within=detect.duration("within", "0s"),
        alert=detect.take("alert", str, ""),
        unseen=detect.take("unseen", str, ""),
        recover=recover.condition("when") or condition.parse("job tasks_done rises"),
        recover_within=recover.duration("within"),
        attempts_again_max=waste.take("attempts_max", int),
        abort=abort.condition("when"),
        abort_after=abort.duration("after", "6m"),
        expect=top.table("expect", {}).conditions("at_end", []),
    )
    top.end()
    if not scenario.detect and not scenario.unseen:
        raise BadScenario("'detect' has neither 'by' nor 'unseen': say what shows the fault, or why nothing does")
    if not scenario.steps:
        raise BadScenario("'fault' is missing: a game day has one [[fault]] at least")
    return scenario


def _topology(table: Table) -> Topology:
    named = {name: _server(table.table(name)) for name in table.names() if _SERVER.fullmatch(name)}
    default = Topology()
    topology = Topology(
        coordinators=table.take("coordinators", int, default.coordinators),
        workers=table.take("workers", int, default.workers),
        slots=table.take("slots", int, default.slots),
        memory=table.take("memory", str, default.memory),
        lease=table.take("lease", str, default.lease),
        etcd_flags=table.take("etcd_flags", str, ""),
        etcd_members=table.take("etcd_members", int, default.etcd_members),
        release=_release(table, default.release),
        own_links=tuple(table.take("own_links", list, [])),
        servers=named,
    )
    table.end()
    return topology


def _server(table: Table) -> Server:
    server = Server(
        flags=table.take("flags", str, ""),
        disk=table.take("disk", str, ""),
        under=table.take("under", str, ""),
        has_clock=table.take("clock", bool, False),
        has_spot=table.take("spot", bool, False),
        is_late=table.take("late", bool, False),
        release=_release(table, ""),
    )
    table.end()
    return server


def _release(table: Table, default: str) -> str:
    release = table.take("release", str, default)
    if release not in (*RELEASES, default):
        raise BadScenario(f"'{release}' is no release: {' or '.join(RELEASES)}")
    return release


def _workload(table: Table) -> Workload:
    default = Workload()
    workload = Workload(
        gen=table.take("gen", str, default.gen),
        job=table.take("job", str, default.job),
        pace=table.take("pace", str, default.pace),
        steady=table.duration("steady", "3s"),
        is_private=table.take("private", bool, False),
        is_bad=table.take("bad", bool, False),
        ends=table.take("ends", str, default.ends),
        within=table.duration("within", "4m"),
        sameness=table.take("same_content", bool, True),
    )
    units.duration(workload.pace)
    table.end()
    return workload


def _step(table: Table) -> Step:
    lasts = table.take("for", str, "")
    step = Step(
        do=table.take("do", str),
        when=table.condition("when"),
        wait=table.duration("wait", "0s"),
        lasts=units.duration(lasts) if lasts else None,
    )
    table.end()
    faults.parse(step.do)
    return step
