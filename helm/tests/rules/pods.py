"""Fields of pods and workloads that the API server would refuse: keys that stand twice, quantities, words of a list."""

import re

from objects import of_kind, walk, workloads
from quantities import quantity

_PORT_NAME = re.compile(r"(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_HANDLERS = {"exec", "httpGet", "tcpSocket", "grpc"}
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_WORDS = {
    "imagePullPolicy": {"Always", "IfNotPresent", "Never"},
    "whenUnsatisfiable": {"ScheduleAnyway", "DoNotSchedule"},
    "protocol": {"TCP", "UDP", "SCTP"},
    "concurrencyPolicy": {"Allow", "Forbid", "Replace"},
    "unhealthyPodEvictionPolicy": {"IfHealthyBudget", "AlwaysAllow"},
    "scheme": {"HTTP", "HTTPS", "http", "https"},
    "dnsPolicy": {"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"},
}


def ports_have_short_names_and_stand_once(objects):
    for workload in workloads(objects):
        names = []
        for at, container in workload.containers():
            ports = container.get("ports", [])
            numbers = [(port["containerPort"], port.get("protocol", "TCP")) for port in ports]
            if len(numbers) != len(set(numbers)):
                yield f"{at}: a port stands twice"
            names += [port["name"] for port in ports if "name" in port]
        for name in names:
            has_letter = any(letter.isalpha() for letter in name)
            if len(name) > 15 or not _PORT_NAME.fullmatch(name) or not has_letter:
                yield f"{workload.at}: '{name}' is not the name of a port, which has at most 15 letters"
        if len(names) != len(set(names)):
            yield f"{workload.at}: the name of a port stands twice"


def keys_of_lists_stand_once(objects):
    """Server-side apply refuses a list in which a key stands twice; other ways keep the last one in silence."""
    for at, field, keys in _keyed_lists(objects):
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            yield f"{at}: {key} stands twice in {field}"


def _keyed_lists(objects):
    for workload in workloads(objects):
        spec = workload.spec
        yield workload.at, "volumes", [volume["name"] for volume in spec.get("volumes", [])]
        yield workload.at, "containers", [container["name"] for _, container in workload.containers()]
        yield workload.at, "imagePullSecrets", [secret["name"] for secret in spec.get("imagePullSecrets", [])]
        yield workload.at, "hostAliases", [alias["ip"] for alias in spec.get("hostAliases", [])]
        for at, container in workload.containers():
            yield at, "env", [variable["name"] for variable in container.get("env", [])]
            yield at, "volumeMounts", [mount["mountPath"] for mount in container.get("volumeMounts", [])]
    for service in of_kind(objects, "Service"):
        ports = service["spec"].get("ports", [])
        at = f"Service {service['metadata']['name']}"
        yield at, "ports", [f"{port['port']}/{port.get('protocol', 'TCP')}" for port in ports]
        yield at, "names of ports", [port.get("name", "") for port in ports]


def quantities_parse_and_requests_stay_below_limits(objects):
    for workload in workloads(objects):
        for at, container in workload.containers():
            resources = container.get("resources", {})
            try:
                parsed = {
                    kind: {key: quantity(text) for key, text in resources.get(kind, {}).items()}
                    for kind in ("requests", "limits")
                }
            except ValueError as error:
                yield f"{at}: {error}"
                continue
            for key, limit in parsed["limits"].items():
                if parsed["requests"].get(key, 0) > limit:
                    yield f"{at}: the request of {key} is more than its limit"
    for item in objects:
        for path, value in walk(item):
            if path.endswith((".sizeLimit", ".requests.storage")):
                try:
                    quantity(value)
                except ValueError as error:
                    yield f"{item['kind']}{path}: {error}"


def probes_and_hooks_have_one_handler(objects):
    for workload in workloads(objects):
        for at, container in workload.containers():
            for name in _PROBES:
                probe = container.get(name)
                if probe is not None and len(_HANDLERS & probe.keys()) != 1:
                    yield f"{at}: {name} needs one handler and has {sorted(_HANDLERS & probe.keys())}"
            for name, hook in container.get("lifecycle", {}).items():
                if len((_HANDLERS | {"sleep"}) & hook.keys()) != 1:
                    yield f"{at}: {name} needs one handler"


def words_are_of_their_list(objects):
    for item in objects:
        for path, value in walk(item):
            words = _WORDS.get(path.rsplit(".", 1)[-1])
            if words and isinstance(value, str) and value not in words:
                yield f"{item['kind']}{path}: '{value}' is none of {sorted(words)}"
    for workload in workloads(objects):
        allowed = {"Always"} if workload.is_server else {"Never", "OnFailure"}
        if workload.spec.get("restartPolicy", "Always") not in allowed:
            yield f"{workload.at}: restartPolicy {workload.spec.get('restartPolicy')} is none of {sorted(allowed)}"
        for toleration in workload.spec.get("tolerations", []):
            operator = toleration.get("operator", "Equal")
            if operator not in ("Equal", "Exists") or (operator == "Exists" and "value" in toleration):
                yield f"{workload.at}: the toleration {toleration} is invalid"
            if toleration.get("effect", "") not in ("", "NoSchedule", "PreferNoSchedule", "NoExecute"):
                yield f"{workload.at}: the toleration {toleration} has an unknown effect"


def spreads_have_a_skew(objects):
    for workload in workloads(objects):
        keys = []
        for spread in workload.spec.get("topologySpreadConstraints", []):
            keys.append((spread["topologyKey"], spread["whenUnsatisfiable"]))
            if spread.get("maxSkew", 0) < 1:
                yield f"{workload.at}: maxSkew is {spread.get('maxSkew')}, and has to be at least 1"
        if len(keys) != len(set(keys)):
            yield f"{workload.at}: a topology key stands twice"


def strategies_can_move(objects):
    for deployment in of_kind(objects, "Deployment"):
        strategy = deployment["spec"].get("strategy", {})
        rolling = strategy.get("rollingUpdate", {})
        is_zero = [str(rolling.get(key, "25%")) in ("0", "0%") for key in ("maxSurge", "maxUnavailable")]
        if all(is_zero):
            yield f"Deployment {deployment['metadata']['name']}: maxSurge and maxUnavailable are both 0"
        if strategy.get("type") == "Recreate" and rolling:
            yield f"Deployment {deployment['metadata']['name']}: rollingUpdate does not go with Recreate"


def budgets_say_one_thing(objects):
    for budget in of_kind(objects, "PodDisruptionBudget"):
        if len({"minAvailable", "maxUnavailable"} & budget["spec"].keys()) != 1:
            yield f"PodDisruptionBudget {budget['metadata']['name']}: needs one of minAvailable and maxUnavailable"


RULES = [
    ports_have_short_names_and_stand_once,
    keys_of_lists_stand_once,
    quantities_parse_and_requests_stay_below_limits,
    probes_and_hooks_have_one_handler,
    words_are_of_their_list,
    spreads_have_a_skew,
    strategies_can_move,
    budgets_say_one_thing,
]
