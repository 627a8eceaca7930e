"""A cluster of pods for the tests: a release of the chart, etcd and S3 beside it, and an operator."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from gameday import metrics

from pods import chart, podman, tailor
from pods.namespace import Namespace, fetch
from pods.state import Pod
from pods.workload import Workload

from .stores import Stores

#: etcd waits for the disk with each write, and images that were just built keep a disk busy for long.
_HOME = Path("/dev/shm") if Path("/dev/shm").is_dir() else podman.REPOSITORY / "target/deploy"
_LOGS = podman.REPOSITORY / "target/deploy/logs"
_KUBECTL = podman.REPOSITORY / "deploy/bin/kubectl"

#: Longest run of a command, the wait for a job included: on a machine that also compiles, jobs take minutes.
_COMMAND_LIMIT_S = 600.0

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
            self._certificates = chart.Certificates(self._home / "tls")
            self.rotate()
            self.namespace.apply(self.coordinators())
            self.namespace.apply(self.workers())
        except BaseException:
            self.stop()
            raise
        self.input = f"{self.stores.bucket}/segments"
        self.tailor("gen", "--out", self.input, *"--points 400000 --orgs 4 --partitions 6 --big-share 0".split())

    def stop(self) -> None:
        """Keeps the logs of the pods, removes them, then ends the servers, whatever became of the pods."""
        try:
            self.namespace.keep_logs(_LOGS / self.namespace.name)
            self.namespace.remove()
        finally:
            if hasattr(self, "stores"):
                self.stores.stop()
            shutil.rmtree(self._home)

    # Workloads and Secrets.

    def coordinators(self) -> Workload:
        """Two coordinators, as the chart has them."""
        return self._workload("coordinator", slots=1)

    def workers(self, slots: int = 1, **differences) -> Workload:
        """Three workers, as the chart has them but for the differences."""
        return replace(self._workload("worker", slots), **differences)

    def steps_of_test(self) -> list[Workload]:
        """Containers of the pod that `helm test` runs."""
        return self._release(slots=1).steps("tailor-test", tailor.image())

    def rotate(self, until: str = "") -> None:
        """Puts new certificates in the place of the old ones; they end in 30 days, or at `until` (`YYMMDDHHMMSSZ`)."""
        for name, texts in self._certificates.make(until).items():
            self.namespace.put_secret(name, texts)

    def _workload(self, component: str, slots: int) -> Workload:
        workloads = self._release(slots).workloads(tailor.image())
        return next(each for each in workloads if each.component == component)

    @cache  # noqa: B019 - a cluster lives as long as the tests of its class
    def _release(self, slots: int):
        memory = chart.memory("256Mi")
        coordinator = {"replicas": 2, "settings": {"lease": {"ttl": "5s"}}, "resources": memory}
        # The lease of workers is that of a release: a shorter one may be lost on a busy machine.
        pool = {"replicas": 3, "settings": {"slots": slots, "memory": "64MiB"}, "resources": memory}
        return chart.render(self.stores.bucket, self.stores.variables, coordinator, pool)

    # The operator.

    def tailor(self, *words: str, expect: int = 0) -> str:
        """Runs a command in a container of its own, which finds the coordinators by the name of their service."""
        variables = {
            "TAILOR_COORDINATORS": f"https://tailor-coordinator:{tailor.GRPC}",
            "TAILOR_TLS_CA": "/tls/ca.crt",
            "TAILOR_TLS_CERT": "/tls/tls.crt",
            "TAILOR_TLS_KEY": "/tls/tls.key",
            **self.stores.s3,
        }
        environment = [f"--env={name}={value}" for name, value in variables.items()]
        ended = podman.call("run", "--rm", "--network", self.namespace.name, "--read-only", "--cap-drop=all",
                            "--volume", f"{self.namespace.secret(chart.TLS_SECRETS['operator'])}:/tls:ro",
                            "--user=10001:10001", *environment, tailor.image(), *words, timeout=_COMMAND_LIMIT_S)  # fmt: skip
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
        return sum(metrics.total(self._metrics_of(pod), name) for pod in self.pods(component))

    def certificates_end(self) -> float:
        """Time at which the first of the certificates ends that the pods use."""
        name = 'tailor_certificate_expires_timestamp_seconds{certificate="own"}'
        pods = [*self.pods("coordinator"), *self.pods("worker")]
        return min(metrics.total(self._metrics_of(pod), name) for pod in pods)

    @staticmethod
    def _metrics_of(pod: Pod) -> metrics.Metrics:
        """Metrics of a pod; none if it does not answer."""
        try:
            return metrics.parse(fetch(f"{pod.scheme}://{pod.ip}:{pod.ports['http']}/metrics", timeout=2))
        except OSError:
            return {}

    def pods(self, component: str) -> list[Pod]:
        """Pods of a component that stay, after settling."""
        return [pod for pod in self.namespace.pods(component) if not pod.is_leaving]

    def leader(self) -> Pod | None:
        """The coordinator whose metrics say that it leads."""
        for pod in self.pods("coordinator"):
            if metrics.total(self._metrics_of(pod), "tailor_is_leader") == 1:
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
