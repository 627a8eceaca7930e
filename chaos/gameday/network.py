"""Every way between two processes of a local cluster, and what stands on it.

    servers -> etcd (one link a member: etcd1, etcd2, ...)  -> the day's etcd
    servers -> s3 -> (HTTP: the weather)     -> the S3 server
    workers, operator -> coordinators (one link each) -> a coordinator

A worker with links of its own has a second set of all three, named `etcd-of-w1` and so on.
"""

from .link import Link
from .loop import Loop
from .s3proxy import S3Proxy, Weather


class Network:
    """The links of one day."""

    def __init__(self, loop: Loop, etcd_ports: list[int], s3_endpoint: str, weather: Weather):
        self._loop, self._etcd_ports = loop, etcd_ports
        self._s3 = S3Proxy(loop, int(s3_endpoint.rsplit(":", 1)[1]), weather)
        self._links: dict[str, list[Link]] = {}

    def etcd(self, owner: str = "") -> str:
        """URLs of etcd's members, for everybody or for one worker."""
        name = _name("etcd", owner)
        if name not in self._links:
            self._links[name] = [Link(self._loop, port) for port in self._etcd_ports]
            if len(self._etcd_ports) > 1:
                for number, link in enumerate(self._links[name], 1):
                    self._links[_name(f"etcd{number}", owner)] = [link]
        return ",".join(link.url for link in self._links[name])

    def s3(self, owner: str = "") -> str:
        """URL of the store, for everybody or for one worker."""
        return self._shared("s3", owner, self._s3.port)

    def coordinator(self, port: int, owner: str = "") -> str:
        """URL of a coordinator: a link for each."""
        link = Link(self._loop, port)
        self._links.setdefault(_name("coordinators", owner), []).append(link)
        return link.url

    def named(self, name: str) -> list[Link]:
        """The links of that name."""
        if name not in self._links:
            raise ValueError(f"there is no link '{name}'; this day has {', '.join(sorted(self._links))}")
        return self._links[name]

    def _shared(self, kind: str, owner: str, port: int) -> str:
        name = _name(kind, owner)
        if name not in self._links:
            self._links[name] = [Link(self._loop, port, server_host=self._loop.host)]
        return self._links[name][0].url


def _name(kind: str, owner: str) -> str:
    return f"{kind}-of-{owner}" if owner else kind
