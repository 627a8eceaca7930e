"""Runs podman, with the settings that `deploy/lib/podman.bash` writes below `.cache/containers`."""

import json
import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

_SETTINGS = REPOSITORY / ".cache/containers"
_VARIABLES = {
    "CONTAINERS_CONF": str(_SETTINGS / "containers.conf"),
    "CONTAINERS_STORAGE_CONF": str(_SETTINGS / "storage.conf"),
}

#: Longest run of a command that does not wait for a container.
_LIMIT_S = 60.0


class PodmanFailed(Exception):
    """Carries the command line and what podman said about its failure."""


def as_root(*words: str) -> list[str]:
    """Returns a command line for the superuser, with podman's settings."""
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n", f"--preserve-env={','.join(_VARIABLES)}"]
    return [*prefix, *words]


def line(*words: str) -> list[str]:
    """Returns a command line of podman; networks and memory limits need the superuser."""
    return as_root("podman", *words)


def environment() -> dict[str, str]:
    """Returns this process's environment with podman's settings."""
    return {**os.environ, **_VARIABLES}


def call(*words: str, timeout: float = _LIMIT_S) -> subprocess.CompletedProcess[str]:
    """Runs podman to its end, whatever its exit code is."""
    # conmon leaves a file called `oom` in its working folder when the kernel kills a container.
    return subprocess.run(
        line(*words),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        cwd=_SETTINGS,
    )


def run(*words: str, timeout: float = _LIMIT_S) -> str:
    """Runs podman and returns its stdout; raises `PodmanFailed` unless it exits with 0."""
    ended = call(*words, timeout=timeout)
    if ended.returncode != 0:
        raise PodmanFailed(f"podman {' '.join(words)}\nended with {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout


def containers(label: str) -> list[dict]:
    """Lists the containers with a label, running or not."""
    return json.loads(run("ps", "--all", "--filter", f"label={label}", "--format", "json") or "[]")
