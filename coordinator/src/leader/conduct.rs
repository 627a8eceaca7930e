//! Conduct of workers: what the ends of attempts and the heartbeats tell about the machine that they ran on.
//!
//! A leader knows what it saw itself; after a takeover the conduct of all workers is learned anew.

use std::collections::BTreeMap;

use model::{AttemptId, LeaseId, Report, TaskKind, TaskPath};
use proto::v1;
use scheduler::conduct::{Ending, Passed, UnderWay, View};
use scheduler::view::AttemptView;

use super::Leader;
use super::attempt_events::End;
use super::live::Watched;

impl Leader {
    /// Notes what the end of an attempt tells about its worker.
    pub(super) fn note_conduct(
        &mut self,
        task: &TaskPath,
        attempt: AttemptId,
        view: Option<&AttemptView>,
        worker: LeaseId,
        (watched, end): (Option<&Watched>, &End<'_>),
    ) {
        let now = self.now();
        let ending = match end {
            End::Counts(report) => {
                let since = view.map(|view| now.saturating_sub(view.since)).unwrap_or_default();
                let took = report.effort().map_or(since, |effort| effort.wall);
                Ending::Counts(Passed { units: units(report), took })
            }
            End::Failed(failure) => Ending::Failed(failure),
            End::Stopped if self.is_overtaken(task, attempt) => {
                let Some(watched) = watched else { return };
                Ending::Overtaken(passed(task.task.kind, watched))
            }
            End::Stopped | End::HandedBack(_) | End::WorkerLost => return,
        };
        let Some(live) = self.workers.get(&worker) else { return };
        self.conduct.ended(now, live.record.name.as_str(), (&task.job, task.task.kind), ending);
    }

    /// True if a later attempt at the same task counts: the twin of a slow one.
    fn is_overtaken(&self, task: &TaskPath, attempt: AttemptId) -> bool {
        self.state.recorded(task).is_some_and(|counts| counts.number > attempt.number)
    }

    /// Returns the conduct of the workers, by name, with what their running attempts show.
    pub(super) fn conduct_views(&self) -> BTreeMap<String, View> {
        let mut running = Vec::new();
        for (lease, live) in &self.workers {
            for (held, watched) in &live.attempts {
                if self.state.runs(&held.task, held.attempt, *lease) {
                    let (worker, kind) = (live.record.name.as_str(), held.task.task.kind);
                    running.push(UnderWay { worker, job: &held.task.job, kind, passed: passed(kind, watched) });
                }
            }
        }
        self.conduct.views(self.now(), &running)
    }
}

/// Returns the units that a report tells of.
const fn units(report: &Report) -> u64 {
    match report {
        Report::Map(report) => report.books.bytes_read,
        Report::Reduce(report) => report.books.points_written,
    }
}

/// Returns the units and the time of an attempt so far. Heartbeats are a second apart.
const fn passed(kind: TaskKind, watched: &Watched) -> Passed {
    let units = match kind {
        TaskKind::Map => watched.bytes,
        TaskKind::Reduce => watched.points,
    };
    Passed { units, took: watched.effort.wall }
}

/// Puts the conduct of a worker into its summary.
pub(super) fn add_conduct(summary: &mut v1::WorkerSummary, conduct: &View) {
    let speeds = conduct.speeds.iter().map(|speed| v1::WorkerSpeed {
        kind: speed.kind.name().to_owned(),
        speed: speed.speed,
        attempts: speed.attempts,
        others: u32::try_from(speed.others).unwrap_or(u32::MAX),
    });
    summary.speeds = speeds.collect();
    summary.attempts = conduct.attempts;
    summary.attempts_failed = conduct.failed;
    summary.attempts_overtaken = conduct.overtaken;
    summary.leases_lost = conduct.leases_lost;
    if let Some((class, message)) = &conduct.last_failure {
        summary.failure_class = v1::FailureClass::from(*class).into();
        summary.failure.clone_from(message);
    }
    summary.remark.clone_from(&conduct.remark);
}
