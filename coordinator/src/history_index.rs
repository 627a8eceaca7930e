//! Index of the history: one small create-only object for each ended round of a job, with the fields that a listing
//! shows. Like a record, an entry is named by the round and by the leader that saw it end, and the same rule selects
//! the current one. An entry of a deposed leader that goes on is therefore never read.
//!
//! Keys sort the newest first. A page costs a listing of the keys before it and one read per job on it, however many
//! jobs the dataset keeps. A dataset that an older version wrote has jobs without an entry: until [`complete`] has
//! added the entries and put its mark, [`ended`] finds those jobs by the names of their folders, and reads their
//! records.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::str::FromStr;

use format::keys::{self, HistoryName};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::error::chain;
use model::ids::ParseIdError;
use model::limits::REQUESTS_AT_ONCE_MAX;
use model::{JobId, LeaderId, Term};
use proto::v1;
use serde::{Deserialize, Serialize};
use storage::{Root, StorageError};

use crate::report::{API_VERSION, JobReport};
use crate::{history, history_view, record};

/// Entry with the fields that `job list` shows. Unknown fields of later versions are ignored.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    api_version: String,
    kind: String,
    job: String,
    /// State as on the wire, without its prefix: `DONE`.
    state: String,
    dataset: String,
    input: String,
    window: String,
    submitted_at_ms: i64,
    ended_at_ms: i64,
    shards: u32,
    shards_done: u32,
    shards_failed: u32,
    bytes: u64,
    bytes_read: u64,
    #[serde(rename = "priority")]
    weight: i32,
    reason: String,
    cause: String,
    attempts: u64,
    attempts_failed: u64,
}

const STATE_PREFIX: &str = "JOB_STATE_";

impl Entry {
    fn of(job: v1::JobSummary) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: "EndedJob".to_owned(),
            state: job.state().as_str_name().trim_start_matches(STATE_PREFIX).to_owned(),
            job: job.job,
            dataset: job.dataset,
            input: job.input,
            window: job.window,
            submitted_at_ms: job.submitted_at_ms,
            ended_at_ms: job.ended_at_ms,
            shards: job.shards,
            shards_done: job.shards_done,
            shards_failed: job.shards_failed,
            bytes: job.bytes,
            bytes_read: job.bytes_read,
            weight: job.weight,
            reason: job.reason,
            cause: job.cause,
            attempts: job.attempts,
            attempts_failed: job.attempts_failed,
        }
    }

    fn summary(self) -> v1::JobSummary {
        let state = v1::JobState::from_str_name(&format!("{STATE_PREFIX}{}", self.state));
        v1::JobSummary {
            job: self.job,
            state: state.unwrap_or_default().into(),
            dataset: self.dataset,
            input: self.input,
            window: self.window,
            submitted_at_ms: self.submitted_at_ms,
            ended_at_ms: self.ended_at_ms,
            shards: self.shards,
            shards_done: self.shards_done,
            shards_failed: self.shards_failed,
            bytes: self.bytes,
            bytes_read: self.bytes_read,
            weight: self.weight,
            reason: self.reason,
            cause: self.cause,
            waiting_for: String::new(),
            attempts: self.attempts,
            attempts_failed: self.attempts_failed,
            // The record has them.
            effort: None,
            wasted: None,
            effort_since_ms: 0,
        }
    }
}

/// Leader id of entries that were added for a record without having seen the round end; it sorts before every leader
/// that has.
const NOBODY: LeaderId = LeaderId { revision: 0, term: Term::drawn(0) };

/// Adds an entry for an ended job, as `leader` saw it.
///
/// # Errors
/// The store failed.
pub(crate) async fn add(dataset: &Root, report: &JobReport, leader: LeaderId) -> Result<(), StorageError> {
    let submitted_at_ms = report.started_at_ms.max(0);
    let name = HistoryName { submitted_at_ms, round: report.round, leader, job: report.job.clone() };
    let entry = Entry::of(history_view::summary(report));
    let bytes = serde_json::to_vec_pretty(&entry).expect("an entry is numbers and names");
    dataset.create_exclusive(&name.to_string(), bytes).await.map(drop)
}

