"""Faults through kubectl, with a kubectl of our own that writes down what it was asked; and the manifests for Chaos
Mesh.

No Kubernetes is needed or asked here.
"""

import json
import os
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from gameday import chaosmesh, faults, scenario
from gameday.kubernetes import KubernetesSite
from gameday.scenario import Workload

HERE = Path(__file__).parent
SCENARIOS = HERE.parent / "scenarios"


def pods(*names: str, scheme: str = "HTTPS") -> dict:
    """A list of pods, each with a container of somebody else's before Tailor's."""
    tailor = {"name": "tailor", "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http", "scheme": scheme}}}
    spec = {"containers": [{"name": "proxy"}, tailor]}
    return {"items": [{"metadata": {"name": name}, "spec": spec} for name in names]}


KUBECTL = """#!/bin/sh
echo "$*" >> "$ASKED"
case "$*" in
  *"get pods"*) cat "$PODS";;
  *"get pod "*) echo '{"status": {"containerStatuses": [{"name": "proxy", "lastState": {}},
    {"name": "tailor", "lastState": {"terminated": {"exitCode": 137}}}]}}';;
  *"get --raw"*) echo 'tailor_is_leader 1';;
esac
"""


class Lab:
    """As much of a lab as a site asks for at its start."""

    def input(self, workload: Workload, owner: str) -> str:
        return "s3://bucket/in"

    def uri(self, key: str) -> str:
        return f"s3://bucket/{key}"


