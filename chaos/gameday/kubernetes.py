"""A cluster in a Kubernetes namespace: the same day, its faults through kubectl.

Pods are found by the labels `app.kubernetes.io/component=worker` and `=coordinator`; `w1` is the first worker that
was ever seen, and a pod that takes another's place is the next. Where a step starts again what it killed (`for`), the
pod that takes the place takes the name as well.

Processes are killed by deleting their pods, all workers by scaling their deployments to nothing, because controllers
replace pods at once. They are stopped by a signal from inside, for which pods need `shareProcessNamespace: true`
(nobody can stop process 1 of its own namespace) and an image with a shell. What needs a proxy, etcd's own port or the
machine is not done here: `--containers` does some of it, and `--chaos-mesh` prints manifests for it.
"""

import json
import re
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from . import faults, metrics
from .faults import NotHere
from .job import JOB
from .lab import Lab
from .metrics import Metrics
from .poll import until
from .s3proxy import Weather
from .scenario import Scenario
from .site import Site
from .tailor import CommandFailed, Tailor

_COMPONENT = "app.kubernetes.io/component"
_PORTS = {"c": 7080, "w": 7081}
_CONTAINER = "tailor"

#: Faults that kubectl can do.
POSSIBLE = frozenset({"kill", "start", "shell", "pause", "damage_segment", "delete_segment", "repair_segment"})

#: Longest wait until a controller has replaced a pod.
_REPLACED_LIMIT_S = 60.0

#: Parts of a command that mean processes and files of the machine on which the game day runs.
_OF_THIS_MACHINE = re.compile(r"&$|\$(HOME_OF_DAY|ETCD|etcd\d*|[cw]\d+)\b")

_WORKLOAD = re.compile(r"(.+)-[a-z0-9]+-[a-z0-9]{5}")


def tailor_of(namespace: str, kubectl: tuple[str, ...] = ("kubectl",)) -> Tailor:
    """The command line, run inside a coordinator."""
    return Tailor([*kubectl, "-n", namespace, "exec", "deploy/tailor-coordinator", "--", "tailor"], {})


