"""Rung 1: lint by both helms, and values that have to be refused with a sentence."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from chart import CASES, CHART, HELMS, refusal, run, template, values_file
from schemas import VERSIONS

REFUSED = sorted((Path(__file__).parent / "refused").glob("*.yaml"))


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("case", CASES)
def test_lint_has_nothing_to_say(case, helm):
    done = run(helm, "lint", "--strict", str(CHART), "--values", str(values_file(case)))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_values_that_cannot_work_are_refused_with_a_sentence(path, helm):
    text = path.read_text()
    expected = re.findall(r"^# refused: (.+)$", text, re.M)
    assert expected, f"{path.name} has to say by which words it is refused"
    message = refusal(text, helm)
    for words in expected:
        assert words in message, f"{path.name}: {message or 'accepted'}"


@pytest.mark.parametrize("helm", HELMS)
def test_only_supported_versions_of_kubernetes_are_accepted(helm):
    case = (str(values_file("trial")),)
    codes = {version: template(helm, case, "--kube-version", version).returncode for version in ("1.26", *VERSIONS)}
    assert codes == {"1.26": 1} | dict.fromkeys(VERSIONS, 0)


def test_yaml_of_values_is_tidy():
    files = [
        CHART / "values.yaml",
        CHART / "Chart.yaml",
        CHART / "files" / "rules.yml",
        *(CHART / "ci").glob("*.yaml"),
    ]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "yamllint",
            "--strict",
            "--config-file",
            str(Path(__file__).parent / "yamllint.yaml"),
            *map(str, files),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def moved() -> dict:
    text = (CHART / "templates" / "_checks.tpl").read_text()
    return yaml.safe_load(re.search(r'define "tailor.moved" -}}\n(.*?)\n{{- end', text, re.S)[1])


@pytest.mark.parametrize("helm", HELMS)
def test_a_key_that_moved_is_refused_with_its_new_name(helm):
    minimal = values_file("trial").read_text()
    message = refusal(minimal + "".join(f"\n{old}: 1" for old in moved()), helm)
    for old, new in moved().items():
        assert f"{old} is not a key of this chart: use {new}" in message, message


def test_keys_to_use_instead_are_keys_of_the_chart():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for old, text in moved().items():
        for new in re.findall(r"[a-z][A-Za-z0-9.]+", re.sub(r"\(.*?\)| and ", " , ", text)):
            found = values
            for part in new.split("."):
                assert part in found, f"{old}: {new} is not a key of values.yaml"
                found = found[part]


def test_templates_make_no_state():
    for path in CHART.glob("templates/**/*"):
        if path.is_file():
            used = re.findall(
                r"\b(rand[A-Z]\w+|lookup|genCA|genSignedCert|genPrivateKey|now|uuidv4)\b", path.read_text()
            )
            code = [word for word in used if word not in ("now",)]
            assert not code, f"{path.name} uses {code}, so each rendering would differ"