class Kubernetes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        (self.home / "kubectl").write_text(KUBECTL)
        (self.home / "kubectl").chmod(0o755)
        self.replace_pods("tailor-worker-a", "tailor-worker-b")
        (self.home / "asked").touch()
        variables = {
            "PATH": f"{self.home}:{os.environ['PATH']}",
            "ASKED": str(self.home / "asked"),
            "PODS": str(self.home / "pods.json"),
        }
        environment = mock.patch.dict(os.environ, variables)
        environment.start()
        self.addCleanup(environment.stop)

    def replace_pods(self, *names: str, scheme: str = "HTTPS") -> None:
        (self.home / "pods.json").write_text(json.dumps(pods(*names, scheme=scheme)))

    def site(self, name: str) -> KubernetesSite:
        return KubernetesSite(scenario.load(SCENARIOS / f"{name}.toml"), Lab(), self.home, "metrics")

    def asked(self) -> list[str]:
        return [line for line in (self.home / "asked").read_text().splitlines() if "get pods" not in line]

    def test_a_kill_deletes_the_pod_at_once(self):
        faults.parse("kill -9 w2").perform(self.site("01-worker-killed-in-map"))
        delete = "delete pod tailor-worker-b --grace-period=0 --force --wait=false --ignore-not-found"
        self.assertEqual(self.asked(), [f"-n metrics {delete}"])

    def test_a_stop_is_a_signal_inside_the_pod_and_is_taken_back(self):
        undo = faults.parse("kill -STOP w1").perform(self.site("03-zombie-returns-late"))
        undo()
        self.assertEqual(
            self.asked(),
            [
                "-n metrics exec tailor-worker-a -- sh -c kill -STOP $(pidof tailor)",
                "-n metrics exec tailor-worker-a -- sh -c kill -CONT $(pidof tailor)",
            ],
        )

    def test_a_pod_that_takes_another_s_place_is_the_next_worker(self):
        site = self.site("01-worker-killed-in-map")
        self.assertEqual(site.named("workers"), ["w1", "w2"])
        self.replace_pods("tailor-worker-b", "tailor-worker-c")
        self.assertEqual(site.named("workers"), ["w2", "w3"])

    def test_a_pod_takes_the_name_of_the_one_that_a_step_starts_again(self):
        site = self.site("35-workers-die-all-along")
        self.assertEqual(site.named("workers"), ["w1", "w2"])
        site.topology = replace(site.topology, workers=2)
        self.replace_pods("tailor-worker-b", "tailor-worker-c")
        self.assertEqual(site.named("workers"), ["w2"])
        site.start("w1")
        self.assertEqual(sorted(site.named("workers")), ["w1", "w2"])
        self.assertEqual(site.worker_name("w1"), "tailor-worker-c")

    def test_all_workers_are_killed_by_scaling_to_nothing_and_come_back(self):
        self.replace_pods("tailor-worker-5d4c-abcde", "tailor-worker-5d4c-fghjk")
        site = self.site("36-no-worker-left")
        undo = faults.parse("kill -9 workers").perform(site)
        self.replace_pods("tailor-worker-5d4c-mnpqr", "tailor-worker-5d4c-stvwx")
        undo()
        self.assertEqual(
            [line.removeprefix("-n metrics ").split(" --grace")[0] for line in self.asked()],
            [
                "scale deploy/tailor-worker --replicas=0",
                "delete pod tailor-worker-5d4c-abcde",
                "delete pod tailor-worker-5d4c-fghjk",
                "scale deploy/tailor-worker --replicas=2",
            ],
        )
        self.assertEqual(site.worker_name("w2"), "tailor-worker-5d4c-stvwx")

    def test_workers_that_were_scaled_to_nothing_are_started_by_a_step_of_its_own(self):
        self.replace_pods("tailor-worker-5d4c-abcde", "tailor-worker-5d4c-fghjk")
        site = self.site("36-no-worker-left")
        faults.parse("kill -9 workers").perform(site)
        self.replace_pods()
        self.assertEqual(site.named("workers"), [])
        with mock.patch("gameday.kubernetes.until", return_value="tailor-worker-5d4c-mnpqr"):
            faults.parse("start workers").perform(site)
        self.assertIn("-n metrics scale deploy/tailor-worker --replicas=2", self.asked())

    def test_the_exit_code_is_that_of_the_container_that_ended_last(self):
        self.assertEqual(self.site("01-worker-killed-in-map").exit_of("w1"), 137)

    def test_metrics_come_through_the_api_server(self):
        self.assertEqual(self.site("01-worker-killed-in-map").leader(), "c1")
        pods = "-n metrics get --raw /api/v1/namespaces/metrics/pods"
        self.assertIn(f"{pods}/https:tailor-worker-a:7080/proxy/metrics", self.asked())
        self.replace_pods("tailor-worker-a", scheme="HTTP")
        self.assertEqual(self.site("01-worker-killed-in-map").leader(), "c1")
        self.assertEqual(self.asked()[-1], f"{pods}/tailor-worker-a:7080/proxy/metrics")

    def test_a_scenario_that_kubectl_cannot_do_is_refused_with_the_step(self):
        with self.assertRaisesRegex(faults.NotHere, "kubectl cannot do `blackhole etcd`"):
            self.site("14-etcd-away-for-a-minute")

    def test_a_scenario_with_two_releases_is_refused(self):
        for name in ("59-rollback-of-an-upgrade", "61-previous-workers"):
            with self.assertRaisesRegex(faults.NotHere, "replace workers by previous|previous release"):
                self.site(name)


class ChaosMesh(unittest.TestCase):
    def test_manifests_are_those_that_were_looked_through(self):
        golden = HERE / "chaos-mesh.yaml"
        names = [
            "01-worker-killed-in-map",
            "14-etcd-away-for-a-minute",
            "16-worker-that-hears-nobody",
            "19-clock-of-a-worker-jumps",
        ]
        names += [
            "12-etcd-slow-to-sync",
            "27-scratch-disk-full",
            "29-memory-limit",
            "21-s3-asks-to-slow-down",
            "37-bad-network",
        ]
        made = "---\n".join(chaosmesh.manifests(scenario.load(SCENARIOS / f"{name}.toml"), "metrics") for name in names)
        if os.environ.get("UPDATE_GOLDEN"):
            golden.write_text(made)
        self.assertEqual(made, golden.read_text())

    def test_every_scenario_gives_a_file(self):
        for path in sorted(SCENARIOS.glob("*.toml")):
            self.assertIn("# step 1", chaosmesh.manifests(scenario.load(path), "metrics"))
