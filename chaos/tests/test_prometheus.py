"""Rules and targets reach the Prometheus of a day."""

import json
import re
import tempfile
import unittest
from pathlib import Path

from gameday.prometheus import RULES, Prometheus


class Prometheuses(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        self.prometheus = Prometheus(self.home)

    def test_every_wait_is_cut_and_nothing_else_of_the_rules_is_changed(self):
        original, cut = RULES.read_text(), (self.home / "rules.yml").read_text()
        self.assertGreater(len(re.findall(r"^ +for: ", original, re.M)), 10)
        self.assertEqual(set(re.findall(r"^ +for: (.+)$", cut, re.M)), {"1s"})
        self.assertEqual(re.sub(r"for: \w+\n", "", cut), re.sub(r"for: \w+\n", "", original))

    def test_a_target_is_known_by_its_name_and_its_cluster(self):
        self.prometheus.aim({"c1": "127.0.0.1:7080"})
        self.prometheus.aim({"w1": "127.0.0.1:7081"})
        (group,) = json.loads((self.home / "targets.json").read_text())
        self.assertEqual(group, {"targets": ["127.0.0.1:7081"], "labels": {"cluster": "day", "instance": "w1"}})
