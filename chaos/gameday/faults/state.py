"""etcd: its space, its history, its snapshots."""

from .registry import Undo, fault


@fault("etcd fill")
def etcd_fill(site) -> Undo:
    """Writes until its quota is used up, and the NOSPACE alarm is raised."""
    site.etcd.fill()
    return site.etcd.mend


@fault("etcd mend")
def etcd_mend(site) -> Undo:
    """Compacts, defragments, disarms: what an operator does about NOSPACE."""
    site.etcd.mend()
    return None


@fault("etcd compact")
def etcd_compact(site) -> Undo:
    """Compacts to the present revision, under every watch that hangs behind."""
    site.etcd.compact()
    return None


@fault("etcd snapshot")
def etcd_snapshot(site) -> Undo:
    """Takes a snapshot: `etcdctl snapshot save`."""
    site.etcd.snapshot()
    return None


@fault("etcd restore")
def etcd_restore(site) -> Undo:
    """Stops etcd, restores the last snapshot, starts it: revisions go back."""
    site.etcd.restore()
    site.history.begin_again("etcd was restored from a snapshot")
    return None


@fault("etcd replace {member}")
def etcd_replace(site, member: str) -> Undo:
    """Kills a member, and puts a new one with an empty disk in its place and under its address."""
    site.etcd.replace(member)
    return None


@fault("etcd lose")
def etcd_lose(site) -> Undo:
    """Stops etcd and starts it empty: jobs are gone, revisions begin anew."""
    site.etcd.lose()
    site.history.begin_again("etcd was lost, and began empty")
    return None


@fault("namespace {name}")
def namespace(site, name: str) -> Undo:
    """Gives every server that starts from now on this namespace in etcd."""
    site.use_namespace(f"/{name}/")
    return None
