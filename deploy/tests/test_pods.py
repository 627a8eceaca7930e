"""Pods of the chart beside real etcd and S3, under TLS: a job, and what happens to pods while one runs.

Each test has a job of its own, and ends with a second reading of its input.
"""

import time
import unittest

from pods import tailor

from .cluster import Cluster, attempts_again, wait_for

#: Delay of each request to S3 while a job is to be disturbed: a task then lasts about half a second.
_PACE_S = 0.1

#: Attempts of a worker of one slot: one runs, one waits, and the completion of a third may be on its way.
_HELD_MAX = 3

#: Exit code of a process that the kernel or an operator kills.
_KILLED = 137


class Pods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.stop)

    def check(self, job: str, dataset: str, again_max: int) -> None:
        """Lets a job end: nothing failed or was charged, few attempts again, the right content.

        A machine that stalls for longer than a lease lasts costs each worker that lost its own what it held."""
        before = len(self.lost())
        ended = self.cluster.end(job)
        self.assertEqual(ended["state"], "done")
        self.assertEqual(ended["attempts_failed"], 0)
        lost = self.lost()[before:]
        self.assertLessEqual(attempts_again(ended), max(again_max, len(lost) * _HELD_MAX), lost)
        self.cluster.verify(dataset)

    def exits_of(self, worker: str) -> list[int]:
        """Exit codes of a worker's container, of which each led to a restart."""
        return next(pod.exits for pod in self.cluster.pods("worker") if pod.name == worker)

    def gone(self) -> list[str]:
        """Lines of the leaders about leases of workers that have ended, in order of time."""
        logs = [self.cluster.namespace.logs(each.name) for each in self.cluster.pods("coordinator")]
        return sorted(line for log in logs for line in log.splitlines() if "worker gone" in line)

    def lost(self) -> list[str]:
        """Those lines, of workers that did not leave."""
        return [line for line in self.gone() if "was_leaving=false" in line]

    def starts(self) -> list[tuple[str, int]]:
        """Every pod with the number of restarts of its container."""
        pods = [*self.cluster.pods("coordinator"), *self.cluster.pods("worker")]
        return [(pod.name, len(pod.exits)) for pod in pods]

    def test_a_job_is_submitted_computed_and_verified(self):
        self.check("plain", self.cluster.submit("plain"), again_max=0)
        # An election may be under way on a busy machine.
        wait_for("one leader", 20, lambda: self.cluster.metric("tailor_is_leader", "coordinator") == 1)

    def test_a_process_may_write_to_its_scratch_folder_and_to_tmp_and_nowhere_else(self):
        self.cluster.namespace.apply(self.cluster.workers(image=tailor.image(is_debug=True)))
        worker = self.cluster.pods("worker")[0].name
        for path in ("/scratch/x", "/tmp/x"):
            self.cluster.kubectl("exec", worker, "--", "sh", "-c", f"echo x >{path} && cat {path}")
        for path in ("/x", "/etc/tailor/tls/x", "/etc/x", "/usr/bin/x"):
            told = self.cluster.kubectl("exec", worker, "--", "sh", "-c", f"echo x >{path} || echo refused")
            self.assertIn("refused", told, path)

    def test_a_worker_whose_process_is_killed_is_restarted_and_costs_what_it_held(self):
        dataset = self.cluster.submit("crash", _PACE_S)
        worker = self.cluster.busy_worker("crash").name
        self.cluster.namespace.signal(worker, "KILL")
        exits = wait_for("a restart", 20, lambda: self.exits_of(worker))
        self.assertEqual(exits, [_KILLED])
        self.check("crash", dataset, again_max=_HELD_MAX)

    def test_a_worker_that_is_deleted_hands_back_within_its_grace_and_exits_0(self):
        dataset = self.cluster.submit("leave", _PACE_S)
        pod = self.cluster.busy_worker("leave")
        before = len(self.gone())
        began = time.monotonic()
        self.cluster.kubectl("delete", "pod", pod.name)
        self.assertLess(time.monotonic() - began, pod.grace_s)
        self.assertEqual(self.cluster.namespace.exit_code(pod.name), 0)
        self.check("leave", dataset, again_max=_HELD_MAX)
        # By its name: workers that other tests killed are still being noticed as lost.
        gone = [line for line in self.gone()[before:] if f"name={pod.name} " in line]
        self.assertEqual(["was_leaving=true" in line for line in gone], [True], gone)
        self.assertEqual(len(self.cluster.pods("worker")), 3)

    def test_a_worker_that_exceeds_its_memory_is_killed_and_the_job_goes_on_once_it_has_more(self):
        hungry = {"name": "tailor-worker-hungry", "replicas": 1}
        self.addCleanup(self.cluster.namespace.scale, "tailor-worker-hungry", 0)
        self.cluster.namespace.apply(self.cluster.workers(memory="24m", **hungry))
        dataset = self.cluster.submit("memory", _PACE_S)

        worker = next(pod.name for pod in self.cluster.pods("worker") if pod.workload == "tailor-worker-hungry")
        exits = wait_for("a kill by the kernel", 60, lambda: self.exits_of(worker))
        self.assertEqual(exits[0], _KILLED)
        self.cluster.namespace.apply(self.cluster.workers(memory="256m", **hungry))
        self.check("memory", dataset, again_max=8)

    def test_a_changed_file_of_settings_replaces_the_workers_under_a_job(self):
        self.addCleanup(self.cluster.namespace.apply, self.cluster.workers())
        dataset = self.cluster.submit("config", _PACE_S)
        self.cluster.busy_worker("config")
        self.cluster.namespace.apply(self.cluster.workers(slots=2))
        listed = self.cluster.ask("worker", "list")["workers"]
        self.assertEqual({worker["slots"] for worker in listed if worker["state"] == "active"}, {2})
        self.check("config", dataset, again_max=6)

    def test_a_leader_that_is_killed_is_followed_and_replaced(self):
        dataset = self.cluster.submit("leader", _PACE_S)
        self.cluster.busy_worker("leader")
        leader = self.cluster.leader()
        self.cluster.kubectl("delete", "pod", leader.name, "--grace-period=0", "--force")
        followed = wait_for("another leader", 15, self.cluster.leader)
        self.assertNotEqual(followed.name, leader.name)
        self.cluster.namespace.wait_ready("tailor-coordinator")
        self.assertEqual(len(self.cluster.pods("coordinator")), 2)
        self.check("leader", dataset, again_max=4)

    def test_certificates_that_are_rotated_under_a_job_are_used_without_a_restart(self):
        self.addCleanup(self.cluster.rotate)
        ends_at = time.time() + 90
        self.cluster.rotate(until=time.strftime("%y%m%d%H%M%SZ", time.gmtime(ends_at)))
        wait_for("certificates that end soon", 60, lambda: self.cluster.certificates_end() <= ends_at)
        before = self.starts()
        dataset = self.cluster.submit("rotation", _PACE_S)
        self.cluster.busy_worker("rotation")
        self.cluster.rotate()
        wait_for("new certificates", 60, lambda: self.cluster.certificates_end() > ends_at)
        # Every connection of before was made with a certificate that ends now.
        time.sleep(max(0.0, ends_at - time.time()) + 2)
        self.check("rotation", dataset, again_max=0)
        self.assertEqual(self.starts(), before)

    def test_the_test_of_the_chart_runs_a_job_and_verifies_it(self):
        said = self.cluster.namespace.run("tailor-test", self.cluster.steps_of_test())
        self.assertIn("verified", said[-1])
