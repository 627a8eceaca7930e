"""A table of a scenario's file that knows where it is and what of it was asked for; anything else is refused."""

from . import condition, probes, units
from .condition import Condition

_MAY_BE_LEFT_OUT = ("topology", "workload", "abort", "expect")


class BadScenario(Exception):
    """Raised for a file that is not a scenario; names the key and the expected value."""


class Table:
    """A table of the file that knows where it is, and what of it was asked for."""

    def __init__(self, place: str, raw: dict):
        self._place, self._raw = place, dict(raw)
        self._within: list[Table] = []

    def names(self) -> list[str]:
        """Lists the keys of the table."""
        return list(self._raw)

    def take(self, key: str, kind: type, default=None):
        """The value of a key, of that type; without a default it has to be there."""
        value = self._raw.pop(key, default)
        if value is None:
            raise BadScenario(f"'{self._place}{key}' is missing")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise BadScenario(f"'{self._place}{key}' must be of type {kind.__name__}, not {value!r}")
        return value

    def table(self, key: str, default: dict | None = None) -> "Table":
        """A table below; some may be left out."""
        if key in _MAY_BE_LEFT_OUT:
            default = {}
        table = Table(f"{self._place}{key}.", self.take(key, dict, default))
        self._within.append(table)
        return table

    def tables(self, key: str) -> list["Table"]:
        """An array of tables."""
        raws = enumerate(self.take(key, list, []), 1)
        return [Table(f"{self._place}{key}[{number}].", raw) for number, raw in raws]

    def duration(self, key: str, default: str | None = None) -> float:
        """Seconds of a duration."""
        return self._told(key, units.duration, self.take(key, str, default))

    def condition(self, key: str) -> Condition | None:
        """A condition, if there is one."""
        text = self.take(key, str, "")
        return self._told(key, _condition, text) if text else None

    def conditions(self, key: str, default: list | None = None) -> tuple[Condition, ...]:
        """A list of conditions."""
        texts = self.take(key, list, default)
        return tuple(self._told(key, _condition, text) for text in texts)

    def end(self) -> None:
        """Refuses what nobody asked for, here and in the tables below."""
        for table in self._within:
            table.end()
        for key in self._raw:
            raise BadScenario(f"there is no key '{self._place}{key}'; the README has those that there are")

    def _told(self, key: str, parse, text):
        try:
            return parse(text)
        except ValueError as error:
            raise BadScenario(f"'{self._place}{key}': {error}") from None


def _condition(text: str) -> Condition:
    parsed = condition.parse(text)
    probes.check(parsed.probe)
    return parsed
