"""Clusters whose servers are replaced by the other release, whatever state their jobs, orders and histories are in.

The jobs under way that go on through a rolling upgrade and back are game days: `chaos/scenarios/58` to `62`.
"""

from gameday import condition, poll
from gameday.local import LocalSite
from gameday.releases import PREVIOUS, THIS
from gameday.scenario import Scenario, Topology

from .place import JOB_OPTIONS, WORKLOAD, Place

_END_LIMIT_S = 240


def _scenario(name: str, release: str) -> Scenario:
    return Scenario(
        name=name,
        hypothesis="What one release leaves, the other takes over.",
        faults=(30,),
        is_fast=False,
        topology=Topology(coordinators=1, workers=2, release=release),
        workload=WORKLOAD,
        steps=(),
        detect=(),
        detect_within=0,
        unseen="",
        alert="",
        recover=condition.parse("job tasks_done rises"),
        recover_within=0,
        attempts_again_max=0,
        abort=None,
        abort_after=0,
        expect=(),
    )


class _Clusters:
    def setUp(self) -> None:
        name = f"{self.id().rsplit('.', 1)[-1]}-{self.WRITER}"
        home = self.home / name
        home.mkdir()
        self.site = LocalSite(_scenario(name, self.WRITER), self.lab, home)
        self.addCleanup(self.site.stop)
        self.site.tailor.binary = self.writer.binary
        poll.until("the cluster is ready", 60, self.site.is_ready)

    def submit(self, job: str) -> dict:
        words = ("--input", self.input, "--dataset", self.site.dataset, *JOB_OPTIONS, "-o", "json")
        return self.tailor("job", "submit", "--job", job, *words).json()

    def tailor(self, *words: str):
        """Runs a command of the cluster, by the release that its servers run at the time."""
        return self.site.tailor.run(*words).done()

    def job(self, job: str) -> dict:
        return self.tailor("job", "get", job, "-o", "json").json()

    def ended(self, job: str) -> dict:
        def end() -> dict | None:
            found = self.site.tailor.ask("job", "get", job)
            return found if found and found.get("ended_at_ms") else None

        return poll.until(f"{job} ends", _END_LIMIT_S, end, pause=0.3)

    def replace(self, release: str) -> None:
        """Replaces every server, coordinators first, and the commands as well."""
        for name in ("c1", "w1", "w2"):
            self.site.replace(name, release)
            self.assertEqual(self.site.release_of(name), release)
        self.site.tailor.binary = {self.WRITER: self.writer, self.READER: self.reader}[release].binary

    def test_ended_jobs_are_listed_and_replayed_by_the_other_release_and_back(self) -> None:
        self.submit("first")
        self.ended("first")
        self.replace(self.READER)
        for commands in (self.writer, self.reader):
            self.site.tailor.binary = commands.binary
            first = self.job("first")
            self.assertEqual((first["state"], first["attempts_failed"]), ("done", 0))
        shard = sorted(self.calm)[0]
        replay = ("shard", "replay", shard, "--reason", "rehearsal", "--wait", "--yes", "-o", "json")
        replayed = self.tailor(*replay, "--job", "first").json()
        self.assertTrue(replayed["same_content"], replayed)
        self.submit("second")
        self.ended("second")
        self.replace(self.WRITER)
        self.assertTrue(self.submit("second")["existed"], "repeated under the other release, a submission changes nothing")
        listed = {job["job"]: job["state"] for job in self.tailor("job", "list", "-o", "json").json()["jobs"]}
        self.assertEqual(listed, {"first": "done", replayed["job"]: "done", "second": "done"})
        self.assertTrue(self.tailor(*replay, "--job", "second").json()["same_content"])
        self._is_swept_by_both_and_stays_whole()

    def _is_swept_by_both_and_stays_whole(self) -> None:
        # As a coordinator with roles keeps it; the previous release has neither roles nor an audit log.
        audit = f"{self.lab.key(self.site.dataset)}/jobs/first/audit/1795910000000-{0xAB:032x}.json"
        self.lab.s3.put(audit, b"{}")
        for tailor in (self.writer, self.reader):
            tailor.run("dataset", "gc", self.site.dataset, "--min-age", "0s", "--delete", "--yes").done()
            self.verified(tailor, self.site.dataset)
            self.assertTrue(self.lab.s3.exists(audit), "the audit log stays")
        self.assertEqual(self.digests(self.reader, self.site.dataset), self.calm)

    def test_a_job_that_is_being_planned_is_planned_by_the_other_release(self) -> None:
        self.site.s3_weather.pace_s = 0.5
        self.submit("early")
        self.assertIn(self.job("early")["state"], ("planning", "running"))
        self.site.replace("c1", self.READER)
        self.site.s3_weather.pace_s = 0
        self.assertEqual(self.ended("early")["state"], "done")
        self.assertEqual(self.digests(self.reader, self.site.dataset), self.calm)

    def test_a_job_under_way_is_cancelled_by_the_other_release_and_retried_by_the_first(self) -> None:
        self.site.s3_weather.pace_s = 0.2
        self.submit("undecided")
        poll.until("a task is done", 60, lambda: any(s["map_tasks_done"] for s in self.job("undecided")["shards"]))
        self.replace(self.READER)
        self.tailor("job", "cancel", "undecided", "--reason", "rehearsal", "--yes")
        self.assertEqual(self.ended("undecided")["state"], "cancelled")
        self.replace(self.WRITER)
        self.site.s3_weather.pace_s = 0
        self.tailor("job", "retry", "undecided", "--reason", "after all")
        again = poll.until(
            "the second round ends", _END_LIMIT_S, lambda: (j := self.ended("undecided"))["state"] == "done" and j
        )
        self.assertEqual(again["attempts_failed"], 0)
        self.assertEqual(self.digests(self.reader, self.site.dataset), self.calm)

    def test_an_order_to_leave_that_one_release_took_is_given_by_the_other(self) -> None:
        self.site.signal("w2", "STOP")
        self.tailor("worker", "drain", "w2", "--reason", "upgrade", "--yes")
        self.site.signal("w2", "KILL")
        self.site.replace("c1", self.READER)
        self.site.tailor.binary = self.reader.binary
        # The order is for a name whose last worker is lost: before, another process of that name is not meant.
        poll.until("w2 is lost", 60, lambda: self._workers() == ["w1"])
        self.site.start("w2")
        poll.until("w2 leaves", 60, lambda: self.site.exit_of("w2") == 0)
        poll.until("only w1 is left", 60, lambda: self._workers() == ["w1"])

    def _workers(self) -> list[str]:
        return sorted(worker["name"] for worker in self.tailor("worker", "list", "-o", "json").json()["workers"])


class ClustersOfThePreviousRelease(_Clusters, Place):
    WRITER, READER = PREVIOUS, THIS


class ClustersOfThisRelease(_Clusters, Place):
    WRITER, READER = THIS, PREVIOUS
