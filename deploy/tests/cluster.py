"""A cluster of pods for the tests: two coordinators, three workers, etcd and S3 beside them, and an operator."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gameday import metrics

from pods import podman, tailor
from pods.namespace import Namespace
from pods.state import Pod

from .stores import Stores

#: etcd waits for the disk with each write, and images that were just built keep a disk busy for long.
_HOME = Path("/dev/shm") if Path("/dev/shm").is_dir() else podman.REPOSITORY / "target/deploy"
_KUBECTL = podman.REPOSITORY / "deploy/bin/kubectl"

Found = TypeVar("Found")


class Cluster:
    """Everything is this cluster's own: network, pods, servers, bucket."""

    def __init__(self) -> None:
        tailor.build()
        self.namespace = Namespace(f"tailor-{os.getpid()}")
        self._home = _HOME / self.namespace.name
        self._home.mkdir(parents=True)
        gateway = self.namespace.create(tailor.image(is_debug=True))
        try:
            self.stores = Stores(gateway, self._home)
            self.namespace.apply(self.coordinators())
            self.namespace.apply(self.workers())
        except BaseException:
            self.stop()
            raise
        self.input = f"{self.stores.bucket}/segments"
        self.tailor("gen", "--out", self.input, *"--points 400000 --orgs 4 --partitions 6 --big-share 0".split())

    def stop(self) -> None:
        """Removes the pods, then ends the servers."""
        self.namespace.remove()
        if hasattr(self, "stores"):
            self.stores.stop()
        shutil.rmtree(self._home)

    # Workloads.

    def coordinators(self, **differences):
        """Two coordinators."""
        return tailor.coordinator(self.stores.variables, args=("--lease-ttl", "5s"), **differences)

    def workers(self, **differences):
        """Three workers of one slot, with the lease of a release: a shorter one may be lost on a busy machine."""
        return tailor.worker(self.stores.variables, **{"replicas": 3} | differences)

    # The operator.

    def tailor(self, *words: str, expect: int = 0) -> str:
        """Runs a command in a container of its own, which finds the coordinators by the name of their service."""
        variables = {"TAILOR_COORDINATORS": f"http://tailor-coordinator:{tailor.GRPC}", **self.stores.s3}
        environment = [f"--env={name}={value}" for name, value in variables.items()]
        ended = podman.call("run", "--rm", "--network", self.namespace.name, "--read-only", "--cap-drop=all",
                            "--user=10001:10001", *environment, tailor.image(), *words, timeout=300)  # fmt: skip
        if ended.returncode != expect:
            raise AssertionError(f"tailor {' '.join(words)}\n{ended.returncode}\n{ended.stdout}{ended.stderr}")
        return ended.stdout

    def ask(self, *words: str) -> dict:
        """Runs a command and returns its JSON."""
        return json.loads(self.tailor(*words, "-o", "json"))

    def kubectl(self, *words: str) -> str:
        """Runs our kubectl as a program."""
        line = [_KUBECTL, "-n", self.namespace.name, *words]
        return subprocess.run(line, check=True, capture_output=True, text=True, timeout=180).stdout

    def submit(self, job: str, pace_s: float = 0.0) -> str:
        """Submits a job of some 150 tasks, whose requests to S3 wait so long each; returns its dataset."""
        self.stores.weather.pace_s = pace_s
        dataset = f"{self.stores.bucket}/datasets/{job}"
        options = "--split-size 48KiB --partition-size 48KiB --rollup 5m".split()
        self.tailor("job", "submit", "--job", job, "--input", self.input, "--dataset", dataset, *options)
        return dataset

    def end(self, job: str) -> dict:
        """Waits until a job is done, without any further delay; returns it."""
        self.stores.weather.pace_s = 0.0
        self.tailor("job", "wait", job)
        return self.ask("job", "get", job)

    def verify(self, dataset: str) -> None:
        """Reads the input a second time and compares."""
        self.tailor("dataset", "verify", dataset, "--level", "oracle", "--input", self.input)

    # Looking.

    def metric(self, name: str, component: str) -> float:
        """The sum of a metric over the pods of a component."""
        found = [metrics.scrape(f"http://{pod.ip}:{pod.ports['http']}/metrics") for pod in self.pods(component)]
        return sum(metrics.total(each, name) for each in found if each is not None)

    def pods(self, component: str) -> list[Pod]:
        """Pods of a component that stay, after settling."""
        return [pod for pod in self.namespace.pods(component) if not pod.is_leaving]

    def leader(self) -> Pod | None:
        """The coordinator whose metrics say that it leads."""
        for pod in self.pods("coordinator"):
            found = metrics.scrape(f"http://{pod.ip}:{pod.ports['http']}/metrics")
            if found is not None and metrics.total(found, "tailor_is_leader") == 1:
                return pod
        return None

    def busy_worker(self, job: str) -> Pod:
        """Waits for a worker that computes a task of the job; returns its pod."""

        def busy() -> Pod | None:
            running = self.ask("task", "list", "--job", job, "--state", "running")["tasks"]
            names = {each["worker_name"] for task in running for each in task["running"]}
            return next((pod for pod in self.pods("worker") if pod.name in names), None)

        return wait_for("a busy worker", 30, busy)


def wait_for(what: str, limit_s: float, ask: Callable[[], Found | None]) -> Found:
    """Asks again and again until there is an answer that is true."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if found := ask():
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {limit_s:.0f} s")


def tasks(job: dict) -> int:
    """Tasks of a job."""
    return sum(shard["map_tasks"] + shard["partitions"] for shard in job["shards"])


def attempts_again(job: dict) -> int:
    """Attempts beyond the number of tasks."""
    return sum(shard["attempts"] for shard in job["shards"]) - tasks(job)
