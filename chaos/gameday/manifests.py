"""Records when manifests became visible in the dataset: CM-1 to CM-4 and GC-1 are judged on this record.

The listing of `manifests/` is read again and again; each manifest is read when it is first seen, and everything that
it names must be there then. None may change or vanish later.
"""

import json
import threading
from collections import Counter
from dataclasses import dataclass

from .s3 import S3


@dataclass(frozen=True)
class Seen:
    """Holds a manifest as it was first seen."""

    key: str
    etag: str
    shard: str
    version: int
    manifest: dict


class Manifests:
    """The manifests of one dataset over a day."""

    def __init__(self, s3: S3, dataset_key: str):
        self._s3, self._dataset = s3, dataset_key
        self._lock = threading.Lock()
        self.seen: dict[str, Seen] = {}
        self.violations: dict[str, list[str]] = {"CM-1": [], "CM-2": [], "CM-3": [], "CM-4": [], "GC-1": []}

    def look(self) -> None:
        """Compares the listing with the known manifests; if the store does not answer, the next call compares."""
        with self._lock:
            try:
                listed = {found.key: found.etag for found in self._s3.list(f"{self._dataset}/manifests/")}
                new = [key for key in sorted(listed) if key not in self.seen]
                objects = self._objects() if new else {}
                for key in new:
                    self._first_sight(key, listed[key], objects)
            except OSError:
                return
            self._compare(listed)

    def current(self) -> dict[str, Seen]:
        """Returns the current manifest of each shard."""
        by_version = sorted(self.seen.values(), key=lambda seen: seen.version)
        return {seen.shard: seen for seen in by_version}

    def _objects(self) -> dict[str, int]:
        return {found.key: found.size for found in self._s3.list(f"{self._dataset}/data/")}

    def _first_sight(self, key: str, etag: str, objects: dict[str, int]) -> None:
        manifest = json.loads(self._s3.get(key))
        seen = Seen(key, etag, manifest["shard"], manifest["version"], manifest)
        numbers = [entry["partition"] for entry in manifest["partitions"]]
        if len(set(numbers)) != len(numbers):
            self.violations["CM-1"].append(f"{key} names a partition twice")
        for named in named_objects(manifest):
            size = objects.get(f"{self._dataset}/{named['key']}")
            if size != named["size"]:
                self.violations["CM-2"].append(
                    f"{key} names {named['key']}, which is {'gone' if size is None else 'of another size'}"
                )
                self.violations["CM-4"].append(f"{key} became visible before {named['key']}")
        self.seen[key] = seen

    def _compare(self, listed: dict[str, str]) -> None:
        for key, seen in self.seen.items():
            if key not in listed:
                self._note("GC-1", f"{key} has vanished")
            elif listed[key] != seen.etag:
                self._note("CM-3", f"{key} has changed")
        for shard in {seen.shard for seen in self.seen.values()}:
            versions = sorted(seen.version for seen in self.seen.values() if seen.shard == shard)
            if versions != list(range(1, len(versions) + 1)):
                self._note("CM-3", f"{shard} has the versions {versions}")

    def _note(self, invariant: str, text: str) -> None:
        if text not in self.violations[invariant]:
            self.violations[invariant].append(text)


def named_objects(manifest: dict) -> list[dict]:
    """Lists key and size of every data object that a manifest names."""
    raws = [entry["raw"] for entry in manifest["partitions"] if entry["raw"]]
    rollups = [rollup["object"] for entry in manifest["partitions"] for rollup in entry["rollups"]]
    return raws + rollups


def unrecorded(manifests: list[dict], recorded: set[tuple[str, str, str, str]]) -> list[str]:
    """Lists the partitions whose attempt, by which a manifest names them, was never recorded as done (CM-1)."""
    return [
        f"{manifest['job']} {manifest['shard']} v{manifest['version']}: "
        f"partition {entry['partition']} by {entry['attempt']}"
        for manifest in manifests
        for entry in manifest["partitions"]
        if (manifest["job"], manifest["shard"], f"r-{entry['partition']:05}", entry["attempt"]) not in recorded
    ]


def named_twice(manifests: list[dict]) -> list[str]:
    """Lists the objects that two manifests, or two entries of one, name."""
    named = Counter(named["key"] for manifest in manifests for named in named_objects(manifest))
    return sorted(key for key, times in named.items() if times > 1)


def uncovered(plan: dict) -> list[str]:
    """Segments of a plan whose ranges do not cover them exactly once (PL-1)."""
    ranges: dict[int, list[tuple[int, int]]] = {}
    for task in plan["map_tasks"]:
        for split in task if isinstance(task, list) else task["splits"]:
            ranges.setdefault(split["segment"], []).append((split["range"]["start"], split["range"]["end"]))
    return [
        segment["key"]
        for number, segment in enumerate(plan["segments"])
        if not _covers(ranges.get(number, []), segment["size"])
    ]


def _covers(ranges: list[tuple[int, int]], size: int) -> bool:
    at = 0
    for start, end in sorted(ranges):
        if start != at:
            return False
        at = end
    return at == size
