"""Reads probes: the left side of a condition, such as `job tasks_done`. The README has the table."""

import re
import time
from collections import Counter

from . import job, metrics
from .condition import Reading
from .job import JOB
from .manifests import named_twice

#: How long an answer of the cluster is good for: several conditions read the same document.
_FRESH_S = 0.3

#: What probes look like; [`Probes.read`] has one arm for each.
_FORMS = (
    r"\$ .+",
    r"job \w+",
    r"of \S+ \w+",
    r"metric \S+ of \S+",
    r"log \S+",
    r"worker \S+",
    r"reason of \S+",
    r"workers",
    r"running (map|reduce|any) of \S+",
    r"charged",
    r"charged ever",
    r"release of \S+",
    r"leader",
    r"exit of \S+",
    r"s3 met \S+",
    r"answers lost by \S+",
    r"uploads",
    r"versions",
    r"objects named twice",
    r"plans a shard",
    r"foreign lost",
    r"doctor",
)


class Probes:
    """Reads the probes of one site, and caches documents for a moment."""

    def __init__(self, site) -> None:
        self._site = site
        self._documents: dict[tuple[str, ...], tuple[float, dict | None]] = {}
        self._log_begins: dict[str, int] = {}

    def begin_logs(self) -> None:
        """Lets logs count from here."""
        servers = [*self._site.named("coordinators"), *self._site.named("workers"), "etcd"]
        self._log_begins = {name: self._site.log_size(name) for name in servers}

    def read(self, probe: str) -> Reading:
        """Reads a probe; None if nobody answers."""
        match probe.split():
            case ["$", *_]:
                return self._site.shell(probe.removeprefix("$ "))
            case ["job", field]:
                return self.job_field(JOB, field)
            case ["of", job, field]:
                return self.job_field(job, field)
            case ["metric", name, "of", server]:
                told = self._site.scrape(server)
                return sum(metrics.total(found, name) for found in told.values()) if told else None
            case ["log", server]:
                return "".join(
                    self._site.said(name, self._log_begins.get(name, 0)) for name in self._site.named(server)
                )
            case ["worker", name]:
                return self._worker(name, "state", "gone")
            case ["reason", "of", name]:
                return self._worker(name, "reason", "")
            case ["workers"]:
                listed = self._ask("worker", "list")
                return None if listed is None else sum(worker["state"] == "active" for worker in listed["workers"])
            case ["running", kind, "of", worker]:
                return self._running(kind, worker)
            case ["charged"]:
                tasks = self._ask("task", "list", "--job", JOB)
                return None if tasks is None else max((task["charged"] for task in tasks["tasks"]), default=0)
            case ["charged", "ever"]:
                return self._charged_ever()
            case ["release", "of", server]:
                return " ".join(sorted({self._site.release_of(name) for name in self._site.named(server)}))
            case ["leader"]:
                return self._site.leader()
            case ["exit", "of", name]:
                return self._site.exit_of(name)
            case ["s3", "met", fate]:
                return self._site.s3_weather.met[fate]
            case ["answers", "lost", "by", link]:
                return sum(each.answers_lost for each in self._site.links(link))
            case ["uploads"]:
                return self._site.uploads()
            case ["versions"]:
                found = self._manifests()
                return None if found is None else max((manifest["version"] for manifest in found), default=0)
            case ["objects", "named", "twice"]:
                found = self._manifests()
                return None if found is None else len(named_twice(found))
            case ["plans", "a", "shard"]:
                listed = self._site.lab.s3.list(self._site.in_dataset(f"jobs/{JOB}/plans/"))
                return most_plans([found.key for found in listed])
            case ["foreign", "lost"]:
                return self._site.foreign_lost()
            case ["doctor"]:
                ended = self._site.tailor.run("doctor", "--request-timeout", "2s", timeout=10)
                return ended.stdout + ended.stderr
        raise ValueError(f"'{probe}' is no probe")

    def job(self, name: str = JOB) -> dict | None:
        """Returns the document of `tailor job get`."""
        return self._ask("job", "get", name)

    def job_field(self, name: str, field: str) -> Reading:
        """A field of a job, or a sum over its shards; none where nobody answers."""
        told = self.job(name)
        return None if told is None or "shards" not in told else job.field(told, field)

    def _manifests(self) -> list[dict] | None:
        listed = self._site.tailor.ask("dataset", "manifests", self._site.dataset)
        return None if listed is None else [each["manifest"] for each in listed["manifests"]]

    def _charged_ever(self) -> Reading:
        past = self._site.history
        if past is None or past.gaps:
            return None
        return max((each.value["charged"] for each in past.changes if "/attempts/" in each.key and each.value), default=0)

    def _worker(self, name: str, field: str, absent: str) -> Reading:
        listed = self._ask("worker", "list")
        if listed is None:
            return None
        its_name = self._site.worker_name(name)
        found = [worker for worker in listed["workers"] if worker["name"] == its_name]
        return (found[-1][field] or absent) if found else absent

    def _running(self, kind: str, worker: str) -> Reading:
        listed = self._ask("task", "list", "--job", JOB, "--state", "running")
        if listed is None or "tasks" not in listed:
            return None
        tasks_ = [task for task in listed["tasks"] if task["task"].startswith({"map": "m", "reduce": "r", "any": ""}[kind])]
        names = [running["worker_name"] for task in tasks_ for running in task["running"]]
        return len(names) if worker == "anybody" else names.count(self._site.worker_name(worker))

    def _ask(self, *words: str) -> dict | None:
        at, document = self._documents.get(words, (0.0, None))
        if time.monotonic() - at > _FRESH_S:
            document = self._site.tailor.ask(*words, "--request-timeout", "2s")
            self._documents[words] = (time.monotonic(), document)
        return document


def most_plans(keys: list[str]) -> int:
    """Counts the plans of the shard that has most; the name of a plan is its shard and a digest."""
    shards = Counter(key.rsplit("/", 1)[-1].rpartition("-")[0] for key in keys)
    return max(shards.values(), default=0)


def check(probe: str) -> None:
    """Refuses what is no probe."""
    if not any(re.fullmatch(form, probe, re.DOTALL) for form in _FORMS):
        raise ValueError(f"'{probe}' is no probe; the README has those that there are")
