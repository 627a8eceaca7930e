"""Pods of a Kubernetes namespace as containers of podman, on this machine.

    workload    a Deployment, as far as its pods go
    tailor      the image that pods run
    chart       the chart, rendered for stores of this machine, and certificates for it
    manifest    workloads from the objects that a chart renders
    namespace   a network and its pods; creates, restarts and replaces them as controllers and a kubelet do
    kubectl     the command line that acts on such a namespace
    podman      the one place that runs podman

Probes, resources of CPU, affinity, services with addresses of their own, storage classes and rights are not imitated.
"""
