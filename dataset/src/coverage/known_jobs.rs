//! Jobs of a dataset by window: those on record, those that run elsewhere, and those that were lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use format::keys::{self, HISTORY, HistoryName, JOBS, MANIFESTS, MARKS};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::limits::{COVERAGE_JOBS_MAX, JOB_MARK_STALE_AFTER, REQUESTS_AT_ONCE_MAX};
use model::{JobId, TimestampMs, Window};
use serde::Deserialize;
use storage::{Root, StorageError};
use tokio::time::Instant;

use super::facts::{JobFacts, JobStage, TryOutcome, WindowFacts};
use super::known_windows::is_away;
use super::records;
use crate::error::DatasetError;
use crate::record;

/// Jobs of a dataset.
#[derive(Debug, Default)]
pub(super) struct KnownJobs {
    listed: Option<(Instant, TimestampMs)>,
    ended: BTreeMap<JobId, EndedJob>,
    /// Jobs without a record: they run elsewhere, or were lost.
    unrecorded: BTreeMap<JobId, UnrecordedJob>,
    /// Jobs on record of which somebody else runs another round.
    reopened: BTreeSet<JobId>,
    /// Windows that have manifests.
    windows: BTreeSet<Window>,
    /// Jobs that cannot be read, with the reason; and a word if older jobs were left out.
    unreadable: BTreeMap<JobId, String>,
    is_cut: bool,
}

/// Job without a record.
#[derive(Debug)]
struct UnrecordedJob {
    window: Window,
    facts: JobFacts,
    read: Instant,
}

impl UnrecordedJob {
    /// True if nobody can have run the job since it was read: it was lost, has no mark, and a mark of a later run would
    /// still count.
    fn is_settled(&self, marked: &BTreeSet<JobId>) -> bool {
        let is_lost = self.facts.stage == JobStage::Lost && !marked.contains(&self.facts.job);
        is_lost && self.read.elapsed() < JOB_MARK_STALE_AFTER / 2
    }
}

/// Job on record.
#[derive(Debug)]
struct EndedJob {
    /// Entry of the history; none if only a record of an older version names the job.
    entry: Option<HistoryName>,
    window: Window,
    record: KnownRecord,
}

#[derive(Debug)]
enum KnownRecord {
    /// Nobody has asked for the window yet.
    Unread,
    Read(Box<JobFacts>),
    Unreadable(String),
}

/// Entry of the history, as far as coverage needs it.
#[derive(Debug, Deserialize)]
struct EntryOutline {
    window: String,
}

impl KnownJobs {
    pub(super) fn is_older_than(&self, max_age: Duration) -> bool {
        self.listed.is_none_or(|(listed, _)| listed.elapsed() >= max_age)
    }

    pub(super) fn as_of_ms(&self) -> TimestampMs {
        self.listed.map_or(TimestampMs::MAX, |(_, at_ms)| at_ms)
    }

    /// Returns every window that has manifests or jobs.
    pub(super) fn windows(&self) -> BTreeSet<Window> {
        let ended = self.ended.values().map(|job| job.window);
        let unrecorded = self.unrecorded.values().map(|job| job.window);
        self.windows.iter().copied().chain(ended).chain(unrecorded).collect()
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let cut = format!("only the {COVERAGE_JOBS_MAX} jobs that were submitted last are known");
        let unreadable = self.unreadable.iter().map(|(job, reason)| format!("job {job} is left out: {reason}"));
        unreadable.chain(self.is_cut.then_some(cut)).collect()
    }

    /// Notes that a window has manifests.
    pub(super) fn note_window(&mut self, window: Window) {
        self.windows.insert(window);
    }

    /// Notes a round that has ended, unless a later one is known.
    pub(super) fn note(&mut self, entry: HistoryName, window: Window, facts: JobFacts) {
        let known = self.ended.get(&entry.job).and_then(|job| job.entry.as_ref());
        if self.listed.is_none() || known.is_some_and(|known| place(known) > place(&entry)) {
            return;
        }
        self.unrecorded.remove(&entry.job);
        self.reopened.remove(&entry.job);
        let job = entry.job.clone();
        let record = KnownRecord::Read(Box::new(facts));
        self.ended.insert(job, EndedJob { entry: Some(entry), window, record });
    }

