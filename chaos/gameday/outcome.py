"""Holds the outcome of a day, from which the verdict and the report are made."""

from dataclasses import dataclass, field

from .invariants import Check
from .observe import Spread


@dataclass
class Done:
    """A step that was done, and when, in seconds since the job was submitted."""

    do: str
    began: float
    ended: float | None = None


@dataclass
class Detection:
    """Holds a condition that had to be detected, and the time from the first step to its detection."""

    by: str
    after: float | None = None


@dataclass
class Alerted:
    """Holds an alert that had to fire, and the time from the fault to it: negative if it fired before.

    The fault is the first step, or the submission of the job if its input is bad.
    """

    name: str
    after: float | None = None


@dataclass
class Expectation:
    """Holds a condition that had to hold at the end of the day."""

    text: str
    is_met: bool
    found: str


@dataclass
class Waste:
    """Work that was done more than once."""

    tasks: int = 0
    attempts_again: int = 0
    bytes_again: int = 0
    bytes_input: int = 0


@dataclass
class Outcome:
    """Holds everything that was measured on one day."""

    name: str
    hypothesis: str
    began_at: str
    version: str
    commit: str
    topology: str
    dataset: str
    steps: list[Done] = field(default_factory=list)
    steady_state: dict[str, dict[str, Spread | None]] = field(default_factory=dict)
    detections: list[Detection] = field(default_factory=list)
    detect_within: float = 0.0
    unseen: str = ""
    alerts: list[Alerted] = field(default_factory=list)
    recovered_after: float | None = None
    recover_within: float = 0.0
    recover_when: str = ""
    ended_after: float | None = None
    end_state: str = ""
    expected_end: str = ""
    waste: Waste = field(default_factory=Waste)
    attempts_again_max: int = 0
    checks: list[Check] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    aborted: str = ""
    logs: str = ""
