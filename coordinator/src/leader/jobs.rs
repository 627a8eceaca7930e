//! Submission and plans: how a job comes to have shards that run.
//!
//! ```text
//! submit: spec object -> head (planning) -> segments listed, plan objects -> shard records -> head (running)
//! ```
//!
//! No task is given out before the head says `running`, so a leader that dies on the way leaves nothing that the next one
//! could not plan anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use format::keys;
use format::state_records::{JobHead, JobPhase, Text};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::{Clock, Digest, JobId, JobSpec};
use proto::{ApiError, v1};
use scheduler::{Event, Restored};
use serde_json::json;
use storage::{Creation, Root, StorageError};
use tokio::time::Instant;

use super::Leader;
use super::live::{LiveJob, LiveShard};
use super::message::{BeginError, Begun, Follower, Outcome, Planned, PlannedShard, Reply};
use crate::error::{JobError, describe};
use crate::event_log::EventLog;
use crate::history;
use crate::job::Job;
use crate::journal::{Journal, JournalError};
use crate::planning;
use crate::report::JobReport;

/// Objects read or written at once for one job.
pub(super) const OBJECTS_AT_ONCE: usize = 32;

impl Leader {
    pub(super) fn submit(&mut self, spec: JobSpec, follower: Option<Follower>, reply: Reply<v1::SubmitJobResponse>) {
        if let Some(live) = self.jobs.get(&spec.job) {
            let _ = reply.send(known(&spec, &live.spec));
            return;
        }
        if self.recovering.contains(&spec.job) {
            let reason = format!("job {} is still being taken over from another leader", spec.job);
            let _ = reply.send(Err(ApiError::Away { reason }));
            return;
        }
        if !self.beginning.insert(spec.job.clone()) {
            let _ = reply.send(Err(just_begun(&spec.job)));
            return;
        }
        let (journal, handle, clock) = (self.journal.clone(), self.handle.clone(), Arc::clone(&self.clock));
        tokio::spawn(async move {
            let job = spec.job.clone();
            let begun = begin(&journal, spec, follower.is_some(), clock).await;
            handle.tell(Outcome::Begun { job, begun, follower, reply });
        });
    }

    pub(super) fn begun(
        &mut self,
        job: &JobId,
        begun: Result<Begun, BeginError>,
        follower: Option<Follower>,
        reply: Reply<v1::SubmitJobResponse>,
    ) {
        self.beginning.remove(job);
        let answer = begun.map_err(|error| self.not_begun(error)).map(|begun| match begun {
            Begun::Known { job } => v1::SubmitJobResponse { job: job.to_string(), existed: true },
            Begun::New { job, spec, head } => {
                let name = spec.job.to_string();
                tracing::info!(job = name, dataset = spec.dataset, input = spec.input, "job submitted");
                let id = spec.job.clone();
                self.add(job, spec, *head, None);
                if let Some(live) = self.jobs.get_mut(&id) {
                    live.follower = follower;
                }
                v1::SubmitJobResponse { job: name, existed: false }
            }
        });
        let _ = reply.send(answer);
    }

