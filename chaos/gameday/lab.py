"""Keeps what all game days of one run share: a bucket, generated inputs, and the content of an undisturbed run."""

import os
import subprocess
import time
from pathlib import Path

from . import releases
from .loop import Loop
from .s3 import S3
from .scenario import Workload
from .tailor import REPOSITORY, CommandFailed, Tailor

_S3_SCRIPT = REPOSITORY / "scripts/servers/s3.sh"

#: Exit code of a command that found nothing where it was told to look.
_NOTHING_FOUND = 3


class Lab:
    """A place in a bucket. `tailor` needs no cluster here, `calm_root` is where calm runs write: a folder or a URI."""

    def __init__(self, tailor: Tailor, s3: S3, calm_root: str, prefix: str = ""):
        self.tailor, self.s3, self._calm_root = tailor, s3, calm_root
        self._prefix = f"{prefix}chaos-{os.getpid()}-{int(time.time())}"
        self.programs = {releases.THIS: tailor.binary}
        self._inputs: dict[str, str] = {}
        self._calm: dict[tuple[str, str], dict[str, str]] = {}

    def program(self, release: str) -> list[str]:
        """Returns the command of a release; the previous one is built when it is first asked for."""
        if release not in self.programs:
            self.programs[release] = [str(releases.previous())]
        return self.programs[release]

    def uri(self, key: str) -> str:
        """Returns the URI in the bucket of a part of this run."""
        return f"s3://{self.s3.bucket}/{self._prefix}/{key}"

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
            words = [
                "--input",
                input_uri,
                "--dataset",
                f"{self._calm_root}/calm-{len(self._calm)}",
                *workload.job.split(),
            ]
            report = self.tailor.run("run", *words, "-o", "json").done().json()
            self._calm[key] = {shard["shard"]: shard["content_digest"] for shard in report["shards"]}
        return self._calm[key]

    def digests(self, dataset: str) -> dict[str, str]:
        """Digest of the content that counts in a dataset, by shard: none of a job that committed nothing."""
        listed = self.tailor.run("dataset", "manifests", dataset, "-o", "json")
        if listed.code == _NOTHING_FOUND:
            return {}
        manifests = listed.done().json()["manifests"]
        return {each["manifest"]["shard"]: each["content_digest"] for each in manifests if each["is_current"]}

    def first_segment(self, input_uri: str) -> tuple[str, bytes]:
        """Key and bytes of the first segment of an input."""
        listed = self.s3.list(self.key(input_uri) + "/")
        key = next(found.key for found in listed if found.key.endswith(".seg"))
        return key, self.s3.get(key)


class LocalLab(Lab):
    """The same with an S3 server on this machine; ended by `stop`.

    It is the server that the environment names (`TAILOR_TEST_S3_ENDPOINT` and its like, as the tests have them), or one
    of our own, started by `scripts/servers/s3.sh`.
    """

    def __init__(self, home: Path, binary: Path, host: str = "127.0.0.1"):
        self.loop = Loop(host)  # `host` is the address at which servers of a day reach this machine
        self._servers = home / "servers"
        self._servers.mkdir(parents=True, exist_ok=True)
        self._is_ours = "TAILOR_TEST_S3_ENDPOINT" not in os.environ
        s3 = _store(self._start() if self._is_ours else dict(os.environ))
        self.path = _bin(home, binary)
        super().__init__(Tailor([str(self.path / "tailor")], s3.environment()), s3, str(home))

    def stop(self) -> None:
        """Ends what was started."""
        self.loop.stop()
        if self._is_ours:
            self._script("stop")

    def _start(self) -> dict[str, str]:
        # A port that was free may be taken by the time the server asks for it: then other ports are tried.
        for is_last in (False, False, True):
            try:
                self._script("start")
                break
            except subprocess.CalledProcessError as error:
                if is_last:
                    raise CommandFailed(f"the S3 server does not start; see above ({error})") from None
        lines = (self._servers / "s3.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def _script(self, verb: str) -> None:
        environment = {**os.environ, "SERVERS_HOME": str(self._servers)}
        subprocess.run([_S3_SCRIPT, verb], env=environment, check=True, stdout=subprocess.DEVNULL)


def kubernetes_lab(tailor: Tailor, bucket_uri: str) -> Lab:
    """A lab in a bucket that both this machine and the namespace reach, by the usual AWS variables."""
    bucket, _, prefix = bucket_uri.removeprefix("s3://").partition("/")
    region = os.environ.get("AWS_REGION", "us-east-1")
    endpoint = os.environ.get("AWS_ENDPOINT_URL", f"https://s3.{region}.amazonaws.com")
    s3 = S3(endpoint, bucket, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], region)
    prefix = f"{prefix.strip('/')}/" if prefix else ""
    return Lab(tailor, s3, f"{bucket_uri.rstrip('/')}/chaos-calm-{int(time.time())}", prefix)


def _store(named: dict[str, str]) -> S3:
    return S3(
        endpoint=named["TAILOR_TEST_S3_ENDPOINT"],
        bucket=named["TAILOR_TEST_S3_BUCKET"],
        access_key=named["AWS_ACCESS_KEY_ID"],
        secret_key=named["AWS_SECRET_ACCESS_KEY"],
        region=named.get("AWS_REGION", "us-east-1"),
    )


def _bin(home: Path, binary: Path) -> Path:
    """A folder for PATH in which the binary is called `tailor`, whatever it is called elsewhere."""
    folder = home / "bin"
    folder.mkdir(exist_ok=True)
    link = folder / "tailor"
    link.unlink(missing_ok=True)
    link.symlink_to(binary)
    return folder
