//! Submission and plans: how a job comes to have shards that run.
//!
//! ```text
//! submit: spec object -> head (planning) -> segments listed -> mark (open), plan objects -> shard records
//!      -> head (running, their number)
//! ```
//!
//! No task is given out before the head says `running`, so a leader that dies on the way leaves nothing that the next one
//! could not plan anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use format::keys;
use format::state_records::{JobHead, JobPhase, Text, Unknown};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::limits::OPEN_JOBS_MAX;
use model::{Clock, Digest, JobId, JobSpec, TimestampMs};
use proto::{ApiError, v1};
use scheduler::{Event, Restored};
use serde_json::json;
use storage::{Creation, Root};
use tokio::time::Instant;

use super::Leader;
use super::live::{LiveJob, LiveShard};
use super::marks::RunMark;
use super::message::{BeginError, Begun, Follower, Outcome, Planned, PlannedShard, Reply};
use crate::bases::{self, Round};
use crate::error::{JobError, describe};
use crate::event_log::EventLog;
use crate::history;
use crate::job::Job;
use crate::journal::{Journal, JournalError};
use crate::planning;
use crate::probe::{ProbeError, Probes};
use crate::report::JobReport;
use crate::service::patience::{in_time, refused};

/// Objects read or written at once for one job.
pub(super) const OBJECTS_AT_ONCE: usize = 32;

impl Leader {
    pub(super) fn submit(&mut self, spec: JobSpec, follower: Option<Follower>, reply: Reply<v1::SubmitJobResponse>) {
        if let Some(live) = self.jobs.get(&spec.job) {
            let _ = reply.send(known(&spec, &live.spec));
            return;
        }
        if self.recovering.contains_key(&spec.job) {
            let _ = reply.send(Err(self.not_yet_taken_over(&spec.job)));
            return;
        }
        if self.jobs.len() + self.recovering.len() + self.beginning.len() >= OPEN_JOBS_MAX {
            let reason =
                format!("{OPEN_JOBS_MAX} jobs are open, the most that a cluster has at once; wait for some to end");
            let _ = reply.send(Err(ApiError::Refused { reason }));
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
        let event = Event::JobAdded { job: id.clone(), weight: spec.weight, running_max: spec.running_max };
        let log = EventLog::new(id.clone(), self.journal.leadership().id());
        let before = since(self.clock.now_ms(), head.submitted_at_ms);
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
            closing: 0,
            has_ended: false,
            took: None,
            archive_at: None,
            is_archiving: false,
            follower: None,
            planned: Vec::new(),
        };
        self.jobs.insert(id, live);
        self.apply(event);
    }

