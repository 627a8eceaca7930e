"""The report of a day, in Markdown for people and in JSON for programs, side by side in `chaos/reports/`."""

import json
from dataclasses import asdict
from pathlib import Path

from .observe import Spread
from .outcome import Outcome
from .units import seconds, size_text
from .verdict import Judgement, judge, told

_API_VERSION = "gameday/v1"


def write(folder: Path, outcome: Outcome) -> Path:
    """Writes both files; returns the path of the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    judgement = judge(outcome)
    path = folder / f"{outcome.name}.md"
    path.write_text(markdown(outcome, judgement))
    path.with_suffix(".json").write_text(json.dumps(document(outcome, judgement), indent=2) + "\n")
    return path


def document(outcome: Outcome, judgement: Judgement) -> dict:
    """Returns the report as a JSON document."""
    head = {"api_version": _API_VERSION, "kind": "GameDay", "verdict": judgement.verdict, "reasons": judgement.reasons}
    return head | asdict(outcome)


def markdown(outcome: Outcome, judgement: Judgement) -> str:
    """Returns the report as a page of Markdown."""
    waste = outcome.waste
    lines = [f"# {outcome.name}: {judgement.verdict}", "", f"> {outcome.hypothesis}", ""]
    lines += [f"- **{reason}**" for reason in judgement.reasons]
    lines += [
        f"- began {outcome.began_at}; {outcome.version}, commit {outcome.commit}; {outcome.topology}",
        f"- the job was {outcome.end_state or 'not over'} after {seconds(outcome.ended_after)}",
        f"- dataset: {outcome.dataset}",
        f"- logs: {outcome.logs}",
        "",
        "## What was done",
        "",
        *_table(
            ["at", "until", "step"],
            [[seconds(done.began), seconds(done.ended), f"`{done.do}`"] for done in outcome.steps],
        ),
        "",
        "## Detection, recovery, waste",
        "",
        *_table(
            ["what", "measured", "bound"],
            [
                *(
                    [f"seen: `{each.by}`", seconds(each.after), seconds(outcome.detect_within)]
                    for each in outcome.detections
                ),
                *([f"alert: `{each.name}`", seconds(each.after), "-"] for each in outcome.alerts),
                [
                    f"recovered: `{outcome.recover_when}`",
                    seconds(outcome.recovered_after),
                    seconds(outcome.recover_within),
                ],
                [f"attempts beyond {waste.tasks} tasks", str(waste.attempts_again), str(outcome.attempts_again_max)],
                [f"segment bytes read again, of {size_text(waste.bytes_input)}", size_text(waste.bytes_again), "-"],
            ],
        ),
        "",
        "## Steady state (least / median / most)",
        "",
        *_steady_state(outcome),
        "",
        "## Invariants",
        "",
        *_table(
            ["id", "outcome", "how"],
            [[check.id, _told(check.outcome, check.details), check.how] for check in outcome.checks],
        ),
    ]
    if outcome.expectations:
        rows = [["yes" if each.is_met else "**no**", f"`{each.text}`", each.found] for each in outcome.expectations]
        lines += ["", "## Expected at the end", "", *_table(["met", "what", "found"], rows)]
    return "\n".join(lines) + "\n"


def _told(outcome: str, details: list[str]) -> str:
    return f"{outcome}: {told(details)}" if details else outcome


def _steady_state(outcome: Outcome) -> list[str]:
    rows = []
    for phase, numbers in outcome.steady_state.items():
        rows.append([phase, *(_spread(name, spread) for name, spread in numbers.items())])
    return _table(["phase", "tasks/s", "segment bytes/s", "busy slots"], rows)


def _spread(name: str, spread: Spread | None) -> str:
    if spread is None:
        return "-"
    show = size_text if name == "bytes_per_s" else lambda value: f"{value:.1f}"
    return " / ".join(show(value) for value in (spread.least, spread.median, spread.most))


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in line)} |" for line in lines]


def summary(outcomes: list[tuple[Outcome, Judgement]]) -> str:
    """Returns a table with one line per day, for the end of a run and for `reports/summary.md`."""
    rows = []
    for outcome, judgement in outcomes:
        seen = [each.after for each in outcome.detections]
        detected = None if None in seen else max(seen, default=None)
        waste = f"{outcome.waste.attempts_again} of {outcome.waste.tasks}"
        rows.append(
            [
                outcome.name,
                judgement.verdict,
                seconds(detected),
                seconds(outcome.recovered_after),
                waste,
                "; ".join(judgement.reasons),
            ]
        )
    return "\n".join(_table(["scenario", "verdict", "detected", "recovered", "attempts again", "reasons"], rows)) + "\n"
