"""Controls a process that can be killed, stopped, continued and started again. Its log goes on over restarts."""

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path


class Process:
    """A server, or a command beside the day. In a session of its own, so that nothing but it is ever signalled."""

    def __init__(self, name: str, line: list[str], environment: dict[str, str], log: Path):
        self.name, self.line, self.log = name, line, log
        self._environment = environment
        self._child: subprocess.Popen | None = None

    def __str__(self) -> str:
        return shlex.join(self.line)

    def start(self) -> None:
        """Starts the process, always with the same command line."""
        assert not self.is_running, f"{self.name} runs"
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.line,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Tells whether the process was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The process that does the work: below the command that it was started by, if that stays."""
        assert self._child is not None, f"{self.name} was never started"
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """Returns the exit code of the process, or the negative number of the signal that ended it."""
        return self._child.poll() if self._child is not None else None

    def signal(self, name: str) -> None:
        """Sends `KILL`, `TERM`, `STOP` or `CONT`; a killed process is reaped."""
        if not self.is_running:
            return
        os.kill(self.pid, getattr(signal, f"SIG{name}"))
        if name == "KILL":
            self._child.wait(timeout=10)

    def end(self) -> None:
        """Kills the process and everything that it started."""
        if self._child is None:
            return
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)
            self._child.wait(timeout=10)

    def wait(self, limit: float) -> int | None:
        """Waits up to `limit` seconds for the exit code; None if the process still runs."""
        deadline = time.monotonic() + limit
        while self.is_running and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.exit_code

    def said(self, offset: int = 0) -> str:
        """Returns the log from a position on."""
        with self.log.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def log_size(self) -> int:
        """Returns the present size of the log."""
        return self.log.stat().st_size if self.log.exists() else 0
