"""The network. A link is `etcd`, `s3`, `coordinators`, or one worker's own: `etcd-of-w1`, `s3-of-w1`,
`coordinators-of-w1`. Where etcd has several members, `etcd` is the links to all of them, `etcd2`, `etcd-leader` and
`etcd-follower` the link to one.
"""

from .. import units
from .registry import Undo, fault


def _set(site, link: str, **weather) -> Undo:
    links = site.links(link)
    for each in links:
        each.set(**weather)
    return lambda: [each.set() for each in links] and None


@fault("cut {link}")
def cut(site, link: str) -> Undo:
    """Ends every connection and refuses new ones."""
    return _set(site, link, is_cut=True)


@fault("blackhole {link}")
def blackhole(site, link: str) -> Undo:
    """Lets nothing through in either direction; connections stay open and hang."""
    return _set(site, link, is_deaf=True, is_mute=True)


@fault("blackhole requests to {link}")
def blackhole_requests(site, link: str) -> Undo:
    """Lets nothing through on the way there: half a partition."""
    return _set(site, link, is_deaf=True)


@fault("blackhole answers from {link}")
def blackhole_answers(site, link: str) -> Undo:
    """Lets nothing through on the way back: half a partition."""
    return _set(site, link, is_mute=True)


@fault("lose answers from {link}")
def lose_answers(site, link: str) -> Undo:
    """Lets requests through, throws their answers away, and breaks the connection a little later."""
    return _set(site, link, loses_answers=True)


@fault("delay {link} by {duration}")
def delay(site, link: str, duration: str) -> Undo:
    """Lets what passes wait."""
    return _set(site, link, delay_s=units.duration(duration))


@fault("limit {link} to {size} a second")
def limit(site, link: str, size: str) -> Undo:
    """Lets so many bytes a second through, each connection by itself."""
    return _set(site, link, bytes_per_s=units.size(size))


@fault("break {share} of connections to {link}")
def break_connections(site, share: str, link: str) -> Undo:
    """Ends that share of new connections within a second."""
    return _set(site, link, broken_share=units.share(share))


@fault("heal {link}")
def heal(site, link: str) -> Undo:
    """Lets the link be fine again."""
    _set(site, link)
    return None
