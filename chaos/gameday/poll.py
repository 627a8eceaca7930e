"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


class TooLong(Exception):
    """Raised when an expected answer does not come in time."""


def until(what: str, limit: float, ask: Callable[[], Found | None], pause: float = 0.1) -> Found:
    """Asks again and again until there is an answer that is true."""
    deadline = time.monotonic() + limit
    while True:
        if found := ask():
            return found
        if time.monotonic() > deadline:
            raise TooLong(f"{what}: not within {limit:.0f} s")
        time.sleep(pause)
