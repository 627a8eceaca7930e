"""Objects of the server, with the events that watches are told."""

import copy
import re
import threading
import uuid

from .kinds import KINDS, Place
from .owners import Owners
from .patch import applied
from .settle import settle


class Store:
    """Keeps every object, and every event since the server began."""

    def __init__(self):
        self._objects: dict[tuple, dict] = {}
        self._events: list[tuple[Place, str, dict]] = []
        self._changed = threading.Condition()
        self.owners = Owners()
        self.put(Place(KINDS[0], "", "default", ""), {"metadata": {}})

    def get(self, place: Place) -> dict | None:
        with self._changed:
            return copy.deepcopy(self._objects.get(_key(place)))

    def items(self, place: Place, labels: str = "", fields: str = "") -> list[dict]:
        with self._changed:
            found = [
                item for key, item in self._objects.items() if key[0] == place.kind and place.namespace in ("", key[1])
            ]
            return copy.deepcopy([item for item in found if matches(item, labels, fields)])

    def put(self, place: Place, item: dict) -> dict:
        """Writes an object, and what its controller makes of it."""
        with self._changed:
            old = self._objects.get(_key(place))
            item = {"apiVersion": place.kind.api_version, "kind": place.kind.kind, **item}
            meta = item["metadata"]
            meta.setdefault("name", place.name)
            if place.namespace:
                meta["namespace"] = place.namespace
            meta["uid"] = old["metadata"]["uid"] if old else str(uuid.uuid4())
            meta["creationTimestamp"] = "2026-01-01T00:00:00Z"
            is_new = old is None or old.get("spec") != item.get("spec")
            meta["generation"] = (old["metadata"]["generation"] if old else 0) + is_new
            meta["resourceVersion"] = str(len(self._events) + 1)
            made = settle(item)
            self._objects[_key(place)] = item
            self._tell(place, "MODIFIED" if old else "ADDED", item)
        for one in made:
            kind = next(kind for kind in KINDS if kind.kind == one["kind"])
            self.put(Place(kind, place.namespace, one["metadata"]["name"], ""), one)
        return copy.deepcopy(item)

    def update(self, place: Place, item: dict, manager: str) -> dict:
        """Writes an object on behalf of a manager, who then owns what has changed."""
        self.owners.update(_key(place), self.get(place), item, manager)
        return self.put(place, item)

    def apply(self, place: Place, item: dict, manager: str, force: bool) -> dict:
        """Applies an object on behalf of a manager; raises `Conflict`."""
        old = self.get(place)
        return self.put(place, applied(old, self.owners.apply(_key(place), old, item, manager, force)))

    def delete(self, place: Place) -> dict | None:
        with self._changed:
            item = self._objects.pop(_key(place), None)
            if item is None:
                return None
            self.owners.forget(_key(place))
            item["metadata"]["resourceVersion"] = str(len(self._events) + 1)
            self._tell(place, "DELETED", item)
            owned = [key for key, one in self._objects.items() if _is_owned(one, item)]
        for kind, namespace, name in owned:
            self.delete(Place(kind, namespace, name, ""))
        return item

    def events(self, place: Place, after: int, seconds: float) -> list[tuple[str, dict]]:
        """Returns events of a list after a version; waits for one if there is none."""
        with self._changed:
            if len(self._events) <= after:
                self._changed.wait(seconds)
            found = [(at, event) for at, event in enumerate(self._events, 1) if at > after]
            is_of = lambda one: one.kind == place.kind and place.namespace in ("", one.namespace)  # noqa: E731
            return [(word, copy.deepcopy(item)) for _, (one, word, item) in found if is_of(one)]

    @property
    def version(self) -> int:
        return len(self._events)

    def _tell(self, place: Place, word: str, item: dict) -> None:
        self._events.append((place, word, copy.deepcopy(item)))
        self._changed.notify_all()


def _key(place: Place) -> tuple:
    return place.kind, place.namespace, place.name


def _is_owned(item: dict, owner: dict) -> bool:
    return any(one["uid"] == owner["metadata"]["uid"] for one in item["metadata"].get("ownerReferences", []))


def matches(item: dict, labels: str, fields: str) -> bool:
    """True if an object has labels such as `a=b,c!=d,e in (f,g)` and fields such as `metadata.name=x`."""
    own = item["metadata"].get("labels", {})
    for term in re.findall(r"[^,(]+(?:\([^)]*\))?", labels):
        if found := re.fullmatch(r"\s*(\S+) (in|notin) \((.*)\)", term):
            is_in = own.get(found[1]) in [value.strip() for value in found[3].split(",")]
            if is_in != (found[2] == "in"):
                return False
        elif "=" in term:
            key, is_not, value = re.fullmatch(r"\s*([^!=]+)(!?)==?(.*)", term).groups()
            if (own.get(key) == value) == bool(is_not):
                return False
        elif term.strip() and term.strip() not in own:
            return False
    for term in filter(None, fields.split(",")):
        key, value = term.split("=")
        found = item
        for part in key.split("."):
            found = found.get(part, "") if isinstance(found, dict) else ""
        if found != value:
            return False
    return True
