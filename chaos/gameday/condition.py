"""Conditions: `PROBE COMPARISON VALUE`, as in `job tasks_done > 2` or `log w1 says lost a lease`.

| comparison | holds when what the probe reads |
|---|---|
| `>`, `>=`, `<`, `<=` | is a number, and compares so |
| `is`, `is not` | is that text or number |
| `says` | contains that text |
| `rises` | is greater than at the baseline |
| `changes` | is something else than at the baseline |

A probe that reads nothing (nobody answers) satisfies no condition, and a text none that is about numbers.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

Reading = float | str | None

_PATTERN = re.compile(
    r"(?P<probe>\S.*?) (?:(?P<alone>rises|changes)|(?P<comparison>is not|is|says|>=|<=|>|<) (?P<value>.+))"
)
_ORDERS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


@dataclass(frozen=True)
class Condition:
    """Represents a parsed condition."""

    text: str
    probe: str
    comparison: str
    value: str

    @property
    def is_relative(self) -> bool:
        """Tells whether the condition compares with a baseline."""
        return self.comparison in ("rises", "changes")

    def holds(self, reading: Reading, baseline: Reading = None) -> bool:
        """Tells whether the condition holds for a reading of its probe, compared with the baseline's reading."""
        if reading is None:
            return False
        match self.comparison:
            case "rises":
                return float(reading) > float(baseline or 0)
            case "changes":
                return baseline is not None and reading != baseline
            case "says":
                return self.value in str(reading)
            case "is":
                return _text(reading) == self.value
            case "is not":
                return _text(reading) != self.value
            case order:
                return isinstance(reading, (int, float)) and _ORDERS[order](reading, float(self.value))


def parse(text: str) -> Condition:
    """Parses a condition; raises a ValueError that names the expected form if the text is not a condition."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"'{text}' is no condition; write PROBE, then rises, changes, is, is not, says, >, >=, <, <= and a value"
        )
    comparison = match["alone"] or match["comparison"]
    if comparison in _ORDERS and not re.fullmatch(r"-?\d+(\.\d+)?", match["value"]):
        raise ValueError(f"'{text}' compares with '{match['value']}', which is no number")
    return Condition(text, match["probe"], comparison, match["value"] or "")


def baseline(conditions: list[Condition], read: Callable[[str], Reading]) -> dict[str, Reading]:
    """Reads the probes of all conditions, as the baseline of a day."""
    return {condition.probe: read(condition.probe) for condition in conditions}


def _text(reading: Reading) -> str:
    is_whole = isinstance(reading, float) and reading.is_integer()
    return str(int(reading)) if is_whole else str(reading)
