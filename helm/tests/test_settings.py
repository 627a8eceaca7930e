"""Values are the settings of the programs, in both directions, and the programs accept what is rendered.

The binary is that of `TAILOR_TEST_BINARY`, or target/debug/tailor.
"""

import functools
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from chart import CASES, CHART, ROOT, rendered
from objects import one, workloads

#: Settings that the chart derives, with the value they come from. All others are under `settings`.
DERIVED = {
    "http.listen": "ipFamily",
    "etcd.endpoints": "etcd.endpoints",
    "etcd.namespace": "etcd.namespace",
    "etcd.user": "etcd.auth",
    "etcd.password-file": "etcd.auth",
    "etcd.ca-file": "etcd.tls",
    "etcd.cert-file": "etcd.tls",
    "etcd.key-file": "etcd.tls",
    "name": "the name of the pod",
    "tls.ca": "tls",
    "tls.cert": "tls",
    "tls.key": "tls",
    "roots.allowed": "roots",
    "insecure": "tls.enabled",
}
DERIVED_OF = {
    "coordinator": DERIVED
    | {
        "grpc.listen": "ipFamily",
        "grpc.advertise": "the address of the pod",
        "auth.tokens": "auth",
        "auth.cluster": "tls.cluster",
        "autoscaling.pools": "pools",
    },
    "worker": DERIVED | {"coordinators": "the service", "scratch.dir": "scratch", "auth.token-file": "auth"},
}
#: Defaults that the chart sets where the program would ask the machine.
FROM_RESOURCES = {"slots", "memory"}


@functools.cache
def binary() -> Path:
    path = ROOT / os.environ.get("TAILOR_TEST_BINARY", "target/debug/tailor")
    if not path.is_file():
        pytest.fail(
            f"there is no binary at {path}: run `cargo build -p cli`, or name one by TAILOR_TEST_BINARY", pytrace=False
        )
    return path


def print_config(program: str, *options: str, environment: dict | None = None) -> subprocess.CompletedProcess:
    command = [binary(), program, *options, "--print-config"]
    return subprocess.run(command, capture_output=True, text=True, env=environment or {}, timeout=30)


def programs_settings(program: str) -> dict:
    """Returns the settings of a program with their defaults; None where there is none."""
    done = print_config(program)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        if unset := re.fullmatch(r"# (\S+) is not set", line):
            found[unset[1]] = None
        elif given := re.fullmatch(r'(\S+) = "(.*)"  # default', line):
            found[given[1]] = given[2]
        else:
            raise AssertionError(f"`{line}` is not a line of --print-config")
    return found


def charts_settings(program: str) -> dict:
    """Returns the settings that values.yaml has for a program, with their defaults; None where a value is empty."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    own = values[{"coordinator": "coordinator", "worker": "workers"}[program]]["settings"]
    return {name: _text(value) for part in (values["settings"], own) for name, value in _flat(part)}


def _flat(settings: dict, prefix: str = ""):
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _text(value) -> str | None:
    if value in ("", None):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("program", ["coordinator", "worker"])
def test_every_setting_of_the_program_is_a_value_of_the_chart(program):
    missing = programs_settings(program).keys() - charts_settings(program).keys() - DERIVED_OF[program].keys()
    assert missing == set(), f"add these settings of `tailor {program}` to values.yaml, its schema, or DERIVED_OF"


@pytest.mark.parametrize("program", ["coordinator", "worker"])
def test_every_setting_of_the_chart_is_one_of_the_program(program):
    unknown = (charts_settings(program).keys() | DERIVED_OF[program].keys()) - programs_settings(program).keys()
    assert unknown == set(), f"`tailor {program}` does not have these settings"


@pytest.mark.parametrize("program", ["coordinator", "worker"])
def test_defaults_are_those_of_the_program(program):
    defaults = programs_settings(program)
    for name, default in charts_settings(program).items():
        if name not in FROM_RESOURCES:
            assert default == defaults[name], f"{program}: {name}"


@pytest.mark.parametrize("case", CASES)
def test_the_programs_accept_what_is_rendered(case, tmp_path):
    objects = rendered(case)
    servers = [workload for workload in workloads(objects) if workload.component in ("coordinator", "worker")]
    assert len(servers) >= 2
    for workload in servers:
        shown = _shown(objects, workload, tmp_path)
        assert 'log.level = "' in shown
        if workload.component == "coordinator":
            assert re.search(
                r'grpc\.advertise = "https?://(10\.1\.2\.3|\[fd00::3\]):7070"  # from environment', shown
            ), shown
            assert re.search(r'grpc\.listen = "(0\.0\.0\.0|\[::\]):7070"', shown)
        else:
            assert re.search(r'coordinators = "https?://[a-z]+-coordinators:7070"', shown), shown
            assert re.search(r'name = "pod-1"  # from environment TAILOR_NAME', shown)


def _with_secrets(text: str, folder: Path) -> str:
    """Puts the files of etcd's identity into the folder: the programs read them with their settings, and others only at start."""
    secrets = r"/etc/tailor/(etcd-auth|etcd-tls)/([a-z.]+)"
    for _, name in re.findall(secrets, text):
        (folder / name).write_text("of a test")
    return re.sub(secrets, rf"{folder}/\2", text)