    /// What whoever asked is told. A head whose outcome is not known, or that is there and is not ours, ends the leadership:
    /// nobody would run its job before the next takeover.
    pub(super) fn not_begun(&mut self, error: BeginError) -> ApiError {
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

    /// Takes a job on that has a head, and plans it.
    pub(super) fn add(&mut self, job: Arc<Job>, spec: Arc<JobSpec>, head: JobHead, earlier: Option<Box<JobReport>>) {
        let id = spec.job.clone();
        self.insert(job, Arc::clone(&spec), head, earlier);
        let fields = json!({ "by": spec.submitted_by, "reason": spec.reason, "input": spec.input });
        self.note(&id, "submitted", fields);
        self.plan(&id);
    }

    pub(super) fn insert(&mut self, job: Arc<Job>, spec: Arc<JobSpec>, head: JobHead, earlier: Option<Box<JobReport>>) {
        let id = spec.job.clone();
        let event = Event::JobAdded { job: id.clone(), weight: spec.priority, running_max: spec.running_max };
        let log = EventLog::new(id.clone(), self.journal.leadership().token());
        let live = LiveJob {
            spec,
            job,
            head,
            shards: BTreeMap::new(),
            warnings: Vec::new(),
            log,
            earlier,
            began: Instant::now(),
            closing: 0,
            has_ended: false,
            took: None,
            archive_at: None,
            is_archiving: false,
            follower: None,
            is_recording: false,
            cancelled_by: Vec::new(),
        };
        self.jobs.insert(id, live);
        self.apply(event);
    }

    pub(super) fn plan(&self, id: &JobId) {
        let Some(live) = self.jobs.get(id) else { return };
        let (handle, round, id) = (self.handle.clone(), live.head.round, id.clone());
        let job = Job { shards: live.shards_to_run(), ..(*live.job).clone() };
        tokio::spawn(async move {
            let planned = Box::new(plan(&job).await);
            handle.tell(Outcome::Planned { job: id, round, planned });
        });
    }

    /// A job has plans: they are recorded, and then its shards run.
    pub(super) fn planned(&mut self, id: &JobId, round: u32, planned: Result<Planned, JobError>) {
        let Some(live) = self.jobs.get_mut(id).filter(|live| live.head.round == round) else { return };
        if live.head.phase != JobPhase::Planning {
            // It was cancelled meanwhile.
            return self.apply(Event::JobPlanned { job: id.clone() });
        }
        match planned {
            Ok(Planned { shards, warnings }) => {
                live.warnings = warnings;
                live.head.shards = shards.len() as u32;
                live.head.phase = JobPhase::Running;
                live.is_recording = true;
                self.record_plans(id, shards);
            }
            Err(error) => {
                let cause = describe(&error);
                tracing::warn!(job = %id, %cause, "job cannot be planned");
                live.head.cause = Some(Text::cut(&cause));
                self.note(id, "planning-failed", json!({ "cause": cause }));
                self.put_head(id);
                self.apply(Event::JobPlanned { job: id.clone() });
            }
        }
    }

    fn record_plans(&self, id: &JobId, shards: Vec<PlannedShard>) {
        let Some(live) = self.jobs.get(id) else { return };
        let (journal, handle, id, head) = (self.journal.clone(), self.handle.clone(), id.clone(), live.head.clone());
        tokio::spawn(async move {
            let result = journal.insist(|| record_plans(&journal, &id, &head, &shards)).await;
            handle.tell(Outcome::Recorded { job: id, result, shards });
        });
    }

    pub(super) fn plans_recorded(&mut self, id: &JobId, result: Result<(), JournalError>, shards: Vec<PlannedShard>) {
        match self.unless_over(result) {
            Some(Ok(())) => {}
            Some(Err(error)) => return self.over = Some(format!("the plans of {id} cannot be recorded: {error}")),
            None => return,
        }
        let fields = json!({ "shards": shards.len(), "bytes": shards.iter().map(|s| s.plan.bytes()).sum::<u64>() });
        self.note(id, "planned", fields);
        for planned in shards {
            self.open_shard(id, planned, None);
        }
        self.apply(Event::JobPlanned { job: id.clone() });
        let Some(live) = self.jobs.get_mut(id) else { return };
        live.is_recording = false;
        if live.head.phase == JobPhase::Cancelling {
            let cause = live.head.reason.to_string();
            self.put_head(id);
            self.apply(Event::Cancelled { job: id.clone(), cause });
        }
    }

    pub(super) fn open_shard(&mut self, id: &JobId, planned: PlannedShard, restored: Option<Box<Restored>>) {
        let plan = Arc::clone(&planned.plan);
        if let Some(live) = self.jobs.get_mut(id) {
            let round = live.head.round;
            let mut shard = LiveShard::new(planned, round);
            shard.begun = restored.as_ref().map(|_| Instant::now());
            live.shards.insert(plan.shard, shard);
        }
        self.apply(Event::ShardPlanned { plan, restored });
    }

    /// Writes a job's head as it is now, and tells those who cancelled it.
    pub(super) fn put_head(&mut self, id: &JobId) {
        let Some(live) = self.jobs.get_mut(id) else { return };
        let told = std::mem::take(&mut live.cancelled_by);
        let (journal, handle, id, head) = (self.journal.clone(), self.handle.clone(), id.clone(), live.head.clone());
        tokio::spawn(async move {
            let result = journal.insist(|| journal.put_job(&id, &head)).await;
            handle.tell(Outcome::HeadPut { result, told });
        });
    }

    pub(super) fn head_put(&mut self, result: Result<(), JournalError>, told: Vec<Reply<()>>) {
        // Who hears nothing asks the next leader.
        let Some(result) = self.unless_over(result) else { return };
        for reply in told {
            let _ = reply.send(result.clone().map_err(|error| ApiError::Away { reason: error.to_string() }));
        }
    }
}

/// What whoever asks for a job is told while its head is being written for somebody else, perhaps for an earlier copy of the
/// same request: a copy that looked for the job's record early and writes its head late would run the job a second time.
pub(super) fn just_begun(job: &JobId) -> ApiError {
    ApiError::Away { reason: format!("job {job} is just being submitted by another request") }
}

fn known(asked: &JobSpec, there: &JobSpec) -> Result<v1::SubmitJobResponse, ApiError> {
    if asked.is_same(there) {
        return Ok(v1::SubmitJobResponse { job: asked.job.to_string(), existed: true });
    }
    let reason = format!(
        "there is a job {} already, and it was asked for something else; give another --job, or look at `tailor job get {}`",
        asked.job, asked.job
    );
    Err(ApiError::AlreadyExists { reason })
}

/// Writes the spec and the head of a job, unless it is there.
async fn begin(journal: &Journal, spec: JobSpec, anew: bool, clock: Arc<dyn Clock>) -> Result<Begun, BeginError> {
    let invalid = |field: &str, reason: String| ApiError::Invalid { field: field.to_owned(), reason };
    if Text::<384>::cut(&spec.dataset).to_string() != spec.dataset {
        return Err(invalid("dataset", format!("{} is no URI of at most 384 bytes", spec.dataset)).into());
    }
    let job = Job::open(&spec, Arc::clone(&clock)).map_err(|error| invalid("spec", describe(&error)))?;
    if !anew && let Some(earlier) = history::record(&job.dataset, &spec.job).await.map_err(away)? {
        known(&spec, &earlier.spec)?;
        return Ok(Begun::Known { job: spec.job });
    }
    let digest = write_object(&job.dataset, spec.to_bytes(), |digest| keys::spec(&spec.job, digest)).await?;
    journal.note_dataset(&spec.dataset).await?;
    let head = JobHead {
        phase: JobPhase::Planning,
        round: 1,
        dataset: Text::cut(&spec.dataset),
        spec: digest,
        shards: 0,
        submitted_at_ms: clock.now_ms(),
        cause: None,
        reason: Text::default(),
    };
    journal.begin_job(&spec.job, &head).await?;
    Ok(Begun::New { job: Arc::new(job), spec: Arc::new(spec), head: Box::new(head) })
}

/// Writes a head for a job that has ended: its next round.
pub(super) async fn begin_again(
    journal: &Journal,
    earlier: &JobReport,
    reason: &str,
    clock: Arc<dyn Clock>,
) -> Result<super::ask::BegunAgain, BeginError> {
    let spec = &earlier.spec;
    let job = Job::open(spec, Arc::clone(&clock)).map_err(|error| ApiError::Refused { reason: describe(&error) })?;
    let digest = write_object(&job.dataset, spec.to_bytes(), |digest| keys::spec(&spec.job, digest)).await?;
    journal.note_dataset(&spec.dataset).await?;
    let head = JobHead {
        phase: JobPhase::Planning,
        round: earlier.round + 1,
        dataset: Text::cut(&spec.dataset),
        spec: digest,
        shards: 0,
        submitted_at_ms: clock.now_ms(),
        cause: None,
        reason: Text::cut(reason),
    };
    journal.begin_job(&spec.job, &head).await?;
    Ok((Arc::new(job), Arc::new(spec.clone()), Box::new(head)))
}

fn away(error: StorageError) -> ApiError {
    ApiError::Away { reason: describe(&error) }
}

/// Writes an object that is named by its digest; one that lies there already is the same.
async fn write_object(root: &Root, bytes: Vec<u8>, key: impl FnOnce(Digest) -> String) -> Result<Digest, ApiError> {
    let digest = Digest::of(&bytes);
    let key = key(digest);
    match root.create_once(&key, bytes).await.map_err(away)? {
        Creation::Ours => Ok(digest),
        Creation::Taken => {
            let reason = format!("{} is not what its name says; remove it", root.object(&key));
            Err(ApiError::Refused { reason })
        }
    }
}

/// Plans every shard, and writes the plans.
async fn plan(job: &Job) -> Result<Planned, JobError> {
    let planning::Planned { plans, warnings } = planning::plan(job).await?;
    let written = planning::write(&job.dataset, plans).await?;
    let shards = written.into_iter().map(|(plan, digest)| PlannedShard { plan: Arc::new(plan), digest });
    Ok(Planned { shards: shards.collect(), warnings })
}

async fn record_plans(
    journal: &Journal,
    id: &JobId,
    head: &JobHead,
    shards: &[PlannedShard],
) -> Result<(), JournalError> {
    let put = |planned: PlannedShard| async move {
        let record = LiveShard::new(planned.clone(), head.round).record;
        journal.put_shard(id, planned.plan.shard, &record).await
    };
    stream::iter(shards.to_vec()).map(put).buffer_unordered(OBJECTS_AT_ONCE).try_collect::<()>().await?;
    journal.put_job(id, head).await
}

pub(super) async fn read_spec(dataset: &Root, job: &JobId, digest: Digest) -> Result<JobSpec, String> {
    let key = keys::spec(job, digest);
    let bytes = dataset.read(&key).await.map_err(|error| describe(&error))?;
    JobSpec::from_bytes(&bytes).map_err(|error| format!("{}: {error}", dataset.object(&key)))
}
