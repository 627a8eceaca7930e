"""Values, their schema and their description say the same."""

import json
import os
import re

import pytest
import yaml
from chart import CHART, HELMS, ROOT, parse, refusal, rendered_with, run, values_file
from objects import of_kind, one, workloads
from rules import broken
from values_file import described, leaves

README = ROOT / "helm" / "README.md"
BEGIN, END = "<!-- values: written by `make chart-golden` -->\n", "<!-- end of values -->"
MINIMAL = "roots: [s3://m/]\netcd: {trial: {enabled: true}}\n"


def values() -> dict:
    return yaml.safe_load((CHART / "values.yaml").read_text())


def schema() -> dict:
    return json.loads((CHART / "values.schema.json").read_text())


def test_every_value_is_described():
    paths = {value.path for value in described()}
    for leaf in leaves(values()):
        parts = leaf.split(".")
        above = {".".join(parts[: end + 1]) for end in range(len(parts))}
        assert above & paths, f"{leaf} has no description"


def test_the_readme_has_the_table_of_values():
    table = "".join(
        f"{row}\n" for row in ["| key | default | meaning |", "|---|---|---|", *(value.row for value in described())]
    )
    text = README.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    if os.environ.get("UPDATE_GOLDEN"):
        README.write_text(head + BEGIN + table + END + tail)
    assert BEGIN + table + END in README.read_text(), "helm/README.md is behind values.yaml; run `make chart-golden`"


def test_the_schema_knows_every_value_and_no_other():
    known = set(_properties(schema()))
    ours = set(leaves(values()))
    for leaf in ours:
        parts = leaf.split(".")
        above = {".".join(parts[: end + 1]) for end in range(len(parts))}
        is_map = any(path.startswith(f"{leaf}.") for path in known)
        assert above & known or is_map, f"the schema does not know {leaf}"
    unknown = {path for path in known if not path.startswith(("pools.", "schedules.")) and not _is_value(path)}
    assert unknown == set(), "the schema allows keys that values.yaml does not have"


def _is_value(path: str) -> bool:
    # Fields of Kubernetes may be named that no default has, and a setting of both servers may be given to one of them.
    if path.startswith(("probes.", "coordinator.extraPodSpec.", "workers.extraPodSpec.")):
        return True
    of_both = tuple(f".settings.{name}" for name in ("log.format", "log.level", "trace.endpoint", "trace.sample-ratio"))
    ends = (".claims", ".pullSecrets.name", *of_both)
    if path in _OPEN or path.startswith("workers.image.") or path.endswith(ends):
        return True
    found = values()
    for key in path.split("."):
        if not isinstance(found, dict) or key not in found:
            return False
        found = found[key]
    return True


#: Keys that values.yaml does not have on purpose: a parent chart's condition, the name of pools, keys that moved.
_OPEN = {"enabled", "workers.name"} | {
    key for key, item in schema()["properties"].items() if "Moved" in item.get("description", "")
}


def _properties(node: dict, path: str = "") -> list[str]:
    """Returns the paths of all leaves that the schema has."""
    if "$ref" in node:
        node = schema()["definitions"][node["$ref"].rsplit("/", 1)[-1]]
    found = []
    for part in node.get("allOf", []):
        found += _properties(part, path) if "$ref" in part else []
    if node.get("type") == "array" and isinstance(node.get("items"), dict):
        inner = _properties(node["items"], path)
        return [path, *(one for one in inner if one != path)]
    for key, item in node.get("properties", {}).items():
        inner = f"{path}.{key}" if path else key
        found += _properties(item, inner)
    return found or [path]


def test_every_map_of_the_schema_is_closed_but_those_of_the_user():
    opened = []

    def look(node, at):
        if isinstance(node, dict):
            if "properties" in node and node.get("additionalProperties") is not False:
                opened.append(at)
            for key, item in node.items():
                look(item, f"{at}.{key}")

    look(schema(), "")
    assert opened == []


@pytest.mark.parametrize("helm", HELMS)
def test_the_chart_works_as_a_subchart(helm):
    """Helm hands `global` to each subchart, and a parent's condition is often `enabled`."""
    assert refusal(MINIMAL + "global: {registry: example.com, deep: {er: 1}}\nenabled: true\n", helm) == ""


