"""An image unpacked by umoci, which keeps owners and modes, to look at its files."""

import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pods import podman


@dataclass(frozen=True)
class Entry:
    """Describes one file, folder or link."""

    path: str
    mode: int
    uid: int
    gid: int

    @property
    def is_program(self) -> bool:
        """Tells whether a process may execute the file."""
        return stat.S_ISREG(self.mode) and bool(self.mode & 0o111)


class Files:
    """The files of an unpacked image."""

    def __init__(self, root: Path):
        self.root = root
        self.entries = [_entry(root, path) for path in sorted(root.rglob("*"))]
        self._by_path = {entry.path: entry for entry in self.entries}

    def __contains__(self, path: str) -> bool:
        return path in self._by_path

    def __getitem__(self, path: str) -> Entry:
        return self._by_path[path]


def _entry(root: Path, path: Path) -> Entry:
    found = path.lstat()
    return Entry(str(path.relative_to(root)), found.st_mode, found.st_uid, found.st_gid)


def unpack(image: str, folder: Path) -> Files:
    """Writes the image as an OCI layout, and unpacks it."""
    layout = folder / "layout"
    folder.mkdir()
    podman.run("push", "--quiet", image, f"oci:{layout}:image", timeout=120)
    unpack_it = ["umoci", "unpack", "--image", f"{layout}:image", folder / "bundle"]
    subprocess.run(unpack_it, check=True, capture_output=True)
    return Files(folder / "bundle/rootfs")


def build_id(binary: Path) -> str:
    """Build id of a binary, or of the file that has its symbols."""
    notes = subprocess.run(["readelf", "--notes", binary], capture_output=True, text=True).stdout
    return next(line.split(": ")[1].strip() for line in notes.splitlines() if "Build ID" in line)
