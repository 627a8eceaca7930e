//! Beginning of a job, or of its next round: the spec object is written, then the head.
//!
//! No task is granted before a later head says `running`, so a leader that dies on the way leaves nothing that the next
//! one could not plan anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use format::keys;
use format::state_records::{JobHead, JobPhase, Text, Unknown};
use model::error::chain;
use model::{Digest, JobId, JobSpec, ShardId, TimestampMs, TraceParent};
use proto::{ApiError, v1};
use scheduler::Event;
use scheduler::life::JobEvent;
use serde_json::json;
use storage::{Root, StorageError};
use tokio::time::Instant;

use super::Leader;
use super::live::LiveJob;
use super::message::{BeginError, Begun, Follower, Outcome, Reply};
use super::requests::{Request, known};
use crate::Env;
use crate::error::JobError;
use crate::event_log::EventLog;
use crate::job::Job;
use crate::journal::{Journal, JournalError};
use crate::record;
use crate::report::JobReport;
use crate::service::patience::{in_time, refused};

/// Reply of a request that begins a job, sent once the head is written.
pub(crate) enum Asker {
    Submit { follower: Option<Follower>, trace: Option<TraceParent>, reply: Reply<v1::SubmitJobResponse> },
    Retry { shards: Vec<ShardId>, reply: Reply<Vec<ShardId>> },
}

impl Leader {
    /// Begins the job of the request that waits.
    pub(super) fn begin(&mut self, id: &JobId) {
        let (journal, handle, env) = (self.journal.clone(), self.handle.clone(), self.env.clone());
        let job = id.clone();
        match self.request.take() {
            Some(Request::Submit { spec, follower, trace, reply }) => drop(tokio::spawn(async move {
                let begun = begin(&journal, *spec, follower.is_some(), &env).await;
                handle.send_outcome(Outcome::Begun { job, begun, asker: Asker::Submit { follower, trace, reply } });
            })),
            Some(Request::Retry { reason, earlier, shards, reply }) => drop(tokio::spawn(async move {
                let begun = begin_again(&journal, earlier, &reason, &env).await;
                handle.send_outcome(Outcome::Begun { job, begun, asker: Asker::Retry { shards, reply } });
            })),
            // Nobody waits for the beginning of the job any more.
            Some(Request::Cancel { .. }) | None => self.tell_job(id, None, JobEvent::NotBegun),
        }
    }

    /// Adds a job whose head is written, or frees its name.
    pub(super) fn begun(&mut self, id: &JobId, begun: Result<Begun, BeginError>, asker: Asker) {
        let begun = begun.map_err(|error| self.not_begun(error));
        match (begun, asker) {
            (Ok(Begun::New(new)), Asker::Submit { follower, trace, reply }) => {
                tracing::info!(job = %id, dataset = new.spec.dataset, input = new.spec.input, "job submitted");
                self.add(new, follower, trace);
                let _ = reply.send(Ok(v1::SubmitJobResponse { job: id.to_string(), existed: false }));
            }
            (Ok(Begun::New(new)), Asker::Retry { shards, reply }) => {
                tracing::info!(job = %id, reason = %new.head.reason, shards = shards.len(), "job tried again");
                self.add(new, None, None);
                let _ = reply.send(Ok(shards));
            }
            (begun, asker) => {
                self.tell_job(id, None, JobEvent::NotBegun);
                match asker {
                    Asker::Submit { reply, .. } => {
                        let known = |_| v1::SubmitJobResponse { job: id.to_string(), existed: true };
                        let _ = reply.send(begun.map(known));
                    }
                    Asker::Retry { reply, .. } => drop(begun.map_err(|error| reply.send(Err(error)))),
                }
            }
        }
    }

    /// Turns a failed beginning into the caller's reply. If the leader cannot tell whether its head was written, it
    /// steps down: otherwise the job would wait for the next takeover.
    fn not_begun(&mut self, error: BeginError) -> ApiError {
        match error {
            BeginError::Asked(error) => error,
            BeginError::Journal(error) => {
                let reason = error.to_string();
                if matches!(error, JournalError::Over { .. }) {
                    self.over.get_or_insert_with(|| reason.clone());
                }
                ApiError::Away { reason }
            }
        }
    }

    fn add(&mut self, new: Box<NewJob>, follower: Option<Follower>, trace: Option<TraceParent>) {
        let NewJob { job, spec, head, earlier } = *new;
        let id = spec.job.clone();
        self.insert(job, Arc::clone(&spec), head, earlier);
        if let Some(live) = self.jobs.get_mut(&id) {
            (live.follower, live.submitted) = (follower, trace);
        }
        let fields = json!({ "by": spec.submitted_by, "reason": spec.reason, "input": spec.input });
        self.note(&id, "submitted", fields);
        self.tell_job(&id, None, JobEvent::Begun);
    }

