"""Numbers of Kubernetes and of the settings: quantities and durations."""

import re
from fractions import Fraction

_UNITS = {"": 1, "m": Fraction(1, 1000), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_UNITS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_SECONDS = {"ms": Fraction(1, 1000), "s": 1, "m": 60, "h": 3600, "d": 86400}


def quantity(text: object) -> Fraction:
    """Parses a quantity, such as 2Gi or 500m."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([a-zA-Z]*)", str(text))
    if not found or found[2] not in _UNITS:
        raise ValueError(f"'{text}' is not a quantity")
    return Fraction(found[1]) * _UNITS[found[2]]


def seconds(text: str) -> Fraction:
    """Parses a duration of the settings, such as 100s."""
    found = re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", text)
    if not found:
        raise ValueError(f"'{text}' is not a duration")
    return int(found[1]) * Fraction(_SECONDS[found[2]])
