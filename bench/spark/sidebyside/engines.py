"""The engines: how each is started, and what it leaves behind."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from . import meter
from .workload import Workload

REPOSITORY = Path(__file__).resolve().parents[3]
STEP = "5m"
STEP_MS = 300_000
_SEGMENT_BYTES_A_PARTITION = 16 << 20

#: For both jobs: no pages to watch, no name to look up, no log below warnings.
_SPARK_CONF = {
    "spark.ui.enabled": "false",
    "spark.log.level": "WARN",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}
#: Memory pages of Spark lie outside the heap, so that its collector has little to do.
_OFF_HEAP_CONF = {"spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "1g"}


@dataclass(frozen=True)
class Site:
    """The place where engines run."""

    work: Path
    tailor: Path
    workers: int

    def output(self, engine: "Engine") -> Path:
        return self.work / "output" / engine.key


@dataclass(frozen=True)
class Run:
    """One run of an engine."""

    usage: meter.Usage
    points_bytes: int
    rollup_bytes: int
    #: Metrics of Spark's tasks.
    tasks: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Engine:
    """An engine, with a name for people and a key for files."""

    key: str
    name: str

    def run(self, site: Site, workload: Workload) -> Run:
        """Runs the job on the workload, into a new folder."""
        output = site.output(self)
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        os.sync()  # so that nobody pays for what another one wrote
        command = [str(word) for word in self.command(site, workload, output)]
        usage, said = meter.run(command, site.work / f"{self.key}.log", self.env())
        points, rollup = self.files(output)
        return Run(usage, _bytes(points), _bytes(rollup), self.tasks(said))

    def command(self, site: Site, workload: Workload, output: Path) -> list[object]:
        raise NotImplementedError

    def files(self, output: Path) -> tuple[list[Path], list[Path]]:
        """Lists the files with points, and those with rollup rows."""
        raise NotImplementedError

    def env(self) -> dict[str, str] | None:
        return None

    def tasks(self, said: str) -> dict[str, float]:
        return {}


@dataclass(frozen=True, eq=False)
class Tailor(Engine):
    """`tailor run`, with its defaults."""

    format: str = "part"

    def command(self, site: Site, workload: Workload, output: Path) -> list[object]:
        map_option = ("--shard-config", workload.shard_map) if workload.shard_map.exists() else ()
        return [
            *(site.tailor, "run", "--input", workload.segments, "--dataset", output, "--job", "bench"),
            *("--rollup", STEP, "--workers", site.workers, "--format", self.format, *map_option),
        ]

    def files(self, output: Path) -> tuple[list[Path], list[Path]]:
        files = list((output / "data").rglob(f"*.{self.format}"))
        rollups = [file for file in files if ".rollup-" in file.name]
        return [file for file in files if ".rollup-" not in file.name], rollups


@dataclass(frozen=True, eq=False)
class Spark(Engine):
    """A job of bench/spark/java."""

    job: str = ""
    heap: str = ""
    conf: dict[str, str] = field(default_factory=dict)
    extensions: tuple[str, str] = ("*.parquet", "*.parquet")

    def command(self, site: Site, workload: Workload, output: Path) -> list[object]:
        partitions = max(2 * site.workers, -(-workload.bytes // _SEGMENT_BYTES_A_PARTITION))
        return self.submit(site, self.job, [workload.segments, output, partitions, STEP_MS])

    def submit(self, site: Site, job: str, words: list[object]) -> list[object]:
        conf = {**_SPARK_CONF, **self.conf, "spark.local.dir": site.work / "spark-local"}
        options = [word for name, value in conf.items() for word in ("--conf", f"{name}={value}")]
        return [
            *(spark_home() / "bin/spark-submit", "--master", f"local[{site.workers}]", "--driver-memory", self.heap),
            *options,
            *("--class", f"tailor.spark.{job}", REPOSITORY / "target/spark/jobs.jar", *words),
        ]

    def env(self) -> dict[str, str]:
        return {**os.environ, "SPARK_HOME": str(spark_home()), "SPARK_LOCAL_IP": "127.0.0.1", "JAVA_HOME": java_home()}

    def files(self, output: Path) -> tuple[list[Path], list[Path]]:
        points, rollup = self.extensions
        return list((output / "points").glob(points)), list((output / "rollup").glob(rollup))

    def tasks(self, said: str) -> dict[str, float]:
        return json.loads(said.splitlines()[-1])


def spark_home() -> Path:
    """Returns the folder of the Spark that install.sh has made."""
    return next((REPOSITORY / ".cache/spark/lib").glob("python3*/site-packages/pyspark"))


def java_home() -> str:
    """Returns the folder of Debian's JDK 17; JAVA_HOME of the environment may name another one."""
    shell = '. bench/spark/java-home.sh; echo "$JAVA_HOME"'
    told = subprocess.run(["bash", "-c", shell], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
    return told.stdout.strip()


TAILOR = Tailor("tailor", "Tailor, parts")
TAILOR_PARQUET = Tailor("tailor-parquet", "Tailor, Parquet", format="parquet")
DATAFRAME = Spark("dataframe", "Spark, DataFrame, Parquet", job="DataFrameJob", heap="4g")
EXPERT = Spark(
    "expert",
    "Spark, expert, binary files",
    job="ExpertJob",
    heap="1g",
    conf=_OFF_HEAP_CONF,
    extensions=("*.points", "*.rollup"),
)
ALL: list[Engine] = [DATAFRAME, EXPERT, TAILOR_PARQUET, TAILOR]


def _bytes(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files)
