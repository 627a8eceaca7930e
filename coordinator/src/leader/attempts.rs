//! Reports of workers on their attempts: finished, failed, handed back.
//!
//! A report counts only once it is on record. A report on an attempt that does not hold its task is refused, no matter
//! which worker sends it; a completion that counted before gets the same reply again.

use bytes::Bytes;
use format::state_records::{FailureRecord, Text};
use model::limits::REPORT_BYTES_MAX;
use model::{AttemptId, Digest, Effort, Failure, FailureClass, HeldAttempt, LeaseId, Report, TaskPath};
use proto::dispatch::{DispatchError, Verdict};
use scheduler::{Event, Tried, is_charged};
use serde_json::json;

use super::Leader;
use super::attempt_events::End;
use super::message::{Outcome, Reply};
use super::reports::ReportFault;
use crate::journal::JournalError;

impl Leader {
    /// Records the completion of an attempt, if the attempt holds its task.
    pub(super) fn complete(
        &mut self,
        worker: LeaseId,
        held: HeldAttempt,
        report: &Bytes,
        effort: Option<Effort>,
        reply: Reply<Verdict, DispatchError>,
    ) {
        if self.awaits_takeover(&held.task.job) {
            let _ = reply.send(Err(away("the job is still being taken over from another leader")));
            return;
        }
        if self.state.recorded(&held.task) == Some(held.attempt) {
            let _ = reply.send(Ok(Verdict::Counts));
            return;
        }
        if !self.state.runs(&held.task, held.attempt, worker) {
            let reason = format!("attempt {} does not hold {} any more", held.attempt, held.task);
            metrics::counter!("tailor_completions_refused_total").increment(1);
            let _ = reply.send(Ok(refused(&reason)));
            return;
        }
        match self.read_report(&held, report) {
            Err(ReportFault { reason, violates }) => {
                tracing::warn!(%worker, reason, "report refused; the attempt is charged as a bug");
                metrics::counter!("tailor_reports_refused_total").increment(1);
                let failure = Failure { class: FailureClass::Bug, message: reason.clone(), violates };
                self.record_failure(held, failure, worker, None);
                let _ = reply.send(Ok(Verdict::Refused { reason, violates }));
            }
            Ok(mut parsed) => {
                parsed.set_effort(effort);
                self.record(held, parsed, report, reply);
            }
        }
    }

    /// Parses a report, and checks that this attempt can have made it.
    fn read_report(&self, held: &HeldAttempt, bytes: &[u8]) -> Result<Report, ReportFault> {
        let HeldAttempt { task, attempt } = held;
        if bytes.len() > REPORT_BYTES_MAX {
            return Err(format!("the report of {task} has {} bytes, over {REPORT_BYTES_MAX}", bytes.len()).into());
        }
        let report =
            Report::from_bytes(bytes).map_err(|error| format!("the report of {task} cannot be read: {error}"))?;
        let plan = self.state.plan(&task.job, task.shard).ok_or_else(|| format!("the shard of {task} is over"))?;
        #[cfg(feature = "planted")]
        if scheduler::planted::is_planted(scheduler::planted::Planted::ReportBelieved) {
            return Ok(report);
        }
        super::reports::check(plan, task, *attempt, &report)?;
        Ok(report)
    }

    fn record(&self, held: HeldAttempt, report: Report, bytes: &Bytes, reply: Reply<Verdict, DispatchError>) {
        let (digest, bytes) = (Digest::of(bytes), bytes.len() as u64);
        let (journal, handle) = (self.journal.clone(), self.handle.clone());
        tokio::spawn(async move {
            let result = journal.complete(held.task.clone(), held.attempt, digest, bytes).await;
            handle.send_outcome(Outcome::Completed { held, report: Box::new(report), result, reply });
        });
    }

    pub(super) fn completed(
        &mut self,
        held: &HeldAttempt,
        report: Box<Report>,
        result: Result<(), JournalError>,
        reply: Reply<Verdict, DispatchError>,
    ) {
        let answer = match self.unless_over(result) {
            None => Err(away("the leader has to stop")),
            Some(Ok(())) => {
                let (task, attempt) = (held.task.clone(), held.attempt);
                let is_open = self.state.is_open(&task.job, task.shard);
                metrics::counter!("tailor_tasks_done_total", "kind" => task.task.kind.name()).increment(1);
                self.note_end_of(&task, attempt, &End::Counts(&report));
                self.apply(Event::Recorded { task, attempt, report });
                if is_open { Ok(Verdict::Counts) } else { Ok(refused("its shard has ended")) }
            }
            Some(Err(JournalError::Blocked { reason })) => Err(DispatchError::Away { reason }),
            Some(Err(error)) => {
                self.note_end_of(&held.task, held.attempt, &End::HandedBack(&error.to_string()));
                self.apply(Event::HandedBack { task: held.task.clone(), attempt: held.attempt });
                metrics::counter!("tailor_completions_refused_total").increment(1);
                Ok(refused(&error.to_string()))
            }
        };
        let _ = reply.send(answer);
    }

    /// Records the failure of an attempt, if the attempt holds its task.
    pub(super) fn fail(
        &mut self,
        worker: LeaseId,
        held: HeldAttempt,
        failure: Failure,
        reply: Reply<(), DispatchError>,
    ) {
        if self.awaits_takeover(&held.task.job) {
            let _ = reply.send(Err(away("the job is still being taken over from another leader")));
        } else if self.state.runs(&held.task, held.attempt, worker) {
            self.record_failure(held, failure, worker, Some(reply));
        } else {
            let _ = reply.send(Ok(()));
        }
    }

