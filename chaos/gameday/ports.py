"""Ports of 127.0.0.1 that nobody has: below the range from which the kernel gives ports to connections."""

import random
import socket

_TAKEN: set[int] = set()


def free(beside: int = 0) -> int:
    """A port that is free; and, if asked for, the one that lies so far beside it."""
    while True:
        port = random.randrange(20_000, 32_000)
        if port not in _TAKEN and _is_free(port) and (not beside or _is_free(port + beside)):
            _TAKEN.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
