"""Bodies of requests: JSON, YAML, and the protobuf in which helm writes its secrets."""

import base64
import json
from collections.abc import Iterator

import yaml

_MAGIC = b"k8s\x00"


def parse(body: bytes, content_type: str) -> object:
    if body.startswith(_MAGIC):
        return _secret(body[len(_MAGIC) :])
    if not body or "protobuf" in content_type:
        return {}
    return yaml.safe_load(body) if "yaml" in content_type else json.loads(body)


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yields the fields of a message: numbers and byte strings, which is all that a secret has."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
        elif key & 7 == 2:
            length = number()
            yield key >> 3, data[at : at + length]
            at += length
        else:
            raise ValueError(f"the wire type {key & 7} of protobuf is not read here")


def _map(entries: list[bytes]) -> dict[str, bytes]:
    pairs = [dict(_fields(entry)) for entry in entries]
    return {pair[1].decode(): pair.get(2, b"") for pair in pairs}


def _all(data: bytes) -> dict[int, list]:
    found: dict[int, list] = {}
    for number, value in _fields(data):
        found.setdefault(number, []).append(value)
    return found


def _secret(data: bytes) -> dict:
    """Reads a Secret from its envelope; the bodies of deletions have other kinds, and say nothing that is needed."""
    envelope = _all(data)
    kind = dict(_fields(envelope[1][0])).get(2, b"").decode()
    if kind != "Secret":
        return {}
    secret = _all(envelope[2][0])
    meta = _all(secret[1][0])
    metadata = {
        "name": meta[1][0].decode(),
        "labels": {key: text.decode() for key, text in _map(meta.get(11, [])).items()},
    }
    data = {key: base64.b64encode(value).decode() for key, value in _map(secret.get(2, [])).items()}
    kind_of = secret.get(3, [b"Opaque"])[0].decode()
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind_of, "data": data}