/// Ended job, with the facts that its name and its record have; the entry was not read.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) job: JobId,
    /// Submission time; 0 if only an unreadable record has it.
    pub(crate) submitted_at_ms: i64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Entry {
        key: String,
    },
    /// Summary from the record, for a job without an entry; boxed because it is rare and large.
    Record(Box<v1::JobSummary>),
}

/// Position in a listing of jobs: newest first, and by name within one instant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    submitted_at_ms: Reverse<i64>,
    job: String,
}

impl Position {
    pub(crate) fn new(submitted_at_ms: i64, job: &str) -> Self {
        Self { submitted_at_ms: Reverse(submitted_at_ms.max(0)), job: job.to_owned() }
    }

    pub(crate) fn job(&self) -> &str {
        &self.job
    }
}

/// Formats the position as a page token.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.submitted_at_ms.0, self.job)
    }
}

impl FromStr for Position {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || ParseIdError { text: text.to_owned(), expected: "a page token of an earlier answer" };
        let (submitted_at_ms, job) = text.split_once('-').ok_or_else(invalid)?;
        Ok(Self::new(submitted_at_ms.parse().map_err(|_| invalid())?, job))
    }
}

/// Lists the ended jobs of a dataset after a position, each once, in order: at least `wanted` of them, if there are
/// so many.
///
/// # Errors
/// The store failed. A record that cannot be read is returned as a job in state unreadable.
pub(crate) async fn ended(dataset: &Root, after: Option<&Position>, wanted: usize) -> Result<Vec<Ended>, StorageError> {
    let (mut ended, is_complete) = entries(dataset, after, wanted).await?;
    if !is_complete {
        let unlisted = unlisted(dataset, &ended).await?;
        let read: Vec<_> = unlisted.into_iter().map(|job| read_record(dataset, job)).collect();
        let found: Vec<Option<Ended>> = stream::iter(read).buffered(REQUESTS_AT_ONCE_MAX).try_collect().await?;
        ended.extend(found.into_iter().flatten());
    }
    ended.retain(|ended| after.is_none_or(|after| ended.position() > *after));
    ended.sort_by_cached_key(Ended::position);
    Ok(ended)
}

/// Lists the latest round of each job with an entry, as far as `wanted` needs it. Also returns true if all jobs have
/// an entry.
async fn entries(dataset: &Root, after: Option<&Position>, wanted: usize) -> Result<(Vec<Ended>, bool), StorageError> {
    let mut names: Vec<HistoryName> = Vec::new();
    let (mut seen, mut found) = (HashSet::new(), 0);
    let mut is_complete = false;
    let mut listed = dataset.stream(keys::HISTORY);
    while let Some(object) = listed.try_next().await? {
        let key = object.location.as_ref();
        is_complete |= key == keys::HISTORY_COMPLETE;
        // A key that is not a history name belongs to somebody else.
        let Ok(name) = key.parse::<HistoryName>() else { continue };
        let is_next_instant = names.last().is_none_or(|last| last.submitted_at_ms != name.submitted_at_ms);
        if is_complete && found >= wanted && is_next_instant && dataset.lists_in_order() {
            break;
        }
        let is_new = seen.insert(name.job.clone());
        let position = Position::new(name.submitted_at_ms, name.job.as_str());
        found += usize::from(is_new && after.is_none_or(|after| position > *after));
        names.push(name);
    }
    // Folders list in no order; sort the latest round of a job first.
    let place = |name: &HistoryName| (name.submitted_at_ms, name.round, name.leader);
    names.sort_unstable_by_key(|name| std::cmp::Reverse(place(name)));
    seen.clear();
    names.retain(|name| seen.insert(name.job.clone()));
    let ended = |name: HistoryName| Ended {
        submitted_at_ms: name.submitted_at_ms,
        source: Source::Entry { key: name.to_string() },
        job: name.job,
    };
    Ok((names.into_iter().map(ended).collect(), is_complete))
}

