"""A cluster of real processes on this machine, for one day: etcd, coordinators, workers, and links between all of them.

Everything is the day's own, but for the S3 server: namespace, folder, prefix in the bucket, ports. All processes that
it starts it ends, by their ids; logs stay in its folder.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from . import metrics
from .etcd import Etcd
from .history import History
from .job import JOB
from .lab import LocalLab
from .launch import Launcher
from .metrics import Metrics
from .network import Network
from .poll import until
from .process import Process
from .releases import PREVIOUS, RELEASES
from .s3proxy import Weather
from .scenario import Scenario
from .site import Site
from .tailor import CommandFailed, Tailor

_SHELL_LIMIT_S = 180

#: Longest wait for a server that was asked to leave: a worker exits within 110 s.
_LEAVE_LIMIT_S = 120


class LocalSite(Site):
    """Runs a day on this machine. Faults and probes reach the cluster only through this class."""

    def __init__(self, scenario: Scenario, lab: LocalLab, home: Path):
        super().__init__()
        self.lab, self.home, self.topology = lab, home, scenario.topology
        self.namespace = "/day/"
        self.input = lab.input(scenario.workload, scenario.name)
        self.dataset = lab.uri(f"datasets/{scenario.name}-{home.name}")
        self.s3_weather = Weather()
        self.etcd = Etcd(home, self.topology.etcd_flags.split(), self.topology.etcd_members)
        etcd_ports = [member.port for member in self.etcd.members]
        self.network = Network(lab.loop, etcd_ports, lab.s3.endpoint, self.s3_weather)
        self.history = History(self.etcd, self.namespace)
        self._launcher = Launcher(lab, self.network, self.topology, home, self.namespace)
        self._servers: dict[str, Process] = {}
        self._beside: list[Process] = []
        self._at_end: list[Callable[[], None]] = []
        self._begin()

    def _begin(self) -> None:
        for number in range(1, self.topology.coordinators + 1):
            self._servers[f"c{number}"] = self._launcher.coordinator(f"c{number}")
            self.start(f"c{number}")
        self.environment = {**self.lab.s3.environment(), "TAILOR_COORDINATORS": self._launcher.coordinators()}
        self.tailor = Tailor(self.lab.tailor.binary, self.environment)
        for number in range(1, self.topology.workers + 1):
            if not self._launcher.server(f"w{number}").is_late:
                self.start(f"w{number}")

    # What faults ask for.

    def named(self, server: str) -> list[str]:
        """Names of the servers that a word means."""
        match server:
            case "workers":
                return [name for name in self._servers if name.startswith("w")]
            case "coordinators":
                return [name for name in self._servers if name.startswith("c")]
            case "leader":
                return [self.leader() or "c1"]
            case "etcd-leader" | "etcd-follower":
                return [self.etcd.member(server).name]
            case _:
                return [server]

    def signal(self, name: str, signal: str) -> None:
        """Sends a signal to one server."""
        self.process(name).signal(signal)

    def exit_of(self, name: str) -> int | str | None:
        """Returns the exit code of a server; `runs` while it runs."""
        process = self.process(name)
        return "runs" if process.is_running else process.exit_code

    def start(self, name: str) -> None:
        """Starts a server: for the first time, or again."""
        if name.startswith("etcd"):
            self.etcd.member(name).start()
            return
        if name.startswith("w") and name not in self._servers:
            self._servers[name] = self._launcher.worker(name)
        if not self._servers[name].is_running:
            self._servers[name].start()

    def replace(self, name: str, release: str) -> None:
        """Lets a server leave, and starts it as another release; returns once that one serves."""
        process = self.process(name)
        process.signal("TERM")
        until(f"{name} leaves with exit code 0", _LEAVE_LIMIT_S, lambda: self.exit_of(name) == 0)
        self._launcher.use_release(release, process)
        process.start()
        until(f"{name} serves again", _LEAVE_LIMIT_S, lambda: self._serves(name))

    def release_of(self, name: str) -> str:
        """Returns the release that a server runs, by the file that the kernel executes; `none` if it does not run."""
        process = self.process(name)
        if not process.is_running:
            return "none"
        runs = os.readlink(f"/proc/{process.pid}/exe")
        return next((each for each in RELEASES if os.path.realpath(self.lab.program(each)[0]) == runs), "another")

    def process(self, name: str) -> Process:
        """The process of one server."""
        return self.etcd.member(name).process if name.startswith("etcd") else self._servers[name]

    def links(self, name: str) -> list:
        """The links of that name."""
        return self.network.named(self.named(name)[0] if name.startswith("etcd-") and "-of-" not in name else name)

    def shell(self, command: str) -> str:
        """Runs a command to its end; what it said."""
        line = ["bash", "-c", command]
        try:
            ended = subprocess.run(
                line, env=self._shell_environment(), capture_output=True, text=True, timeout=_SHELL_LIMIT_S
            )
        except subprocess.TimeoutExpired:
            raise CommandFailed(f"$ {command}\ntakes longer than {_SHELL_LIMIT_S} s") from None
        if ended.returncode != 0:
            raise CommandFailed(f"$ {command}\nended with {ended.returncode}\n{ended.stdout}{ended.stderr}".strip())
        return ended.stdout + ended.stderr

    def spawn(self, command: str) -> Callable[[], None]:
        """Runs a command beside the day; hands back how to end it."""
        number = len(self._beside)
        beside = Process(
            f"beside-{number}",
            ["bash", "-c", f"exec {command}"],
            self._shell_environment(),
            self.home / f"beside-{number}.log",
        )
        beside.start()
        self._beside.append(beside)

        def end() -> None:
            beside.signal("TERM")
            beside.wait(3)
            beside.end()

        return end

    def use_namespace(self, namespace: str) -> None:
        """Gives every server that starts from now on another namespace in etcd."""
        self.namespace = namespace
        self.history.namespace = namespace
        self._launcher.use_namespace(namespace, list(self._servers.values()))

    def at_end(self, do: Callable[[], None]) -> None:
        """Lets something be cleared away once all processes have ended."""
        self._at_end.append(do)

    def set_clock(self, name: str, shift: str) -> None:
        """Sets the wall clock of a server that has one of its own."""
        self._launcher.clock(name).write_text(shift)

    def scratch_seen_by(self, worker: str) -> Path:
        """The worker's scratch folder, as it sees it: its disk may be there for it alone."""
        return Path(f"/proc/{self.process(worker).pid}/root{self._launcher.scratch(worker)}")

    def notice(self, worker: str) -> None:
        """Lets the metadata service of a worker tell that its machine is taken back."""
        self._launcher.spots[worker].is_noticed = True

    # What probes ask for.

    def scrape(self, server: str) -> dict[str, Metrics]:
        """Metrics of those that answer."""
        told = {
            name: metrics.scrape(f"http://127.0.0.1:{self._launcher.http[name]}/metrics")
            for name in self.named(server)
            if self._servers[name].is_running
        }
        return {name: found for name, found in told.items() if found is not None}

    def targets(self) -> dict[str, str]:
        """Addresses of `/metrics` by name: of the servers that were started so far, and of etcd's members."""
        servers = {name: f"127.0.0.1:{self._launcher.http[name]}" for name in self._servers}
        return servers | {member.name: f"127.0.0.1:{member.port}" for member in self.etcd.members}

    def log_size(self, name: str) -> int:
        """Returns the present size of a server's log; 0 if there is no log yet."""
        return self.process(name).log_size() if name.startswith("etcd") or name in self._servers else 0

    def said(self, name: str, offset: int) -> str:
        """Returns the log of a server from a position on."""
        return self.process(name).said(offset) if name.startswith("etcd") or name in self._servers else ""

    def uploads(self) -> int:
        """Multipart uploads in the dataset that nobody has finished."""
        return self.lab.s3.uploads(self.lab.key(self.dataset))

    def keys_of_jobs(self) -> list[str] | None:
        """Lists the keys of jobs that are left in etcd."""
        return self.etcd.keys(f"{self.namespace}jobs/")

    def is_ready(self) -> bool:
        """Tells whether there is a leader, and all workers that were started take work."""
        if self.leader() is None:
            return False
        listed = self.tailor.ask("worker", "list", "--request-timeout", "2s") or {"workers": []}
        active = {worker["name"] for worker in listed["workers"] if worker["state"] == "active"}
        return active >= set(self.named("workers"))

    def _serves(self, name: str) -> bool:
        if name.startswith("c"):
            return bool(self.scrape(name))
        listed = self.tailor.ask("worker", "list", "--request-timeout", "2s") or {"workers": []}
        return any(worker["name"] == name and worker["state"] == "active" for worker in listed["workers"])

    def stop(self) -> None:
        """Ends everything that was started."""
        for process in [*self._beside, *self._servers.values(), *(member.process for member in self.etcd.members)]:
            process.end()
        for spot in self._launcher.spots.values():
            spot.stop()
        for do in self._at_end:
            do()

    def _shell_environment(self) -> dict[str, str]:
        pids = {name: str(process.pid) for name, process in self._servers.items() if process.is_running}
        named = {
            **{member.name: str(member.process.pid) for member in self.etcd.members},
            "INPUT": self.input,
            "DATASET": self.dataset,
            "JOB": JOB,
            "HOME_OF_DAY": str(self.home),
            **{release.upper(): program[0] for release, program in self.lab.programs.items()},
        }
        path = f"{self.lab.path}:{os.environ.get('PATH', '')}"
        return {**os.environ, **self.environment, **pids, **named, "PATH": path, "ETCD": self.etcd.url}
