"""A namespace: a network of its own, wanted workloads, and the pods that stand for them.

    apply -> pods are created -> a container ends: restarted in place -> a pod is deleted: replaced
          -> the template changes: a new pod, once it is ready the old one leaves, one after the other

Nothing runs in the background. [`Namespace.settle`] compares what is wanted with what runs and acts, as controllers and
a kubelet do; every command of `kubectl` settles first.
"""

import json
import random
import ssl
import string
import subprocess
import time
import urllib.request
from pathlib import Path

from . import podman, start as containers, state
from .start import container, secret_folder, start
from .state import Pod, State
from .workload import Workload

#: A container that ends again is restarted after 10 s, 20 s, 40 s, as the kubelet does; the first time at once.
_BACK_OFF_S = 10.0
_BACK_OFF_MAX_S = 300.0

_READY_LIMIT_S = 60.0

#: Longest removal of all containers of a namespace, one after the other, on a busy machine.
_REMOVE_LIMIT_S = 300.0

#: Below this, addresses are those of the gateway and of whatever podman places itself.
_ADDRESSES_FROM = 16


class NotThere(Exception):
    """Raised for a pod or a workload that does not exist."""


class Namespace:
    """Pods in a network; several may lie beside each other under different names."""

    def __init__(self, name: str):
        self.name = name
        self._stopping: list[subprocess.Popen] = []  # they outlive this process if it is a kubectl

    # The namespace itself.

    def create(self, image: str) -> str:
        """Creates the network, and a container that keeps it up; returns the address of this machine in it."""
        # Nobody outside is reached, so no rule of the machine's firewall is needed or changed.
        podman.run("network", "create", "--internal", self.name)
        podman.run("run", "--detach", "--name", f"{self.name}.pause", "--network", self.name, "--label",
                   f"tailor.pause={self.name}", "--read-only", "--entrypoint", "sleep", image, "100000")  # fmt: skip
        return self._network()["gateway"]

    def clear(self) -> None:
        """Removes every pod and workload."""
        self._remove_containers(f"tailor.namespace={self.name}")
        _remove_folder(state.folder(self.name))

    def remove(self) -> None:
        """Removes the namespace with everything in it."""
        self.clear()
        self._remove_containers(f"tailor.pause={self.name}")
        podman.call("network", "rm", "--force", self.name)

    def keep_logs(self, folder: Path) -> None:
        """Writes the log of every pod that is there into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in state.read(self.name).pods:
            (folder / f"{name}.log").write_text(self.logs(name))

    def _remove_containers(self, label: str) -> None:
        if names := [each["Names"][0] for each in podman.containers(label)]:
            podman.run("rm", "--force", "--time", "0", *names, timeout=_REMOVE_LIMIT_S)

    def _network(self) -> dict[str, str]:
        return json.loads(podman.run("network", "inspect", self.name))[0]["subnets"][0]

    # Secrets.

    def put_secret(self, name: str, texts: dict[str, str]) -> None:
        """Creates or changes a Secret. Pods that mount it see the new files, as a kubelet lets them, without a restart."""
        folder = self.secret(name)
        folder.mkdir(parents=True, exist_ok=True)
        for key, text in texts.items():
            fresh = folder / f".{key}"
            fresh.write_text(text)
            fresh.chmod(0o644)  # of root, and read by the user of the pods
            fresh.rename(folder / key)

    def secret(self, name: str) -> Path:
        """Folder with the files of a Secret."""
        return secret_folder(state.folder(self.name), name)

    # Workloads.

    def apply(self, workload: Workload) -> None:
        """Creates or changes a workload, and waits until its pods are new and ready."""
        with state.change(self.name) as now:
            now.workloads[workload.name] = workload
            outdated = [pod.name for pod in now.of(workload.name) if pod.template != workload.template]
        for name in outdated:
            self._replace(name, workload)
        self.settle()
        self.wait_ready(workload.name)

    def scale(self, workload: str, replicas: int) -> None:
        """Changes the number of pods; those that are too many leave in their grace."""
        with state.change(self.name) as now:
            wanted = _found(now.workloads, workload)
            now.workloads[workload] = Workload(**{**vars(wanted), "replicas": replicas})
            too_many = [pod.name for pod in now.of(workload)[replicas:]]
        for name in too_many:
            self.delete(name, waits=False)
        self.settle()

    def restart(self, workload: str) -> None:
        """Replaces every pod of a workload, one after the other."""
        now = state.read(self.name)
        for pod in now.of(workload):
            self._replace(pod.name, _found(now.workloads, workload))

    def _replace(self, name: str, workload: Workload) -> None:
        with state.change(self.name) as now:
            fresh = self._create(now, workload)
        self._wait_until_ready(fresh)
        self.delete(name)

    # Pods.

    def run(self, name: str, steps: list[Workload]) -> list[str]:
        """Runs the containers of a pod one after the other, each to its end; returns what each said."""
        pod = f"{name}-{_random_name()}"
        return [containers.run(self.name, pod, step, state.folder(self.name)) for step in steps]

    def pods(self, component: str | None = None) -> list[Pod]:
        """Pods that are there, oldest first, after settling."""
        now = self.settle()
        pods = sorted(now.pods.values(), key=lambda pod: pod.created_at)
        return [pod for pod in pods if component in (None, pod.labels["app.kubernetes.io/component"])]

    def pod(self, name: str) -> Pod:
        """The pod of that name, as it was when the namespace last settled."""
        return _found(state.read(self.name).pods, name)

    def exit_code(self, name: str) -> int | None:
        """The last exit code of a pod's container, also if the pod is gone; None if it has never ended."""
        now = state.read(self.name)
        if name in now.gone:
            return now.gone[name]
        return _found(now.pods, name).exits[-1] if _found(now.pods, name).exits else None

    def delete(self, name: str, grace_s: int | None = None, waits: bool = True) -> None:
        """Lets a pod leave: SIGTERM, SIGKILL after its grace. A grace of 0 kills it at once."""
        with state.change(self.name) as now:
            pod = _found(now.pods, name)
            pod.is_leaving = True
            grace_s = pod.grace_s if grace_s is None else grace_s
        its = container(self.name, name)
        if grace_s == 0:
            podman.call("kill", "--signal", "KILL", its)  # it may be ending already
            self.settle()
        elif waits:
            podman.run("stop", "--time", str(grace_s), its, timeout=grace_s + 60)
            self.settle()
        else:
            self._stopping.append(
                subprocess.Popen(
                    podman.line("stop", "--time", str(grace_s), its),
                    env=podman.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )

    def signal(self, name: str, signal: str) -> None:
        """Sends a signal to process 1 of a pod, from outside, as the kernel or a runtime does."""
        podman.run("kill", "--signal", signal, container(self.name, name))

    def reclaim(self, name: str) -> None:
        """Marks the machine of a pod as taken back: once its container has ended, another pod takes its place."""
        with state.change(self.name) as now:
            _found(now.pods, name).is_reclaimed = True

    # The work of controllers and of the kubelet.

    def settle(self) -> State:
        """Restarts, removes and creates until the pods are those that are wanted."""
        with state.change(self.name) as now:
            seen = {each["Labels"]["tailor.pod"]: each for each in podman.containers(f"tailor.namespace={self.name}")}
            for pod in list(now.pods.values()):
                self._settle_pod(now, pod, seen.get(pod.name))
            for workload in now.workloads.values():
                for _ in range(workload.replicas - len(now.of(workload.name))):
                    self._create(now, workload)
            return now

    def _settle_pod(self, now: State, pod: Pod, seen: dict | None) -> None:
        if seen is not None and seen["State"] not in ("exited", "stopped"):
            return
        if seen is not None and not pod.is_leaving and not pod.is_reclaimed:
            if len(pod.exits) and time.time() - seen["ExitedAt"] < _back_off(len(pod.exits)):
                return
            pod.exits.append(seen["ExitCode"])
            podman.run("start", container(self.name, pod.name))
            return
        now.gone[pod.name] = seen["ExitCode"] if seen is not None else -1
        podman.call("rm", "--force", container(self.name, pod.name))
        _remove_folder(state.folder(self.name) / pod.name)
        del now.pods[pod.name]

    def _create(self, now: State, workload: Workload) -> Pod:
        prefix = self._network()["subnet"].rsplit(".", 1)[0]
        address = _ADDRESSES_FROM + now.addresses_given % (250 - _ADDRESSES_FROM)
        now.addresses_given += 1
        pod = Pod(
            name=f"{workload.name}-{workload.template}-{_random_name()}",
            workload=workload.name,
            template=workload.template,
            ip=f"{prefix}.{address}",
            labels=workload.labels,
            ports=workload.ports,
            scheme=workload.scheme,
            grace_s=workload.grace_s,
            created_at=time.time(),
        )
        start(self.name, pod, workload, state.folder(self.name))
        now.pods[pod.name] = pod
        return pod

    # Readiness.

    def wait_ready(self, workload: str) -> None:
        """Waits until every pod of a workload is ready."""
        for pod in state.read(self.name).of(workload):
            self._wait_until_ready(pod)

    def _wait_until_ready(self, pod: Pod) -> None:
        deadline = time.monotonic() + _READY_LIMIT_S
        while not is_ready(pod):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{pod.name} is not ready after {_READY_LIMIT_S:.0f} s\n{self.logs(pod.name)}")
            time.sleep(0.1)

    # Looking inside.

    def logs(self, name: str, *options: str) -> str:
        """Returns what a pod's container said, stdout and stderr, over its restarts."""
        ended = podman.call("logs", *options, container(self.name, name))
        return ended.stdout + ended.stderr

    def exec(self, name: str, *command: str) -> list[str]:
        """Returns the command line that runs a command in a pod."""
        return podman.line("exec", container(self.name, name), *command)


def is_ready(pod: Pod) -> bool:
    """Asks `/readyz` of a pod from this machine, as a kubelet does."""
    try:
        fetch(f"{pod.scheme}://{pod.ip}:{pod.ports['http']}/readyz", timeout=1)
    except OSError:
        return False
    return True


def fetch(url: str, timeout: float) -> str:
    """Reads a page of a pod. A kubelet and the API server do not check certificates of pods either."""
    trusting = ssl._create_unverified_context() if url.startswith("https:") else None
    with urllib.request.urlopen(url, timeout=timeout, context=trusting) as answer:
        return answer.read().decode()


def _remove_folder(folder: Path) -> None:
    """Removes a folder in which pods, as another user, may have written."""
    subprocess.run(podman.as_root("rm", "-rf", str(folder)), check=True)


def _back_off(exits: int) -> float:
    return min(_BACK_OFF_MAX_S, _BACK_OFF_S * 2 ** (exits - 1))


def _found(there: dict, name: str):
    if name not in there:
        raise NotThere(f'"{name}" not found')
    return there[name]


def _random_name() -> str:
    # Kubernetes leaves out vowels and look-alikes, so that no word arises.
    return "".join(random.choices("".join(set(string.ascii_lowercase + "2456789") - set("aeilou")), k=5))
