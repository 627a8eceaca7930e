"""Rung 7: the life of a release, by both helms on a small API server of our own (`fakeapi`)."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from chart import CHART, HELMS, NAMESPACE, RELEASE, TOOLS, values_file
from fakeapi.kinds import KINDS, Place
from fakeapi.server import running


class Cluster:
    """The server, with helm and kubectl that speak to it."""

    def __init__(self, helm: str, url: str, store, home: Path):
        self.helm_program, self.store, self.home = helm, store, home
        (home / "kubeconfig").write_text(
            f"apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: '{url}'}}}}]\n"
            "contexts: [{name: c, context: {cluster: c, user: u, namespace: default}}]\nusers: [{name: u, user: {}}]\n"
        )

    def run(self, *words: str) -> subprocess.CompletedProcess:
        environment = {
            "PATH": f"{TOOLS}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "KUBECONFIG": str(self.home / "kubeconfig"),
        }
        command = [str(TOOLS / words[0]), *words[1:]]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=90)

    def done(self, *words: str) -> str:
        ended = self.run(*words)
        assert ended.returncode == 0, f"{' '.join(words)}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def helm(self, *words: str) -> str:
        return self.done(self.helm_program, *words, "--namespace", NAMESPACE)

    def kubectl(self, *words: str) -> str:
        return self.done("kubectl", "--namespace", NAMESPACE, *words)

    def names(self, kind: str) -> list[str]:
        (found,) = [one for one in KINDS if one.kind == kind]
        return [item["metadata"]["name"] for item in self.store.items(Place(found, NAMESPACE, "", ""))]

    def deployment(self, name: str) -> dict:
        (found,) = [one for one in KINDS if one.kind == "Deployment"]
        return self.store.get(Place(found, NAMESPACE, name, ""))


@pytest.fixture(params=HELMS)
def cluster(request, tmp_path):
    with running() as (url, store):
        yield Cluster(request.param, url, store, tmp_path)


def test_a_release_is_installed_tested_upgraded_rolled_back_and_removed(cluster):
    case = ("--values", str(values_file("trial")))
    notes = cluster.helm("install", RELEASE, str(CHART), "--create-namespace", "--wait", "--timeout", "60s", *case)
    assert sorted(cluster.names("Deployment")) == ["tailor-coordinator", "tailor-worker-default"]
    assert cluster.names("Pod") == [], "the pod of `helm test` is not installed"
    _commands_of_notes_name_what_is_there(cluster, notes)

    tested = cluster.helm("test", RELEASE)
    assert re.search(r"Phase:\s+Succeeded", tested), tested
    assert cluster.names("Pod") == ["tailor-test"]
    assert "verified" in cluster.helm("test", RELEASE, "--logs")
    assert cluster.names("Pod") == ["tailor-test"], "the pod of an earlier run is replaced"

    before = cluster.deployment("tailor-coordinator")
    cluster.helm(
        "upgrade",
        RELEASE,
        str(CHART),
        *case,
        "--wait",
        "--timeout",
        "60s",
        "--set",
        "coordinator.settings.gc.interval=2h",
    )
    after = cluster.deployment("tailor-coordinator")
    digest = "tailor/settings-digest"
    assert _annotations(before)[digest] != _annotations(after)[digest]
    assert after["metadata"]["uid"] == before["metadata"]["uid"], "the deployment was changed, not made again"

    cluster.helm("rollback", RELEASE, "1", "--wait", "--timeout", "60s")
    assert _annotations(cluster.deployment("tailor-coordinator"))[digest] == _annotations(before)[digest]
    history = cluster.helm("history", RELEASE)
    assert "Rollback to 1" in history and len(history.strip().splitlines()) == 4, history

    cluster.helm("uninstall", RELEASE, "--wait", "--timeout", "60s")
    kinds = ("Deployment", "StatefulSet", "Service", "ConfigMap", "PodDisruptionBudget", "ServiceAccount", "ReplicaSet")
    assert {kind: cluster.names(kind) for kind in kinds} == {kind: [] for kind in kinds}


def pool(number: int, mode: str = "none") -> tuple[str, ...]:
    """Options for one pool called `a`."""
    options = f"pools[0].name=a,pools[0].replicas={number},pools[0].autoscaling.mode={mode}"
    return ("--values", str(values_file("trial")), "--set", options)


def replicas(cluster) -> int:
    return cluster.deployment("tailor-worker-a")["spec"]["replicas"]


def test_a_pool_that_something_else_scales_keeps_its_number_through_upgrades(cluster):
    case = pool(1, "external")
    cluster.helm("install", RELEASE, str(CHART), "--create-namespace", *case)
    cluster.kubectl("scale", "deployment/tailor-worker-a", "--replicas=7")
    cluster.helm("upgrade", RELEASE, str(CHART), *case, "--set", "workers.settings.lease.ttl=15s")
    cluster.kubectl("rollout", "status", "deployment/tailor-worker-a", "--timeout=20s")
    assert replicas(cluster) == 7


def test_a_number_that_was_set_by_hand_is_a_conflict_or_is_set_back(cluster):
    cluster.helm("install", RELEASE, str(CHART), "--create-namespace", *pool(2))
    cluster.kubectl("scale", "deployment/tailor-worker-a", "--replicas=5")
    upgrade = ("upgrade", RELEASE, str(CHART), *pool(2))
    if cluster.helm_program == "helm4":
        refused = cluster.run("helm4", *upgrade, "--namespace", NAMESPACE)
        assert refused.returncode != 0 and 'conflict with "kubectl": .spec.replicas' in refused.stderr, refused.stderr
        assert replicas(cluster) == 5
        # Either way out that helm/README.md names.
        cluster.helm("upgrade", RELEASE, str(CHART), *pool(5))
        assert replicas(cluster) == 5
        cluster.kubectl("scale", "deployment/tailor-worker-a", "--replicas=6")
        upgrade += ("--force-conflicts",)
    cluster.helm(*upgrade)
    assert replicas(cluster) == 2


def test_autoscaling_begins_with_one_worker_unless_somebody_owns_the_number_and_ends_with_that_of_the_values(cluster):
    """helm/README.md warns of it; if a later helm stops doing so, the warning can go."""
    cluster.helm("install", RELEASE, str(CHART), "--create-namespace", *pool(4))
    cluster.helm("upgrade", RELEASE, str(CHART), *pool(4, "external"))
    assert replicas(cluster) == 1
    cluster.helm("upgrade", RELEASE, str(CHART), *pool(4))
    assert replicas(cluster) == 4
    cluster.kubectl("scale", "deployment/tailor-worker-a", "--replicas=5")
    cluster.helm("upgrade", RELEASE, str(CHART), *pool(4, "external"))
    assert replicas(cluster) == (5 if cluster.helm_program == "helm4" else 1)


def test_autoscaling_ends_with_the_number_that_runs(cluster):
    cluster.helm("install", RELEASE, str(CHART), "--create-namespace", *pool(1, "external"))
    cluster.kubectl("scale", "deployment/tailor-worker-a", "--replicas=7")
    if cluster.helm_program == "helm4":
        refused = cluster.run("helm4", "upgrade", RELEASE, str(CHART), *pool(3), "--namespace", NAMESPACE)
        assert refused.returncode != 0 and 'conflict with "kubectl": .spec.replicas' in refused.stderr, refused.stderr
    cluster.helm("upgrade", RELEASE, str(CHART), *pool(7))
    assert replicas(cluster) == 7


def test_every_case_installs(cluster):
    for case in ("production", "secrets", "pools"):
        cluster.helm(
            "install",
            case,
            str(CHART),
            "--create-namespace",
            "--wait",
            "--timeout",
            "60s",
            "--values",
            str(values_file(case)),
        )
    assert cluster.names("CronJob") == ["metrics-schedule-hourly"]
    assert len(cluster.names("ScaledObject")) == 2 and len(cluster.names("HorizontalPodAutoscaler")) == 1


def _annotations(deployment: dict) -> dict:
    return deployment["spec"]["template"]["metadata"]["annotations"]


def _commands_of_notes_name_what_is_there(cluster, notes: str) -> None:
    commands = [
        line.strip() for line in notes.splitlines() if line.startswith("  ") and re.match(r"\s+(kubectl|helm) ", line)
    ]
    assert len(commands) == 4, notes
    for command in commands:
        assert f"--namespace {NAMESPACE}" in command
        for target in re.findall(r"exec deploy/(\S+)", command):
            assert target in cluster.names("Deployment")
    assert any(command.startswith(f"helm test {RELEASE}") for command in commands)
