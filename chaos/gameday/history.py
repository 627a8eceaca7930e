"""Reads the claims and completions in etcd, revision by revision: LS-1, LS-2 and LS-3 are judged on them.

A day reads etcd's own history through a watch from the last revision it knows. Where that history is gone (compacted,
or etcd restored from a snapshot), the gap is noted, and what depends on it is not judged. With each round of a job,
and each replay, tasks are new ones, and count from 1.
"""

import base64
import http.client
import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field

from .etcd import Etcd, Refused

_ANSWER_LIMIT_S = 3.0


@dataclass(frozen=True)
class Change:
    """A key that was put, or deleted (then without a value)."""

    revision: int
    key: str
    value: dict | None


@dataclass
class _Task:
    numbers: list[int] = field(default_factory=list)
    claims: dict[int, int] = field(default_factory=dict)  # number -> token
    ended: dict[int, int] = field(default_factory=dict)  # number -> revision at which its claim went
    is_done: bool = False


class History:
    """The changes below one namespace."""

    def __init__(self, etcd: Etcd, namespace: str):
        self._etcd, self.namespace = etcd, namespace
        self._lock = threading.Lock()
        self._next = 1
        self.changes: list[Change] = []
        self.gaps: list[str] = []

    def catch_up(self) -> None:
        """Reads the new changes; if etcd does not answer, the next call reads them."""
        with self._lock:
            try:
                latest = self._etcd.revision()
                if latest >= self._next:
                    self._read(latest)
            except (OSError, Refused, http.client.HTTPException, ValueError):
                return

    def begin_again(self, why: str) -> None:
        """Forgets the last revision read, because revisions begin anew."""
        with self._lock:
            self.gaps.append(why)
            self._next = 1
            self.changes.clear()

    def _read(self, latest: int) -> None:
        # Every key, not only ours: so each revision is seen, and it is known when the latest is reached.
        everything = base64.b64encode(b"\0").decode()
        request = {"create_request": {"key": everything, "range_end": everything, "start_revision": self._next}}
        connection = http.client.HTTPConnection("127.0.0.1", self._etcd.port, timeout=_ANSWER_LIMIT_S)
        try:
            connection.request("POST", "/v3/watch", body=json.dumps(request))
            answer = connection.getresponse()
            while self._next <= latest:
                result = json.loads(answer.readline())["result"]
                if compacted := int(result.get("compact_revision", 0)):
                    self.gaps.append(f"history before revision {compacted} was compacted")
                    self._next = compacted
                    return
                for event in result.get("events", []):
                    self._take(event)
        finally:
            connection.close()

    def _take(self, event: dict) -> None:
        entry = event["kv"]
        revision, key = int(entry["mod_revision"]), base64.b64decode(entry["key"]).decode(errors="replace")
        self._next = max(self._next, revision + 1)
        if key.startswith(self.namespace):
            value = (
                None
                if event.get("type") == "DELETE"
                else json.loads(base64.b64decode(entry.get("value", "")) or "null")
            )
            self.changes.append(Change(revision, key.removeprefix(self.namespace), value))


def violations(changes: list[Change]) -> dict[str, list[str]]:
    """Lists the contradictions to LS-1, LS-2 and LS-3 in a history without gaps."""
    found: dict[str, list[str]] = {"LS-1": [], "LS-2": [], "LS-3": []}
    tasks: dict[str, _Task] = defaultdict(_Task)
    rounds: dict[str, int] = {}
    # Within a revision claims go first: a completion deletes the claim in the transaction that records it.
    for change in sorted(changes, key=lambda change: (change.revision, "/done/" in change.key)):
        parts = change.key.split("/")
        if parts[-1] == "head" and change.value is not None:
            _begin_round(parts[1], change.value["round"], rounds, tasks)
        elif len(parts) == 7 and parts[4] == "claims":
            _claim(tasks["/".join([*parts[:4], parts[5]])], int(parts[6]), change, found)
        elif len(parts) == 6 and parts[4] == "done":
            _done(tasks["/".join([*parts[:4], parts[5]])], change, found)
    return found


def _begin_round(job: str, number: int, rounds: dict[str, int], tasks: dict[str, _Task]) -> None:
    if number > rounds.get(job, number):
        for key in [key for key in tasks if key.startswith(f"jobs/{job}/")]:
            del tasks[key]
    rounds[job] = number


def _claim(task: _Task, number: int, change: Change, found: dict[str, list[str]]) -> None:
    if change.value is None:
        task.ended[number] = change.revision
        return
    if task.numbers and number <= task.numbers[-1]:
        found["LS-1"].append(f"{change.key} at {change.revision} after attempt {task.numbers[-1]}")
    task.numbers.append(number)
    task.claims[number] = token(change.value.get("leader", "0"), change.revision)


def _done(task: _Task, change: Change, found: dict[str, list[str]]) -> None:
    if change.value is None:
        task.is_done = False
        return
    if task.is_done:
        found["LS-2"].append(f"{change.key} at {change.revision} is recorded done a second time")
    task.is_done = True
    number, held = attempt(change.value["attempt"])
    if task.claims.get(number) != held or task.ended.get(number, change.revision) != change.revision:
        found["LS-3"].append(f"{change.key} at {change.revision} by {change.value['attempt']}, which holds no claim")


def recorded(changes: list[Change]) -> set[tuple[str, str, str, str]]:
    """Job, shard, task and attempt of every completion that was ever recorded."""
    found = set()
    for change in changes:
        match change.key.split("/"):
            case ["jobs", job, "shards", shard, "done", task] if change.value is not None:
                found.add((job, shard, task, change.value["attempt"]))
    return found


def token(term: str, revision: int) -> int:
    """The token of a claim: its leader's term and its revision. A version without terms wrote a revision for the term."""
    drawn = int(term, 16)
    return drawn + revision if drawn >> 63 else revision


def attempt(text: str) -> tuple[int, int]:
    """Number and fencing token of `a-<number>-<token>`, whose token is written as hexadecimal digits."""
    number, digits = text.removeprefix("a-").split("-")
    return int(number), int(digits, 16)
