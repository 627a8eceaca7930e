//! Jobs of a dataset, from their records, specs, plans and marks: the fields that coverage needs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use format::keys::{self, JobObject, ObjectKey, RecordName};
use model::limits::{JOB_MARK_EVERY, JOB_MARK_STALE_AFTER};
use model::{JobId, LeaderId, ShardId, TimestampMs, Window};
use serde::Deserialize;
use shard_config::ShardMap;
use storage::{Root, StorageError};

use super::facts::{InputSize, JobFacts, JobStage, ShardTry, TryInput, TryOutcome};
use crate::error::DatasetError;
use crate::marks::FoundMark;
use crate::{gc, marks, record};

/// Record of an ended job, as far as coverage needs it; other fields are skipped.
#[derive(Debug, Deserialize)]
pub(super) struct RecordOutline {
    job: JobId,
    pub(super) round: u32,
    pub(super) window: Window,
    cause: Option<String>,
    started_at_ms: TimestampMs,
    spec: SpecOutline,
    shards: Vec<ShardOutline>,
}

/// Spec of a job, as far as coverage needs it.
#[derive(Debug, Deserialize)]
struct SpecOutline {
    input: String,
    shards: Vec<ShardId>,
    shard_map: String,
    settings: SettingsOutline,
    submitted_at_ms: TimestampMs,
}

#[derive(Debug, Deserialize)]
struct SettingsOutline {
    window: Window,
}

#[derive(Debug, Deserialize)]
struct ShardOutline {
    shard: ShardId,
    state: RecordedState,
    cause: Option<String>,
    version: Option<u32>,
    segments: u64,
    map_tasks: u64,
    totals: TotalsOutline,
}

#[derive(Debug, Deserialize)]
struct TotalsOutline {
    bytes_in: u64,
}

/// State of a shard in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RecordedState {
    Open,
    Done,
    Failed,
    Cancelled,
}

impl ShardOutline {
    fn tried(self) -> (ShardId, ShardTry) {
        let cause = self.cause.unwrap_or_default();
        let outcome = match (self.state, self.version) {
            (RecordedState::Done, version) => TryOutcome::Done { version: version.unwrap_or_default() },
            (RecordedState::Failed, _) => TryOutcome::Failed { cause },
            (RecordedState::Cancelled, _) => TryOutcome::Cancelled { cause },
            (RecordedState::Open, _) => TryOutcome::Lost,
        };
        // The report of a shard may be lost; then the record has its tasks, and no segments.
        let input = match (self.segments, self.map_tasks) {
            (0, 1..) => TryInput::Unknown,
            (segments, _) => TryInput::Planned(InputSize { segments, bytes: self.totals.bytes_in }),
        };
        (self.shard, ShardTry { outcome, input })
    }
}

impl SpecOutline {
    /// True if only the name of the job survived.
    fn is_lost(&self) -> bool {
        self.input.is_empty()
    }

    fn map(&self) -> Option<Arc<ShardMap>> {
        match self.shard_map.as_str() {
            _ if self.is_lost() => None,
            "" => Some(Arc::default()),
            text => ShardMap::parse(text, "the job's shard map").ok().map(Arc::new),
        }
    }
}

impl RecordOutline {
    /// Turns the record into facts.
    pub(super) fn facts(self) -> JobFacts {
        let mut facts = JobFacts {
            job: self.job,
            submitted_at_ms: self.started_at_ms,
            round: self.round,
            stage: JobStage::Ended,
            is_whole: self.spec.shards.is_empty() && !self.spec.is_lost(),
            is_plan_known: true,
            map: self.spec.map(),
            shards: self.shards.into_iter().map(ShardOutline::tried).collect(),
            cause: self.cause,
        };
        facts.add_named(&self.spec.shards);
        facts
    }
}

/// Reads the facts of a record's bytes, with the window of the job.
pub fn of_record(bytes: &[u8]) -> serde_json::Result<(Window, JobFacts)> {
    let outline: RecordOutline = serde_json::from_slice(bytes)?;
    Ok((outline.window, outline.facts()))
}

