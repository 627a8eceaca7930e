"""The long day: workers die every minute, the store throttles, the leader changes, and job follows job.

    each minute      30 % of the workers (or `--kill N`), drawn by the seed, get kill -9, and are back after 2 s
    each odd minute  the store answers 503 to one of ten requests for fifteen seconds
    each even one    the leader gets kill -9, and is back after two seconds

Each job's content must be that of a calm run. What it cost is told by two figures: attempts beyond tasks, as a share of
the tasks, and the rate of tasks beside that of the calm half minute before the first kill.
"""

import json
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import condition, faults, history, poll, units
from .job import attempts_again, tasks
from .local import LocalSite
from .manifests import Manifests
from .observe import Observer
from .probes import Probes
from .scenario import Scenario, Topology, Workload

_CALM_S = 30.0
_BACK_AFTER_S = 2.0
_JOB_LIMIT_S = 900.0


@dataclass
class Figures:
    """Holds the figures of a soak."""

    minutes: float
    workers: int
    seed: int
    jobs: int = 0
    tasks: int = 0
    attempts_again: int = 0
    attempts_failed: int = 0
    worker_kills: int = 0
    leader_kills: int = 0
    throttled_requests: int = 0
    tasks_per_s_calm: float = 0.0
    tasks_per_s: float = 0.0
    differences: list[str] = field(default_factory=list)

    @property
    def overhead(self) -> float:
        """Attempts beyond tasks, as a share of the tasks."""
        return self.attempts_again / self.tasks if self.tasks else 0.0


def scenario(workers: int, pace: str) -> Scenario:
    """The cluster and the workload of a soak."""
    return Scenario(
        name="soak",
        hypothesis="Jobs complete with the bytes of a calm run, whatever dies meanwhile.",
        faults=(29, 16, 8),
        is_fast=False,
        topology=Topology(coordinators=2, workers=workers),
        workload=Workload(pace=pace),
        steps=(),
        detect=(),
        detect_within=0,
        unseen="",
        recover=condition.parse("job tasks_done rises"),
        recover_within=0,
        attempts_again_max=0,
        abort=None,
        abort_after=0,
        expect=(),
    )


