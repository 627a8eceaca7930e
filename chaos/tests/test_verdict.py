"""Tests the verdicts of days."""

import unittest

from gameday import report
from gameday.invariants import Check
from gameday.outcome import Alerted, Detection, Expectation, Outcome, Waste
from gameday.verdict import Verdict, judge


def outcome(**changes) -> Outcome:
    good = {
        "detections": [Detection("workers < 3", 2.0)],
        "detect_within": 10.0,
        "recovered_after": 4.0,
        "recover_within": 8.0,
        "recover_when": "workers > 2",
        "end_state": "done",
        "expected_end": "done",
        "waste": Waste(tasks=100, attempts_again=1),
        "attempts_again_max": 2,
        "checks": [Check("DT-3", "digests", "holds"), Check("LS-1", "history", "not checked", ["compacted"])],
    }
    fixed = {
        "name": "01-try",
        "hypothesis": "It holds.",
        "began_at": "now",
        "version": "1",
        "commit": "c",
        "topology": "t",
        "dataset": "d",
    }
    return Outcome(**fixed, **(good | changes))


class Verdicts(unittest.TestCase):
    def judged(self, expected: Verdict, reason: str, **changes) -> None:
        judgement = judge(outcome(**changes))
        self.assertEqual(judgement.verdict, expected)
        self.assertIn(reason, " | ".join(judgement.reasons))

    def test_a_day_on_which_everything_was_as_believed_held(self):
        self.judged(Verdict.HELD, "")

    def test_what_nobody_saw_in_time_held_but_was_not_detected(self):
        self.judged(Verdict.NOT_DETECTED, "not seen within 10 s: workers < 3", detections=[Detection("workers < 3")])
        self.judged(Verdict.NOT_DETECTED, "not seen within", detections=[Detection("workers < 3", 11.0)])
        self.judged(Verdict.NOT_DETECTED, "it heals at once", detections=[], unseen="it heals at once")

    def test_an_alert_that_does_not_fire_or_fires_too_early_is_no_detection(self):
        self.judged(Verdict.HELD, "", alerts=[Alerted("TailorNoWorkers", 3.0)])
        self.judged(Verdict.NOT_DETECTED, "the alert TailorNoWorkers did not fire", alerts=[Alerted("TailorNoWorkers")])
        self.judged(Verdict.NOT_DETECTED, "fired before the fault", alerts=[Alerted("TailorNoWorkers", -2.0)])

    def test_each_bound_that_was_passed_violates_the_hypothesis(self):
        for reason, changes in [
            ("recovered never", {"recovered_after": None}),
            ("recovered after 9.0 s", {"recovered_after": 9.0}),
            ("3 attempts beyond tasks, over 2", {"waste": Waste(tasks=100, attempts_again=3)}),
            ("ended as partly-done, not as done", {"end_state": "partly-done"}),
            ("DT-3: org-1 differs", {"checks": [Check("DT-3", "digests", "violated", ["org-1 differs"])]}),
            ("aborted: too long", {"aborted": "too long"}),
            ("expected: versions is 1; found: 2", {"expectations": [Expectation("versions is 1", False, "2")]}),
        ]:
            self.judged(Verdict.VIOLATED, reason, **changes)

    def test_a_violation_is_told_before_a_missing_detection(self):
        self.judged(Verdict.VIOLATED, "recovered never", recovered_after=None, detections=[Detection("x")])

    def test_the_report_has_verdict_figures_and_every_invariant(self):
        page = report.markdown(outcome(), judge(outcome()))
        for text in (
            "# 01-try: held",
            "> It holds.",
            "| seen: `workers < 3` | 2.0 s | 10.0 s |",
            "| DT-3 | holds |",
            "| LS-1 | not checked: compacted |",
        ):
            self.assertIn(text, page)
        self.assertEqual(report.document(outcome(), judge(outcome()))["verdict"], "held")
