"""Processes that die, hang, and come back. A server is `w1`, `c2`, `etcd`, or a role: `leader`, `coordinators`,
`workers`. Members of an etcd that has several are `etcd1` and so on, or `etcd-leader` and `etcd-follower`.
"""

from .registry import Undo, fault


@fault("kill -{signal} {server}")
def kill(site, signal: str, server: str) -> Undo:
    """Sends a signal: 9 kills, STOP hangs, CONT goes on, TERM asks to leave. `for` starts or continues it again."""
    names = site.named(server)
    site.signal_all(names, {"9": "KILL"}.get(signal, signal))
    match signal:
        case "STOP":
            return lambda: site.signal_all(names, "CONT")
        case "9" | "KILL":
            return lambda: [site.start(name) for name in names] and None
    return None


@fault("start {server}")
def start(site, server: str) -> Undo:
    """Starts a server that was killed, or one that is late."""
    for name in site.startable(server):
        site.start(name)
    return None


@fault("replace {server} by {release}")
def replace(site, server: str, release: str) -> Undo:
    """Asks a server to leave, and starts it as the release `this` or `previous` once it has exited with 0; several in turn."""
    for name in sorted(site.named(server)):
        site.replace(name, release)
    return None
