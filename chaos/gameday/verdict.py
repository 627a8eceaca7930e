"""The verdict on a day: held, held but not detected, or violated, with the reasons.

A fault that nobody could have seen is a failure too: whoever operates Tailor would have learned of it from its users.
"""

from dataclasses import dataclass
from enum import StrEnum

from .outcome import Alerted, Outcome

#: Most details of one reason in the report; the JSON has all of them.
_TOLD_MAX = 3


class Verdict(StrEnum):
    """Names the possible results of a day."""

    HELD = "held"
    NOT_DETECTED = "held but not detected"
    VIOLATED = "violated"


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reasons; one that held has none."""

    verdict: Verdict
    reasons: list[str]


def judge(outcome: Outcome) -> Judgement:
    """Judges the outcome of a day, and gives the reasons."""
    if reasons := _violations(outcome):
        return Judgement(Verdict.VIOLATED, reasons)
    if reasons := _undetected(outcome):
        return Judgement(Verdict.NOT_DETECTED, reasons)
    return Judgement(Verdict.HELD, [])


def told(details: list[str]) -> str:
    """Joins the first details, and counts the others."""
    more = [f"and {len(details) - _TOLD_MAX} more"] if len(details) > _TOLD_MAX else []
    return "; ".join(details[:_TOLD_MAX] + more)


def _violations(outcome: Outcome) -> list[str]:
    reasons = []
    if outcome.aborted:
        reasons.append(f"aborted: {outcome.aborted}")
    reasons += [
        f"{check.id}: {told(check.details) or check.how}" for check in outcome.checks if check.outcome == "violated"
    ]
    if outcome.end_state != outcome.expected_end:
        reasons.append(f"the job ended as {outcome.end_state or 'nothing'}, not as {outcome.expected_end}")
    recovery = outcome.recovered_after
    if recovery is None or recovery > outcome.recover_within:
        when = "never" if recovery is None else f"after {recovery:.1f} s"
        reasons.append(f"recovered {when}, not within {outcome.recover_within:.0f} s ({outcome.recover_when})")
    if outcome.waste.attempts_again > outcome.attempts_again_max:
        reasons.append(f"{outcome.waste.attempts_again} attempts beyond tasks, over {outcome.attempts_again_max}")
    reasons += [f"expected: {each.text}; found: {each.found}" for each in outcome.expectations if not each.is_met]
    return reasons


def _undetected(outcome: Outcome) -> list[str]:
    known = [outcome.unseen] if outcome.unseen else []
    late = [
        f"not seen within {outcome.detect_within:.0f} s: {detection.by}"
        for detection in outcome.detections
        if detection.after is None or detection.after > outcome.detect_within
    ]
    return known + late + [reason for alert in outcome.alerts if (reason := _wrong_alarm(alert))]


def _wrong_alarm(alert: Alerted) -> str:
    if alert.after is None:
        return f"the alert {alert.name} did not fire"
    return f"the alert {alert.name} fired before the fault" if alert.after < 0 else ""
