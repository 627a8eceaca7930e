"""The memory of a namespace, as an API server has it: a JSON file, changed under a lock, replaced as a whole."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import podman
from .workload import Workload

_FOLDER = podman.REPOSITORY / ".cache/pods"


@dataclass
class Pod:
    """Describes a pod that was created and is not gone."""

    name: str
    workload: str
    template: str
    ip: str
    labels: dict[str, str]
    ports: dict[str, int]
    scheme: str
    grace_s: int
    created_at: float
    #: Exit codes of its container, one for each restart.
    exits: list[int] = field(default_factory=list)
    is_leaving: bool = False
    #: If set, the machine is taken back: the container is not restarted, another pod takes its place.
    is_reclaimed: bool = False


@dataclass
class State:
    """Workloads that are wanted, and pods that are there."""

    workloads: dict[str, Workload] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    #: Exit codes of pods that are gone.
    gone: dict[str, int] = field(default_factory=dict)
    addresses_given: int = 0

    def of(self, workload: str) -> list[Pod]:
        """Pods of a workload that are to stay, oldest first."""
        pods = [pod for pod in self.pods.values() if pod.workload == workload and not pod.is_leaving]
        return sorted(pods, key=lambda pod: pod.created_at)


def folder(namespace: str) -> Path:
    """Folder of a namespace: its state, and files that pods mount."""
    return _FOLDER / namespace


def read(namespace: str) -> State:
    """Reads the state as it was last written."""
    try:
        raw = json.loads((folder(namespace) / "state.json").read_text())
    except FileNotFoundError:
        return State()
    return State(
        workloads={name: Workload(**each) for name, each in raw["workloads"].items()},
        pods={name: Pod(**each) for name, each in raw["pods"].items()},
        gone=raw["gone"],
        addresses_given=raw["addresses_given"],
    )


@contextmanager
def change(namespace: str) -> Iterator[State]:
    """Gives the state to change, while nobody else does, and writes it."""
    home = folder(namespace)
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = read(namespace)
        try:
            yield state
        finally:
            _write(home / "state.json", state)


def _write(path: Path, state: State) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(state), indent=1))
    os.replace(fresh, path)
