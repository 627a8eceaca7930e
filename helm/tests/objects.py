"""Ways into objects of Kubernetes: pods of workloads, containers of pods, labels that select."""

from collections.abc import Iterator
from dataclasses import dataclass

WORKLOADS = ("Deployment", "StatefulSet", "CronJob", "Job", "Pod")


@dataclass
class Workload:
    """An object that makes pods, with the template of its pods."""

    kind: str
    name: str
    object: dict
    pod: dict

    @property
    def spec(self) -> dict:
        return self.pod["spec"]

    @property
    def labels(self) -> dict:
        return self.pod["metadata"].get("labels", {})

    @property
    def at(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def is_server(self) -> bool:
        """True for what runs without an end."""
        return self.kind in ("Deployment", "StatefulSet")

    @property
    def component(self) -> str:
        return self.labels.get("app.kubernetes.io/component", "")

    def containers(self) -> Iterator[tuple[str, dict]]:
        """Yields each container, the first ones too, with the place that messages name."""
        for field in ("initContainers", "containers"):
            for container in self.spec.get(field, []):
                yield f"{self.at}, container {container.get('name')}", container

    def container(self, name: str) -> dict:
        return next(container for _, container in self.containers() if container["name"] == name)


def workloads(objects: list[dict]) -> list[Workload]:
    found = []
    for item in objects:
        kind, name = item["kind"], item["metadata"]["name"]
        match kind:
            case "Deployment" | "StatefulSet" | "Job":
                found.append(Workload(kind, name, item, item["spec"]["template"]))
            case "CronJob":
                found.append(Workload(kind, name, item, item["spec"]["jobTemplate"]["spec"]["template"]))
            case "Pod":
                found.append(Workload(kind, name, item, item))
    return found


def of_kind(objects: list[dict], *kinds: str) -> list[dict]:
    return [item for item in objects if item["kind"] in kinds]


def one(objects: list[dict], kind: str, name: str) -> dict:
    found = [item for item in of_kind(objects, kind) if item["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


def selects(selector: dict, labels: dict) -> bool:
    """True if a selector (matchLabels and matchExpressions, or plain labels) selects pods with these labels."""
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        selector = {"matchLabels": selector}
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for term in selector.get("matchExpressions") or []:
        is_in = labels.get(term["key"]) in term.get("values", [])
        holds = {
            "In": is_in,
            "NotIn": not is_in,
            "Exists": term["key"] in labels,
            "DoesNotExist": term["key"] not in labels,
        }
        if not holds[term["operator"]]:
            return False
    return True


def walk(value, path: str = "") -> Iterator[tuple[str, object]]:
    """Yields every value below `value` with its path."""
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, f"{path}.{key}")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from walk(item, f"{path}[{at}]")
