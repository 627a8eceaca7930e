"""A small API server of Kubernetes, as much of one as helm and kubectl need to install a chart.

It stores objects, patches and watches them, and settles workloads at once: a Deployment is ready as soon as it is
written, a pod that ends has succeeded. It validates nothing and starts nothing. So it shows the life of a release:
hooks, order, release storage, upgrade, rollback, and the commands that NOTES print; `rules` and `schemas` stand for
what a server would refuse.
"""