/// Reads the record of a round that ended under `leader`, or else the current record of the job.
pub(super) async fn read(
    root: &Root,
    job: &JobId,
    round: Option<(u32, LeaderId)>,
) -> Result<Option<RecordOutline>, StorageError> {
    if let Some((round, leader)) = round {
        let name = RecordName { job: job.clone(), round, leader };
        if let Some(found) = record::at(root, &name.to_string()).await? {
            return Ok(Some(found));
        }
    }
    record::current(root, job, |outline: &RecordOutline| outline.round).await
}

/// Reads the facts of a job without a record, with its window: it runs somewhere, or was lost. None if the dataset has
/// no spec of it.
pub(super) async fn unrecorded(
    root: &Root,
    job: &JobId,
    now_ms: TimestampMs,
) -> Result<Option<(Window, JobFacts)>, DatasetError> {
    let mut objects = root.list_folder(&keys::job_folder(job)).await?.objects;
    objects.sort_by_key(|object| object.last_modified);
    let is_spec = |key: &str| matches!(key.parse(), Ok(ObjectKey::OfJob(_, JobObject::Spec(_))));
    let Some(object) = objects.iter().rev().find(|object| is_spec(object.location.as_ref())) else {
        return Ok(None);
    };
    let Some(spec) = record::at::<SpecOutline>(root, object.location.as_ref()).await? else { return Ok(None) };
    let marks = marks_of_runs(root, job).await?;
    // A job that was just submitted is planned before it has a mark.
    let is_young = object.last_modified.timestamp_millis() > now_ms.saturating_sub(ms(JOB_MARK_EVERY));
    let is_open = if marks.is_empty() { is_young } else { is_any_open(root, &marks, now_ms) };
    let (stage, outcome) =
        if is_open { (JobStage::Open, TryOutcome::Running) } else { (JobStage::Lost, TryOutcome::Lost) };
    let mut shards = BTreeMap::new();
    for shard in planned_shards(root, job).await? {
        shards.insert(shard, ShardTry { outcome: outcome.clone(), input: TryInput::Unknown });
    }
    let mut facts = JobFacts {
        job: job.clone(),
        submitted_at_ms: spec.submitted_at_ms,
        round: 1,
        stage,
        is_whole: spec.shards.is_empty(),
        is_plan_known: false,
        map: spec.map(),
        shards,
        cause: None,
    };
    facts.add_named(&spec.shards);
    Ok(Some((spec.settings.window, facts)))
}

/// Lists the shards of which the job has plans.
async fn planned_shards(root: &Root, job: &JobId) -> Result<Vec<ShardId>, StorageError> {
    let shard = |object: &object_store::ObjectMeta| match object.location.as_ref().parse() {
        Ok(ObjectKey::OfJob(_, JobObject::Plan(shard, _))) => Some(shard),
        _ => None,
    };
    root.list_each(&keys::plans_of(job), shard).await
}

/// True if a mark says that a process runs the job.
pub(super) async fn is_open(root: &Root, job: &JobId, now_ms: TimestampMs) -> Result<bool, DatasetError> {
    Ok(is_any_open(root, &marks_of_runs(root, job).await?, now_ms))
}

/// Lists the marks of a job's runs, without those of rollbacks to it.
async fn marks_of_runs(root: &Root, job: &JobId) -> Result<Vec<FoundMark>, DatasetError> {
    let mut found = marks::of_job(root, job).await?;
    found.retain(|mark| matches!(mark.key.parse(), Ok(ObjectKey::Mark(..))));
    Ok(found)
}

/// True if a process stands behind one of the marks. Ages are by this machine's clock, which may differ from the
/// store's by much less than the time for which marks count.
fn is_any_open(root: &Root, marks: &[FoundMark], now_ms: TimestampMs) -> bool {
    let stale_from_ms = now_ms.saturating_sub(ms(JOB_MARK_STALE_AFTER));
    marks.iter().any(|mark| gc::is_open(root, mark, stale_from_ms))
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
