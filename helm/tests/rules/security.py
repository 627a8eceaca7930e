"""The restricted Pod Security Standard, which a namespace may enforce.

A Deployment that breaks it is accepted, and its pods are not.
"""

from objects import workloads

_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def pods_are_restricted(objects):
    for workload in workloads(objects):
        spec = workload.spec
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(field):
                yield f"{workload.at}: {field} is set"
        for volume in spec.get("volumes", []):
            if not (volume.keys() - {"name"}) <= _VOLUMES:
                yield f"{workload.at}: the volume {volume['name']} is of a kind that is not restricted"
        pod = spec.get("securityContext", {})
        for at, container in workload.containers():
            yield from _container(at, pod, container.get("securityContext", {}), container)


def _container(at: str, pod: dict, own: dict, container: dict):
    if own.get("privileged"):
        yield f"{at}: is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{at}: may escalate its privileges"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"{at}: has capabilities"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield f"{at}: may run as root"
    if own.get("runAsUser", pod.get("runAsUser")) == 0:
        yield f"{at}: runs as root"
    profile = own.get("seccompProfile", pod.get("seccompProfile", {}))
    if profile.get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{at}: has no seccomp profile"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield f"{at}: takes a port of its host"


def pods_ask_the_api_server_for_nothing(objects):
    for workload in workloads(objects):
        if workload.spec.get("automountServiceAccountToken") is not False:
            yield f"{workload.at}: mounts a token of the API server"
        if workload.spec.get("enableServiceLinks") is not False:
            yield f"{workload.at}: gets a variable for each service"
        for at, container in workload.containers():
            if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
                yield f"{at}: may write to its image"


RULES = [pods_are_restricted, pods_ask_the_api_server_for_nothing]
