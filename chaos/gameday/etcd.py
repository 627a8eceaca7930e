"""An etcd of one day's own, to be killed, stopped, filled, compacted and restored; asked through its JSON gateway."""

import base64
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from . import ports
from .poll import until
from .process import Process

_START_LIMIT_S = 30.0

#: Time for which the place of a replaced member stays empty, as long as a new machine or pod takes to start.
_REPLACED_AFTER_S = 3.0

#: Longest wait for the answer of one member while several are asked.
_LOOK_LIMIT_S = 1.0

#: Key outside of every namespace.
_BALLAST = base64.b64encode(b"ballast").decode()


class Refused(Exception):
    """Carries etcd's message about a call that it refused."""


class Member:
    """Holds the ports, the data folder and the process of a member."""

    def __init__(self, name: str, home: Path, flags: list[str]):
        self.name, self._home, self._flags = name, home, flags
        self.port, self._peer_port = ports.free(), ports.free()
        self._folder = 0
        self.process: Process

    @property
    def url(self) -> str:
        """URL at which clients reach this member."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def peer(self) -> str:
        """URL at which other members reach this one."""
        return f"http://127.0.0.1:{self._peer_port}"

    @property
    def data(self) -> Path:
        """Data folder of this member; `leave_data` changes it."""
        return self._home / f"{self.name}-{self._folder}"

    def leave_data(self) -> None:
        """Lets the next start use a new, empty folder."""
        self._folder += 1

    def make(self, cluster: str, state: str = "new") -> None:
        """Creates the process without starting it."""
        line = [os.environ.get("GAMEDAY_ETCD", "etcd"), "--name", self.name, "--data-dir", str(self.data)]
        line += ["--listen-client-urls", self.url, "--advertise-client-urls", self.url]
        line += ["--listen-peer-urls", self.peer, "--initial-advertise-peer-urls", self.peer]
        line += ["--initial-cluster", cluster, "--initial-cluster-state", state]
        self.process = Process(self.name, line + self._flags, {}, self._home / f"{self.name}.log")

    def start(self) -> None:
        """Starts the process, and waits until the member answers."""
        self.process.start()
        until(f"{self.name} answers", _START_LIMIT_S, self.is_up)

    def is_up(self) -> bool:
        """Tells whether this member answers and knows a leader."""
        try:
            return int(self.call("maintenance/status", {}, timeout=_LOOK_LIMIT_S).get("leader", 0)) != 0
        except (OSError, Refused):
            return False

    def is_leader(self) -> bool:
        """Tells whether this member is the leader of the cluster."""
        try:
            status = self.call("maintenance/status", {}, timeout=_LOOK_LIMIT_S)
        except (OSError, Refused):
            return False
        return status.get("leader") == status["header"]["member_id"]

    def call(self, method: str, request: dict, timeout: float = 20) -> dict:
        """Calls a method; raises `Refused` if etcd refuses it."""
        body = json.dumps(request).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/v3/{method}", data=body, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(json.loads(error.read()).get("error", "")) from None


class Etcd:
    """Holds all members: one, unless the scenario has more. Calls go to a member that answers."""

    def __init__(self, home: Path, flags: list[str], count: int = 1):
        self._home = home
        names = [f"etcd{number}" for number in range(1, count + 1)] if count > 1 else ["etcd"]
        self.members = [Member(name, home, flags) for name in names]
        for member in self.members:
            member.make(self._cluster())
        for member in self.members:
            member.process.start()
        for member in self.members:
            until(f"{member.name} answers", _START_LIMIT_S, member.is_up)

    def member(self, name: str) -> Member:
        """Returns the member of a name; `etcd-leader` and `etcd-follower` are roles."""
        if name == "etcd":
            return self.members[0]
        if name in ("etcd-leader", "etcd-follower"):
            wanted = name == "etcd-leader"
            until("etcd has a leader", _START_LIMIT_S, lambda: any(member.is_leader() for member in self.members))
            return next(member for member in self.members if member.is_leader() == wanted)
        return next(member for member in self.members if member.name == name)

    @property
    def url(self) -> str:
        """URLs at which clients reach all present members, separated by commas."""
        return ",".join(member.url for member in self.members)

    @property
    def port(self) -> int:
        """The client port of a member that answers."""
        return self._any().port

    def call(self, method: str, request: dict, timeout: float = 20) -> dict:
        """Calls a method of a member that answers; raises `Refused` if etcd refuses it."""
        return self._any().call(method, request, timeout)

    def replace(self, name: str) -> None:
        """Kills a member, takes it out of the cluster, and lets a new one in, with its address and an empty disk."""
        member = self.member(name)
        member.process.signal("KILL")
        # If the member led, etcd drops requests until there is another leader.
        until("etcd has a quorum", _START_LIMIT_S, self._has_quorum)
        listed = self.call("cluster/member/list", {})["members"]
        gone = next(each["ID"] for each in listed if each["peerURLs"] == [member.peer])
        self.call("cluster/member/remove", {"ID": gone})
        time.sleep(_REPLACED_AFTER_S)
        # etcd accepts no new member as long as it counts the removed one as missing.
        until("etcd takes a member in", _START_LIMIT_S, lambda: self._add(member))
        member.leave_data()
        member.make(self._cluster(), "existing")
        member.start()

    def _add(self, member: Member) -> bool:
        try:
            self.call("cluster/member/add", {"peerURLs": [member.peer]})
        except Refused as refusal:
            if "unhealthy" not in str(refusal):
                raise
            time.sleep(0.5)
            return False
        return True

    def _has_quorum(self) -> bool:
        try:
            return "header" in self.call("kv/range", {"key": _BALLAST}, timeout=_LOOK_LIMIT_S)
        except (OSError, Refused):
            return False

    def _any(self) -> Member:
        if len(self.members) == 1:
            return self.members[0]
        return next((member for member in self.members if member.is_up()), self.members[0])

    def _cluster(self) -> str:
        return ",".join(f"{member.name}={member.peer}" for member in self.members)

    def revision(self) -> int:
        """Returns the latest revision of the key space."""
        return int(self.call("maintenance/status", {})["header"]["revision"])

    def keys(self, prefix: str) -> list[str]:
        """Lists the keys below a prefix."""
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
        """Compacts up to the latest revision, so that no older one can be read."""
        self.call("kv/compaction", {"revision": self.revision(), "physical": True})

    def mend(self) -> None:
        """Compacts the history, defragments a member, and disarms the alarm."""
        self.compact()
        self.call("maintenance/defragment", {})
        for alarm in self.call("maintenance/alarm", {"action": "GET"}).get("alarms", []):
            disarm = {"action": "DEACTIVATE", "memberID": alarm["memberID"], "alarm": alarm["alarm"]}
            self.call("maintenance/alarm", disarm)
        self.call("kv/put", {"key": _BALLAST, "value": ""})

    def snapshot(self) -> None:
        """Saves a snapshot of the present state."""
        self._etcdctl("--endpoints", self.members[0].url, "snapshot", "save", str(self._home / "snapshot.db"))

    def restore(self) -> None:
        """Goes back to the last snapshot: the same member, an older history."""
        (member,) = self.members
        member.process.signal("KILL")
        member.leave_data()
        flags = ["--name", member.name, "--initial-cluster", self._cluster()]
        flags += ["--initial-advertise-peer-urls", member.peer, "--data-dir", str(member.data)]
        self._etcdctl("snapshot", "restore", str(self._home / "snapshot.db"), *flags)
        member.make(self._cluster())
        member.start()

    def lose(self) -> None:
        """Replaces the member by an empty one, so that all data is lost."""
        (member,) = self.members
        member.process.signal("KILL")
        member.leave_data()
        member.make(self._cluster())
        member.start()

    def _etcdctl(self, *words: str) -> None:
        subprocess.run(
            ["etcdctl", *words], env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"}, check=True, capture_output=True
        )


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()
