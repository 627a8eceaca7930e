"""As much of YAML as a manifest needs: mappings, lists, texts, numbers."""

import json


def dump(value: dict, indent: int = 0) -> str:
    """A mapping as YAML."""
    return "\n".join(_entries(value, indent)) + "\n"


def _entries(value: dict, indent: int) -> list[str]:
    lines = []
    for key, entry in value.items():
        prefix = f"{' ' * indent}{key}:"
        if isinstance(entry, dict):
            lines += [prefix, *_entries(entry, indent + 2)]
        elif isinstance(entry, list):
            lines += [prefix, *(f"{' ' * (indent + 2)}- {_scalar(each)}" for each in entry)]
        else:
            lines.append(f"{prefix} {_scalar(entry)}")
    return lines


def _scalar(value: str | int | bool) -> str:
    # What JSON quotes, YAML reads the same.
    return json.dumps(value)