    /// Lists history, folders of jobs and marks, and reads the new ones; `open` are jobs of which the caller has newer
    /// facts.
    pub(super) async fn list(
        &mut self,
        root: &Root,
        open: &BTreeSet<JobId>,
        now_ms: TimestampMs,
    ) -> Result<(), DatasetError> {
        let began = Instant::now();
        self.windows = windows_of(&root.list_folder(MANIFESTS).await?.folders);
        let names = |folders: &[String]| folders.iter().filter_map(|name| name.parse().ok()).collect();
        let marked: BTreeSet<JobId> = names(&root.list_folder(MARKS).await?.folders);
        // The folder of a job is there before its entry, so the folders are listed first.
        let folders: BTreeSet<JobId> = names(&root.list_folder(JOBS).await?.folders);
        let (entries, is_cut) = entries(root).await?;
        self.is_cut = is_cut;
        self.unreadable.clear();
        self.read_entries(root, &entries).await?;
        // The jobs that were left out of the history have folders too.
        let unlisted = folders.iter().filter(|job| !is_cut && !entries.contains_key(*job) && !open.contains(*job));
        let unlisted: BTreeSet<_> = unlisted.cloned().collect();
        self.ended.retain(|job, ended| match ended.entry {
            Some(_) => entries.contains_key(job),
            None => unlisted.contains(job),
        });
        self.unrecorded.retain(|job, _| unlisted.contains(job));
        self.read_unlisted(root, &unlisted, &marked, now_ms).await?;
        self.reopened.clear();
        for job in marked.iter().filter(|job| entries.contains_key(*job) && !open.contains(*job)) {
            if records::is_open(root, job, now_ms).await? {
                self.reopened.insert(job.clone());
            }
        }
        self.listed = Some((began, now_ms));
        Ok(())
    }

    /// Reads the entries that are new, for the windows of their jobs.
    async fn read_entries(&mut self, root: &Root, entries: &BTreeMap<JobId, HistoryName>) -> Result<(), DatasetError> {
        let is_known = |(job, entry): &(&JobId, &HistoryName)| {
            self.ended.get(*job).is_some_and(|known| known.entry.as_ref() == Some(*entry))
        };
        let new: Vec<_> = entries.iter().filter(|new| !is_known(new)).map(|(_, entry)| entry.clone()).collect();
        let read = |entry: HistoryName| async move {
            let window = window_of(root, &entry).await;
            (entry, window)
        };
        let mut reads = stream::iter(new.into_iter().map(read)).buffer_unordered(REQUESTS_AT_ONCE_MAX);
        while let Some((entry, window)) = reads.next().await {
            let job = entry.job.clone();
            match window {
                Ok(window) => {
                    self.ended.insert(job, EndedJob { entry: Some(entry), window, record: KnownRecord::Unread });
                }
                Err(error) if is_away(&error) => return Err(error.into()),
                Err(error) => drop(self.unreadable.insert(job, model::error::chain(&error))),
            }
        }
        Ok(())
    }

    /// Reads the jobs that the history does not have: records of older versions, and jobs without a record.
    async fn read_unlisted(
        &mut self,
        root: &Root,
        unlisted: &BTreeSet<JobId>,
        marked: &BTreeSet<JobId>,
        now_ms: TimestampMs,
    ) -> Result<(), DatasetError> {
        for job in unlisted {
            let is_settled = self.unrecorded.get(job).is_some_and(|known| known.is_settled(marked));
            if self.ended.contains_key(job) || is_settled {
                continue;
            }
            let read = Instant::now();
            match read_unlisted(root, job, now_ms).await {
                Ok(Some((window, facts))) if facts.stage == JobStage::Ended => {
                    self.unrecorded.remove(job);
                    let record = KnownRecord::Read(Box::new(facts));
                    self.ended.insert(job.clone(), EndedJob { entry: None, window, record });
                }
                Ok(Some((window, facts))) => {
                    self.unrecorded.insert(job.clone(), UnrecordedJob { window, facts, read });
                }
                Ok(None) => {}
                Err(DatasetError::Storage(error)) if is_away(&error) => return Err(error.into()),
                Err(error) => drop(self.unreadable.insert(job.clone(), model::error::chain(&error))),
            }
        }
        Ok(())
    }

    /// Reads the records of the jobs over `windows`, unless they are known.
    pub(super) async fn read_records(&mut self, root: &Root, windows: &[Window]) -> Result<(), DatasetError> {
        let asked: BTreeSet<_> = windows.iter().collect();
        let is_unread = |job: &EndedJob| matches!(job.record, KnownRecord::Unread) && asked.contains(&job.window);
        let unread = self.ended.iter().filter(|(_, ended)| is_unread(ended));
        let unread: Vec<_> = unread.map(|(job, ended)| (job.clone(), ended.entry.clone())).collect();
        let read = |(job, entry): (JobId, Option<HistoryName>)| async move {
            let round = entry.map(|entry| (entry.round, entry.leader));
            let found = records::read(root, &job, round).await;
            (job, found)
        };
        let mut reads = stream::iter(unread.into_iter().map(read)).buffer_unordered(REQUESTS_AT_ONCE_MAX);
        while let Some((job, found)) = reads.next().await {
            let record = match found {
                Ok(Some(outline)) => KnownRecord::Read(Box::new(outline.facts())),
                Ok(None) => KnownRecord::Unreadable(format!("the record of job {job} is gone")),
                Err(error) if is_away(&error) => return Err(error.into()),
                Err(error) => {
                    let reason = model::error::chain(&error);
                    KnownRecord::Unreadable(format!("the record of job {job} cannot be read: {reason}"))
                }
            };
            if let Some(ended) = self.ended.get_mut(&job) {
                ended.record = record;
            }
        }
        Ok(())
    }