/// Lists the jobs of which the dataset keeps anything, but that have no entry.
async fn unlisted(dataset: &Root, listed: &[Ended]) -> Result<Vec<JobId>, StorageError> {
    let known: BTreeSet<_> = listed.iter().map(|ended| &ended.job).collect();
    let jobs = history::jobs(dataset).await?;
    Ok(jobs.into_iter().filter(|job| !known.contains(job)).collect())
}

async fn read_record(dataset: &Root, job: JobId) -> Result<Option<Ended>, StorageError> {
    let summary = match record::read(dataset, &job).await {
        Ok(None) => return Ok(None),
        Ok(Some(report)) => history_view::summary(&report),
        Err(error) if error.is_store_away() => return Err(error),
        Err(error) => unreadable(dataset, &job, 0, &error),
    };
    let (submitted_at_ms, source) = (summary.submitted_at_ms.max(0), Source::Record(Box::new(summary)));
    Ok(Some(Ended { job, submitted_at_ms, source }))
}

impl Ended {
    pub(crate) fn position(&self) -> Position {
        Position::new(self.submitted_at_ms, self.job.as_str())
    }

    /// Returns the summary of the job; if its entry cannot be read, the summary says why.
    ///
    /// # Errors
    /// The store is away.
    pub(crate) async fn summary(self, dataset: &Root) -> Result<v1::JobSummary, StorageError> {
        let key = match self.source {
            Source::Record(summary) => return Ok(*summary),
            Source::Entry { key } => key,
        };
        let bytes = match dataset.read(&key).await {
            Err(error) if error.is_store_away() => return Err(error),
            Err(error) => return Ok(unreadable(dataset, &self.job, self.submitted_at_ms, &error)),
            Ok(bytes) => bytes,
        };
        let malformed = |error: serde_json::Error| {
            let error = StorageError::Failed { operation: "read", object: dataset.object(&key), source: error.into() };
            unreadable(dataset, &self.job, self.submitted_at_ms, &error)
        };
        Ok(serde_json::from_slice::<Entry>(&bytes).map_or_else(malformed, Entry::summary))
    }
}

fn unreadable(dataset: &Root, job: &JobId, submitted_at_ms: i64, error: &StorageError) -> v1::JobSummary {
    v1::JobSummary {
        job: job.to_string(),
        state: v1::JobState::Unreadable.into(),
        dataset: dataset.uri().to_owned(),
        submitted_at_ms,
        cause: chain(error),
        ..v1::JobSummary::default()
    }
}

/// Adds an entry for each ended job that has none, then puts the mark. Only the leader does this, so no job ends
/// without an entry meanwhile. A record that cannot be read stays without an entry, and then the mark is not put.
///
/// # Errors
/// The store failed; the next call continues.
pub(crate) async fn complete(dataset: &Root) -> Result<(), StorageError> {
    let (ended, is_complete) = entries(dataset, None, usize::MAX).await?;
    if is_complete {
        return Ok(());
    }
    let add_one = |job: JobId| async move {
        match record::read(dataset, &job).await? {
            Some(report) => add(dataset, &report, NOBODY).await,
            None => Ok(()),
        }
    };
    let unlisted = unlisted(dataset, &ended).await?;
    let added: Vec<_> = unlisted.into_iter().map(add_one).collect();
    let results: Vec<_> = stream::iter(added).buffer_unordered(REQUESTS_AT_ONCE_MAX).collect().await;
    results.into_iter().collect::<Result<Vec<()>, _>>()?;
    dataset.replace(keys::HISTORY_COMPLETE, &b"{}\n"[..]).await
}

#[cfg(test)]
mod tests;
