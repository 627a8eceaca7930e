"""The pods of game days: a small table, in the shape of the chart's Deployments; and the names of the image."""

import re
import subprocess

from . import podman
from .workload import Workload

#: Ports of both servers, as the chart has them.
GRPC, COORDINATOR_HTTP, WORKER_HTTP = 7070, 7080, 7081

_SERVICE = "tailor-coordinator"

#: Game days are about other doors than identities, and reach the servers from outside the pods.
_COMMON = {"TAILOR_NAME": "$(POD_NAME)", "TAILOR_INSECURE": "true"}


def version() -> str:
    """Version of the workspace, which is the image's tag."""
    manifest = (podman.REPOSITORY / "Cargo.toml").read_text()
    return re.search(r'^version = "(.*)"', manifest, re.MULTILINE)[1]


def image(is_debug: bool = False) -> str:
    """Name of the image that `deploy/image.sh build` made."""
    return f"localhost/tailor:{version()}{'-debug' if is_debug else ''}"


def coordinator(stores: dict[str, str], replicas: int = 2, args: tuple[str, ...] = (), **differences) -> Workload:
    """A coordinator: one leads, the others stand by; each under a URL of its own."""
    settings = {
        "TAILOR_GRPC_LISTEN": f"0.0.0.0:{GRPC}",
        "TAILOR_GRPC_ADVERTISE": f"http://$(POD_IP):{GRPC}",
        "TAILOR_HTTP_LISTEN": f"0.0.0.0:{COORDINATOR_HTTP}",
    }
    return Workload(
        **{
            "name": _SERVICE,
            "component": "coordinator",
            "replicas": replicas,
            "args": ["coordinator", *args],
            "environment": {**_COMMON, **settings, **stores},
            "ports": {"grpc": GRPC, "http": COORDINATOR_HTTP},
            "memory": "256m",
            "empty_dirs": ["/tmp"],
            "services": [_SERVICE],
            "image": image(),
        }
        | differences
    )


def worker(stores: dict[str, str], replicas: int = 2, args: tuple[str, ...] = (), **differences) -> Workload:
    """A pool of workers of one slot."""
    settings = {
        "TAILOR_COORDINATORS": f"http://{_SERVICE}:{GRPC}",
        "TAILOR_HTTP_LISTEN": f"0.0.0.0:{WORKER_HTTP}",
        "TAILOR_SLOTS": "1",
        "TAILOR_MEMORY": "64MiB",
        # Everybody may write to an `emptyDir`, so the worker makes a folder inside it for itself alone.
        "TAILOR_SCRATCH_DIR": "/scratch/tailor",
    }
    return Workload(
        **{
            "name": "tailor-worker",
            "component": "worker",
            "replicas": replicas,
            "args": ["worker", *args],
            "environment": {**_COMMON, **settings, **stores},
            "ports": {"http": WORKER_HTTP},
            "memory": "256m",
            "empty_dirs": ["/scratch"],
            "image": image(),
        }
        | differences
    )


def build() -> None:
    """Builds the image if it is not there."""
    if podman.call("image", "exists", image(is_debug=True)).returncode != 0:
        subprocess.run([podman.REPOSITORY / "deploy/image.sh", "build"], check=True)
