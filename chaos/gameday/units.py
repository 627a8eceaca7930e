"""Durations, sizes and shares, as scenarios write them."""

import re

_DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def duration(text: str) -> float:
    """Seconds of `100ms`, `5s`, `2m`, `1h`."""
    return _scaled(text, _DURATIONS, "a duration such as 5s")


def size(text: str) -> int:
    """Bytes of `64KiB`, `16MiB`."""
    return int(_scaled(text, _SIZES, "a size such as 16MiB"))


def share(text: str) -> float:
    """Parses a share: `30%` is 0.3."""
    return _scaled(text, {"%": 0.01}, "a share such as 30%")


def _scaled(text: str, units: dict[str, float], expected: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z%]+)", text)
    if match is None or match[2] not in units:
        raise ValueError(f"'{text}' is not {expected}")
    return float(match[1]) * units[match[2]]


def seconds(value: float | None) -> str:
    """Writes seconds for people; a dash for None."""
    return "-" if value is None else f"{value:.1f} s"


def size_text(count: float) -> str:
    """Writes a number of bytes with a unit, for people."""
    for unit in ("B", "KiB", "MiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
