"""References between objects: a name that nothing has makes pods that never start, services without pods, targets that
nobody scrapes."""

from objects import of_kind, selects, walk, workloads

_VERSIONED = {"app.kubernetes.io/version", "helm.sh/chart"}


def selectors_select_their_own_pods_for_ever(objects):
    for workload in workloads(objects):
        if not workload.is_server:
            continue
        selector = workload.object["spec"]["selector"]
        if not selects(selector, workload.labels):
            yield f"{workload.at}: the selector does not match the labels of its pods"
        if _VERSIONED & selector.get("matchLabels", {}).keys():
            yield f"{workload.at}: the selector holds a version, and can never be upgraded"
        others = [
            other.at for other in workloads(objects) if other.at != workload.at and selects(selector, other.labels)
        ]
        if others:
            yield f"{workload.at}: the selector also selects {others}"


def volumes_are_there_and_mounted(objects):
    for workload in workloads(objects):
        volumes = {volume["name"] for volume in workload.spec.get("volumes", [])}
        for claim in workload.object["spec"].get("volumeClaimTemplates", []):
            volumes.add(claim["metadata"]["name"])
        mounted = set()
        for at, container in workload.containers():
            for mount in container.get("volumeMounts", []):
                mounted.add(mount["name"])
                if mount["name"] not in volumes:
                    yield f"{at}: the volume {mount['name']} is not there"
        if volumes - mounted:
            yield f"{workload.at}: nothing mounts {sorted(volumes - mounted)}"


def services_and_budgets_select_one_workload(objects):
    servers = [workload for workload in workloads(objects) if workload.is_server]
    for item in of_kind(objects, "Service", "PodDisruptionBudget"):
        selector = item["spec"]["selector"]
        chosen = [workload for workload in servers if selects(selector, workload.labels)]
        at = f"{item['kind']} {item['metadata']['name']}"
        if len(chosen) != 1:
            yield f"{at}: selects {[workload.at for workload in chosen]}, not one workload"
            continue
        for port in item["spec"].get("ports", []):
            if port.get("targetPort", port["port"]) not in _ports(chosen[0]):
                yield f"{at}: {chosen[0].at} has no port {port.get('targetPort')}"


def monitors_scrape_every_server_once(objects):
    monitors = of_kind(objects, "PodMonitor", "ServiceMonitor")
    if not monitors:
        return
    for workload in workloads(objects):
        if workload.component not in ("coordinator", "worker"):
            continue
        targets = [
            endpoint
            for monitor in monitors
            if selects(monitor["spec"]["selector"], workload.labels)
            for endpoint in monitor["spec"].get("podMetricsEndpoints", [])
        ]
        if len(targets) != 1:
            yield f"{workload.at}: is scraped {len(targets)} times"
        for target in targets:
            if target["port"] not in _ports(workload):
                yield f"{workload.at}: has no port {target['port']} to scrape"


def ports_of_probes_are_there(objects):
    for workload in workloads(objects):
        for at, container in workload.containers():
            own = {port.get("name") for port in container.get("ports", [])}
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                port = container.get(name, {}).get("httpGet", {}).get("port")
                if isinstance(port, str) and port not in own:
                    yield f"{at}: {name} asks the port {port}, which is not there"


def policies_name_ports_of_their_pods(objects):
    for policy in of_kind(objects, "NetworkPolicy"):
        at = f"NetworkPolicy {policy['metadata']['name']}"
        chosen = [
            workload for workload in workloads(objects) if selects(policy["spec"]["podSelector"], workload.labels)
        ]
        if not chosen:
            yield f"{at}: selects no pods"
        for rule in policy["spec"].get("ingress", []):
            for port in rule.get("ports", []):
                if any(port["port"] not in _ports(workload) for workload in chosen):
                    yield f"{at}: lets {port['port']} in, which the pods do not have"


def scaled_workloads_exist_and_have_no_replicas(objects):
    deployments = {item["metadata"]["name"]: item for item in of_kind(objects, "Deployment")}
    targets = []
    for scaler in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]["name"]
        targets.append(target)
        if target not in deployments:
            yield f"{scaler['kind']} {scaler['metadata']['name']}: {target} is not there"
        elif "replicas" in deployments[target]["spec"]:
            yield f"Deployment {target}: has replicas, and a {scaler['kind']} that sets them too"
    for target in {target for target in targets if targets.count(target) > 1}:
        yield f"Deployment {target}: is scaled twice"


def named_objects_exist(objects):
    """ConfigMaps and service accounts of our own; secrets that the release makes have our prefix."""
    made = {(item["kind"], item["metadata"]["name"]) for item in objects}
    secrets = {item["spec"]["secretName"] for item in of_kind(objects, "Certificate")}
    prefix = _prefix(objects)
    for item in objects:
        for path, value in walk(item):
            if not isinstance(value, dict):
                continue
            field = path.rsplit(".", 1)[-1]
            name = value.get("name") or value.get("secretName") or ""
            if field == "configMap" and name.startswith(prefix) and ("ConfigMap", name) not in made:
                yield f"{item['kind']}{path}: the ConfigMap {name} is not there"
            if field in ("secret", "secretKeyRef") and name.startswith(prefix) and name not in secrets:
                yield f"{item['kind']}{path}: no certificate makes the secret {name}"
    for workload in workloads(objects):
        account = workload.spec.get("serviceAccountName", "default")
        if (
            account.startswith(prefix)
            and of_kind(objects, "ServiceAccount")
            and ("ServiceAccount", account) not in made
        ):
            yield f"{workload.at}: the service account {account} is not there"


def _prefix(objects) -> str:
    coordinator = next(workload for workload in workloads(objects) if workload.component == "coordinator")
    return coordinator.name.removesuffix("coordinator")


def _ports(workload) -> set:
    ports = [port for _, container in workload.containers() for port in container.get("ports", [])]
    return {port.get("name") for port in ports} | {port["containerPort"] for port in ports}


RULES = [
    selectors_select_their_own_pods_for_ever,
    volumes_are_there_and_mounted,
    services_and_budgets_select_one_workload,
    monitors_scrape_every_server_once,
    ports_of_probes_are_there,
    policies_name_ports_of_their_pods,
    scaled_workloads_exist_and_have_no_replicas,
    named_objects_exist,
]
