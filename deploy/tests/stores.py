"""etcd and S3 for pods: the servers of the tests, and a proxy before each in the network of the namespace."""

import os
import subprocess
from pathlib import Path

from gameday.link import Link
from gameday.loop import Loop
from gameday.s3proxy import S3Proxy, Weather

from pods.podman import REPOSITORY


class Stores:
    """Starts both servers. Requests to S3 wait as long as `weather` says, so that a job can be disturbed."""

    def __init__(self, gateway: str, home: Path):
        self._home = home
        # The image may just have been written: etcd would wait for the disk longer than a lease lasts.
        os.sync()
        self._start()
        named = {**_variables(home / "etcd.env"), **_variables(home / "s3.env")}
        self.loop, self.weather = Loop(gateway), Weather()
        etcd = Link(self.loop, _port(named["TAILOR_TEST_ETCD_ENDPOINTS"]))
        s3 = S3Proxy(self.loop, _port(named["TAILOR_TEST_S3_ENDPOINT"]), self.weather)
        self.bucket = f"s3://{named['TAILOR_TEST_S3_BUCKET']}"
        self.s3 = {
            "AWS_ENDPOINT_URL": f"http://{gateway}:{s3.port}",
            "AWS_EC2_METADATA_DISABLED": "true",
            **{name: named[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")},
        }
        #: Variables by which servers find both.
        self.variables = {"TAILOR_ETCD_ENDPOINTS": etcd.url, **self.s3}

    def stop(self) -> None:
        """Ends the proxies and the servers."""
        self.loop.stop()
        self._script("stop")

    def _start(self) -> None:
        # A port that was free may be taken by the time a server asks for it: then other ports are tried.
        for is_last in (False, False, True):
            try:
                self._script("start")
                return
            except subprocess.CalledProcessError:
                self._script("stop")
                if is_last:
                    raise

    def _script(self, verb: str) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        for server in ("etcd", "s3"):
            subprocess.run(
                [REPOSITORY / f"scripts/servers/{server}.sh", verb],
                env={**os.environ, "SERVERS_HOME": str(self._home)},
                check=True,
                stdout=subprocess.DEVNULL,
            )


def _variables(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1])
