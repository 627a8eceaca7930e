"""Tests the counts that probes take."""

import unittest
from types import SimpleNamespace

from gameday import probes
from gameday.probes import Probes, most_plans


class Counts(unittest.TestCase):
    def test_plans_are_counted_by_shard(self):
        folder = "datasets/d/jobs/day/plans"
        once = [f"{folder}/org-mod-07-2f6e.json", f"{folder}/org-7-2f6e.json"]
        self.assertEqual(most_plans(once), 1)
        self.assertEqual(most_plans([*once, f"{folder}/org-7-d92c.json"]), 2)
        self.assertEqual(most_plans([]), 0)

    def test_attempts_that_a_worker_runs_are_counted_by_kind_or_all_together(self):
        def task(name: str, *workers: str) -> dict:
            return {"task": name, "running": [{"worker_name": worker} for worker in workers]}

        tasks = {"tasks": [task("m-00001", "w1", "w2"), task("r-00001", "w1"), task("m-00002", "w2")]}
        site = SimpleNamespace(worker_name=lambda name: name, tailor=SimpleNamespace(ask=lambda *_: tasks))
        for probe, count in (("map of w1", 1), ("reduce of w1", 1), ("any of w1", 2), ("any of anybody", 4)):
            probes.check(f"running {probe}")
            self.assertEqual(Probes(site).read(f"running {probe}"), count, probe)
