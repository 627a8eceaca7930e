"""The machine: clocks, disks, spot notices, and any shell command.

In a command, `$w1`, `$c1` and `$etcd` are process ids, `$INPUT` and `$DATASET` URIs, and `tailor` asks this cluster.
One that ends in `&` runs beside the day, and is ended when its time is up.
"""

from pathlib import Path

from .. import units
from .registry import Undo, fault

_CGROUPS = Path("/sys/fs/cgroup/memory")


@fault("$ {command...}")
def shell(site, command: str) -> Undo:
    """Runs a shell command; its failure ends the day."""
    if command.endswith("&"):
        return site.spawn(command.removesuffix("&").strip())
    site.shell(command)
    return None


@fault("clock of {server} {shift}")
def clock(site, server: str, shift: str) -> Undo:
    """Sets a server's wall clock forward or back, as in `clock of w1 +1h`; needs `clock = true`."""
    for name in site.named(server):
        site.set_clock(name, shift)
    return lambda: [site.set_clock(name, "+0s") for name in site.named(server)] and None


@fault("fill the scratch of {worker} with {size}")
def fill_scratch(site, worker: str, size: str) -> Undo:
    """Puts a ballast file on the worker's scratch disk; needs `disk`."""
    ballast = site.scratch_seen_by(worker) / "ballast"
    ballast.write_bytes(b"\1" * units.size(size))
    return lambda: ballast.unlink(missing_ok=True)


@fault("limit the memory of {server} to {size}")
def limit_memory(site, server: str, size: str) -> Undo:
    """Puts a server into a memory cgroup with so much room for what it still takes; the kernel kills it past that."""
    group = _CGROUPS / f"gameday-{site.process(server).pid}"
    group.mkdir()
    (group / "memory.limit_in_bytes").write_text(str(units.size(size)))
    (group / "cgroup.procs").write_text(str(site.process(server).pid))
    site.at_end(group.rmdir)
    return None


@fault("spot notice to {worker}")
def spot_notice(site, worker: str) -> Undo:
    """Lets the metadata service tell that the machine is taken back in two minutes; needs `spot = true`."""
    site.notice(worker)
    return None


@fault("pause")
def pause(site) -> Undo:
    """Does nothing; `wait` and `for` let time pass."""
    return lambda: None
