"""Game days: a hypothesis, a fault on real processes, and what came of it, as a report.

In reading order:

    scenario     what a game day is: one TOML file, parsed and checked (table)
    condition    "job tasks_done > 2": a probe, a comparison, a value
    probes       what can be looked at: metrics, logs, the job (job), workers, the store
    faults/      "kill -9 w1": what can be done, each with its way back
    day          the course of one game day; watcher looks for what must be seen
    observe      the steady state, as numbers
    history      what etcd saw of claims and completions
    manifests    what became visible in the dataset, and when
    invariants   every invariant by its id, and how it is checked here
    verdict      held, held but not detected, violated
    report       Markdown and JSON
    soak         the long day: workers die every minute
    local        a cluster of processes on this machine; launch makes their command lines
    kubernetes   the same in a namespace; chaosmesh prints manifests
    lab          the S3 server, the inputs, and what a calm run makes of them
    proxy, s3proxy, link   what stands between two processes, and makes their network worse

Nothing here knows Tailor but by its command line, its metrics, and what its documents promise of etcd and the dataset.
"""
