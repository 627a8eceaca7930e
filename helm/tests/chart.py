"""Renders the chart, by helm 3 and by helm 4, and parses what comes out."""

import functools
import os
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "tailor"
TOOLS = ROOT / ".cache" / "chart" / "bin"
HELMS = ("helm3", "helm4")

#: Values files, each of which has to render and to hold every rule.
CASES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
RELEASE, NAMESPACE = "tailor", "metrics"


def values_file(case: str) -> Path:
    return CHART / "ci" / f"{case}-values.yaml"


def run(*words: str) -> subprocess.CompletedProcess:
    """Runs a tool of `.cache/chart/bin` with none of the user's own settings of helm."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    command = [TOOLS / words[0], *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def template(helm: str, values: tuple[str, ...], *options: str) -> subprocess.CompletedProcess:
    """Runs `helm template` with values files."""
    files = [word for path in values for word in ("--values", path)]
    return run(helm, "template", RELEASE, str(CHART), "--namespace", NAMESPACE, *files, *options)


@functools.cache
def rendered_text(case: str, helm: str = "helm4") -> str:
    done = template(helm, (str(values_file(case)),))
    assert done.returncode == 0, f"{helm} template {case}: {done.stderr}"
    return done.stdout


def rendered(case: str, helm: str = "helm4") -> list[dict]:
    """Returns the objects of a case, a fresh copy for each caller."""
    return parse(rendered_text(case, helm))


def rendered_with(text: str, helm: str = "helm4") -> list[dict]:
    """Returns the objects of the values that `text` has."""
    command = [TOOLS / helm, "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return parse(done.stdout)


def refusal(text: str, helm: str) -> str:
    """Returns the message by which helm refuses values; empty if it accepts them."""
    command = [TOOLS / helm, "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    return done.stderr if done.returncode else ""


def parse(text: str) -> list[dict]:
    """Parses documents; a key that stands twice in a map is an error, as it is for the API server."""
    return [document for document in yaml.load_all(text, Loader=_Strict) if document]


class _Strict(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Loader that refuses a key that stands twice."""


def _map(loader: _Strict, node: yaml.MappingNode) -> dict:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise yaml.YAMLError(f"{twice} stands twice in the map at line {node.start_mark.line + 1}")
    return loader.construct_mapping(node, deep=True)


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _map)