    pub(super) fn plan(&self, id: &JobId) {
        let Some(live) = self.jobs.get(id) else { return };
        let (handle, round, id) = (self.handle.clone(), live.head.round, id.clone());
        let planning = Round::of(&live.head);
        let job = Job { shards: live.shards_to_run(), ..(*live.job).clone() };
        let probes = Arc::clone(&self.probes);
        let mark = RunMark::of(&id, &live.head, &job.dataset, self.settings.scratch.as_deref());
        tokio::spawn(async move {
            let planned = Box::new(plan(&job, planning, &probes, &mark).await);
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
            Ok(Planned { shards, warnings, warned }) => {
                (live.warnings, live.head.warnings) = (warnings, warned);
                self.record_plans(id, shards);
            }
            Err(error) => {
                let cause = describe(&error);
                tracing::warn!(job = %id, %cause, "job cannot be planned");
                live.head.cause = Some(Text::cut(&cause));
                self.note(id, "planning-failed", json!({ "cause": cause }));
                self.put_head(id, None);
                self.apply(Event::JobPlanned { job: id.clone() });
            }
        }
    }

    fn record_plans(&self, id: &JobId, shards: Vec<PlannedShard>) {
        let Some(live) = self.jobs.get(id) else { return };
        let (journal, handle, id, round) = (self.journal.clone(), self.handle.clone(), id.clone(), live.head.round);
        tokio::spawn(async move {
            let result = journal.insist(|| record_plans(&journal, &id, round, &shards)).await;
            handle.tell(Outcome::Recorded { job: id, result, shards });
        });
    }

    /// All shards of a job are on record: the head that counts them is next, and lets them run unless it was cancelled.
    pub(super) fn plans_recorded(&mut self, id: &JobId, result: Result<(), JournalError>, shards: Vec<PlannedShard>) {
        match self.unless_over(result) {
            Some(Ok(())) => {}
            Some(Err(error)) => return self.over = Some(format!("the plans of {id} cannot be recorded: {error}")),
            None => return,
        }
        let fields = json!({ "shards": shards.len(), "bytes": shards.iter().map(|s| s.plan.bytes()).sum::<u64>() });
        self.note(id, "planned", fields);
        let Some(live) = self.jobs.get_mut(id) else { return };
        live.head.shards = shards.len() as u32;
        live.planned = shards;
        if live.planned.is_empty() {
            self.apply(Event::JobPlanned { job: id.clone() });
        } else if live.head.phase == JobPhase::Cancelling {
            self.put_head(id, None);
            self.open_planned(id);
        } else {
            live.head.phase = JobPhase::Running;
            self.put_head(id, None);
        }
    }

    pub(super) fn open_shard(&mut self, id: &JobId, planned: PlannedShard, restored: Option<Box<Restored>>) {
        let plan = Arc::clone(&planned.plan);
        if let Some(live) = self.jobs.get_mut(id) {
            let shard = LiveShard::new(planned, live.head.round);
            live.shards.insert(plan.shard, shard);
        }
        self.apply(Event::ShardPlanned { plan, restored });
    }
}

/// Time from `began_ms` to `now_ms`, by clocks that may differ a little.
pub(super) fn since(now_ms: TimestampMs, began_ms: TimestampMs) -> Duration {
    Duration::from_millis(u64::try_from(now_ms - began_ms).unwrap_or_default())
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

/// Turns a failure to open a job's places into the client's reply.
fn not_opened(error: JobError) -> ApiError {
    match error {
        JobError::Storage(away) if away.is_store_away() => ApiError::Away { reason: describe(&away) },
        error => ApiError::Invalid { field: "spec".to_owned(), reason: describe(&error) },
    }
}

/// Writes the spec and the head of a job, unless it is there.
async fn begin(journal: &Journal, spec: JobSpec, anew: bool, clock: Arc<dyn Clock>) -> Result<Begun, BeginError> {
    let invalid = |field: &str, reason: String| ApiError::Invalid { field: field.to_owned(), reason };
    if Text::<384>::cut(&spec.dataset).to_string() != spec.dataset {
        return Err(invalid("dataset", format!("{} is not a URI of at most 384 bytes", spec.dataset)).into());
    }
    let job = Job::open(&spec, Arc::clone(&clock)).await.map_err(not_opened)?;
    let mut round = 1;
    if !anew {
        // A client waits for the answer: it hears which store is away while it still listens.
        let record = in_time("the dataset", &spec.dataset, history::record(&job.dataset, &spec.job)).await?;
        if let Some(earlier) = record {
            if !earlier.has_lost_spec() {
                known(&spec, &earlier.spec)?;
                // In another cluster's history, perhaps: whoever asks for the job next has to find it here.
                journal.note_dataset(&spec.dataset).await?;
                return Ok(Begun::Known { job: spec.job });
            }
            // Another job of that name, in a round of its own: its record comes after the one of the job that was lost.
            round = earlier.round + 1;
        }
    }
    let digest = write_object(&job.dataset, spec.to_bytes(), |digest| keys::spec(&spec.job, digest)).await?;
    journal.note_dataset(&spec.dataset).await?;
    let head = JobHead {
        phase: JobPhase::Planning,
        round,
        dataset: Text::cut(&spec.dataset),
        spec: digest,
        shards: 0,
        submitted_at_ms: clock.now_ms(),
        cause: None,
        warnings: None,
        reason: Text::default(),
        unknown: Unknown::new(),
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
    spec.settings.validate().map_err(|error| ApiError::from(error.within("spec.settings")))?;
    let job =
        Job::open(spec, Arc::clone(&clock)).await.map_err(|error| ApiError::Refused { reason: describe(&error) })?;
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
        warnings: None,
        reason: Text::cut(reason),
        unknown: Unknown::new(),
    };
    journal.begin_job(&spec.job, &head).await?;
    Ok((Arc::new(job), Arc::new(spec.clone()), Box::new(head)))
}

/// Writes an object that is named by its digest; one that lies there already is the same.
async fn write_object(root: &Root, bytes: Vec<u8>, key: impl FnOnce(Digest) -> String) -> Result<Digest, ApiError> {
    let digest = Digest::of(&bytes);
    let key = key(digest);
    let created = root.create_once(&key, bytes).await;
    match created.map_err(|error| refused("the dataset", root.uri(), &error))? {
        Creation::Ours => Ok(digest),
        Creation::Taken => {
            let reason = format!("{} is not what its name says; remove it", root.object(&key));
            Err(ApiError::Refused { reason })
        }
    }
}

/// Plans every shard, and writes the plans. A store that would be refused at the commit is refused before the work. Before
/// the first plan the dataset is marked as ours, and the job as open: a place whose input could not be planned stays as it
/// was.
async fn plan(job: &Job, round: Round, probes: &Probes, mark: &RunMark) -> Result<Planned, JobError> {
    match probes.check(&job.dataset).await {
        Err(error @ ProbeError::Overwrites { .. }) => return Err(JobError::Store { reason: error.to_string() }),
        // One that is away is tried again before the commit.
        Ok(()) | Err(ProbeError::Storage(_)) => {}
    }
    // Before the segments are listed: what is committed after this look is not known to these plans, whatever they list.
    bases::note(job, round).await?;
    let planning::Planned { plans, warnings } = planning::plan(job).await?;
    mark.begin().await?;
    let written = planning::write(&job.dataset, plans).await?;
    let shards = written.into_iter().map(|(plan, digest)| PlannedShard { plan: Arc::new(plan), digest });
    let warned = write_warnings(job, &warnings).await?;
    Ok(Planned { shards: shards.collect(), warnings, warned })
}

/// Writes what an operator should look at, so that whoever leads next can tell it; the digest that names it.
async fn write_warnings(job: &Job, warnings: &[String]) -> Result<Option<Digest>, JobError> {
    if warnings.is_empty() {
        return Ok(None);
    }
    let bytes = serde_json::to_vec(warnings).expect("a list of texts");
    let digest = Digest::of(&bytes);
    job.dataset.create_once(&keys::warnings(&job.id, digest), bytes).await?;
    Ok(Some(digest))
}

async fn record_plans(journal: &Journal, id: &JobId, round: u32, shards: &[PlannedShard]) -> Result<(), JournalError> {
    let put = |planned: PlannedShard| async move {
        let record = LiveShard::new(planned.clone(), round).record;
        journal.put_shard(id, planned.plan.shard, &record).await
    };
    stream::iter(shards.to_vec()).map(put).buffer_unordered(OBJECTS_AT_ONCE).try_collect::<()>().await
}
