"""Datasets that one release has written, and the other reads, continues, rolls back and sweeps."""

from gameday.releases import PREVIOUS, THIS

from .place import Place


class _Datasets:
    def setUp(self) -> None:
        self.dataset = self.lab.uri(f"datasets/{self.id().rsplit('.', 1)[-1]}-{self.WRITER}")
        self.written = self.run_job(self.writer, self.dataset, "first")
        self.shard = sorted(self.written)[0]

    def test_both_releases_make_the_same_of_one_input(self) -> None:
        self.assertEqual(self.written, self.calm)
        self.assertEqual(self.digests(self.reader, self.dataset), self.calm)

    def test_the_reader_verifies_every_point_and_prints_the_same_rows(self) -> None:
        self.assertGreater(self.verified(self.reader, self.dataset)["checked"]["points"], 100_000)
        series = ("dataset", "series", self.dataset, "-o", "jsonl")
        self.same(self.writer.run(*series), self.reader.run(*series))
        first = self.reader.run(*series, "--limit", "1").done().json()
        for rollup in ([], ["--rollup", "5m"]):
            cat = ["dataset", "cat", self.dataset, "--org", first["org"], "--metric", first["metric"], *rollup]
            self.same(self.writer.run(*cat), self.reader.run(*cat))

    def test_the_reader_continues_with_a_version_that_the_writer_reads(self) -> None:
        self.assertEqual(self.run_job(self.reader, self.dataset, "second"), self.calm)
        self.assertEqual(self.digests(self.writer, self.dataset, 2), self.calm)
        self.verified(self.writer, self.dataset)
        self.writer.run("dataset", "diff", self.dataset, "--shard", self.shard, "--before", "1", "--after", "2").done()

    def test_the_writer_rolls_back_what_the_reader_has_replaced(self) -> None:
        self.run_job(self.reader, self.dataset, "second")
        back = ("dataset", "rollback", self.dataset, "--shard", self.shard, "--reason", "rehearsal", "--yes")
        self.writer.run(*back, "--to", "1").done()
        self.assertEqual(self.digests(self.reader, self.dataset), self.calm)
        self.verified(self.reader, self.dataset)
        self.reader.run(*back, "--to", "2").done()
        self.assertEqual(self.digests(self.writer, self.dataset, 4), {self.shard: self.calm[self.shard]})

    def test_collectors_of_both_sweep_and_keep_what_counts(self) -> None:
        self.run_job(self.reader, self.dataset, "second")
        before = self._keys()
        sweep = ("dataset", "gc", self.dataset, "--min-age", "0s", "--delete", "--yes", "--keep-versions", "1")
        first = self.reader.run(*sweep, "-o", "json").done().json()
        self.assertGreater(first["objects"], 0, "the first version's parts")
        second = self.writer.run(*sweep, "-o", "json").done().json()
        self.assertEqual(second["objects"], 0, "both call the same garbage")
        self.assertLess(self._keys(), before)
        self.verified(self.writer, self.dataset)
        self.verified(self.reader, self.dataset)

    def _keys(self) -> set[str]:
        return {found.key for found in self.lab.s3.list(f"{self.lab.key(self.dataset)}/")}


class DatasetsOfThePreviousRelease(_Datasets, Place):
    WRITER, READER = PREVIOUS, THIS


class DatasetsOfThisRelease(_Datasets, Place):
    WRITER, READER = THIS, PREVIOUS
