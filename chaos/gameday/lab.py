"""What all game days of one run share: an S3 server, generated inputs, and what an undisturbed run makes of them.

The S3 server is the one that the environment names (`TAILOR_TEST_S3_ENDPOINT` and its like, as the tests have them), or one
of our own, started as `scripts/servers/s3.sh` does.
"""

import os
import subprocess
import time
from pathlib import Path

from .loop import Loop
from .s3 import S3
from .scenario import Workload
from .tailor import REPOSITORY, Tailor

_S3_SCRIPT = REPOSITORY / "scripts/servers/s3.sh"


class Lab:
    """Servers and inputs; ended by `stop`."""

    def __init__(self, home: Path, binary: Path):
        self.home, self.loop = home, Loop()
        self._servers = home / "servers"
        home.mkdir(parents=True, exist_ok=True)
        self._is_ours = "TAILOR_TEST_S3_ENDPOINT" not in os.environ
        self.s3 = self._store(self._start() if self._is_ours else dict(os.environ))
        self.prefix = f"chaos-{os.getpid()}-{int(time.time())}"
        self.path = self._bin(binary)
        self.tailor = Tailor([str(self.path / "tailor")], self.s3.environment())
        self._inputs: dict[str, str] = {}
        self._calm: dict[tuple[str, str], dict[str, str]] = {}

    def uri(self, key: str) -> str:
        """Where something of this run lies in the bucket."""
        return f"s3://{self.s3.bucket}/{self.prefix}/{key}"

    def key(self, uri: str) -> str:
        """The other way round."""
        return uri.removeprefix(f"s3://{self.s3.bucket}/")

    def input(self, workload: Workload, owner: str) -> str:
        """URI of the generated input: shared by all days that ask for the same, unless it is to be damaged."""
        name = f"private/{owner}" if workload.is_private else workload.gen
        if name not in self._inputs:
            uri = self.uri(f"inputs/{len(self._inputs)}")
            self.tailor.run("gen", "--out", uri, "-o", "json", *workload.gen.split()).done()
            self._inputs[name] = uri
        return self._inputs[name]

    def calm(self, workload: Workload, input_uri: str) -> dict[str, str]:
        """Digest of each shard's content, of a run in one process that nothing happens to."""
        key = (input_uri, workload.job)
        if key not in self._calm:
            folder = self.home / f"calm-{len(self._calm)}"
            ended = self.tailor.run("run", "--input", input_uri, "--dataset", str(folder), *workload.job.split(), "-o", "json")
            self._calm[key] = digests(ended.done().json())
        return self._calm[key]

    def stop(self) -> None:
        """Ends what was started."""
        self.loop.stop()
        if self._is_ours:
            self._script("stop")

    def _start(self) -> dict[str, str]:
        self._script("start")
        lines = (self._servers / "s3.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def _script(self, verb: str) -> None:
        environment = {**os.environ, "SERVERS_HOME": str(self._servers)}
        subprocess.run([_S3_SCRIPT, verb], env=environment, check=True, stdout=subprocess.DEVNULL)

    def _store(self, named: dict[str, str]) -> S3:
        return S3(
            endpoint=named["TAILOR_TEST_S3_ENDPOINT"],
            bucket=named["TAILOR_TEST_S3_BUCKET"],
            access_key=named["AWS_ACCESS_KEY_ID"],
            secret_key=named["AWS_SECRET_ACCESS_KEY"],
            region=named.get("AWS_REGION", "us-east-1"),
        )

    def _bin(self, binary: Path) -> Path:
        """A folder for PATH in which the binary is called `tailor`, whatever it is called elsewhere."""
        folder = self.home / "bin"
        folder.mkdir(exist_ok=True)
        link = folder / "tailor"
        link.unlink(missing_ok=True)
        link.symlink_to(binary)
        return folder


def digests(report: dict) -> dict[str, str]:
    """Digest of each shard's content, of a job's report."""
    return {shard["shard"]: shard["content_digest"] for shard in report["shards"] if shard.get("content_digest")}
