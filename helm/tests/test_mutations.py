"""Broken manifests that a real API server refuses, each as a change of what the chart renders.

Each has to be found by a rule or a schema; an unchanged release has to pass both.
"""

import pytest
import rules
import schemas
from chart import rendered
from objects import of_kind, one

MUTATIONS = []


def mutation(words: str):
    """Registers a change; `words` have to be in the sentence that finds it."""

    def register(change):
        MUTATIONS.append(pytest.param(change, words, id=change.__name__))
        return change

    return register


def coordinator(objects) -> dict:
    return one(objects, "Deployment", "tailor-coordinator")


def worker(objects) -> dict:
    return one(objects, "Deployment", "tailor-worker-default")


def pod(deployment) -> dict:
    return deployment["spec"]["template"]["spec"]


def container(deployment) -> dict:
    return pod(deployment)["containers"][0]


@mutation("'imagePullPolice' was unexpected")
def unknown_field_in_a_container(objects):
    container(coordinator(objects))["imagePullPolice"] = "Always"


@mutation("'metrics-and-probes' is not the name of a port")
def port_name_too_long(objects):
    container(coordinator(objects))["ports"][1]["name"] = "metrics-and-probes"


@mutation("the selector does not match the labels of its pods")
def selector_does_not_match_labels(objects):
    coordinator(objects)["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] = "leader"


@mutation("the volume data is not there")
def mount_of_a_missing_volume(objects):
    container(worker(objects))["volumeMounts"].append({"name": "data", "mountPath": "/data"})


@mutation("'2Gib' is not a quantity")
def bad_quantity(objects):
    container(worker(objects))["resources"]["limits"]["memory"] = "2Gib"


@mutation("'a value' is not a value of a label")
def bad_label_value(objects):
    coordinator(objects)["metadata"]["labels"]["team"] = "a value"


@mutation("the name has letters that are not allowed")
def name_with_capitals(objects):
    one(objects, "Service", "tailor-coordinators")["metadata"]["name"] = "tailor-Coordinators"


@mutation("needs one of minAvailable and maxUnavailable")
def budget_with_both_bounds(objects):
    one(objects, "PodDisruptionBudget", "tailor-coordinator")["spec"]["minAvailable"] = 1


@mutation("the request of memory is more than its limit")
def requests_above_limits(objects):
    container(worker(objects))["resources"]["requests"]["memory"] = "3Gi"


@mutation("livenessProbe needs one handler")
def probe_with_two_handlers(objects):
    container(worker(objects))["livenessProbe"]["tcpSocket"] = {"port": "http"}


@mutation("restartPolicy Allways is none of")
def typing_error_in_the_restart_policy(objects):
    pod(worker(objects))["restartPolicy"] = "Allways"


@mutation("policy/v1beta1")
def removed_api(objects):
    one(objects, "PodDisruptionBudget", "tailor-coordinator")["apiVersion"] = "policy/v1beta1"


@mutation("the toleration")
def toleration_with_a_bad_operator(objects):
    pod(worker(objects))["tolerations"] = [{"key": "spot", "operator": "Exist", "effect": "NoSchedule"}]


@mutation("TAILOR_NAME stands twice in env")
def variable_twice(objects):
    container(worker(objects))["env"].append({"name": "TAILOR_NAME", "value": "w"})


@mutation("7070/TCP stands twice in ports")
def port_of_a_service_twice(objects):
    ports = one(objects, "Service", "tailor-coordinators")["spec"]["ports"]
    ports.append(ports[0] | {"name": "other"})


@mutation("registry stands twice in imagePullSecrets")
def pull_secret_twice(objects):
    pod(worker(objects))["imagePullSecrets"] = [{"name": "registry"}, {"name": "registry"}]


@mutation("a port stands twice")
def port_twice(objects):
    container(coordinator(objects))["ports"].append({"name": "other", "containerPort": 7070})


@mutation("maxSkew is 0")
def spread_without_a_skew(objects):
    pod(worker(objects))["topologySpreadConstraints"][0]["maxSkew"] = 0


@mutation("podMetricsEndpoints")
def monitor_with_a_bad_interval(objects):
    one(objects, "PodMonitor", "tailor")["spec"]["podMetricsEndpoints"][0]["interval"] = "30 seconds"


@mutation("podMetricsEndpoints[0].intervall is not a field")
def monitor_with_an_unknown_field(objects):
    one(objects, "PodMonitor", "tailor")["spec"]["podMetricsEndpoints"][0]["intervall"] = "30s"


@mutation("spec.issuerRef: Field required")
def certificate_without_an_issuer(objects):
    del one(objects, "Certificate", "tailor-worker")["spec"]["issuerRef"]


@mutation("is privileged")
def privileged_container(objects):
    container(worker(objects))["securityContext"]["privileged"] = True


@mutation("has no seccomp profile")
def pod_without_seccomp(objects):
    del pod(coordinator(objects))["securityContext"]["seccompProfile"]


@mutation("sleeps 130 s before it stops, and has 120 s of grace")
def stop_hook_longer_than_the_grace(objects):
    container(worker(objects))["lifecycle"] = {"preStop": {"sleep": {"seconds": 130}}}


@mutation("maxSurge and maxUnavailable are both 0")
def strategy_that_cannot_move(objects):
    worker(objects)["spec"]["strategy"]["rollingUpdate"] = {"maxSurge": 0, "maxUnavailable": "0%"}


# Beyond the list: what a server accepts and people regret.


@mutation("has replicas, and a HorizontalPodAutoscaler that sets them too")
def replicas_beside_a_scaler(objects):
    scaler = {"scaleTargetRef": {"kind": "Deployment", "name": "tailor-worker-default"}}
    objects.append(
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "x"}, "spec": scaler}
    )


