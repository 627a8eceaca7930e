"""What all tests share: the store, both programs, one input, and the content that an undisturbed run makes of it."""

import time
import unittest

from gameday.lab import LocalLab
from gameday.releases import RELEASES
from gameday.scenario import Workload
from gameday.tailor import REPOSITORY, Ended, Tailor, binary

#: Four shards, some fifty tasks.
WORKLOAD = Workload(gen="--points 200000 --orgs 4 --partitions 6 --big-share 0", pace="50ms")
JOB_OPTIONS = WORKLOAD.job.split()


class Place(unittest.TestCase):
    """A place in a bucket with the programs of both releases. Subclasses name the releases."""

    WRITER: str
    READER: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.home = REPOSITORY / "target/upgrade" / f"{time.strftime('%Y%m%d-%H%M%S')}-{cls.__name__}"
        cls.home.mkdir(parents=True)
        cls.lab = LocalLab(cls.home, binary())
        cls.addClassCleanup(cls.lab.stop)
        environment = cls.lab.s3.environment()
        programs = {release: Tailor(cls.lab.program(release), environment) for release in RELEASES}
        cls.writer, cls.reader = programs[cls.WRITER], programs[cls.READER]
        cls.input = cls.lab.uri("input")
        cls.writer.run("gen", "--out", cls.input, *WORKLOAD.gen.split()).done()
        cls.calm = cls.run_job(cls.reader, f"{cls.home}/calm", "calm")

    @classmethod
    def run_job(cls, tailor: Tailor, dataset: str, job: str) -> dict[str, str]:
        """Runs a job in one process; returns the digest of each shard's content."""
        words = ["--input", cls.input, "--dataset", dataset, "--job", job, *JOB_OPTIONS, "-o", "json"]
        report = tailor.run("run", *words).done().json()
        return {shard["shard"]: shard["content_digest"] for shard in report["shards"]}

    @classmethod
    def verified(cls, tailor: Tailor, dataset: str, *words: str) -> dict:
        """Compares a dataset with its input, point by point; returns the verification, which found no difference."""
        words = (dataset, "--level", "oracle", "--input", cls.input, *words, "-o", "json")
        return tailor.run("dataset", "verify", *words).done().json()

    @staticmethod
    def digests(tailor: Tailor, dataset: str, version: int | None = None) -> dict[str, str]:
        """Returns the content that a release reads, by shard: of the current version, or of the one named."""
        listed = tailor.run("dataset", "manifests", dataset, "-o", "json").done().json()["manifests"]
        return {
            each["manifest"]["shard"]: each["content_digest"]
            for each in listed
            if (each["is_current"] if version is None else each["manifest"]["version"] == version)
        }

    def same(self, *told: Ended) -> str:
        """Asserts that two commands printed the same, and something at all."""
        first, second = (each.done().stdout for each in told)
        self.assertTrue(first)
        self.assertEqual(first, second)
        return first