    /// Adds a job to the table of live ones, and gives the scheduler its weight and limit.
    pub(super) fn insert(&mut self, job: Arc<Job>, spec: Arc<JobSpec>, head: JobHead, earlier: Option<Box<JobReport>>) {
        let id = spec.job.clone();
        let (weight, running_max) = (spec.weight, spec.running_max);
        let event = Event::JobSpecified { job: id.clone(), round: head.round, weight, running_max };
        let log = EventLog::new(id.clone(), self.journal.leadership().id());
        let before = since(self.env.clock.now_ms(), head.submitted_at_ms);
        let live = LiveJob {
            spec,
            job,
            head,
            shards: BTreeMap::new(),
            warnings: Vec::new(),
            log,
            earlier,
            began: Instant::now(),
            before,
            took: None,
            follower: None,
            planned: Vec::new(),
            planning_failure: None,
            recovered: None,
            submitted: None,
        };
        self.jobs.insert(id, live);
        self.apply(event);
    }
}

/// Job whose head is written.
pub(crate) struct NewJob {
    pub(crate) job: Arc<Job>,
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) head: JobHead,
    /// Record of the earlier rounds.
    pub(crate) earlier: Option<Box<JobReport>>,
}

/// Returns the time from `began_ms` to `now_ms`, by clocks that may differ a little.
pub(super) fn since(now_ms: TimestampMs, began_ms: TimestampMs) -> Duration {
    Duration::from_millis(u64::try_from(now_ms - began_ms).unwrap_or_default())
}

/// Turns a failure to open a job's places into the client's reply.
fn not_opened(error: JobError) -> ApiError {
    match error {
        JobError::Storage(away) if away.is_store_away() => ApiError::Away { reason: chain(&away) },
        error => ApiError::Invalid { field: "spec".to_owned(), reason: chain(&error) },
    }
}

/// Writes the spec and the head of a job, unless the job exists already.
async fn begin(journal: &Journal, spec: JobSpec, anew: bool, env: &Env) -> Result<Begun, BeginError> {
    let invalid = |field: &str, reason: String| ApiError::Invalid { field: field.to_owned(), reason };
    if Text::<384>::cut(&spec.dataset).to_string() != spec.dataset {
        return Err(invalid("dataset", format!("{} is not a URI of at most 384 bytes", spec.dataset)).into());
    }
    let job = Job::open(&spec, env).await.map_err(not_opened)?;
    let mut round = 1;
    if !anew {
        // A client waits for the reply, so the reply names a store that is away before the client gives up.
        let record = in_time("the dataset", &spec.dataset, record::read(&job.dataset, &spec.job)).await?;
        if let Some(earlier) = record {
            if !earlier.has_lost_spec() {
                known(&spec, &earlier.spec)?;
                // The record may come from another cluster; the dataset is noted so that later requests find the job
                // here.
                journal.note_dataset(&spec.dataset).await?;
                return Ok(Begun::Known);
            }
            // The name belonged to another job, whose spec is lost. This job takes the round after it, so that its
            // record comes after the one of the lost job.
            round = earlier.round + 1;
        }
    }
    begin_round(journal, job, spec, Round { round, reason: "", earlier: None }, env).await
}

/// Writes the spec and the head of the next round of a job that has ended.
async fn begin_again(journal: &Journal, earlier: Box<JobReport>, reason: &str, env: &Env) -> Result<Begun, BeginError> {
    let spec = earlier.spec.clone();
    spec.settings.validate().map_err(|error| ApiError::from(error.within("spec.settings")))?;
    let job = Job::open(&spec, env).await.map_err(|error| ApiError::Refused { reason: chain(&error) })?;
    let round = Round { round: earlier.round + 1, reason, earlier: Some(earlier) };
    begin_round(journal, job, spec, round, env).await
}

/// Round that begins.
struct Round<'a> {
    round: u32,
    /// Reason of the operator; empty for a first round.
    reason: &'a str,
    /// Record of the rounds before.
    earlier: Option<Box<JobReport>>,
}

/// Writes the spec, then the head of a round in the phase `planning`.
async fn begin_round(
    journal: &Journal,
    job: Job,
    spec: JobSpec,
    round: Round<'_>,
    env: &Env,
) -> Result<Begun, BeginError> {
    let Round { round, reason, earlier } = round;
    let digest = write_object(&job.dataset, spec.to_bytes(), |digest| keys::spec(&spec.job, digest)).await?;
    journal.note_dataset(&spec.dataset).await?;
    let head = JobHead {
        phase: JobPhase::Planning,
        round,
        dataset: Text::cut(&spec.dataset),
        spec: digest,
        shards: 0,
        submitted_at_ms: env.clock.now_ms(),
        cause: None,
        warnings: None,
        reason: Text::cut(reason),
        unknown: Unknown::new(),
    };
    journal.begin_job(&spec.job, &head).await?;
    Ok(Begun::New(Box::new(NewJob { job: Arc::new(job), spec: Arc::new(spec), head, earlier })))
}

/// Writes an object that is named by its digest. An object that lies there already is the same.
async fn write_object(root: &Root, bytes: Vec<u8>, key: impl FnOnce(Digest) -> String) -> Result<Digest, ApiError> {
    let digest = Digest::of(&bytes);
    let key = key(digest);
    match root.put_by_digest(&key, bytes).await {
        Ok(()) => Ok(digest),
        Err(StorageError::AlreadyExists { object }) => {
            Err(ApiError::Refused { reason: format!("{object} is not what its name says; remove it") })
        }
        Err(error) => Err(refused("the dataset", root.uri(), &error)),
    }
}
