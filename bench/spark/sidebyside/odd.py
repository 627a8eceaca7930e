"""A small set of segments with all that rules are for: corrections across segments, late and unsorted payloads, zeros
of both signs, NaN, infinities, sums that depend on the order, ids above 2^63, times before 1970.

usage: python -m sidebyside.odd FOLDER
"""

import random
import struct
import sys
from pathlib import Path

import pyarrow

_BASE_MS = 1_767_225_600_000
_ODD_VALUES = (0.0, -0.0, float("nan"), float("inf"), float("-inf"), 5e-324, 1.7976931348623157e308, 0.1, 1e17, -1e17)
#: Organisation and metric of each series; the shard of an organisation is its remainder by 64.
_SERIES = ((7, 1), (7, 2**64 - 1), (7, 2**63), (71, 1), (2**64 - 57, 3), (8, 12345))


def payload(org: int, metric: int, points: list[tuple[int, float]], metadata: bytes) -> bytes:
    """Encodes a payload as a frame of a segment."""
    message = b"".join(
        (
            b"\x08" + _varint(org),
            b"\x10" + _varint(metric),
            _field(3, b"".join(struct.pack("<q", time) for time, _ in points)),
            _field(4, b"".join(struct.pack("<d", value) for _, value in points)),
            _field(5, metadata) if metadata else b"",
        )
    )
    frame = pyarrow.Codec("zstd").compress(message, asbytes=True)
    return struct.pack(">I", len(frame)) + frame


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def write(folder: Path) -> int:
    """Writes the segments; returns the number of payloads."""
    chance = random.Random(1)
    frames: dict[str, list[bytes]] = {}
    payloads = 0
    for org, metric in _SERIES:
        for number in range(300):
            spread, segment = chance.randrange(3), chance.randrange(3)
            key = f"{spread:04x}/shard=org-mod-{org % 64:02}/topic/partition-0/{segment:08}.seg"
            points = _points(chance, number)
            metadata = b"" if chance.random() < 0.3 else f'{{"name":"m{metric}","version":"{number}"}}'.encode()
            frames.setdefault(key, []).append(payload(org, metric, points, metadata))
            payloads += 1
    for key, in_segment in frames.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(in_segment))
    return payloads


def _points(chance: random.Random, number: int) -> list[tuple[int, float]]:
    """Points of one payload: at the payload's place in time, or earlier ones again; sometimes unsorted or equal."""
    place = number if chance.random() < 0.7 else chance.randrange(300)
    start_ms = _BASE_MS if chance.random() < 0.9 else -3_000_000
    times = [start_ms + (place * 20 + index) * 1000 for index in range(chance.randrange(1, 30))]
    if chance.random() < 0.2:
        chance.shuffle(times)
    if chance.random() < 0.2:
        times.append(times[0])
    return [(time, _value(chance)) for time in times]


def _value(chance: random.Random) -> float:
    if chance.random() < 0.1:
        return chance.choice(_ODD_VALUES)
    return chance.choice((chance.uniform(-1e6, 1e6), chance.randrange(2000) / 100))


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
