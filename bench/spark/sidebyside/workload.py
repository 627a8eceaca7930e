"""Segments of `tailor gen`, made once, and read once so that every engine finds them in the page cache."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workload:
    """Segments under a folder."""

    segments: Path
    #: Points in all payloads, duplicates included: what a job reads.
    points_read: int
    #: Points that a job writes.
    points: int
    bytes: int

    @property
    def shard_map(self) -> Path:
        return self.segments / "shards.toml"

    def warm(self) -> None:
        """Reads every segment."""
        for segment in self.segments.rglob("*.seg"):
            with open(segment, "rb", buffering=0) as file:
                while file.read(1 << 22):
                    pass


def generated(tailor: Path, points: int, folder: Path) -> Workload:
    """Makes segments of `points` unique points, unless they are there."""
    segments = folder / f"points-{points}"
    sidecar = segments / "gen.json"  # written last
    if not sidecar.exists():
        shutil.rmtree(segments, ignore_errors=True)
        command = [tailor, "gen", "--points", str(points), "--out", segments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    totals = json.loads(sidecar.read_text())["totals"]
    return Workload(segments, totals["points_emitted"], totals["points_unique"], totals["bytes"])