    /// Adds the jobs of a window to its facts, without those in `open`, which the caller knows better.
    pub(super) fn add_to(&self, window: Window, open: &BTreeSet<JobId>, facts: &mut WindowFacts) {
        for (job, ended) in self.ended.iter().filter(|(_, ended)| ended.window == window) {
            match &ended.record {
                KnownRecord::Read(read) if self.reopened.contains(job) => facts.add_job(reopened(read)),
                KnownRecord::Read(read) => facts.add_job((**read).clone()),
                KnownRecord::Unreadable(reason) => facts.unread.push(reason.clone()),
                KnownRecord::Unread => facts.unread.push(format!("the record of job {job} was not read yet")),
            }
        }
        let unrecorded = self.unrecorded.iter().filter(|(job, known)| known.window == window && !open.contains(*job));
        unrecorded.for_each(|(_, known)| facts.add_job(known.facts.clone()));
        if self.is_cut && !facts.jobs.values().any(JobFacts::has_whole_plan) {
            facts.unread.push(format!("only the {COVERAGE_JOBS_MAX} jobs that were submitted last are known"));
        }
    }
}

/// Order of the rounds in the history; the last one of a job is its current one.
fn place(entry: &HistoryName) -> (TimestampMs, u32, model::LeaderId) {
    (entry.submitted_at_ms, entry.round, entry.leader)
}

/// Lists the latest entry of each job. Returns true with them if older ones were left out.
async fn entries(root: &Root) -> Result<(BTreeMap<JobId, HistoryName>, bool), StorageError> {
    let mut latest: BTreeMap<JobId, HistoryName> = BTreeMap::new();
    let mut listed = root.stream(HISTORY);
    while let Some(object) = listed.try_next().await? {
        // A key that is not a history name is the mark of a complete history, or belongs to somebody else.
        let Ok(entry) = object.location.as_ref().parse::<HistoryName>() else { continue };
        if latest.len() >= COVERAGE_JOBS_MAX && root.lists_in_order() && !latest.contains_key(&entry.job) {
            return Ok((latest, true));
        }
        let known = latest.entry(entry.job.clone()).or_insert_with(|| entry.clone());
        if place(known) < place(&entry) {
            *known = entry;
        }
    }
    Ok((latest, false))
}

/// Reads the window of a job from its entry, or else from its record.
async fn window_of(root: &Root, entry: &HistoryName) -> Result<Window, StorageError> {
    let outline = match record::at::<EntryOutline>(root, &entry.to_string()).await {
        Err(error) if is_away(&error) => return Err(error),
        outline => outline.ok().flatten(),
    };
    if let Some(window) = outline.and_then(|outline| outline.window.parse().ok()) {
        return Ok(window);
    }
    let record = records::read(root, &entry.job, Some((entry.round, entry.leader))).await?;
    let missing = || StorageError::NotFound { object: root.object(&keys::records(&entry.job)) };
    record.map(|record| record.window).ok_or_else(missing)
}

async fn read_unlisted(
    root: &Root,
    job: &JobId,
    now_ms: TimestampMs,
) -> Result<Option<(Window, JobFacts)>, DatasetError> {
    match records::read(root, job, None).await? {
        Some(outline) => Ok(Some((outline.window, outline.facts()))),
        None => records::unrecorded(root, job, now_ms).await,
    }
}

/// Returns a job that runs its shards that are not done once more.
fn reopened(job: &JobFacts) -> JobFacts {
    let mut job = JobFacts { stage: JobStage::Open, ..job.clone() };
    let undone = job.shards.values_mut().filter(|tried| !matches!(tried.outcome, TryOutcome::Done { .. }));
    undone.for_each(|tried| tried.outcome = TryOutcome::Running);
    job
}

fn windows_of(folders: &[String]) -> BTreeSet<Window> {
    folders.iter().filter_map(|name| name.strip_prefix("window=")?.parse().ok()).collect()
}
