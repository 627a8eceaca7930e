"""Controllers that settle at once: whatever is written is in the state in which a healthy cluster would end."""

import hashlib
import json

_TRUE = "True"


def settle(item: dict) -> list[dict]:
    """Writes the status of an object, and returns the objects that its controller would make."""
    generation = item["metadata"]["generation"]
    match item["kind"]:
        case "Deployment":
            count = item["spec"].setdefault("replicas", 1)
            conditions = [_condition("Available"), _condition("Progressing", "NewReplicaSetAvailable")]
            item["status"] = _counts(count, generation) | {"updatedReplicas": count, "conditions": conditions}
            return [_replica_set(item, count)]
        case "StatefulSet":
            count = item["spec"].setdefault("replicas", 1)
            revisions = {
                "currentRevision": "r1",
                "updateRevision": "r1",
                "currentReplicas": count,
                "updatedReplicas": count,
            }
            item["status"] = _counts(count, generation) | revisions
        case "Service":
            item["spec"].setdefault("clusterIP", "10.96.0.9")
        case "Pod":
            done = {"terminated": {"exitCode": 0, "reason": "Completed"}}
            containers = [{"name": one["name"], "ready": False, "state": done} for one in item["spec"]["containers"]]
            item["status"] = {"phase": "Succeeded", "containerStatuses": containers, "conditions": []}
        case "PodDisruptionBudget":
            item["status"] = {
                "observedGeneration": generation,
                "currentHealthy": 2,
                "desiredHealthy": 1,
                "disruptionsAllowed": 1,
            }
        case "Certificate" | "Issuer" | "ScaledObject":
            item["status"] = {"conditions": [_condition("Ready")]}
    return []


def _counts(count: int, generation: int) -> dict:
    return {"observedGeneration": generation, "replicas": count, "readyReplicas": count, "availableReplicas": count}


def _condition(kind: str, reason: str = "Settled") -> dict:
    return {"type": kind, "status": _TRUE, "reason": reason, "lastTransitionTime": "2026-01-01T00:00:00Z"}


def _replica_set(deployment: dict, count: int) -> dict:
    template = json.loads(json.dumps(deployment["spec"]["template"]))
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
    labels = template["metadata"].setdefault("labels", {})
    labels["pod-template-hash"] = digest
    meta = deployment["metadata"]
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [owner],
        },
        "spec": {"replicas": count, "selector": {"matchLabels": labels}, "template": template},
        "status": _counts(count, 1),
    }
