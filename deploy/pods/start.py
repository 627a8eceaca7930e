"""Starts the container of a pod, with all that the "restricted" security standard of Kubernetes asks for."""

from pathlib import Path

from . import podman
from .state import Pod
from .workload import Workload, expand

_USER = "10001:10001"


def container(namespace: str, pod: str) -> str:
    """Name of the pod's container."""
    return f"{namespace}.{pod}"


def start(namespace: str, pod: Pod, workload: Workload, home: Path) -> None:
    """Creates and starts the container of a pod."""
    words = ["run", "--detach", "--name", container(namespace, pod.name), "--hostname", pod.name]
    words += ["--network", namespace, "--ip", pod.ip]
    for service in workload.services:
        words += ["--network-alias", service]
    words += ["--user", _USER, "--read-only", "--read-only-tmpfs=false", "--cap-drop=all"]
    words += ["--security-opt=no-new-privileges", f"--memory={workload.memory}", f"--memory-swap={workload.memory}"]
    words += ["--label", f"tailor.namespace={namespace}", "--label", f"tailor.pod={pod.name}"]
    if workload.shares_processes:
        words.append("--init")
    for path in workload.empty_dirs:
        words += ["--volume", f"{_empty_dir(home / pod.name, path)}:{path}"]
    for path, text in workload.files.items():
        words += ["--volume", f"{_file(home / pod.template, path, text)}:{path}:ro"]
    for name, value in workload.environment.items():
        words += ["--env", f"{name}={expand(value, pod.name, pod.ip)}"]
    podman.run(*words, workload.image, *(expand(word, pod.name, pod.ip) for word in workload.args))


def _empty_dir(home: Path, path: str) -> Path:
    """Makes a folder as a kubelet does: everybody may write to it, and it outlives restarts of the container."""
    folder = home / path.strip("/").replace("/", "-")
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    return folder


def _file(home: Path, path: str, text: str) -> Path:
    """Writes a file that is mounted; pods of one template share it."""
    file = home / path.strip("/").replace("/", "-")
    home.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o644)
    return file
