"""Workloads from Kubernetes objects, such as `helm template` renders: how the containers of a Deployment start.

Read are Deployments and Pods, the ConfigMaps and Secrets that they mount or take variables from, and Services that select
their pods. A pod of a Deployment has one container here; a field that would change how it runs and is not known is refused.
"""

import base64
from dataclasses import dataclass, replace

from .workload import Workload

#: Fields of the pod's own that a variable may name, as `expand` puts them in. A name is as unique here as a UID.
_OWN = {"metadata.name": "$(POD_NAME)", "metadata.uid": "$(POD_NAME)", "status.podIP": "$(POD_IP)"}

#: Fields of a pod that tell how it is placed, named or trusted by a cluster, and so mean nothing here.
_PLACEMENT = {
    "affinity", "automountServiceAccountToken", "enableServiceLinks", "imagePullSecrets", "nodeSelector",
    "priorityClassName", "securityContext", "serviceAccountName", "tolerations", "topologySpreadConstraints",
}  # fmt: skip
_READ = {
    "activeDeadlineSeconds", "containers", "initContainers", "restartPolicy", "shareProcessNamespace",
    "terminationGracePeriodSeconds", "volumes",
}  # fmt: skip

_UNITS = {"Ki": "k", "Mi": "m", "Gi": "g"}


class Unknown(Exception):
    """Raised for a part of a manifest that pods of podman cannot have."""


@dataclass(frozen=True)
class Release:
    """The objects of a release, by kind and name. Secrets that exist before it are handed in, as text."""

    objects: list[dict]
    secrets: dict[str, dict[str, str]]

    def workloads(self, image: str) -> list[Workload]:
        """Workloads of every Deployment, all of one image."""
        return [self._workload(each, image) for each in self.objects if each["kind"] == "Deployment"]

    def steps(self, pod: str, image: str) -> list[Workload]:
        """Containers of a Pod in the order in which they run: those that prepare, then its own."""
        (found,) = (each for each in self.objects if each["kind"] == "Pod" and each["metadata"]["name"] == pod)
        spec, labels = found["spec"], found["metadata"]["labels"]
        containers = [*spec.get("initContainers", []), *spec["containers"]]
        return [self._container(pod, spec, labels, container, image) for container in containers]

    def _workload(self, deployment: dict, image: str) -> Workload:
        template, name = deployment["spec"]["template"], deployment["metadata"]["name"]
        pod, labels = template["spec"], template["metadata"]["labels"]
        (container,) = pod["containers"]
        started = self._container(name, pod, labels, container, image)
        return replace(started, replicas=deployment["spec"].get("replicas", 1))

    def _container(self, name: str, pod: dict, labels: dict[str, str], container: dict, image: str) -> Workload:
        if unknown := pod.keys() - _PLACEMENT - _READ:
            raise Unknown(f"{name}: {', '.join(sorted(unknown))}")
        volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
        mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container.get("volumeMounts", [])}
        return Workload(
            name=name,
            component=labels["app.kubernetes.io/component"],
            args=container.get("args", []),
            environment={each["name"]: self._value(each) for each in container.get("env", [])},
            ports={port["name"]: port["containerPort"] for port in container.get("ports", [])},
            memory=_bytes(container["resources"]["limits"]["memory"]),
            empty_dirs=[path for path, volume in mounts.items() if volume.keys() & {"emptyDir", "ephemeral"}],
            files=dict(file for path, volume in mounts.items() for file in self._files(path, volume)),
            secrets={path: volume["secret"]["secretName"] for path, volume in mounts.items() if "secret" in volume},
            grace_s=pod.get("terminationGracePeriodSeconds", 30),
            ends_within_s=pod.get("activeDeadlineSeconds", 600),
            services=self._services(labels),
            scheme=container.get("readinessProbe", {}).get("httpGet", {}).get("scheme", "HTTP").lower(),
            more_labels=labels,
            shares_processes=pod.get("shareProcessNamespace", False),
            image=image,
        )

    def _value(self, variable: dict) -> str:
        source = variable.get("valueFrom", {})
        if "fieldRef" in source:
            return _OWN[source["fieldRef"]["fieldPath"]]
        if "secretKeyRef" in source:
            return self._texts("Secret", source["secretKeyRef"]["name"])[source["secretKeyRef"]["key"]]
        if "configMapKeyRef" in source:
            return self._texts("ConfigMap", source["configMapKeyRef"]["name"])[source["configMapKeyRef"]["key"]]
        return variable.get("value", "")

    def _files(self, path: str, volume: dict) -> list[tuple[str, str]]:
        if "configMap" in volume:
            texts = self._texts("ConfigMap", volume["configMap"]["name"])
        elif volume.keys() & {"emptyDir", "ephemeral", "secret"}:
            return []
        else:
            raise Unknown(f"volume {volume}")
        return [(f"{path}/{key}", text) for key, text in texts.items()]

    def _texts(self, kind: str, name: str) -> dict[str, str]:
        if kind == "Secret" and name in self.secrets:
            return self.secrets[name]
        found = next((each for each in self.objects if each["kind"] == kind and each["metadata"]["name"] == name), None)
        if found is None:
            raise Unknown(f"{kind} {name} is not among the objects")
        encoded = found.get("data", {}) if kind == "Secret" else {}
        plain = found.get("stringData", {}) if kind == "Secret" else found.get("data", {})
        return {key: base64.b64decode(text).decode() for key, text in encoded.items()} | plain

    def _services(self, labels: dict[str, str]) -> list[str]:
        services = [each for each in self.objects if each["kind"] == "Service"]
        return [each["metadata"]["name"] for each in services if each["spec"]["selector"].items() <= labels.items()]


def _bytes(quantity: str) -> str:
    """Writes a quantity of Kubernetes for podman: `512Mi` is `512m`."""
    number, unit = quantity[:-2], quantity[-2:]
    if unit not in _UNITS or not number.isdigit():
        raise Unknown(f"memory of {quantity}; use Ki, Mi or Gi")
    return number + _UNITS[unit]
