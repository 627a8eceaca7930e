//! Audit log: each call that changes something, with its caller, its object, its reason, and the decision.
//!
//! | where | which calls | bounded by |
//! |---|---|---|
//! | log lines of target `audit` | all that change something, allowed or refused by the service | the gates of the service |
//! | log lines of target `audit` | those that the guard refused: no identity, too low a role | [`LineBudget`], with a count of the rest |
//! | objects `jobs/<job>/audit/` | those on a job of a known caller | a queue of [`WAITING_MAX`]; what is lost is counted |
//! | `tailor_calls_refused_total{reason}` | all that were refused for who calls, or for the place | |
//!
//! An object is written beside the call, so that a store that is away holds up no cancellation. The log line is the
//! record that never waits.

use std::collections::HashMap;
use std::sync::Arc;

use daemon::budget::LineBudget;
use format::audit::{AuditDecision, AuditEntry};
use format::keys;
use model::error::chain;
use model::{Clock, Digest, JobId};
use proto::ApiError;
use storage::Opener;
use tokio::sync::{mpsc, oneshot};

use super::Caller;

/// Entries that wait to be written as objects.
const WAITING_MAX: usize = 1024;
/// Tries to write an entry; the store itself tries each several times.
const TRIES: u32 = 5;
/// Lines on refused calls, a minute.
const REFUSED_LINES_MAX: u32 = 60;

/// Call that changes something.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    /// Name of the method.
    pub(crate) verb: &'static str,
    /// Object of the call, for people.
    pub(crate) object: String,
    /// Reason that the caller gave.
    pub(crate) reason: String,
}

/// Entry that becomes an object of a job.
#[derive(Debug)]
struct Written {
    job: JobId,
    dataset: String,
    entry: AuditEntry,
}

/// Sender of the audit log. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Audit {
    clock: Arc<dyn Clock>,
    refused: Arc<LineBudget>,
    objects: mpsc::Sender<Written>,
}

/// Writer of the objects of the audit log.
#[derive(Debug)]
pub(crate) struct AuditWriter {
    stores: Opener,
    waiting: mpsc::Receiver<Written>,
}

impl Audit {
    /// Creates a log, and the writer of its objects, which somebody must run.
    pub(crate) fn new(clock: Arc<dyn Clock>, stores: Opener) -> (Self, AuditWriter) {
        let (objects, waiting) = mpsc::channel(WAITING_MAX);
        let refused = Arc::new(LineBudget::new(REFUSED_LINES_MAX));
        (Self { clock, refused, objects }, AuditWriter { stores, waiting })
    }

    /// Notes a call that a service has decided on. `of` is its job and the dataset of the job, if there is one.
    pub(crate) fn note<T>(
        &self,
        caller: &Caller,
        act: Act,
        decided: &Result<T, ApiError>,
        of: Option<(JobId, String)>,
    ) {
        let Act { verb, object, reason } = act;
        let (who, role, from, proof) = (&caller.name, caller.role_name(), caller.address(), caller.proof.name());
        let error = decided.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let decision = if error.is_empty() { AuditDecision::Allowed } else { AuditDecision::Refused };
        match decision {
            AuditDecision::Allowed => {
                tracing::info!(target: "audit", who, role, from, proof, verb, object, reason, decision = "allowed", "a change was asked for and done");
            }
            AuditDecision::Refused => {
                if let Some(left_out) = self.refused.line() {
                    tracing::warn!(target: "audit", who, role, from, proof, verb, object, reason, decision = "refused", error, left_out, "a change was asked for and refused");
                }
            }
        }
        // Without an identity an object would have no fact that the job's spec lacks.
        let (Some((job, dataset)), true) = (of, caller.role.is_some()) else { return };
        let entry = AuditEntry {
            api_version: AuditEntry::API_VERSION.to_owned(),
            kind: AuditEntry::KIND.to_owned(),
            at_ms: self.clock.now_ms(),
            who: who.clone(),
            role: role.to_owned(),
            proof: proof.to_owned(),
            from,
            verb: verb.to_owned(),
            object,
            reason,
            decision,
            error,
        };
        if self.objects.try_send(Written { job, dataset, entry }).is_err() {
            lost("too many entries wait for their stores");
        }
    }

    /// Notes a call that was refused before it was decoded, or for the place that it names.
    pub(crate) fn refuse(&self, caller: &Caller, verb: &'static str, kind: &'static str, refused: &ApiError) {
        metrics::counter!("tailor_calls_refused_total", "reason" => kind).increment(1);
        if let Some(left_out) = self.refused.line() {
            let (who, role, from, proof) = (&caller.name, caller.role_name(), caller.address(), caller.proof.name());
            tracing::warn!(target: "audit", who, role, from, proof, verb, decision = "refused", error = %refused, left_out, "a call was refused");
        }
    }
}

impl AuditWriter {
    /// Writes entries until the coordinator leaves; then those that wait.
    pub(crate) async fn run(mut self, mut left: oneshot::Receiver<()>) {
        let mut open = HashMap::new();
        loop {
            let written = tokio::select! {
                biased;
                written = self.waiting.recv() => written,
                _ = &mut left, if !self.waiting.is_closed() => {
                    self.waiting.close();
                    continue;
                }
            };
            let Some(written) = written else { return };
            if let Err(error) = self.write(&mut open, &written).await {
                lost(&error);
            }
        }
    }

    async fn write(&self, open: &mut HashMap<String, storage::Root>, written: &Written) -> Result<(), String> {
        let Written { job, dataset, entry } = written;
        let bytes = entry.to_bytes();
        let key = keys::audit(job, entry.at_ms, Digest::of(&bytes));
        let mut last = String::new();
        for _ in 0..TRIES {
            let result = async {
                if !open.contains_key(dataset) {
                    // Entries of one job follow each other, so its store is kept until another job comes.
                    open.clear();
                    open.insert(dataset.clone(), self.stores.reach(dataset).await?);
                }
                open[dataset].put_by_digest(&key, bytes.clone()).await
            };
            match result.await {
                Ok(()) => return Ok(()),
                Err(error) if !error.is_store_away() => return Err(chain(&error)),
                Err(error) => last = chain(&error),
            }
        }
        Err(last)
    }
}

fn lost(error: &str) {
    metrics::counter!("tailor_audit_objects_lost_total").increment(1);
    tracing::warn!(error, "failed to write an entry of the audit log as an object of its job; its log line remains");
}