    pub(super) fn record_failure(
        &mut self,
        held: HeldAttempt,
        failure: Failure,
        worker: LeaseId,
        reply: Option<Reply<(), DispatchError>>,
    ) {
        tracing::debug!(task = %held.task, attempt = %held.attempt, class = ?failure.class, error = %failure, "attempt failed");
        if let Some(invariant) = failure.violates {
            crate::metrics::violated(invariant, &failure.message);
        }
        let record = FailureRecord { worker, cause: Text::cut(&failure.message) };
        let (journal, handle) = (self.journal.clone(), self.handle.clone());
        tokio::spawn(async move {
            let charged = is_charged(failure.class);
            let result = journal.fail(held.task.clone(), held.attempt, charged, record).await;
            handle.send_outcome(Outcome::Failed { held, failure, result, reply });
        });
    }

    pub(super) fn failed(
        &mut self,
        held: HeldAttempt,
        failure: Failure,
        result: Result<(), JournalError>,
        reply: Option<Reply<(), DispatchError>>,
    ) {
        let answer = match self.unless_over(result) {
            None => Err(away("the leader has to stop")),
            Some(Ok(())) => {
                self.note_end_of(&held.task, held.attempt, &End::Failed(&failure));
                self.apply(Event::Failed { task: held.task, attempt: held.attempt, failure });
                Ok(())
            }
            Some(Err(JournalError::Blocked { reason })) => Err(DispatchError::Away { reason }),
            Some(Err(error)) => {
                self.note_end_of(&held.task, held.attempt, &End::HandedBack(&error.to_string()));
                self.apply(Event::HandedBack { task: held.task, attempt: held.attempt });
                Ok(())
            }
        };
        if let Some(reply) = reply {
            let _ = reply.send(answer);
        }
    }

    /// Ends the claims of attempts that their worker hands back.
    pub(super) fn hand_back(
        &mut self,
        worker: LeaseId,
        held: Vec<HeldAttempt>,
        reason: &str,
        reply: Reply<(), DispatchError>,
    ) {
        if held.iter().any(|held| self.awaits_takeover(&held.task.job)) {
            let _ = reply.send(Err(away("a job is still being taken over from another leader")));
            return;
        }
        let held = held.into_iter().filter(|held| self.state.runs(&held.task, held.attempt, worker)).collect();
        self.end_claims(held, reason, Some(reply));
    }

    /// Takes back attempts that their worker does not know of, or whose claim was given up before it was answered.
    pub(super) fn take_back(&mut self, held: Vec<HeldAttempt>, reason: &str) {
        if !held.is_empty() {
            self.end_claims(held, reason, None);
        }
    }

    fn end_claims(&mut self, held: Vec<HeldAttempt>, reason: &str, reply: Option<Reply<(), DispatchError>>) {
        let reason = reason.to_owned();
        let (journal, handle) = (self.journal.clone(), self.handle.clone());
        tokio::spawn(async move {
            let ended = held.into_iter().map(|held| async {
                let result = journal.hand_back(held.task.clone(), held.attempt).await;
                (held, result)
            });
            let held = futures::future::join_all(ended).await;
            handle.send_outcome(Outcome::HandedBack { held, reason, reply });
        });
    }

    pub(super) fn handed_back(
        &mut self,
        held: Vec<(HeldAttempt, Result<(), JournalError>)>,
        reason: &str,
        reply: Option<Reply<(), DispatchError>>,
    ) {
        let mut answer = Ok(());
        for (held, result) in held {
            match self.unless_over(result) {
                None => answer = Err(away("the leader has to stop")),
                Some(Err(JournalError::Blocked { reason })) => answer = Err(DispatchError::Away { reason }),
                // The attempt holds its task no longer, by this change or by an earlier one.
                Some(_) => {
                    self.note_end_of(&held.task, held.attempt, &End::HandedBack(reason));
                    self.apply(Event::HandedBack { task: held.task, attempt: held.attempt });
                }
            }
        }
        if let Some(reply) = reply {
            let _ = reply.send(answer);
        }
    }

    /// Ends the claim of an attempt that no longer counts. The reply to its worker's next heartbeat tells the worker to
    /// stop.
    pub(super) fn stop(&mut self, worker: LeaseId, task: TaskPath, attempt: AttemptId) {
        self.note_stopped(&task, attempt, worker);
        let (journal, handle) = (self.journal.clone(), self.handle.clone());
        tokio::spawn(async move {
            let result = journal.hand_back(task.clone(), attempt).await;
            let held = vec![(HeldAttempt { task, attempt }, result)];
            handle.send_outcome(Outcome::HandedBack { held, reason: String::new(), reply: None });
        });
    }

    pub(super) fn reopen(&mut self, task: TaskPath, attempt: AttemptId, tried: Tried) {
        let fields = json!({
            "shard": task.shard, "task": task.task, "attempt": attempt, "exact_start": tried.exact_start,
        });
        self.note(&task.job.clone(), "task-reopened", fields);
        let (journal, handle) = (self.journal.clone(), self.handle.clone());
        tokio::spawn(async move {
            let result = journal.insist(|| journal.reopen(task.clone(), attempt, tried)).await;
            handle.send_outcome(Outcome::Reopened { task, result });
        });
    }

    pub(super) fn reopened(&mut self, task: TaskPath, result: Result<(), JournalError>) {
        match self.unless_over(result) {
            Some(Ok(())) => self.apply(Event::Reopened { task }),
            Some(Err(error)) => self.over = Some(format!("{task} cannot be opened again: {error}")),
            None => {}
        }
    }
}

fn away(reason: &str) -> DispatchError {
    DispatchError::Away { reason: reason.to_owned() }
}

fn refused(reason: &str) -> Verdict {
    Verdict::Refused { reason: reason.to_owned(), violates: None }
}
