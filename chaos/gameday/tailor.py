"""The command line of Tailor: the one way in which a game day asks the cluster anything."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class CommandFailed(Exception):
    """Raised when a command that had to succeed failed."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    line: str
    code: int
    stdout: str
    stderr: str

    def done(self) -> "Ended":
        """Returns the ended command; raises `CommandFailed` unless the exit code is 0."""
        if self.code != 0:
            raise CommandFailed(f"{self.line}\nended with {self.code}\n{self.stdout}{self.stderr}".strip())
        return self

    def json(self) -> dict:
        """stdout as one JSON object."""
        return json.loads(self.stdout)


class Tailor:
    """`tailor`, in an environment that names a cluster and a store."""

    def __init__(self, binary: list[str], environment: dict[str, str]):
        self.binary, self.environment = binary, environment

    def run(self, *words: str, timeout: float = 300) -> Ended:
        """Runs a command to its end; one that exceeds the timeout ends with code -1."""
        line = [*self.binary, *words]
        environment = {**os.environ, **self.environment}
        environment.pop("TAILOR_LOG", None)
        try:
            ended = subprocess.run(
                line, env=environment, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            return Ended(" ".join(words), -1, "", f"no end within {timeout:.0f} s")
        return Ended(f"tailor {' '.join(words)}", ended.returncode, ended.stdout, ended.stderr)

    def ask(self, *words: str, timeout: float = 10) -> dict | None:
        """Runs a command and returns its JSON; None if nobody answers."""
        ended = self.run(*words, "-o", "json", timeout=timeout)
        try:
            return ended.json()
        except ValueError:
            return None


def binary() -> Path:
    """The binary to test: `TAILOR`, or the release build, made first."""
    if named := os.environ.get("TAILOR"):
        found = shutil.which(named)
        if found is None:
            raise CommandFailed(f"TAILOR names {named}, and there is no such program")
        return Path(found).resolve()
    subprocess.run(["cargo", "build", "--locked", "--release", "-p", "cli"], cwd=REPOSITORY, check=True)
    return REPOSITORY / "target/release/tailor"
