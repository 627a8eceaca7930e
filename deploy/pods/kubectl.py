"""A kubectl that acts on a namespace of podman's containers: the commands that game days and runbooks use.

    get pods [-l KEY=VALUE] [-o json|name]      get pod NAME -o json      get --raw PATH (metrics of a pod)
    exec POD|deploy/NAME -- COMMAND...          logs POD [--since-time=T]
    delete pod NAME [--grace-period=N] [--force] [--wait=false] [--ignore-not-found]
    scale deploy/NAME --replicas=N              rollout restart deploy/NAME

Every other command is refused.
"""

import argparse
import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from . import podman, state
from .namespace import Namespace, NotThere, fetch, is_ready
from .state import Pod

_RAW = re.compile(r"/api/v1/namespaces/([^/]+)/pods/(https:)?([^/:]+):(\d+)/proxy(/.*)")


def main(words: list[str]) -> int:
    """Runs one command; failures are told as kubectl tells them."""
    words, _, inside = _split(words)
    options = _parser().parse_args(words)
    namespace = Namespace(options.namespace)
    try:
        return options.do(namespace, options, inside)
    except NotThere as error:
        print(f"Error from server (NotFound): {error}", file=sys.stderr)
    except (podman.PodmanFailed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
    return 1


def _split(words: list[str]) -> tuple[list[str], str, list[str]]:
    at = words.index("--") if "--" in words else len(words)
    return words[:at], "--", words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("kubectl", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("-n", "--namespace", default="default")
    verbs = parser.add_subparsers(required=True)
    get = _verb(verbs, "get", _get)
    get.add_argument("words", nargs="*")
    get.add_argument("--raw")
    get.add_argument("-l", "--selector", default="")
    get.add_argument("-o", "--output", choices=["json", "name"], default="name")
    _verb(verbs, "exec", _exec).add_argument("target")
    logs = _verb(verbs, "logs", _logs)
    logs.add_argument("pod")
    logs.add_argument("--since-time")
    delete = _verb(verbs, "delete", _delete)
    delete.add_argument("words", nargs=2, metavar=("pod", "NAME"))
    delete.add_argument("--grace-period", type=int)
    delete.add_argument("--force", action="store_true")
    delete.add_argument("--wait", choices=["true", "false"], default="true")
    delete.add_argument("--ignore-not-found", action="store_true")
    scale = _verb(verbs, "scale", _scale)
    scale.add_argument("target")
    scale.add_argument("--replicas", type=int, required=True)
    rollout = _verb(verbs, "rollout", _rollout)
    rollout.add_argument("verb", choices=["restart"])
    rollout.add_argument("target")
    return parser


def _verb(verbs, name: str, do) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, allow_abbrev=False)
    parser.set_defaults(do=do)
    return parser


def _get(namespace: Namespace, options: argparse.Namespace, _: list[str]) -> int:
    if options.raw:
        return _raw(options.raw)
    kind, *names = options.words
    if kind not in ("pod", "pods"):
        raise NotThere(f"the server doesn't have a resource type \"{kind}\"")
    wanted = dict(pair.split("=", 1) for pair in options.selector.split(",") if pair)
    pods = [pod for pod in namespace.pods() if wanted.items() <= pod.labels.items()]
    if names:
        pods = [pod for pod in pods if pod.name == names[0]]
        if not pods:
            raise NotThere(f'pods "{names[0]}" not found')
    if options.output == "name":
        print(*(f"pod/{pod.name}" for pod in pods), sep="\n")
        return 0
    # Each is asked whether it is ready, which takes a handshake of TLS.
    with ThreadPoolExecutor() as threads:
        items = list(threads.map(_document, pods))
    print(json.dumps(items[0] if names else {"kind": "List", "items": items}))
    return 0


def _document(pod: Pod) -> dict:
    """Describes a pod in the fields of Kubernetes that are known here."""
    created = datetime.fromtimestamp(pod.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {"name": pod.name, "labels": pod.labels, "creationTimestamp": created}
    if pod.is_leaving:
        metadata["deletionTimestamp"] = created
    probe = {"httpGet": {"path": "/readyz", "port": "http", "scheme": pod.scheme.upper()}}
    last = {"terminated": {"exitCode": pod.exits[-1]}} if pod.exits else {}
    status = {"name": "tailor", "ready": is_ready(pod), "restartCount": len(pod.exits), "lastState": last}
    return {
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "tailor", "readinessProbe": probe}]},
        "status": {"podIP": pod.ip, "phase": "Running", "containerStatuses": [status]},
    }


def _raw(path: str) -> int:
    match = _RAW.fullmatch(path)
    if match is None:
        raise NotThere("the server could not find the requested resource")
    namespace, scheme, name, port, rest = match.groups()
    pod = Namespace(namespace).pod(name)
    sys.stdout.write(fetch(f"{scheme or 'http:'}//{pod.ip}:{port}{rest}", timeout=5))
    return 0


def _exec(namespace: Namespace, options: argparse.Namespace, inside: list[str]) -> int:
    line = namespace.exec(_pod_of(namespace, options.target), *inside)
    os.execvpe(line[0], line, podman.environment())


def _pod_of(namespace: Namespace, target: str) -> str:
    """The pod that is meant: by its own name, or the first one of a deployment."""
    if "/" not in target:
        return namespace.pod(target).name
    pods = state.read(namespace.name).of(_workload(target))
    if not pods:
        raise NotThere(f"no pod of {target}")
    return next((pod.name for pod in pods if is_ready(pod)), pods[0].name)


def _workload(target: str) -> str:
    kind, _, name = target.partition("/")
    if kind not in ("deploy", "deployment", "deployments"):
        raise NotThere(f'the server doesn\'t have a resource type "{kind}"')
    return name


def _logs(namespace: Namespace, options: argparse.Namespace, _: list[str]) -> int:
    pod = namespace.pod(options.pod).name
    sys.stdout.write(namespace.logs(pod, *(["--since", options.since_time] if options.since_time else [])))
    return 0


def _delete(namespace: Namespace, options: argparse.Namespace, _: list[str]) -> int:
    kind, name = options.words
    if kind not in ("pod", "pods"):
        raise NotThere(f'the server doesn\'t have a resource type "{kind}"')
    if options.grace_period == 0 and not options.force:
        raise OSError("--grace-period=0 must be used with --force")
    try:
        namespace.delete(name, options.grace_period, waits=options.wait == "true")
    except NotThere:
        if not options.ignore_not_found:
            raise
        return 0
    print(f'pod "{name}" deleted')
    return 0


def _scale(namespace: Namespace, options: argparse.Namespace, _: list[str]) -> int:
    namespace.scale(_workload(options.target), options.replicas)
    print(f"{options.target} scaled")
    return 0


def _rollout(namespace: Namespace, options: argparse.Namespace, _: list[str]) -> int:
    namespace.restart(_workload(options.target))
    print(f"{options.target} restarted")
    return 0