class KubernetesSite(Site):
    """Runs a day in a namespace of Kubernetes. The interface is the same as that of a local site."""

    history = None
    etcd = None
    possible = POSSIBLE
    servers = re.compile(r"[cw]\d+|leader|workers|coordinators")
    links_there = re.compile("")

    def __init__(
        self, scenario: Scenario, lab: Lab, home: Path, namespace: str, kubectl: tuple[str, ...] = ("kubectl",)
    ):
        super().__init__()
        if cannot := [step.do for step in scenario.steps if not self.can(step.do)]:
            raise NotHere(
                f"kubectl cannot do `{cannot[0]}`; `chaos/run {scenario.name} --chaos-mesh NAMESPACE` prints what "
                "Chaos Mesh can do of it"
            )
        if scenario.topology.has_previous:
            raise NotHere("a server of the previous release is a matter of local processes: pods have one image")
        self.lab, self.home, self.topology, self._namespace = lab, home, scenario.topology, namespace
        self._program = kubectl
        self.tailor = tailor_of(namespace, kubectl)
        self.input = lab.input(scenario.workload, scenario.name)
        self.dataset = lab.uri(f"datasets/{scenario.name}-{int(time.time())}")
        self.s3_weather = Weather()
        self._pods: dict[str, list[str]] = {"c": [], "w": []}
        self._schemes: dict[str, str] = {}  # by the name of a pod
        # If set, a pod that takes another's place waits for `start` to give it that one's name.
        self._keeps_names = any(
            faults.parse(step.do).name == "start" or step.do.startswith("kill") and step.lasts is not None
            for step in scenario.steps
        )
        self._scaled_down: dict[str, int] = {}
        self._killed: list[str] = []  # names of the pods of those workloads

    @classmethod
    def can(cls, line: str) -> bool:
        """Tells whether a step can be done here: the fault, to this server or link, or this command inside a pod."""
        fault = faults.parse(line)
        if fault.name not in cls.possible or _OF_THIS_MACHINE.search(fault.arguments.get("command", "")):
            return False
        server, link = fault.arguments.get("server"), fault.arguments.get("link")
        return (server is None or bool(cls.servers.fullmatch(server))) and (
            link is None or bool(cls.links_there.fullmatch(link))
        )

    # What faults ask for.

    def named(self, server: str) -> list[str]:
        """Names of the servers that a word means: those whose pods are there."""
        match server:
            case "workers" | "coordinators":
                return self._listed(server[0])
            case "leader":
                return [self.leader() or "c1"]
            case _:
                return [server]

    def signal(self, name: str, signal: str) -> None:
        """Deletes the pod at once, or sends a signal inside it."""
        if signal == "KILL":
            self._kubectl("delete", "pod", self._pod(name), "--grace-period=0", "--force",
                          "--wait=false", "--ignore-not-found")  # fmt: skip
        else:
            self._kubectl("exec", self._pod(name), "--", "sh", "-c", f"kill -{signal} $(pidof tailor)")

    def signal_all(self, names: list[str], signal: str) -> None:
        """Sends a signal to several pods; kills all of them by scaling to nothing, or others would come at once."""
        if signal != "KILL" or len(names) < 2 or set(names) != set(self._listed(names[0][0])):
            super().signal_all(names, signal)
            return
        self._killed = names
        pods = [self._pod(name) for name in names]
        self._scaled_down = Counter(match[1] for pod in pods if (match := _WORKLOAD.fullmatch(pod)))
        for workload in self._scaled_down:
            self._kubectl("scale", f"deploy/{workload}", "--replicas=0")
        super().signal_all(names, signal)

    def startable(self, server: str) -> list[str]:
        """Names of the servers that a word means; of those that were scaled to nothing no pod is there to be named."""
        return self._killed if self._scaled_down and server in ("workers", "coordinators") else self.named(server)

    def start(self, name: str) -> None:
        """Waits until a controller has replaced the pod of a server; the new pod takes its name."""
        while self._scaled_down:
            workload, replicas = self._scaled_down.popitem()
            self._kubectl("scale", f"deploy/{workload}", f"--replicas={replicas}")

        known = self._pods[name[0]]
        number = int(name[1:]) - 1
        if known[number] in self._there(name[0]):
            return

        def fresh() -> str | None:
            return next((pod for pod in self._there(name[0]) if pod not in known), None)

        known[number] = until(f"a pod in the place of {name}", _REPLACED_LIMIT_S, fresh)

    def exit_of(self, name: str) -> int | str | None:
        """Returns the exit code with which the container of a pod ended last; `runs` if it never has."""
        pod = json.loads(self._kubectl("get", "pod", self._pod(name), "-o", "json"))
        last = _ours(pod["status"]["containerStatuses"]).get("lastState", {})
        return last["terminated"]["exitCode"] if last else "runs"

    def worker_name(self, name: str) -> str:
        """Returns the name of the pod, under which the worker registers."""
        return self._pod(name) if re.fullmatch(r"w\d+", name) else name

    def shell(self, command: str) -> str:
        """Runs a command inside a coordinator."""
        line = f"export JOB={JOB} INPUT={self.input} DATASET={self.dataset}; {command}"
        return self._kubectl("exec", "deploy/tailor-coordinator", "--", "sh", "-c", line)

    # What probes ask for.

    def scrape(self, server: str) -> dict[str, Metrics]:
        """Metrics of those that answer, through the API server."""
        return {name: found for name in self.named(server) if (found := self._scrape(name)) is not None}

    def log_size(self, name: str) -> int:
        """Returns the present time as the end of a log, because logs of pods are addressed by time."""
        return int(time.time())

    def said(self, name: str, offset: int) -> str:
        """Returns the log of a server since a time."""
        since = datetime.fromtimestamp(offset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._kubectl("logs", self._pod(name), f"--since-time={since}") if name != "etcd" else ""

    def uploads(self) -> int:
        """Multipart uploads in the dataset that nobody has finished."""
        return self.lab.s3.uploads(self.lab.key(self.dataset))

    def keys_of_jobs(self) -> None:
        """Returns no keys, because etcd cannot be read from here."""
        return None

    def is_ready(self) -> bool:
        """Tells whether there is a leader, and as many active workers as the scenario wants."""
        if self.leader() is None or len(self._listed("w")) < self.topology.workers:
            return False
        listed = self.tailor.ask("worker", "list", "--request-timeout", "2s") or {"workers": []}
        active = [worker for worker in listed["workers"] if worker["state"] == "active"]
        return len(active) >= self.topology.workers

    def stop(self) -> None:
        """Does nothing, because the cluster existed before the day."""

    # kubectl.

    def _there(self, kind: str) -> list[str]:
        component = {"c": "coordinator", "w": "worker"}[kind]
        pods = json.loads(self._kubectl("get", "pods", "-l", f"{_COMPONENT}={component}", "-o", "json"))["items"]
        there = {pod["metadata"]["name"]: pod for pod in pods if "deletionTimestamp" not in pod["metadata"]}
        self._schemes |= {name: _scheme(pod) for name, pod in there.items()}
        return list(there)

    def _listed(self, kind: str) -> list[str]:
        there = self._there(kind)
        known = self._pods[kind]
        wanted = {"c": self.topology.coordinators, "w": self.topology.workers}[kind]
        if not self._keeps_names or len(known) < wanted:
            known += [pod for pod in sorted(there) if pod not in known]
        return [f"{kind}{known.index(pod) + 1}" for pod in there if pod in known]

    def _pod(self, name: str) -> str:
        kind, number = name[0], int(name[1:])
        if len(self._pods[kind]) < number:
            self._listed(kind)
        if len(self._pods[kind]) < number:
            raise CommandFailed(f"there is no pod for {name} in namespace {self._namespace}")
        return self._pods[kind][number - 1]

    def _scrape(self, name: str) -> Metrics | None:
        pod = self._pod(name)
        # The API server speaks plain HTTP to a pod unless the path says otherwise.
        scheme = "https:" if self._schemes.get(pod) == "HTTPS" else ""
        path = f"/api/v1/namespaces/{self._namespace}/pods/{scheme}{pod}:{_PORTS[name[0]]}/proxy/metrics"
        try:
            return metrics.parse(self._kubectl("get", "--raw", path))
        except CommandFailed:
            return None

    def _kubectl(self, *words: str) -> str:
        line = [*self._program, "-n", self._namespace, *words]
        ended = subprocess.run(line, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        if ended.returncode != 0:
            raise CommandFailed(f"{' '.join(line)}\nended with {ended.returncode}: {ended.stderr.strip()}")
        return ended.stdout


def _ours(named: list[dict]) -> dict:
    """Returns the container of Tailor, or its status: others may run beside it."""
    return next(each for each in named if each["name"] == _CONTAINER)


def _scheme(pod: dict) -> str:
    """Returns the scheme in which a pod serves probes and metrics."""
    return _ours(pod["spec"]["containers"])["readinessProbe"]["httpGet"].get("scheme", "HTTP")
