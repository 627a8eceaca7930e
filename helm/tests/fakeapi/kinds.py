"""Kinds that the server has, and how it tells clients of them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind with its group, version and plural."""

    group: str
    version: str
    kind: str
    plural: str
    is_namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def prefix(self) -> str:
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


_TABLE = {
    "v1": "ConfigMap Pod Secret Service ServiceAccount Event",
    "apps/v1": "Deployment ReplicaSet StatefulSet",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "batch/v1": "CronJob Job",
    "policy/v1": "PodDisruptionBudget",
    "networking.k8s.io/v1": "NetworkPolicy",
    "cert-manager.io/v1": "Certificate Issuer",
    "keda.sh/v1alpha1": "ScaledObject TriggerAuthentication",
    "monitoring.coreos.com/v1": "PodMonitor PrometheusRule",
}


def _plural(kind: str) -> str:
    name = kind.lower()
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


KINDS = [Kind("", "v1", "Namespace", "namespaces", is_namespaced=False)]
for _api_version, _names in _TABLE.items():
    _group, _, _version = _api_version.rpartition("/")
    KINDS += [Kind(_group, _version, name, _plural(name)) for name in _names.split()]

_PATH = re.compile(
    r"(?P<prefix>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[^/]+)(/(?P<name>[^/]+)(/(?P<sub>.+))?)?"
)


@dataclass(frozen=True)
class Place:
    """Place of an object or of a list, as a path says it."""

    kind: Kind
    namespace: str
    name: str
    sub: str


def place(path: str) -> Place | None:
    # A namespace is also an object: /api/v1/namespaces/NAME.
    alone = re.fullmatch(r"/api/v1/namespaces(/(?P<name>[^/]+))?", path)
    if alone:
        return Place(KINDS[0], "", alone["name"] or "", "")
    found = _PATH.fullmatch(path)
    if not found:
        return None
    for kind in KINDS:
        if (kind.prefix, kind.plural) == (found["prefix"], found["plural"]):
            return Place(kind, found["namespace"] or "", found["name"] or "", found["sub"] or "")
    return None


def discovery(path: str) -> dict | None:
    """Answers what a client asks before it asks for objects."""
    if path == "/version":
        return {"major": "1", "minor": "37", "gitVersion": "v1.37.0", "platform": "linux/amd64"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [_group_of(group) for group in sorted({kind.group for kind in KINDS if kind.group})]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    if path == "/openapi/v3":
        prefixes = {kind.prefix.strip("/") for kind in KINDS}
        return {"paths": {prefix: {"serverRelativeURL": f"/openapi/v3/{prefix}"} for prefix in sorted(prefixes)}}
    if path.startswith("/openapi/v3/"):
        return _openapi("/" + path.removeprefix("/openapi/v3/"))
    found = [kind for kind in KINDS if kind.prefix == path]
    if found:
        resources = [_resource(kind) for kind in found]
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": found[0].api_version,
            "resources": resources,
        }
    return None


def _group_of(group: str) -> dict:
    version = next(kind.version for kind in KINDS if kind.group == group)
    named = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [named], "preferredVersion": named}


def _resource(kind: Kind) -> dict:
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    return {
        "name": kind.plural,
        "singularName": "",
        "namespaced": kind.is_namespaced,
        "kind": kind.kind,
        "verbs": verbs,
    }


def _openapi(prefix: str) -> dict:
    """Says that each kind can be checked by the server, which is all that clients look for."""
    paths = {}
    for kind in KINDS:
        if kind.prefix == prefix:
            named = {"group": kind.group, "version": kind.version, "kind": kind.kind}
            parameters = [
                {"name": name, "in": "query", "schema": {"type": "string"}} for name in ("dryRun", "fieldValidation")
            ]
            patch = {"x-kubernetes-group-version-kind": named, "parameters": parameters, "responses": {}}
            paths[f"{prefix}/namespaces/{{namespace}}/{kind.plural}/{{name}}"] = {"patch": patch}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.37.0"}, "paths": paths}