class Soak:
    """Runs a soak on one site."""

    def __init__(self, site: LocalSite, workload: Workload, figures: Figures, kill: str, say: Callable[[str], None]):
        self._site, self._workload, self._figures, self._say = site, workload, figures, say
        self._kill = kill
        self._random = random.Random(figures.seed)
        self._probes = Probes(site)
        self._manifests = Manifests(site.lab.s3, site.lab.key(site.dataset))
        self._is_over = threading.Event()

    def run(self) -> Figures:
        """Jobs, one after the other, until the time is up; the last one is waited for."""
        poll.until("the cluster is ready", 60, self._site.is_ready)
        observer = Observer(self._site, self._manifests)
        trouble = threading.Thread(target=self._trouble, args=(observer,), name="trouble", daemon=True)
        began = time.monotonic()
        trouble.start()
        while not self._figures.jobs or time.monotonic() - began < self._figures.minutes * 60:
            self._job(f"soak-{self._figures.jobs + 1}")
        self._is_over.set()
        elapsed = time.monotonic() - began
        trouble.join(timeout=60)
        observer.stop()
        self._figures.tasks_per_s = self._figures.tasks / elapsed
        self._judge()
        return self._figures

    def _job(self, name: str) -> None:
        self._site.s3_weather.pace_s = units.duration(self._workload.pace)
        words = ["--input", self._site.input, "--dataset", self._site.dataset, *self._workload.job.split()]
        poll.until(
            "the job is submitted",
            60,
            lambda: self._site.tailor.run("job", "submit", "--job", name, *words).code == 0,
            pause=1,
        )

        def ended() -> dict | None:
            job = self._probes.job(name)
            return job if job and job.get("ended_at_ms") else None

        job = poll.until(f"{name} ends", _JOB_LIMIT_S, ended, pause=0.5)
        figures = self._figures
        figures.jobs += 1
        figures.tasks += tasks(job)
        figures.attempts_again += attempts_again(job)
        figures.attempts_failed += job["attempts_failed"]
        if job["state"] != "done":
            figures.differences.append(f"{name} is {job['state']}: {self._probes.job_field(name, 'cause')}")
        self._say(f"{name}: {job['state']}, {tasks(job)} tasks, {attempts_again(job)} attempts again")

    # Trouble.

    def _trouble(self, observer: Observer) -> None:
        if self._is_over.wait(_CALM_S):
            return
        self._figures.tasks_per_s_calm = observer.totals()["tasks"] / _CALM_S
        minute = 0
        while not self._is_over.is_set():
            minute += 1
            next_minute = time.monotonic() + 60
            self._kill_workers()
            if minute % 2:
                self._throttle()
            else:
                self._kill_leader()
            self._is_over.wait(max(0.0, next_minute - time.monotonic()))

    def _kill_workers(self) -> None:
        names = sorted(self._site.named("workers"))
        count = (
            math.ceil(len(names) * float(self._kill.removesuffix("%")) / 100)
            if self._kill.endswith("%")
            else int(self._kill)
        )
        victims = self._random.sample(names, min(count, len(names)))
        self._say(f"kill -9 {' '.join(victims)}")
        self._figures.worker_kills += len(victims)
        self._kill_and_start(victims)

    def _kill_leader(self) -> None:
        self._is_over.wait(20)
        if leader := self._site.leader():
            self._say(f"kill -9 {leader}, which leads")
            self._figures.leader_kills += 1
            self._kill_and_start([leader])

    def _kill_and_start(self, names: list[str]) -> None:
        for name in names:
            self._site.signal(name, "KILL")
        time.sleep(_BACK_AFTER_S)
        for name in names:
            self._site.start(name)

    def _throttle(self) -> None:
        self._is_over.wait(15)
        self._say("s3 slow-down 10% of any /   # for 15 s")
        undo = faults.parse("s3 slow-down 10% of any /").perform(self._site)
        self._is_over.wait(15)
        undo()
        self._figures.throttled_requests = self._site.s3_weather.met["slow-down"]

    def _judge(self) -> None:
        figures, site = self._figures, self._site
        site.s3_weather.pace_s = 0
        calm = site.lab.calm(self._workload, site.input)
        listed = site.tailor.run("dataset", "manifests", site.dataset, "-o", "json").done().json()["manifests"]
        for each in listed:
            shard = each["manifest"]["shard"]
            if calm.get(shard) != each["content_digest"]:
                figures.differences.append(
                    f"{shard} v{each['manifest']['version']} is {each['content_digest']}, calm {calm.get(shard)}"
                )
        if len(listed) != len(calm) * figures.jobs:
            figures.differences.append(f"{len(listed)} manifests, and {figures.jobs} jobs of {len(calm)} shards")
        verify = site.tailor.run("dataset", "verify", site.dataset, "--level", "oracle", "--input", site.input)
        if verify.code != 0:
            figures.differences.append(f"dataset verify: {verify.stdout}{verify.stderr}")
        for found in (
            self._manifests.violations,
            {} if site.history.gaps else history.violations(site.history.changes),
        ):
            figures.differences += [f"{id_}: {text}" for id_, texts in found.items() for text in texts]


def write(folder: Path, figures: Figures) -> None:
    """The report of a soak, as JSON and in one table."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {"api_version": "gameday/v1", "kind": "Soak", "verdict": "violated" if figures.differences else "held"}
    (folder / "soak.json").write_text(
        json.dumps(head | asdict(figures) | {"overhead": figures.overhead}, indent=2) + "\n"
    )
    (folder / "soak.md").write_text(table(figures))


def table(figures: Figures) -> str:
    """Returns the figures as a table of Markdown."""
    rows = [
        ("minutes, workers, seed", f"{figures.minutes:g}, {figures.workers}, {figures.seed}"),
        ("jobs, tasks", f"{figures.jobs}, {figures.tasks}"),
        ("killed: workers, leaders", f"{figures.worker_kills}, {figures.leader_kills}"),
        ("requests answered 503", f"{figures.throttled_requests}"),
        ("attempts beyond tasks", f"{figures.attempts_again}: {figures.overhead:.2%} of the work done twice"),
        ("attempts charged", f"{figures.attempts_failed}"),
        ("tasks a second: calm, all along", f"{figures.tasks_per_s_calm:.1f}, {figures.tasks_per_s:.1f}"),
        (
            "content",
            "; ".join(figures.differences)
            or "that of a calm run; the oracle finds no difference; no invariant is violated",
        ),
    ]
    return "# soak\n\n| what | figure |\n| --- | --- |\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)