def _shown(objects, workload, folder: Path) -> str:
    """Runs a server as its pod would, with `--print-config`: its arguments, its variables, its mounted settings."""
    container = workload.container("tailor")
    program = workload.component
    volume = next(volume for volume in workload.spec["volumes"] if volume["name"] == "settings")
    for name, text in one(objects, "ConfigMap", volume["configMap"]["name"])["data"].items():
        (folder / name).write_text(_with_secrets(text, folder))
    mount = next(mount for mount in container["volumeMounts"] if mount["name"] == "settings")
    arguments = [argument.replace(mount["mountPath"], str(folder)) for argument in container["args"]]
    assert arguments[0] == program
    done = print_config(program, *arguments[1:], environment=variables(container))
    assert done.returncode == 0, f"{workload.at}: {done.stderr}"
    return done.stdout


def variables(container: dict) -> dict:
    """Returns the variables of a container as a kubelet sets them."""
    fields = {
        "metadata.name": "pod-1",
        "metadata.uid": "0000-uid",
        "status.podIP": "fd00::3" if "[$(POD_IP)]" in str(container) else "10.1.2.3",
    }
    found = {}
    for variable in container["env"]:
        if "value" in variable:
            text = re.sub(r"\$\((\w+)\)", lambda name: found.get(name[1], name[0]), variable["value"])
        else:
            source = variable["valueFrom"]
            text = fields.get(source.get("fieldRef", {}).get("fieldPath"), "from a secret")
        found[variable["name"]] = text
    return found


def test_the_steps_of_helm_test_run_and_verify_a_job(tmp_path):
    (workload,) = [workload for workload in workloads(rendered("production")) if workload.kind == "Pod"]
    steps = {container["name"]: container for _, container in workload.containers()}
    assert list(steps) == ["generate", "submit", "verify"]

    def command(name: str) -> list[str]:
        """Returns the arguments of a step, with its bucket as a folder."""
        given = variables(steps[name])
        words = [re.sub(r"\$\((\w+)\)", lambda name: given[name[1]], word) for word in steps[name]["args"]]
        return [word.replace("s3://metrics/series/helm-test/0000-uid", str(tmp_path)) for word in words]

    def tailor(*words: str) -> subprocess.CompletedProcess:
        done = subprocess.run([binary(), *words], capture_output=True, text=True, env={}, timeout=60)
        assert "s3://" not in " ".join(words)
        return done

    assert tailor(*command("generate")).returncode == 0
    # No cluster is here: the words have to be those of the command, and its job is run in this process instead.
    submit = command("submit")
    refused = tailor(*submit, "--coordinators=http://127.0.0.1:1", "--request-timeout=100ms")
    assert refused.returncode not in (0, 2), refused.stderr
    options = [word for word in submit[2:] if word.startswith(("--job=", "--input=", "--dataset=", "--rollup="))]
    assert len(options) == 4
    assert tailor("run", *options).returncode == 0
    verified = tailor(*command("verify"))
    assert verified.returncode == 0, verified.stderr
    assert "no difference" in verified.stdout


def test_the_command_of_a_schedule_is_one_of_the_program(tmp_path):
    (workload,) = [workload for workload in workloads(rendered("secrets")) if workload.kind == "CronJob"]
    container = workload.container("submit")
    # The script calls `tailor`, which is the binary with the address of a cluster that is not there.
    wrapper = tmp_path / "tailor"
    wrapper.write_text(f'#!/bin/sh\nexec {binary()} "$@" --coordinators=http://127.0.0.1:1 --request-timeout=100ms\n')
    wrapper.chmod(0o755)
    environment = {"PATH": str(tmp_path), "JOB_NAME": "metrics-schedule-hourly-29401330"}
    command = ["/bin/sh", CHART / "files" / "submit-window.sh", *container["args"]]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode not in (0, 2), done.stderr
    assert "127.0.0.1:1" in done.stderr, "the words were accepted, and the cluster was asked"
