"""An etcd of one day's own, to be killed, stopped, filled, compacted and restored; asked through its JSON gateway."""

import base64
import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from . import ports
from .poll import until
from .process import Process

_START_LIMIT_S = 30.0

#: Outside of every namespace.
_BALLAST = base64.b64encode(b"ballast").decode()


class Refused(Exception):
    """What etcd says about a call that it does not do."""


class Etcd:
    """One member."""

    def __init__(self, home: Path, flags: list[str]):
        self.port, self._peer_port = ports.free(), ports.free()
        self._home, self._flags = home, flags
        self._folder = 0
        self.process = self._member()
        self.start()

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        self.process.start()
        until("etcd answers", _START_LIMIT_S, self.is_up)

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.call("maintenance/status", {}))
        except (OSError, Refused):
            return False

    def call(self, method: str, request: dict, timeout: float = 20) -> dict:
        """Calls a method; raises what it refuses with."""
        body = json.dumps(request).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/v3/{method}", data=body, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(json.loads(error.read()).get("error", "")) from None

    def revision(self) -> int:
        """The latest revision."""
        return int(self.call("maintenance/status", {})["header"]["revision"])

    def keys(self, prefix: str) -> list[str]:
        """All keys below a prefix."""
        start, end = prefix.encode(), prefix[:-1].encode() + bytes([ord(prefix[-1]) + 1])
        request = {"key": _encoded(start), "range_end": _encoded(end), "keys_only": True}
        answer = self.call("kv/range", request)
        return [base64.b64decode(found["key"]).decode() for found in answer.get("kvs", [])]

    def fill(self) -> None:
        """Writes versions of one key until there is no space left."""
        put = {"key": _BALLAST, "value": "QUFB" * 330_000}
        try:
            for _ in range(400):
                self.call("kv/put", put)
        except Refused as error:
            if "space exceeded" in str(error):
                return
            raise
        raise RuntimeError("etcd took far more than its quota; give it --quota-backend-bytes in etcd_flags")

    def compact(self) -> None:
        """Forgets all history."""
        self.call("kv/compaction", {"revision": self.revision(), "physical": True})

    def mend(self) -> None:
        """Drops the history, gives the space back, takes the alarm away."""
        self.compact()
        self.call("maintenance/defragment", {})
        for alarm in self.call("maintenance/alarm", {"action": "GET"}).get("alarms", []):
            disarm = {"action": "DEACTIVATE", "memberID": alarm["memberID"], "alarm": alarm["alarm"]}
            self.call("maintenance/alarm", disarm)
        self.call("kv/put", {"key": _BALLAST, "value": ""})

    def snapshot(self) -> None:
        """Saves a snapshot of now."""
        self._etcdctl("--endpoints", self.url, "snapshot", "save", str(self._home / "snapshot.db"))

    def restore(self) -> None:
        """Goes back to the last snapshot: the same member, an older history."""
        self.process.signal("KILL")
        self._folder += 1
        peer = f"http://127.0.0.1:{self._peer_port}"
        flags = ["--name", "day", "--initial-cluster", f"day={peer}", "--initial-advertise-peer-urls", peer]
        self._etcdctl("snapshot", "restore", str(self._home / "snapshot.db"), *flags, "--data-dir", str(self._data()))
        self.process = self._member()
        self.start()

    def lose(self) -> None:
        """Loses all that it has: an empty member takes its place."""
        self.process.signal("KILL")
        self._folder += 1
        self.process = self._member()
        self.start()

    def _data(self) -> Path:
        return self._home / f"etcd-{self._folder}"

    def _etcdctl(self, *words: str) -> None:
        subprocess.run(
            ["etcdctl", *words], env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"}, check=True, capture_output=True
        )

    def _member(self) -> Process:
        peer = f"http://127.0.0.1:{self._peer_port}"
        line = ["etcd", "--name", "day", "--data-dir", str(self._data())]
        line += ["--listen-client-urls", self.url, "--advertise-client-urls", self.url]
        line += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"day={peer}"]
        return Process("etcd", line + self._flags, {}, self._home / "etcd.log")


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()