@mutation("110 s of grace for a drain of 102 s")
def grace_shorter_than_the_drain(objects):
    settings = one(objects, "ConfigMap", "tailor-worker-default")["data"]
    settings["worker.toml"] = settings["worker.toml"].replace('drain.timeout = "100s"', 'drain.timeout = "102s"')
    pod(worker(objects))["terminationGracePeriodSeconds"] = 110


@mutation("a budget that blocks drains for ever")
def budget_of_one_replica(objects):
    coordinator(objects)["spec"]["replicas"] = 1


@mutation("blocks drains once there are no more than those")
def budget_of_pods_that_stay(objects):
    budget = one(objects, "PodDisruptionBudget", "tailor-coordinator")["spec"]
    budget["minAvailable"] = budget.pop("maxUnavailable")


@mutation("is scraped 2 times")
def two_monitors_of_one_pod(objects):
    monitor = one(objects, "PodMonitor", "tailor")
    objects.append(monitor | {"metadata": {"name": "second"}})


@mutation("the emptyDir scratch has no end")
def scratch_without_a_limit(objects):
    pod(worker(objects))["volumes"][0]["emptyDir"] = {}


@mutation("no certificate makes the secret tailor-workers-tls")
def secret_that_nobody_makes(objects):
    for volume in pod(worker(objects))["volumes"]:
        if volume["name"] == "tls":
            volume["secret"]["secretName"] = "tailor-workers-tls"


@mutation("is not 128Mi below the limit")
def memory_at_its_limit(objects):
    settings = one(objects, "ConfigMap", "tailor-worker-default")["data"]
    settings["worker.toml"] = settings["worker.toml"].replace("1536MiB", "2GiB")


@mutation("selects [], not one workload")
def service_without_pods(objects):
    one(objects, "Service", "tailor-coordinators")["spec"]["selector"]["app.kubernetes.io/component"] = "leader"


@mutation("also selects")
def selector_of_every_pod(objects):
    component = "app.kubernetes.io/component"
    del worker(objects)["spec"]["selector"]["matchLabels"][component]
    del worker(objects)["spec"]["selector"]["matchLabels"]["tailor/pool"]


@mutation("is there twice")
def object_twice(objects):
    objects.append(coordinator(objects))


@mutation("Tailor is not a name")
def container_with_capitals(objects):
    pod(worker(objects))["containers"].append(container(worker(objects)) | {"name": "Tailor", "ports": []})


@mutation("readinessProbe asks the port metrics, which is not there")
def probe_of_a_missing_port(objects):
    container(worker(objects))["readinessProbe"]["httpGet"]["port"] = "metrics"


@mutation("lets metrics in, which the pods do not have")
def policy_of_a_missing_port(objects):
    labels = worker(objects)["spec"]["selector"]
    spec = {"podSelector": labels, "ingress": [{"ports": [{"port": "metrics"}]}]}
    objects.append(
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "x"}, "spec": spec}
    )


@mutation("mounts a token of the API server")
def token_of_the_api_server(objects):
    del pod(worker(objects))["automountServiceAccountToken"]


@mutation("counts pods of older templates")
def spread_over_older_templates(objects):
    del pod(worker(objects))["topologySpreadConstraints"][0]["matchLabelKeys"]


@mutation("followers cannot name this leader: https://$(HOSTNAME):7070")
def url_by_the_name_of_a_pod(objects):
    for variable in container(coordinator(objects))["env"]:
        if variable["name"] == "TAILOR_GRPC_ADVERTISE":
            variable["value"] = "https://$(HOSTNAME):7070"


def broken(objects) -> list[str]:
    return rules.broken(objects) + schemas.broken(objects, schemas.VERSIONS[-1])


@pytest.mark.parametrize(("change", "words"), MUTATIONS)
def test_a_broken_manifest_is_found(change, words):
    objects = rendered("production")
    change(objects)
    found = broken(objects)
    assert any(words in sentence for sentence in found), f"not found: {found}"


def test_the_unchanged_release_passes():
    assert broken(rendered("production")) == []
    assert len(of_kind(rendered("production"), "Deployment")) == 2


def test_every_rule_finds_something():
    idle = {rule.__name__ for rule in rules.RULES}
    for change, _ in (parameters.values for parameters in MUTATIONS):
        objects = rendered("production")
        change(objects)
        idle -= {sentence.split(":")[0] for sentence in rules.broken(objects)}
    assert idle == set(), "write a mutation that each of these rules finds"
