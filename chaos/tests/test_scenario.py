"""Scenarios are checked before anything is started."""

import re
import tempfile
import unittest
from pathlib import Path

from gameday import faults, scenario
from gameday.table import BadScenario

GOOD = """
hypothesis = "It holds."
faults = [1]

[topology]
workers = 3
[topology.w1]
disk = "64MiB"

[[fault]]
when = "running map of w1 > 0"
wait = "2s"
do = "kill -9 w1"
for = "1m"

[detect]
by = ["workers < 3"]
within = "10s"
[recover]
within = "8s"
[waste]
attempts_max = 2
"""


def load(text: str) -> scenario.Scenario:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "01-try.toml"
        path.write_text(text)
        return scenario.load(path)


class Scenarios(unittest.TestCase):
    def refused(self, text: str, because: str) -> None:
        with self.assertRaisesRegex(BadScenario, because):
            load(text)

    def test_a_scenario_is_read_with_its_defaults(self):
        read = load(GOOD)
        self.assertEqual((read.name, read.topology.workers, read.topology.servers["w1"].disk), ("01-try", 3, "64MiB"))
        step = read.steps[0]
        self.assertEqual((step.do, step.wait, step.lasts), ("kill -9 w1", 2.0, 60.0))
        self.assertEqual(read.recover.text, "job tasks_done rises")
        self.assertEqual(read.workload.ends, "done")

    def test_an_unknown_key_is_refused_with_file_and_key(self):
        self.refused(GOOD.replace("attempts_max", "attempts_maximum"), "01-try.toml.*'waste.attempts_max' is missing")
        self.refused(GOOD + 'slack = "1s"\n', "01-try.toml: there is no key 'waste.slack'")
        self.refused(GOOD.replace("disk =", "disc ="), "there is no key 'topology.w1.disc'")
        self.refused(GOOD.replace("wait =", "waits ="), r"there is no key 'fault\[1\].waits'")

    def test_a_server_starts_as_the_release_of_its_own_or_of_the_topology(self):
        mixed = load(GOOD.replace("workers = 3", 'workers = 3\nrelease = "previous"') + '[topology.c1]\nrelease = "this"\n')
        self.assertEqual([mixed.topology.release_of(name) for name in ("c1", "w1")], ["this", "previous"])
        self.assertTrue(mixed.topology.has_previous)
        self.assertFalse(load(GOOD).topology.has_previous)
        self.refused(GOOD.replace("workers = 3", 'release = "next"'), "'next' is no release: this or previous")

    def test_a_step_that_is_no_fault_is_refused(self):
        self.refused(GOOD.replace("kill -9 w1", "unplug w1"), "'unplug w1' is no fault")

    def test_a_condition_on_what_is_no_probe_is_refused(self):
        self.refused(GOOD.replace("workers < 3", "wrkers < 3"), "'detect.by': 'wrkers' is no probe")

    def test_a_value_of_another_kind_is_refused(self):
        self.refused(GOOD.replace("workers = 3", 'workers = "3"'), "'topology.workers' must be of type int")
        self.refused(GOOD.replace('"8s"', '"8"'), "'recover.within': '8' is not a duration such as 5s")

    def test_a_scenario_says_what_shows_the_fault_or_why_nothing_does(self):
        self.refused(GOOD.replace('by = ["workers < 3"]', ""), "neither 'by' nor 'unseen'")
        load(GOOD.replace('by = ["workers < 3"]', 'unseen = "it heals at once"'))

    def test_every_scenario_of_the_repository_is_one(self):
        folder = Path(scenario.__file__).parents[1] / "scenarios"
        read = [scenario.load(path) for path in sorted(folder.glob("*.toml"))]
        covered = {number for each in read for number in each.faults}
        self.assertGreaterEqual(len(covered), 24, f"faults without a scenario: {sorted(set(range(1, 31)) - covered)}")
        self.assertEqual(sum(each.is_fast for each in read), 9)

    def test_the_table_of_runbooks_has_the_days_that_name_each_alert(self):
        root = Path(scenario.__file__).parents[2]
        rows = re.findall(r"^\| \[(Tailor\w+)\].*\| ([-\d, ]+) \|$", (root / "docs/runbooks/README.md").read_text(), re.M)
        self.assertGreater(len(rows), 20)
        told = {alert: [] if days == "-" else days.split(", ") for alert, days in rows}
        named: dict[str, list[str]] = {alert: [] for alert in told}
        for path in sorted((root / "chaos/scenarios").glob("*.toml")):
            if alert := scenario.load(path).alert:
                named[alert].append(path.stem.partition("-")[0])
        self.assertEqual(told, named)

    def test_a_line_is_understood_as_the_fault_it_names(self):
        for line, name, arguments in [
            ("kill -9 w1", "kill", {"signal": "9", "server": "w1"}),
            ("replace workers by previous", "replace", {"server": "workers", "release": "previous"}),
            ("blackhole etcd", "blackhole", {"link": "etcd"}),
            ("blackhole answers from etcd-of-w1", "blackhole_answers", {"link": "etcd-of-w1"}),
            (
                "s3 slow-down 30% of any /",
                "s3_share",
                {"fate": "slow-down", "share": "30%", "method": "any", "part": "/"},
            ),
            ("$ etcdctl get x", "shell", {"command": "etcdctl get x"}),
        ]:
            parsed = faults.parse(line)
            self.assertEqual((parsed.name, parsed.arguments), (name, arguments))
