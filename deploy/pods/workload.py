"""A Deployment as far as its pods go: what a container is started with."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Workload:
    """Describes pods that are all alike. `$(NAME)` in arguments and variables is another variable of the pod's."""

    name: str
    component: str
    args: list[str]
    replicas: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    #: Ports by name; readiness is asked at `/readyz` of `http`.
    ports: dict[str, int] = field(default_factory=dict)
    #: Request and limit; the kernel kills past it.
    memory: str = "256m"
    #: Folders that may be written to (`emptyDir`).
    empty_dirs: list[str] = field(default_factory=list)
    #: Files from ConfigMaps, by path.
    files: dict[str, str] = field(default_factory=dict)
    #: Names of the Secrets that are mounted, by the path of their folder.
    secrets: dict[str, str] = field(default_factory=dict)
    grace_s: int = 120
    #: Longest run of a pod that ends by itself (`activeDeadlineSeconds`).
    ends_within_s: int = 600
    #: Services: names by which every pod is found.
    services: list[str] = field(default_factory=list)
    #: `https` if probes and metrics are served under TLS.
    scheme: str = "http"
    #: Labels of the pods beside name and component.
    more_labels: dict[str, str] = field(default_factory=dict)
    #: `shareProcessNamespace`: if set, the program is not process 1, and a shell inside may stop it.
    shares_processes: bool = False
    image: str = ""

    @property
    def template(self) -> str:
        """Hash of everything but the number of replicas: pods with another one are replaced."""
        described = {**asdict(self), "replicas": 0}
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:9]

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the pods, as the chart gives them."""
        return {
            **self.more_labels,
            "app.kubernetes.io/name": "tailor",
            "app.kubernetes.io/component": self.component,
            "pod-template-hash": self.template,
        }


def expand(text: str, variables: dict[str, str]) -> str:
    """Puts the values of variables in their places, as the kubelet does; an unknown name stays as it is."""
    return re.sub(r"\$\((\w+)\)", lambda name: variables.get(name[1], name[0]), text)
