"""The chart as the pods of the tests run it: rendered by helm for the stores of a test, under TLS with roles."""

import json
import os
import subprocess
from pathlib import Path

from pods.manifest import Release
from pods.podman import REPOSITORY

from .stores import Stores

_TOOLS = REPOSITORY / ".cache/chart"
_TO_JSON = "import json, sys, yaml; json.dump([each for each in yaml.safe_load_all(sys.stdin) if each], sys.stdout)"

#: Cluster that certificates name.
_CLUSTER = "pods"
#: Secrets of certificates, by the role of their owner.
TLS_SECRETS = {role: f"tls-{role}" for role in ("coordinator", "worker", "operator")}


def render(stores: Stores, slots: int) -> Release:
    """Renders a release of two coordinators, and three workers of so many slots."""
    memory = {"requests": {"memory": "256Mi"}, "limits": {"memory": "256Mi"}}
    values = {
        "roots": [f"{stores.bucket}/"],
        "etcd": {"endpoints": [stores.variables["TAILOR_ETCD_ENDPOINTS"]]},
        "s3": {
            "endpoint": stores.s3["AWS_ENDPOINT_URL"],
            "region": stores.s3["AWS_REGION"],
            "existingSecret": "store-keys",
        },
        "tls": {"cluster": _CLUSTER, "certManager": {"enabled": False}, "existingSecrets": TLS_SECRETS},
        "coordinator": {"replicas": 2, "settings": {"lease": {"ttl": "5s"}}, "resources": memory},
        # The lease is that of a release: a shorter one may be lost on a busy machine.
        "pools": [
            {"name": "default", "replicas": 3, "settings": {"slots": slots, "memory": "64MiB"}, "resources": memory}
        ],
    }
    keys = {name: stores.s3[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    helm = [_TOOLS / "bin/helm4", "template", "tailor", REPOSITORY / "helm/tailor", "--values", "-"]
    rendered = subprocess.run(helm, input=json.dumps(values), check=True, capture_output=True, text=True).stdout
    to_json = [_TOOLS / "venv/bin/python", "-c", _TO_JSON]
    objects = subprocess.run(to_json, input=rendered, check=True, capture_output=True, text=True).stdout
    return Release(json.loads(objects), {"store-keys": keys})


class Certificates:
    """An authority of the test's own, and a certificate for each role."""

    def __init__(self, folder: Path):
        self._folder = folder

    def make(self, until: str = "") -> dict[str, dict[str, str]]:
        """Makes new certificates, which end in 30 days or at `until` (`YYMMDDHHMMSSZ`); returns Secrets by name."""
        owners = [f"{role}/{role}" for role in TLS_SECRETS]
        hosts = "DNS:tailor-coordinator,DNS:tailor-coordinators"
        script = [REPOSITORY / "scripts/certificates.sh", self._folder, _CLUSTER, *owners]
        subprocess.run(script, env={**os.environ, "HOSTS": hosts, "UNTIL": until}, check=True)
        return {secret: self._files(role) for role, secret in TLS_SECRETS.items()}

    def _files(self, owner: str) -> dict[str, str]:
        files = {"ca.crt": "ca.crt", "tls.crt": f"{owner}.crt", "tls.key": f"{owner}.key"}
        return {key: (self._folder / file).read_text() for key, file in files.items()}
