"""Promises of this chart that no server checks: what keeps a cluster alive under drains, reclaims and full disks."""

import tomllib

from objects import of_kind, one, selects, workloads
from quantities import quantity, seconds


def servers_survive_a_drain_of_their_node(objects):
    budgets = of_kind(objects, "PodDisruptionBudget")
    scaled = {
        item["spec"]["scaleTargetRef"]["name"] for item in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    }
    for workload in workloads(objects):
        if not workload.is_server:
            continue
        own = [budget for budget in budgets if selects(budget["spec"]["selector"], workload.labels)]
        is_single = workload.object["spec"].get("replicas") == 1 and workload.name not in scaled
        if is_single and own:
            yield f"{workload.at}: has one replica, and a budget that blocks drains for ever"
        for budget in own:
            if budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
                yield f"{workload.at}: a pod that is not ready blocks the drain of its node"
            if "minAvailable" in budget["spec"]:
                yield f"{workload.at}: its budget names pods that stay, so it blocks drains once there are no more than those"
            if str(budget["spec"].get("maxUnavailable")) in ("0", "0%"):
                yield f"{workload.at}: its budget allows no eviction"


def grace_is_longer_than_the_drain(objects):
    for workload in workloads(objects):
        grace = workload.spec.get("terminationGracePeriodSeconds", 30)
        if workload.component == "worker":
            drain = seconds(settings(objects, workload)["drain"]["timeout"])
            if grace < drain + 10:
                yield f"{workload.at}: {grace} s of grace for a drain of {drain} s"
        if workload.component == "coordinator" and grace < 35:
            yield f"{workload.at}: {grace} s of grace, and a coordinator that hangs ends itself after 30 s"
        for at, container in workload.containers():
            pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            if pause >= grace:
                yield f"{at}: sleeps {pause} s before it stops, and has {grace} s of grace"


def memory_is_promised_and_bounded(objects):
    for workload in workloads(objects):
        for at, container in workload.containers():
            requests = container.get("resources", {}).get("requests", {})
            limits = container.get("resources", {}).get("limits", {})
            if "memory" not in limits or "memory" not in requests or "cpu" not in requests:
                yield f"{at}: needs requests of cpu and memory and a limit of memory"
            if workload.is_server and requests.get("memory") != limits.get("memory"):
                yield f"{at}: the request of memory is not its limit, so the node may run out of it"
            if workload.is_server and "cpu" in limits:
                yield f"{at}: has a limit of cpu, which throttles the renewals of its lease"
        if workload.component == "worker":
            yield from _memory_of_slots(objects, workload)


def _memory_of_slots(objects, workload):
    given = settings(objects, workload)
    budget = quantity(given["memory"].removesuffix("B"))
    limit = quantity(workload.container("tailor")["resources"]["limits"]["memory"])
    if budget + 128 * 2**20 > limit:
        yield f"{workload.at}: the memory of its slots is not 128Mi below the limit"
    if budget < int(given["slots"]) * 32 * 2**20:
        yield f"{workload.at}: less than 32Mi of memory for each slot"


def disk_is_promised_and_bounded(objects):
    for workload in workloads(objects):
        used = 0
        for volume in workload.spec.get("volumes", []):
            if "emptyDir" in volume:
                size = (volume["emptyDir"] or {}).get("sizeLimit")
                if size is None:
                    yield f"{workload.at}: the emptyDir {volume['name']} has no end"
                used += quantity(size or 0)
        for at, container in workload.containers():
            resources = container.get("resources", {})
            limit = resources.get("limits", {}).get("ephemeral-storage")
            if limit is None or "ephemeral-storage" not in resources.get("requests", {}):
                yield f"{at}: neither promises nor bounds ephemeral storage"
            elif quantity(limit) < used:
                yield f"{at}: its volumes may take more than its limit of ephemeral storage"


def workers_spread_softly(objects):
    for workload in workloads(objects):
        for spread in workload.spec.get("topologySpreadConstraints", []):
            if not selects(spread["labelSelector"], workload.labels):
                yield f"{workload.at}: spreads over pods that are not its own"
            if spread.get("matchLabelKeys") != ["pod-template-hash"]:
                yield f"{workload.at}: counts pods of older templates, so an upgrade ends lopsided"


def coordinators_have_a_url_each(objects):
    for workload in workloads(objects):
        if workload.component == "coordinator":
            names = [variable["name"] for variable in workload.container("tailor")["env"]]
            url = {v["name"]: v.get("value", "") for v in workload.container("tailor")["env"]}["TAILOR_GRPC_ADVERTISE"]
            if "$(POD_IP)" not in url or names.index("POD_IP") > names.index("TAILOR_GRPC_ADVERTISE"):
                yield f"{workload.at}: followers cannot name this leader: {url}"


def settings(objects: list[dict], workload) -> dict:
    """Returns the settings file that a server mounts."""
    volume = next(volume for volume in workload.spec["volumes"] if volume["name"] == "settings")
    data = one(objects, "ConfigMap", volume["configMap"]["name"])["data"]
    return tomllib.loads(data[f"{workload.component}.toml"])


RULES = [
    servers_survive_a_drain_of_their_node,
    grace_is_longer_than_the_drain,
    memory_is_promised_and_bounded,
    disk_is_promised_and_bounded,
    workers_spread_softly,
    coordinators_have_a_url_each,
]
