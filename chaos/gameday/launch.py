"""Creates the processes of coordinators and workers, with the command line and the environment of each."""

from pathlib import Path

from . import ports
from .imds import Imds
from .lab import LocalLab
from .network import Network
from .process import Process
from .releases import PREVIOUS, THIS
from .scenario import Server, Topology

_FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"

_NAMESPACE = "--etcd-namespace"


class Launcher:
    """Makes processes; whoever asked for one starts it."""

    def __init__(self, lab: LocalLab, network: Network, topology: Topology, home: Path, namespace: str):
        self._lab, self._network, self._topology, self._home, self._namespace = lab, network, topology, home, namespace
        self._reached: list[tuple[int, str]] = []  # of each coordinator, its port and the URL by which others reach it
        self.http: dict[str, int] = {}
        self.spots: dict[str, Imds] = {}

    def server(self, name: str) -> Server:
        """Returns the particular settings of a server; the defaults if the scenario names none."""
        return self._topology.servers.get(name, Server())

    def scratch(self, name: str) -> Path:
        """The scratch folder of a worker."""
        return self._home / f"{name}-scratch"

    def clock(self, name: str) -> Path:
        """The file by which the wall clock of a server is set."""
        return self._home / f"{name}.clock"

    def coordinators(self) -> str:
        """Returns the URLs of the coordinators for operators, which lead past all links."""
        return ",".join(f"http://127.0.0.1:{port}" for port, _ in self._reached)

    def coordinator(self, name: str) -> Process:
        """Creates the process of a coordinator with a port of its own."""
        port = ports.free()
        advertised = self._network.coordinator(port)
        self._reached.append((port, advertised))
        words = ["coordinator", "--name", name, "--grpc-listen", f"127.0.0.1:{port}", "--grpc-advertise", advertised]
        return self._process(name, [*words, "--lease-ttl", "5s"], owner="")

    def worker(self, name: str) -> Process:
        """A worker; it knows the coordinators that there are by now."""
        owner = name if name in self._topology.own_links else ""
        urls = [self._network.coordinator(port, owner) if owner else url for port, url in self._reached]
        self.scratch(name).mkdir()
        words = ["worker", "--name", name, "--coordinators", ",".join(urls), "--lease-ttl", self._topology.lease]
        words += [
            "--slots",
            str(self._topology.slots),
            "--memory",
            self._topology.memory,
            "--scratch-dir",
            str(self.scratch(name)),
        ]
        if self.server(name).has_spot:
            self.spots[name] = Imds()
            words += ["--spot-endpoint", self.spots[name].endpoint]
        return self._process(name, words, owner)

    def use_namespace(self, namespace: str, processes: list[Process]) -> None:
        """Changes the namespace of all that start from now on, again or for the first time."""
        self._namespace = namespace
        for process in processes:
            process.line[process.line.index(_NAMESPACE) + 1] = namespace

    def use_release(self, release: str, process: Process) -> None:
        """Changes the program of a server that starts again from now on."""
        wanted = self._lab.program(release)
        begins = {tuple(self._lab.program(each)) for each in (THIS, PREVIOUS)}
        at = next(at for at in range(len(process.line)) if tuple(process.line[at : at + len(wanted)]) in begins)
        process.line[at : at + len(wanted)] = wanted

    def _process(self, name: str, words: list[str], owner: str) -> Process:
        server = self.server(name)
        self.http[name] = ports.free()
        words = [*words, "--http-listen", f"127.0.0.1:{self.http[name]}", "--etcd-endpoints", self._network.etcd(owner)]
        words += [_NAMESPACE, self._namespace, *server.flags.split()]
        program = self._lab.program(self._topology.release_of(name))
        line = [*server.under.split(), *program, *words]
        if server.disk:
            line = _on_small_disk(line, self.scratch(name), server.disk)
        environment = self._lab.s3.environment(self._network.s3(owner))
        if server.has_clock:
            self.clock(name).write_text("+0s")
            environment |= _with_clock(self.clock(name))
        return Process(name, line, environment, self._home / f"{name}.log")


def _on_small_disk(line: list[str], folder: Path, size: str) -> list[str]:
    """The same in a mount namespace of its own, where a tmpfs lies over a folder."""
    mount = f'mount -t tmpfs -o size={size.removesuffix("iB").lower()} small \'{folder}\' && exec "$0" "$@"'
    return ["unshare", "--mount", "--map-root-user", "bash", "-c", mount, *line]


def _with_clock(file: Path) -> dict[str, str]:
    """libfaketime's variables: the wall clock is as the file says, the monotonic one as it is."""
    return {
        "LD_PRELOAD": _FAKETIME,
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
