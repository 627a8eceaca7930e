"""The commands of runbooks exist, with their options, and logs say what runbooks look for. TAILOR names the binary."""

import re
import subprocess

import pytest
from gameday.tailor import binary
from sources import RUNBOOKS, code

#: A command of Tailor in a runbook, between backticks.
COMMAND = re.compile(r"`tailor ((?:[a-z]+)(?: [a-z]+)?)((?: [^`]*)?)`")


def commands() -> dict[str, set[str]]:
    """Verbs that runbooks name, each with its options."""
    found: dict[str, set[str]] = {}
    for path in RUNBOOKS.glob("*.md"):
        for verb, words in COMMAND.findall(path.read_text()):
            found.setdefault(verb, set()).update(re.findall(r"--[a-z-]+", words))
    return found


@pytest.mark.parametrize("verb", commands())
def test_a_command_of_a_runbook_has_the_options_that_it_is_given(verb):
    done = subprocess.run([binary(), *verb.split(), "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    options = set(re.findall(r"--[a-z-]+", done.stdout))
    assert commands()[verb] <= options


def test_a_log_says_what_a_runbook_looks_for():
    words = [found for path in RUNBOOKS.glob("*.md") for found in re.findall(r"\blogs?, at `([^`]+)`", path.read_text())]
    assert len(words) > 5
    said = "\n".join(text for _, text in code())
    assert [each for each in words if each not in said] == []
