"""The course of one game day.

    start the cluster -> submit the job -> each step, once its condition holds -> wait for recovery
    -> let the rest run -> judge

Detection is timed from the first step, by a watcher beside the course; recovery from the end of the last step. The
steady state is sampled all along. The abort condition is looked at between any two looks at anything else.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from . import condition, faults, observe, units
from .condition import Condition
from .invariants import Evidence, check_all
from .job import JOB, attempts_again, tasks
from .manifests import Manifests
from .outcome import Alerted, Detection, Done, Expectation, Outcome, Waste
from .poll import TooLong, until
from .probes import Probes
from .prometheus import Prometheus
from .scenario import Scenario, Step
from .watcher import Watcher

_READY_LIMIT_S = 60.0

#: Longest wait of a step for its condition.
_STEP_LIMIT_S = 90.0

#: Longest wait for an alert once work goes on: a few scrapes and evaluations.
_ALERT_LIMIT_S = 15.0


class Aborted(Exception):
    """Raised when the abort condition held, or the day took too long."""


class Day:
    """Runs one scenario on one site."""

    def __init__(
        self,
        scenario: Scenario,
        site,
        commit: str,
        say: Callable[[str], None],
        prometheus: Prometheus | None = None,
    ):
        self._scenario, self._site, self._say, self._prometheus = scenario, site, say, prometheus
        self._probes = Probes(site)
        self._manifests = Manifests(site.lab.s3, site.lab.key(site.dataset))
        self._submitted = self._first_step = self._recovered = 0.0
        self._expected_before: dict[str, condition.Reading] = {}
        topology = scenario.topology
        self.outcome = Outcome(
            name=scenario.name,
            hypothesis=scenario.hypothesis,
            began_at=datetime.now(UTC).isoformat(timespec="seconds"),
            version=site.tailor.run("--version").stdout.strip(),
            commit=commit,
            topology=f"coordinators: {topology.coordinators}, workers: {topology.workers}, lease {topology.lease}",
            dataset=site.dataset,
            detections=[Detection(each.text) for each in scenario.detect],
            detect_within=scenario.detect_within,
            unseen=scenario.unseen,
            recover_within=scenario.recover_within,
            recover_when=scenario.recover.text,
            expected_end=scenario.workload.ends,
            attempts_again_max=scenario.attempts_again_max,
            logs=str(site.home),
        )

    def run(self) -> Outcome:
        """Runs the day to its end; the caller stops the site."""
        until("the cluster is ready", _READY_LIMIT_S, self._site.is_ready)
        if self._prometheus is not None:
            self._prometheus.start(self._site.targets())
        observer = observe.Observer(self._site, self._manifests)
        try:
            self._course()
        except (Aborted, TooLong) as error:
            self.outcome.aborted = str(error)
        finally:
            self._site.s3_weather.pace_s = 0
            observer.stop()
        self._measure(observer)
        self._judge()
        return self.outcome

    # The course.

    def _course(self) -> None:
        self._submit()
        watcher = Watcher(self._scenario.detect, self._probes, self.outcome.detections, self._scenario.detect_within)
        try:
            before: dict[str, condition.Reading] = {}
            for step in self._scenario.steps:
                self._take(step, watcher)
                before = condition.baseline([self._scenario.recover], self._probes.read)
            self._recover(before)
            watcher.wait()
        finally:
            watcher.stop()
        self._await_alert()
        self._site.s3_weather.pace_s = 0
        self._wait_end()

    def _submit(self) -> None:
        workload = self._scenario.workload
        self._site.s3_weather.pace_s = units.duration(workload.pace) * self._site.pace_factor
        words = ["--input", self._site.input, "--dataset", self._site.dataset, *workload.job.split()]
        self._site.tailor.run("job", "submit", "--job", JOB, *words).done()
        self._submitted = time.monotonic()
        self._probes.begin_logs()
        self._say(f"submitted job {JOB}")
        if workload.steady:
            self._until(condition.parse("job tasks_done > 0"), {}, _STEP_LIMIT_S)
            self._pass(workload.steady)

    def _take(self, step: Step, watcher: Watcher) -> None:
        if step.when is not None:
            self._until(step.when, {}, _STEP_LIMIT_S)
        self._pass(step.wait)
        if not self._first_step:
            self._expected_before = condition.baseline(
                [each for each in self._scenario.expect if each.is_relative], self._probes.read
            )
            self._first_step = time.monotonic()
            watcher.begin()
        self._say(step.do + (f"   # for {step.lasts:g} s" if step.lasts else ""))
        done = Done(step.do, self._since_submitted())
        self.outcome.steps.append(done)
        undo = faults.parse(step.do).perform(self._site)
        if self._prometheus is not None:
            self._prometheus.aim(self._site.targets())
        if step.lasts is not None:
            self._pass(step.lasts)
            if undo is not None:
                undo()
                self._say(f"undone: {step.do}")
        done.ended = self._since_submitted()

    def _recover(self, before: dict[str, condition.Reading]) -> None:
        began = time.monotonic()
        try:
            self._until(self._scenario.recover, before, self._scenario.recover_within)
        except TooLong:
            self._say("not recovered in time; going on")
            self._recovered = time.monotonic()
            return
        self._recovered = time.monotonic()
        self.outcome.recovered_after = self._recovered - began
        self._say(f"recovered after {self.outcome.recovered_after:.1f} s: {self._scenario.recover.text}")

    def _await_alert(self) -> None:
        """Waits for the alert that has to fire, which may have done so long ago."""
        if self._prometheus is None or not self._scenario.alert:
            return
        alert = Alerted(self._scenario.alert)
        self.outcome.alerts.append(alert)
        is_bad = self._scenario.workload.is_bad
        began, since = (self._submitted, "the submission") if is_bad else (self._first_step, "the first step")
        deadline = time.monotonic() + _ALERT_LIMIT_S
        while alert.after is None and time.monotonic() < deadline:
            if (fired := self._prometheus.first_fired(alert.name)) is not None:
                # Prometheus tells wall time.
                alert.after = fired - (time.time() - time.monotonic()) - began
                self._say(f"alert {alert.name} fired {alert.after:.1f} s after {since}")
            self._pass(0.5)

    def _wait_end(self) -> None:
        def ended() -> dict | None:
            self._check_abort()
            job = self._probes.job()
            return job if job and job.get("ended_at_ms") else None

        until("the job ends", self._scenario.workload.within, ended, pause=0.3)
        self.outcome.ended_after = self._since_submitted()

    # Waiting.

    def _until(self, wanted: Condition, before: dict[str, condition.Reading], limit: float) -> None:
        def holds() -> bool:
            self._check_abort()
            return wanted.holds(self._probes.read(wanted.probe), before.get(wanted.probe))

        until(wanted.text, limit, holds)

    def _pass(self, length: float) -> None:
        deadline = time.monotonic() + length
        while time.monotonic() < deadline:
            self._check_abort()
            time.sleep(min(0.2, max(0.0, deadline - time.monotonic())))

    def _check_abort(self) -> None:
        scenario = self._scenario
        if self._submitted and self._since_submitted() > scenario.abort_after:
            raise Aborted(f"the day took longer than {scenario.abort_after:.0f} s")
        if scenario.abort is not None and scenario.abort.holds(self._probes.read(scenario.abort.probe)):
            raise Aborted(scenario.abort.text)

    def _since_submitted(self) -> float:
        return time.monotonic() - self._submitted

    # The end.

    def _measure(self, observer: observe.Observer) -> None:
        end = time.monotonic()
        first, recovered = self._first_step or end, self._recovered or end
        phases = {"before": (self._submitted, first), "during": (first, recovered), "after": (recovered, end)}
        self.outcome.steady_state = {
            phase: observe.steady_state(observer.samples, *span) for phase, span in phases.items()
        }
        job = self._probes.job()
        if job is None or "shards" not in job:
            return
        self.outcome.end_state = job["state"]
        read = int(observer.totals()["bytes"])
        self.outcome.waste = Waste(tasks(job), attempts_again(job), max(0, read - job["bytes"]), job["bytes"])

    def _judge(self) -> None:
        workload, site = self._scenario.workload, self._site
        calm = site.lab.calm(workload, site.input) if workload.sameness else None
        verify = site.tailor.run(
            "dataset", "verify", site.dataset, "--level", "oracle", "--input", site.input, "-o", "json"
        )
        verification = verify.json() if verify.code in (0, 6) else None
        has_ended = self.outcome.ended_after is not None
        self.outcome.checks = check_all(Evidence(site, self._manifests, verification, calm, has_ended))
        for wanted in self._scenario.expect:
            found = self._probes.read(wanted.probe)
            text = " ".join(str(found).split())
            is_met = wanted.holds(found, self._expected_before.get(wanted.probe))
            self.outcome.expectations.append(Expectation(wanted.text, is_met, text[-200:]))
