"""The chart as pods of podman run it: rendered by helm for stores of this machine, under TLS with roles."""

import json
import os
import subprocess
from pathlib import Path

from .manifest import Release
from .podman import REPOSITORY

_TOOLS = REPOSITORY / ".cache/chart"
_TO_JSON = "import json, sys, yaml; json.dump([each for each in yaml.safe_load_all(sys.stdin) if each], sys.stdout)"

#: Cluster that certificates name.
_CLUSTER = "pods"
#: Secrets of certificates, by the role of their owner.
TLS_SECRETS = {role: f"tls-{role}" for role in ("coordinator", "worker", "operator")}
_STORE_KEYS = "store-keys"


def install_tools() -> None:
    """Installs helm, and the Python that reads what it renders, unless they are there."""
    subprocess.run([REPOSITORY / "scripts/chart-tools.sh"], check=True)


def render(bucket: str, stores: dict[str, str], coordinator: dict, pool: dict, is_debug: bool = False) -> Release:
    """Renders a release with one pool.

    `stores` has the variables by which programs find etcd and S3; `coordinator` and `pool` are values of the chart.
    """
    values = {
        "roots": [f"{bucket}/"],
        "image": {"debug": is_debug},
        "etcd": {"endpoints": stores["TAILOR_ETCD_ENDPOINTS"].split(",")},
        "s3": {
            "endpoint": stores["AWS_ENDPOINT_URL"],
            "region": stores["AWS_REGION"],
            "existingSecret": _STORE_KEYS,
        },
        "tls": {"cluster": _CLUSTER, "certManager": {"enabled": False}, "existingSecrets": TLS_SECRETS},
        "coordinator": coordinator,
        "pools": [{"name": "default", **pool}],
    }
    keys = {name: stores[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    helm = [_TOOLS / "bin/helm4", "template", "tailor", REPOSITORY / "helm/tailor", "--values", "-"]
    objects = _output([_TOOLS / "venv/bin/python", "-c", _TO_JSON], _output(helm, json.dumps(values)))
    return Release(json.loads(objects), {_STORE_KEYS: keys})


def _output(line: list[str | Path], text: str = "", **variables: str) -> str:
    """Runs a program with text as its input, and returns what it wrote."""
    ended = subprocess.run(line, input=text, env={**os.environ, **variables}, capture_output=True, text=True)
    if ended.returncode != 0:
        raise OSError(f"{line[0]} ended with {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout


def memory(quantity: str) -> dict:
    """Returns resources with that much memory as request and as limit."""
    return {"requests": {"memory": quantity}, "limits": {"memory": quantity}}


class Certificates:
    """An authority of one cluster's own, and a certificate for each role."""

    def __init__(self, folder: Path):
        self._folder = folder

    def make(self, until: str = "") -> dict[str, dict[str, str]]:
        """Makes new certificates, which end in 30 days or at `until` (`YYMMDDHHMMSSZ`); returns Secrets by name."""
        owners = [f"{role}/{role}" for role in TLS_SECRETS]
        hosts = "DNS:tailor-coordinator,DNS:tailor-coordinators"
        script = [REPOSITORY / "scripts/certificates.sh", self._folder, _CLUSTER, *owners]
        _output(script, HOSTS=hosts, UNTIL=until)
        return {secret: self._files(role) for role, secret in TLS_SECRETS.items()}

    def _files(self, owner: str) -> dict[str, str]:
        files = {"ca.crt": "ca.crt", "tls.crt": f"{owner}.crt", "tls.key": f"{owner}.key"}
        return {key: (self._folder / file).read_text() for key, file in files.items()}
