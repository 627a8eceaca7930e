"""Conditions say what they hold for."""

import unittest

from gameday import condition


def holds(text: str, reading: condition.Reading, baseline: condition.Reading = None) -> bool:
    return condition.parse(text).holds(reading, baseline)


class Conditions(unittest.TestCase):
    def test_a_condition_is_a_probe_a_comparison_and_a_value(self):
        parsed = condition.parse("log w1 says lease lost; its holder stops")
        self.assertEqual(
            (parsed.probe, parsed.comparison, parsed.value), ("log w1", "says", "lease lost; its holder stops")
        )
        self.assertEqual(condition.parse("metric x of workers rises").probe, "metric x of workers")

    def test_numbers_are_compared_as_numbers(self):
        self.assertTrue(holds("job tasks_done > 9", 10))
        self.assertFalse(holds("job tasks_done > 9", 9))
        self.assertTrue(holds("versions is 2", 2.0))
        self.assertTrue(holds("job state is not done", "running"))

    def test_what_rises_or_changes_is_compared_with_the_baseline(self):
        self.assertTrue(holds("workers rises", 3, 2))
        self.assertFalse(holds("workers rises", 2, 2))
        self.assertTrue(holds("leader changes", "c2", "c1"))
        self.assertFalse(holds("leader changes", "c2", None), "nobody led before, so nobody was replaced")
        self.assertEqual([condition.parse(text).is_relative for text in ("leader changes", "leader is c1")], [True, False])

    def test_a_probe_that_reads_nothing_satisfies_no_condition(self):
        for text in ("workers < 1", "job state is not done", "log w1 says x", "workers rises"):
            self.assertFalse(holds(text, None), text)

    def test_what_is_no_condition_is_refused_with_the_text(self):
        for text in ("workers", "workers > many", ""):
            with self.assertRaisesRegex(ValueError, "no condition|no number"):
                condition.parse(text)
