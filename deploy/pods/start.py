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
    words = ["run", "--detach", "--name", container(namespace, pod.name), "--ip", pod.ip]
    words += ["--label", f"tailor.namespace={namespace}", "--label", f"tailor.pod={pod.name}"]
    for service in workload.services:
        words += ["--network-alias", service]
    podman.run(*words, *_line(namespace, pod.name, pod.ip, workload, home))


def run(namespace: str, pod: str, workload: Workload, home: Path) -> str:
    """Runs the container of a pod to its end, and returns its output; an exit code but 0 is an error."""
    return podman.run("run", "--rm", *_line(namespace, pod, "", workload, home), timeout=workload.ends_within_s)


def _line(namespace: str, pod: str, ip: str, workload: Workload, home: Path) -> list[str]:
    """Options, image and arguments of a pod's container."""
    words = ["--hostname", pod, "--network", namespace, "--user", _USER]
    words += ["--read-only", "--read-only-tmpfs=false", "--cap-drop=all"]
    words += ["--security-opt=no-new-privileges", f"--memory={workload.memory}", f"--memory-swap={workload.memory}"]
    if workload.shares_processes:
        words.append("--init")
    for path in workload.empty_dirs:
        words += ["--volume", f"{_empty_dir(home / pod, path)}:{path}"]
    for path, text in workload.files.items():
        words += ["--volume", f"{_file(home / workload.template, path, text)}:{path}:ro"]
    # A folder, not its files: what is put in place of a file shows in a running container.
    for path, secret in workload.secrets.items():
        words += ["--volume", f"{secret_folder(home, secret)}:{path}:ro"]
    variables = {"POD_NAME": pod, "POD_IP": ip}
    for name, value in workload.environment.items():
        variables[name] = expand(value, variables)
        words += ["--env", f"{name}={variables[name]}"]
    return [*words, workload.image, *(expand(word, variables) for word in workload.args)]


def secret_folder(home: Path, secret: str) -> Path:
    """Folder with the files of a Secret, which all pods that mount it share."""
    return home / "secrets" / secret


def _empty_dir(home: Path, path: str) -> Path:
    """Makes a folder as a kubelet does: everybody may write to it, and it outlives restarts of the container."""
    folder = home / path.strip("/").replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return folder


def _file(home: Path, path: str, text: str) -> Path:
    """Writes a file that is mounted; pods of one template share it."""
    file = home / path.strip("/").replace("/", "-")
    home.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o644)
    return file
