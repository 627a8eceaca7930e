"""The faults by their lines: `@fault("kill -{signal} {server}")` makes a function a fault."""

import re
from collections.abc import Callable
from dataclasses import dataclass

Undo = Callable[[], None] | None


class NotHere(Exception):
    """The place where the game day runs has no such thing."""


@dataclass(frozen=True)
class Fault:
    """Holds a parsed line: its function and the arguments."""

    line: str
    name: str
    arguments: dict[str, str]
    _do: Callable[..., Undo]

    def perform(self, site) -> Undo:
        """Performs the fault; returns a function that undoes it, if it can be undone."""
        return self._do(site, **self.arguments)


@dataclass(frozen=True)
class _Kind:
    template: str
    pattern: re.Pattern
    do: Callable[..., Undo]


_KINDS: list[_Kind] = []


def fault(template: str):
    """Makes a function a fault. `{name}` stands for one word, `{name...}` for the rest of the line."""
    text = re.sub(
        r"\\\{(\w+)(\\\.\\\.\\\.)?\\\}",
        lambda found: f"(?P<{found[1]}>{'.+' if found[2] else '[^ ]+'})",
        re.escape(template),
    )

    def register(do: Callable[..., Undo]):
        _KINDS.append(_Kind(template, re.compile(text), do))
        return do

    return register


def parse(line: str) -> Fault:
    """Parses a line; raises a ValueError that names `--faults` if no template matches."""
    for kind in _KINDS:
        if found := kind.pattern.fullmatch(line):
            return Fault(line, kind.do.__name__, found.groupdict(), kind.do)
    raise ValueError(f"'{line}' is no fault; `chaos/run --faults` lists those that there are")


def catalogue() -> list[tuple[str, str]]:
    """Lists every template with the first line of its docstring."""
    return [(kind.template, (kind.do.__doc__ or "").splitlines()[0]) for kind in _KINDS]
