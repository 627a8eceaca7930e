"""Reads values.yaml with its comments: each key with its default and the sentence that describes it."""

import json
import re
from dataclasses import dataclass

import yaml
from chart import CHART

_KEY = re.compile(r"^( *)(?:- )?([A-Za-z0-9-]+):")


@dataclass
class Value:
    """A key of values.yaml that has a description."""

    path: str
    default: object
    text: str

    @property
    def row(self) -> str:
        shown = json.dumps(self.default, ensure_ascii=False)
        if isinstance(self.default, str) and self.default:
            shown = self.default
        elif isinstance(self.default, dict | list) and len(shown) > 60:
            shown = "see values.yaml"
        elif self.default in ("", None):
            shown = ""
        cell = f"`{shown}`" if shown and shown != "see values.yaml" else shown
        return f"| `{self.path}` | {cell} | {self.text} |"


def described() -> list[Value]:
    """Returns the described keys in the order of the file."""
    text = (CHART / "values.yaml").read_text()
    values, found, comment, stack = yaml.safe_load(text), [], [], []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("# -- "):
            comment = [stripped.removeprefix("# -- ")]
        elif stripped.startswith("#") and comment:
            comment.append(stripped.removeprefix("#").strip())
        elif match := _KEY.match(line):
            depth = len(match[1])
            stack = [(at, key) for at, key in stack if at < depth] + [(depth, match[2])]
            path = [key for _, key in stack]
            if comment:
                found.append(Value(".".join(path), _at(values, path), " ".join(comment)))
            comment = []
        else:
            comment = []
    return found


def _at(values, path: list[str]):
    for key in path:
        values = values[key]
    return values


def leaves(values: dict, path: tuple[str, ...] = ()) -> list[str]:
    """Returns the paths of all values that are no maps with keys of their own."""
    found = []
    for key, value in values.items():
        inner = (*path, key)
        found += leaves(value, inner) if isinstance(value, dict) and value else [".".join(inner)]
    return found
