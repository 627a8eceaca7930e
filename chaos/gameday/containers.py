"""A cluster of pods that are containers of podman, for one day: the Kubernetes half without a Kubernetes.

Pods are those of the chart, under TLS with roles as it has them by default. `deploy/pods` runs them, faults go through its
kubectl, as on a real cluster. etcd, the S3 server, the metadata service and the proxies before them are processes of this
machine, so days that need those can be run as well.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from . import tailor
from .etcd import Etcd
from .faults import NotHere
from .history import History
from .imds import Imds
from .kubernetes import POSSIBLE, KubernetesSite
from .lab import LocalLab
from .network import Network
from .s3proxy import Weather
from .scenario import Scenario, Topology

sys.path.insert(0, str(tailor.REPOSITORY / "deploy"))

from pods import chart  # noqa: E402
from pods import tailor as image  # noqa: E402
from pods.namespace import Namespace  # noqa: E402
from pods.workload import Workload  # noqa: E402

#: Our kubectl, by the interpreter itself: it is started several times a second.
_KUBECTL = (sys.executable, str(tailor.REPOSITORY / "deploy/bin/kubectl"))
_ETCD_NAMESPACE = "/tailor/"

#: Faults of what stands beside the pods.
_BESIDE = frozenset(
    {"s3_share", "s3_next", "s3_pace", "spot_notice", "put_foreign", "etcd_fill", "etcd_mend", "etcd_compact"}
    | {"etcd_snapshot", "etcd_restore", "etcd_replace", "etcd_lose"}
    | {"cut", "blackhole", "blackhole_requests", "blackhole_answers", "lose_answers", "delay", "limit", "heal"}
    | {"break_connections"}
)


def build(binary: Path) -> None:
    """Builds the image of the binary, and installs what renders the chart."""
    chart.install_tools()
    subprocess.run(
        [tailor.REPOSITORY / "deploy/image.sh", "build"], env={**os.environ, "IMAGE_BINARY": str(binary)}, check=True
    )


def network() -> tuple[Namespace, str]:
    """Makes the network of all days of this run; returns it with the address of this machine."""
    made = Namespace(f"gameday-{os.getpid()}")
    return made, made.create(image.image(is_debug=True))


class ContainerSite(KubernetesSite):
    """Runs a day in pods of this machine."""

    possible = POSSIBLE | _BESIDE
    pace_factor = 2.0
    servers = re.compile(rf"{KubernetesSite.servers.pattern}|etcd\d*|etcd-leader|etcd-follower")
    links_there = re.compile(r"etcd\d*|etcd-leader|etcd-follower|s3")

    def __init__(self, scenario: Scenario, lab: LocalLab, home: Path, pods: Namespace):
        _check(scenario.topology)
        super().__init__(scenario, lab, home, pods.name, _KUBECTL)
        self._containers = pods
        self.etcd = Etcd(home, self.topology.etcd_flags.split(), self.topology.etcd_members)
        self.s3_weather = Weather()
        self.network = Network(
            lab.loop, [member.port for member in self.etcd.members], lab.s3.endpoint, self.s3_weather
        )
        self.history = History(self.etcd, _ETCD_NAMESPACE)
        self._imds = Imds(lab.loop.host)
        for name, texts in chart.Certificates(home / "tls").make().items():
            pods.put_secret(name, texts)
        for workload in self._workloads():
            pods.apply(workload)

    def _workloads(self) -> list[Workload]:
        """The pods of the scenario's topology; any shell command may be run in them."""
        topology = self.topology
        stores = {"TAILOR_ETCD_ENDPOINTS": self.network.etcd(), **self.lab.s3.environment(self.network.s3())}
        coordinator = {
            "replicas": topology.coordinators,
            "settings": {"lease": {"ttl": "5s"}},
            "resources": chart.memory("512Mi"),
        }
        pool = {
            "replicas": topology.workers,
            "settings": {
                "slots": topology.slots,
                "memory": topology.memory,
                "lease": {"ttl": topology.lease},
                "spot": {"endpoint": self._imds.endpoint},
            },
            "resources": chart.memory("256Mi"),
        }
        release = chart.render(f"s3://{self.lab.s3.bucket}", stores, coordinator, pool, is_debug=True)
        return release.workloads(image.image(is_debug=True))

    def named(self, server: str) -> list[str]:
        """Names of the servers that a word means; members of etcd are processes beside the pods."""
        return [self.etcd.member(server).name] if server.startswith("etcd") else super().named(server)

    def signal(self, name: str, signal: str) -> None:
        """Sends a signal to a pod, or to a member of etcd."""
        if name.startswith("etcd"):
            self.etcd.member(name).process.signal(signal)
        else:
            super().signal(name, signal)

    def start(self, name: str) -> None:
        """Starts a server again."""
        self.etcd.member(name).start() if name.startswith("etcd") else super().start(name)

    def notice(self, worker: str) -> None:
        """Lets the metadata service tell the machine of a pod that it is taken back."""
        pod = self._containers.pod(self._pod(worker))
        self._containers.reclaim(pod.name)
        self._imds.noticed.add(pod.ip)

    def exit_of(self, name: str) -> int | str | None:
        """Returns the exit code of a pod's container, also if the pod is gone."""
        code = self._containers.exit_code(self._pod(name))
        return "runs" if code is None else code

    def links(self, name: str) -> list:
        """The links of that name: to etcd, or to S3."""
        return self.network.named(self.etcd.member(name).name if name.startswith("etcd-") else name)

    def keys_of_jobs(self) -> list[str] | None:
        """Lists the keys of jobs that are left in etcd."""
        return self.etcd.keys(f"{_ETCD_NAMESPACE}jobs/")

    def log_size(self, name: str) -> int:
        """Returns the present end of a log: a time for pods, a size for etcd."""
        return self.etcd.member(name).process.log_size() if name.startswith("etcd") else super().log_size(name)

    def said(self, name: str, offset: int) -> str:
        """Returns the log of a server from there on."""
        return self.etcd.member(name).process.said(offset) if name.startswith("etcd") else super().said(name, offset)

    def stop(self) -> None:
        """Keeps the logs of the pods that are left, removes them, and ends what stands beside them."""
        self._containers.keep_logs(self.home)
        self._containers.clear()
        self._imds.stop()
        for member in self.etcd.members:
            member.process.end()


def _check(topology: Topology) -> None:
    """Refuses what pods of one template cannot be: different from each other."""
    if topology.own_links:
        raise NotHere("pods share their links; a worker with links of its own is a matter of local processes")
    for name, server in topology.servers.items():
        if server.flags or server.disk or server.under or server.has_clock or server.is_late:
            raise NotHere(f"{name} differs from the others, and pods of one deployment do not")
