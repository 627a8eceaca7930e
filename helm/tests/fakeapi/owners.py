"""Owners of fields, as server-side apply has them.

    apply    the manager owns what it applies, and no more what it left out: that goes, unless somebody else owns it
             a field that another manager owns with another value is a conflict, unless `force` is set
    update   the manager owns what it changed, and every other manager loses that

A list is one field here; a real server owns the items of many lists apart.
"""

import copy
from collections.abc import Iterator

Path = tuple[str, ...]

#: Nobody's: the server writes these, or they name the object.
_NOBODYS = {"apiVersion", "kind", "status"}
_OF_METADATA = {"labels", "annotations"}


class Conflict(Exception):
    """Raised when a manager applies a field that another one owns with another value."""


class Owners:
    """Owners of the fields of all objects, by a key of the object."""

    def __init__(self):
        self._owned: dict[object, dict[str, set[Path]]] = {}

    def apply(self, key: object, old: dict | None, applied: dict, manager: str, force: bool) -> dict:
        """Returns the object after an apply."""
        owned = self._owned.get(key, {})
        others = {name: paths for name, paths in owned.items() if name != manager}
        fields, live = dict(_fields(applied)), dict(_fields(old or {}))
        taken = [
            (name, path)
            for name, paths in others.items()
            for path in sorted(paths & fields.keys())
            if path in live and live[path] != fields[path]
        ]
        if taken and not force:
            raise Conflict(_sentence(taken))
        new = copy.deepcopy(applied)
        for name, paths in others.items():
            kept = paths - {path for owner, path in taken if owner == name}
            for path in kept - fields.keys():
                _set(new, path, live[path])
            others[name] = kept
        self._owned[key] = {**others, manager: set(fields)}
        return new

    def update(self, key: object, old: dict | None, new: dict, manager: str) -> None:
        """Notes who owns what another kind of request has changed."""
        before, after = dict(_fields(old or {})), dict(_fields(new))
        changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        owned = {name: paths - changed for name, paths in self._owned.get(key, {}).items()}
        owned[manager] = owned.get(manager, set()) | (changed & after.keys())
        self._owned[key] = owned

    def forget(self, key: object) -> None:
        """Drops what is known of an object that is gone."""
        self._owned.pop(key, None)


def _fields(item: dict) -> Iterator[tuple[Path, object]]:
    for key, value in item.items():
        if key == "metadata":
            own = {name: part for name, part in value.items() if name in _OF_METADATA}
            yield from _below(("metadata",), own)
        elif key not in _NOBODYS:
            yield from _below((key,), value)


def _below(path: Path, value: object) -> Iterator[tuple[Path, object]]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _below((*path, key), part)
    else:
        yield path, value


def _set(item: dict, path: Path, value: object) -> None:
    *above, last = path
    for key in above:
        item = item.setdefault(key, {})
    item[last] = value


def _sentence(taken: list[tuple[str, Path]]) -> str:
    count = f"{len(taken)} conflict{'s' if len(taken) > 1 else ''}"
    told = ", ".join(f'conflict with "{name}": .{".".join(path)}' for name, path in taken)
    return f"Apply failed with {count}: {told}"
