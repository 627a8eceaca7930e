"""Resources of a command: everything it starts counts, also what outlives the process that started it."""

import ctypes
import os
import resource
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_SAMPLE_S = 0.05
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
#: Time that processes may outlive their command.
_LEFTOVERS_S = 10.0


class CommandError(Exception):
    """A command that failed, with the end of its log."""


@dataclass(frozen=True)
class Usage:
    """Resources of a command and of all its descendants."""

    wall_s: float
    #: User and system time, as the kernel has counted it.
    cpu_s: float
    #: Most memory that was resident at once: the sum over the tree, sampled, or the kernel's peak of the first process.
    peak_rss_bytes: int


def run(command: list[str], log: Path, env: dict[str, str] | None = None) -> tuple[Usage, str]:
    """Runs a command to its end; returns its usage and its output. Its complaints go to `log`."""
    # Processes whose parent has gone become ours, so that we wait for them and the kernel adds their time to ours.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    output = log.with_suffix(".out")
    with open(log, "wb") as complaints, open(output, "wb") as said:
        cpu_before = cpu_of_children()
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=complaints, env=env)
        sampler = _Sampler(process.pid)
        sampler.start()
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        sampler.stop()
    _wait_for_leftovers()
    if process.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise CommandError(f"{' '.join(command)}\nended with {process.returncode}; the end of {log}:\n{tail}")
    peak = max(sampler.peak_bytes, used.ru_maxrss * 1024)
    return Usage(wall_s, cpu_of_children() - cpu_before, peak), output.read_text()


def cpu_of_children() -> float:
    """User and system time of everything that was started here and has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _wait_for_leftovers() -> None:
    deadline = time.monotonic() + _LEFTOVERS_S
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            if time.monotonic() > deadline:
                raise CommandError("a process of the command still runs: its time would be missing")
            time.sleep(_SAMPLE_S)


class _Sampler(threading.Thread):
    """Samples the memory of a process and its descendants."""

    def __init__(self, root: int):
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._root = root
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(_SAMPLE_S):
            self.peak_bytes = max(self.peak_bytes, tree_rss_bytes(self._root))

    def stop(self) -> None:
        self._done.set()
        self.join()


def tree_rss_bytes(root: int) -> int:
    """Resident memory of a process and its descendants; of those that have just gone, none."""
    total, open_pids = 0, [root]
    while open_pids:
        pid = open_pids.pop()
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
            for task in os.listdir(f"/proc/{pid}/task"):
                open_pids += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total
