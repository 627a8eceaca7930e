"""Workloads from Kubernetes objects: what is read, and what is refused."""

import copy
import unittest

from pods.manifest import Release, Unknown

_LABELS = {
    "app.kubernetes.io/name": "tailor",
    "app.kubernetes.io/instance": "nightly",
    "app.kubernetes.io/component": "coordinator",
}

_DEPLOYMENT = {
    "kind": "Deployment",
    "metadata": {"name": "nightly-coordinator"},
    "spec": {
        "replicas": 2,
        "template": {
            "metadata": {"labels": _LABELS},
            "spec": {
                "serviceAccountName": "nightly",
                "terminationGracePeriodSeconds": 45,
                "containers": [
                    {
                        "name": "tailor",
                        "image": "registry/tailor:1",
                        "args": ["coordinator", "--config=/etc/tailor/settings/coordinator.toml"],
                        "env": [
                            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                            {"name": "TAILOR_GRPC_ADVERTISE", "value": "https://$(POD_IP):7070"},
                            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "secret"}}},
                        ],
                        "ports": [{"name": "http", "containerPort": 7080}],
                        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http", "scheme": "HTTPS"}},
                        "resources": {"limits": {"memory": "1Gi"}},
                        "volumeMounts": [
                            {"name": "settings", "mountPath": "/etc/tailor/settings"},
                            {"name": "tls", "mountPath": "/etc/tailor/tls"},
                            {"name": "tmp", "mountPath": "/tmp"},
                        ],
                    }
                ],
                "volumes": [
                    {"name": "settings", "configMap": {"name": "nightly-coordinator"}},
                    {"name": "tls", "secret": {"secretName": "tls"}},
                    {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
                ],
            },
        },
    },
}
_SETTINGS = {"kind": "ConfigMap", "metadata": {"name": "nightly-coordinator"}, "data": {"coordinator.toml": "[grpc]\n"}}
_TLS = {"kind": "Secret", "metadata": {"name": "tls"}, "data": {"tls.crt": "UEVN"}}
_SERVICE = {
    "kind": "Service",
    "metadata": {"name": "nightly-coordinators"},
    "spec": {"clusterIP": "None", "selector": _LABELS},
}
_OBJECTS = [_DEPLOYMENT, _SETTINGS, _TLS, _SERVICE]


class Manifest(unittest.TestCase):
    def test_a_deployment_gives_what_its_containers_are_started_with(self):
        (workload,) = Release(_OBJECTS, {"s3": {"secret": "x"}}).workloads("localhost/tailor:1")
        self.assertEqual((workload.name, workload.component), ("nightly-coordinator", "coordinator"))
        self.assertEqual(workload.replicas, 2)
        self.assertEqual((workload.memory, workload.grace_s, workload.scheme), ("1g", 45, "https"))
        self.assertEqual(workload.image, "localhost/tailor:1")
        self.assertEqual(workload.environment["POD_IP"], "$(POD_IP)")
        self.assertEqual(workload.environment["SECRET"], "x")
        self.assertEqual(workload.files, {"/etc/tailor/settings/coordinator.toml": "[grpc]\n"})
        self.assertEqual(workload.secrets, {"/etc/tailor/tls": "tls"})
        self.assertEqual(workload.empty_dirs, ["/tmp"])
        self.assertEqual(workload.services, ["nightly-coordinators"])
        self.assertEqual(workload.labels["app.kubernetes.io/instance"], "nightly")

    def test_another_file_or_argument_is_another_template_and_another_number_is_not(self):
        (workload,) = Release(_OBJECTS, {"s3": {"secret": "x"}}).workloads("image")
        (rotated,) = Release(_OBJECTS, {"s3": {"secret": "y"}}).workloads("image")
        more = copy.deepcopy(_DEPLOYMENT)
        more["spec"]["replicas"] = 5
        (scaled,) = Release([more, *_OBJECTS[1:]], {"s3": {"secret": "x"}}).workloads("image")
        self.assertNotEqual(workload.template, rotated.template)
        self.assertEqual(workload.template, scaled.template)

    def test_a_field_that_changes_how_pods_run_is_refused_unless_it_is_known(self):
        odd = copy.deepcopy(_DEPLOYMENT)
        odd["spec"]["template"]["spec"]["hostNetwork"] = True
        with self.assertRaisesRegex(Unknown, "hostNetwork"):
            Release([odd, *_OBJECTS[1:]], {"s3": {"secret": "x"}}).workloads("image")

    def test_a_secret_that_is_nowhere_is_named(self):
        with self.assertRaisesRegex(Unknown, "Secret s3"):
            Release(_OBJECTS, {}).workloads("image")