def test_a_pool_overrides_with_false_and_zero_too():
    text = (
        MINIMAL
        + "pools: [{name: a, replicas: 0, pdb: {enabled: false}, scratch: {claim: false}}]\n"
        + "workers: {scratch: {claim: true}}\n"
    )
    objects = rendered_with(text)
    pool = one(objects, "Deployment", "tailor-worker-a")
    assert pool["spec"]["replicas"] == 0
    assert "emptyDir" in pool["spec"]["template"]["spec"]["volumes"][0]
    assert [item["metadata"]["name"] for item in of_kind(objects, "PodDisruptionBudget")] == ["tailor-coordinator"]


def test_only_pods_whose_settings_change_are_restarted():
    before, after = (_digests(MINIMAL + more) for more in ("", "coordinator: {settings: {gc: {interval: 2h}}}\n"))
    assert before["tailor-coordinator"] != after["tailor-coordinator"]
    assert before["tailor-worker-default"] == after["tailor-worker-default"]


def _digests(text: str) -> dict:
    return {
        workload.name: workload.pod["metadata"]["annotations"]["tailor/settings-digest"]
        for workload in workloads(rendered_with(text))
        if workload.component in ("coordinator", "worker")
    }


def test_names_fit_however_long_the_release_is():
    text = values_file("secrets").read_text().replace("fullnameOverride: metrics", f"fullnameOverride: {'m' * 60}")
    text = text.replace("name: hourly", "name: twelve-chars")
    text += f"pools: [{{name: {'p' * 20}}}]\n"
    assert broken(rendered_with(text)) == []


def test_a_version_with_build_metadata_is_a_label(tmp_path):
    version = f"1.0.0+{'f' * 56}-{'0' * 40}"
    packed = run("helm4", "package", str(CHART), "--destination", str(tmp_path), "--app-version", version)
    assert packed.returncode == 0, packed.stderr
    (archive,) = tmp_path.glob("tailor-*.tgz")
    done = run("helm4", "template", "tailor", str(archive), "--values", str(values_file("trial")))
    assert done.returncode == 0, done.stderr
    assert broken(parse(done.stdout)) == []


def test_a_quota_that_counts_every_limit_can_be_met():
    """A namespace may refuse pods of which one container lacks a request or a limit that its quota counts."""
    limited = "resources: {limits: {cpu: 2}}"
    text = (
        f"roots: [s3://m/]\netcd: {{trial: {{enabled: true, {limited}}}}}\n"
        + "".join(f"{who}: {{{limited}}}\n" for who in ("coordinator", "workers", "test"))
        + f"schedules: [{{name: a, cron: 0 * * * *, every: 1h, input: s3://m/in, dataset: s3://m/out, {limited}}}]\n"
    )
    for workload in workloads(rendered_with(text)):
        for at, container in workload.containers():
            for kind in ("requests", "limits"):
                assert container["resources"][kind].keys() == {"cpu", "memory", "ephemeral-storage"}, f"{at}, {kind}"


def test_pods_of_the_command_line_run_on_the_nodes_that_are_named():
    place = "nodeSelector: {pool: small}, tolerations: [{key: small, operator: Exists}]"
    text = (
        MINIMAL
        + f"test: {{{place}}}\n"
        + f"schedules: [{{name: a, cron: 0 * * * *, every: 1h, input: s3://m/in, dataset: s3://m/out, {place}}}]\n"
    )
    objects = rendered_with(text)
    assert broken(objects) == []
    clients = [workload for workload in workloads(objects) if workload.component == "client"]
    assert sorted(client.kind for client in clients) == ["CronJob", "Pod"]
    for client in clients:
        assert client.spec["nodeSelector"] == {"pool": "small"}
        assert client.spec["tolerations"] == [{"key": "small", "operator": "Exists"}]


def test_the_chart_has_the_version_of_the_programs():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert f'version = "{chart["appVersion"]}"' in (ROOT / "Cargo.toml").read_text()


@pytest.mark.parametrize("helm", HELMS)
def test_values_in_the_documents_render_and_hold_every_rule(helm):
    text = (ROOT / "docs" / "kubernetes.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.S)
    whole = [block for block in blocks if block.startswith("# values.yaml")]
    parts = [block for block in blocks if block.startswith("schedules:")]
    assert (len(whole), len(parts)) == (1, 1)
    assert broken(rendered_with(whole[0] + parts[0], helm)) == []


def test_commands_in_the_documents_set_keys_of_the_chart():
    for path in (ROOT / "docs" / "kubernetes.md", ROOT / "README.md", README):
        for key in re.findall(r"--set '?([A-Za-z.]+)=", path.read_text()):
            # `crds.enabled` is a key of the chart of cert-manager.
            assert _is_value(key) or key == "crds.enabled", f"{path}: {key} is not a key of values.yaml"
