"""Manifests for Chaos Mesh: the steps of a scenario for which it has a kind, each as one object; the others as
comments.

Pods are chosen by the labels that Helm charts give: `app.kubernetes.io/name` tailor or etcd, and
`app.kubernetes.io/component` worker or coordinator. A step without `for` lasts as long as the object is there.
"""

import re
from collections.abc import Callable

from . import faults, units, yaml
from .faults import Fault
from .scenario import Scenario, Step

_LABEL = "app.kubernetes.io"


def manifests(scenario: Scenario, namespace: str) -> str:
    """Returns all manifests of a scenario as one YAML file."""
    documents = [f"# {scenario.name}: {scenario.hypothesis}\n"]
    for number, step in enumerate(scenario.steps, 1):
        fault = faults.parse(step.do)
        kind, spec = _KINDS.get(fault.name, _none)(fault, namespace)
        when = f" when {step.when.text}" if step.when else ""
        if not kind:
            documents.append(f"# step {number}, `{step.do}`{when}: Chaos Mesh has no kind for it\n")
            continue
        name = re.sub(r"[^a-z0-9]+", "-", f"{scenario.name}-{number}")
        head = {
            "apiVersion": "chaos-mesh.org/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
        }
        documents.append(
            f"# step {number}, `{step.do}`{when}\n" + yaml.dump(head | {"spec": spec | _duration(step, kind)})
        )
    return "---\n".join(documents)


def _duration(step: Step, kind: str) -> dict:
    return {"duration": f"{step.lasts:g}s"} if step.lasts and kind != "PodChaos" else {}


def _select(server: str, namespace: str) -> dict:
    if server.startswith("etcd"):
        labels, mode = {f"{_LABEL}/name": "etcd"}, "one"
    else:
        component = "worker" if server.startswith("w") else "coordinator"
        labels = {f"{_LABEL}/name": "tailor", f"{_LABEL}/component": component}
        mode = "all" if server in ("workers", "coordinators") else "one"
    return {"mode": mode, "selector": {"namespaces": [namespace], "labelSelectors": labels}}


def _none(fault: Fault, namespace: str) -> tuple[str, dict]:
    return "", {}


def _kill(fault: Fault, namespace: str) -> tuple[str, dict]:
    if fault.arguments["signal"] not in ("9", "KILL"):
        return "", {}
    return "PodChaos", {"action": "pod-kill", "gracePeriod": 0} | _select(fault.arguments["server"], namespace)


def _network(action: Callable[[Fault], dict], direction: str = "both") -> Callable[[Fault, str], tuple[str, dict]]:
    def make(fault: Fault, namespace: str) -> tuple[str, dict]:
        server, _, owner = fault.arguments["link"].partition("-of-")
        spec = action(fault) | _select(owner or "workers", namespace) | {"direction": direction}
        if server == "s3":
            return "NetworkChaos", spec | {"externalTargets": ["s3.amazonaws.com"]}
        return "NetworkChaos", spec | {"target": _select(server, namespace) | {"mode": "all"}}

    return make


def _delay(fault: Fault) -> dict:
    return {"action": "delay", "delay": {"latency": fault.arguments["duration"]}}


def _limit(fault: Fault) -> dict:
    rate = units.size(fault.arguments["size"])
    return {"action": "bandwidth", "bandwidth": {"rate": f"{rate}bps", "limit": max(rate, 10_000), "buffer": 10_000}}


def _loss(fault: Fault) -> dict:
    return {"action": "loss", "loss": {"loss": f"{units.share(fault.arguments['share']) * 100:g}"}}


def _partition(fault: Fault) -> dict:
    return {"action": "partition"}


def _clock(fault: Fault, namespace: str) -> tuple[str, dict]:
    return "TimeChaos", {"timeOffset": fault.arguments["shift"], "clockIds": ["CLOCK_REALTIME"]} | _select(
        fault.arguments["server"], namespace
    )


def _disk(fault: Fault, namespace: str) -> tuple[str, dict]:
    spec = {"action": "fault", "volumePath": "/scratch", "path": "/scratch/**/*", "errno": 28, "percent": 100}
    return "IOChaos", spec | _select(fault.arguments["worker"], namespace)


def _shell(fault: Fault, namespace: str) -> tuple[str, dict]:
    """`strace` that delays has a kind of its own."""
    command = fault.arguments["command"]
    server = found[1] if (found := re.search(r"\$(etcd\d*|[cw]\d+)", command)) else ""
    if delay := re.search(r"strace .*delay_exit=(\d+)", command):
        volume = "/var/lib/etcd" if server.startswith("etcd") else "/scratch"
        spec = {
            "action": "latency",
            "volumePath": volume,
            "path": f"{volume}/**/*",
            "delay": f"{int(delay[1]) // 1000}ms",
            "percent": 100,
        }
        return "IOChaos", spec | _select(server, namespace)
    return "", {}


def _memory(fault: Fault, namespace: str) -> tuple[str, dict]:
    return "StressChaos", {"stressors": {"memory": {"workers": 1, "size": "90%"}}} | _select(
        fault.arguments["server"], namespace
    )


_KINDS: dict[str, Callable[[Fault, str], tuple[str, dict]]] = {
    "kill": _kill,
    "cut": _network(_partition),
    "blackhole": _network(_partition),
    "blackhole_requests": _network(_partition, "to"),
    "blackhole_answers": _network(_partition, "from"),
    "lose_answers": _network(_partition, "from"),
    "delay": _network(_delay, "to"),
    "limit": _network(_limit, "to"),
    "break_connections": _network(_loss, "to"),
    "clock": _clock,
    "fill_scratch": _disk,
    "limit_memory": _memory,
    "shell": _shell,
}
