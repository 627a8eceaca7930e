//! Events of attempts: a line at the begin and a line at the end of each, in the log of its job.
//!
//! The line of an attempt that counts has the facts of its report; that of another attempt what its worker's last
//! heartbeat showed. The effort of attempts that do not count is summed up for the report of their shard.

use model::{AttemptId, Effort, Failure, HeldAttempt, LeaseId, Report, TaskPath, TraceParent};
use scheduler::view::AttemptView;

use super::Leader;
use super::live::Watched;
use crate::attempt_line::{ASSIGNED, AttemptEnd, AttemptLine, DONE};
use crate::event_log::LineRank;

/// Reason and result of an attempt's end.
pub(super) enum End<'a> {
    Counts(&'a Report),
    Failed(&'a Failure),
    HandedBack(&'a str),
    Stopped,
    WorkerLost,
}

impl End<'_> {
    const fn outcome(&self) -> AttemptEnd {
        match self {
            Self::Counts(_) => AttemptEnd::Counts,
            Self::Failed(_) => AttemptEnd::Failed,
            Self::HandedBack(_) => AttemptEnd::HandedBack,
            Self::Stopped => AttemptEnd::Stopped,
            Self::WorkerLost => AttemptEnd::WorkerLost,
        }
    }
}

/// Returns the id of a trace that a collector gets; empty for any other.
pub(super) fn shown(trace: Option<TraceParent>) -> String {
    trace.and_then(|trace| trace.shown_id()).unwrap_or_default()
}

impl Leader {
    /// Notes that an attempt was granted.
    pub(super) fn note_assigned(&self, task: &TaskPath, attempt: AttemptId, trace: Option<TraceParent>) {
        let Some(view) = self.state.attempt(task, attempt) else { return };
        let mut line = self.line(ASSIGNED, task, attempt, Some(&view), view.worker);
        line.trace_id = shown(trace);
        self.note_line(task, LineRank::Begin, &line);
    }

    /// Notes the end of an attempt that still holds its task.
    pub(super) fn note_end_of(&mut self, task: &TaskPath, attempt: AttemptId, end: &End<'_>) {
        if let Some(view) = self.state.attempt(task, attempt) {
            self.note_attempt_end(task, attempt, Some(&view), view.worker, end);
        }
    }

    /// Notes the end of an attempt that the scheduler has given up.
    pub(super) fn note_stopped(&mut self, task: &TaskPath, attempt: AttemptId, worker: LeaseId) {
        self.note_attempt_end(task, attempt, None, worker, &End::Stopped);
    }

    fn note_attempt_end(
        &mut self,
        task: &TaskPath,
        attempt: AttemptId,
        view: Option<&AttemptView>,
        worker: LeaseId,
        end: &End<'_>,
    ) {
        let mut line = self.line(DONE, task, attempt, view, worker);
        let (watched, at_ms) = (self.watched(task, attempt, worker), line.at_ms);
        self.note_conduct(task, attempt, view, worker, (watched.as_ref(), end));
        line.outcome = Some(end.outcome());
        line.trace_id = shown(watched.and_then(|watched| watched.trace));
        match end {
            End::Counts(report) => {
                line.add_report(report);
                if let Some(shard) = self.jobs.get_mut(&task.job).and_then(|live| live.shards.get_mut(&task.shard)) {
                    shard.counting += &report.effort().unwrap_or_default();
                }
            }
            _ => {
                let effort = self.wasted(watched.as_ref(), view);
                line.add_effort(&effort);
                if let Some(watched) = watched {
                    (line.bytes, line.points, line.stage) = (watched.bytes, watched.points, watched.stage);
                }
                if let Some(shard) = self.jobs.get_mut(&task.job).and_then(|live| live.shards.get_mut(&task.shard)) {
                    shard.report.wasted += &effort;
                }
            }
        }
        match end {
            End::Failed(failure) => {
                line.class = Some(failure.class);
                line.error.clone_from(&failure.message);
            }
            End::HandedBack(reason) => (*reason).clone_into(&mut line.error),
            End::Counts(_) | End::Stopped | End::WorkerLost => {}
        }
        // Under an earlier leader the attempt may have begun before this one knew of it.
        let told = (line.wall_ms > 0).then(|| at_ms.saturating_sub_unsigned(line.wall_ms));
        line.start_ms = line.start_ms.into_iter().chain(told).min();
        self.note_line(task, LineRank::End, &line);
    }

    /// Returns the effort of an attempt that does not count: that of its last heartbeat, and the time until now.
    fn wasted(&self, watched: Option<&Watched>, view: Option<&AttemptView>) -> Effort {
        let shown = watched.map(|watched| watched.effort).unwrap_or_default();
        let since = view.map(|view| self.now().saturating_sub(view.since)).unwrap_or_default();
        Effort { wall: shown.wall.max(since), ..shown }
    }

    fn watched(&self, task: &TaskPath, attempt: AttemptId, worker: LeaseId) -> Option<Watched> {
        let held = HeldAttempt { task: task.clone(), attempt };
        self.workers.get(&worker)?.attempts.get(&held).copied()
    }

    fn line(
        &self,
        event: &str,
        task: &TaskPath,
        attempt: AttemptId,
        view: Option<&AttemptView>,
        worker: LeaseId,
    ) -> AttemptLine {
        let at_ms = self.env.clock.now_ms();
        let since = view.map(|view| self.now().saturating_sub(view.since).as_millis() as u64);
        let mut line = AttemptLine::new(at_ms, event, task, attempt, worker);
        line.name = self.workers.get(&worker).map(|live| live.record.name.to_string()).unwrap_or_default();
        line.speculative = view.is_some_and(|view| view.is_speculative);
        line.start_ms = since.map(|since| at_ms.saturating_sub_unsigned(since)).filter(|_| event == DONE);
        line
    }

    fn note_line(&self, task: &TaskPath, rank: LineRank, line: &AttemptLine) {
        if let Some(live) = self.jobs.get(&task.job) {
            live.log.note_attempt(rank, line);
        }
    }
}
