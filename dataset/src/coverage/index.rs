//! Index of the facts of one dataset, kept so that a question costs no listing.
//!
//! Manifests, records and history entries are never replaced, so facts that were read from them stay true; only *which*
//! of them are current changes. The index lists their keys again once its knowledge is older than the question allows,
//! and reads what is new. Between two listings its keeper adds what it knows without a look:
//! [`CoverageIndex::note_version`] and [`CoverageIndex::note_job`]. A note and a listing may come in any order, because
//! the higher version and the later round count.
//!
//! ```text
//! question --> jobs (history, job folders, marks, names of windows): listed if too old, new entries read
//!          --> windows asked for: manifests' keys listed if too old, new current manifests read
//!          --> records of the jobs of those windows: read once
//! ```
//!
//! A question that is given up in the middle loses nothing that was read; the next one goes on. Questions of one dataset
//! follow one another, so many viewers cause one listing.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use format::keys::HistoryName;
use model::limits::{COVERAGE_CELLS_MAX, COVERAGE_NOTES_MAX, COVERAGE_PAGE_CELLS_MAX};
use model::{Clock, JobId, ShardId, TimestampMs, Window};
use storage::Root;

use super::facts::{FoundVersion, JobFacts, ShardVersion, WindowFacts};
use super::known_jobs::KnownJobs;
use super::known_windows::KnownWindows;
use crate::error::DatasetError;

/// Windows that a question is about, and the age of facts that it accepts.
#[derive(Debug, Clone, Default)]
pub struct CoverageAsk {
    /// Windows by name; if empty, the newest.
    pub windows: Vec<Window>,
    /// Only windows before this one, if none is named: the last of the page before.
    pub before: Option<Window>,
    /// Most windows of the answer.
    pub limit: usize,
    /// Age up to which facts of the store count without another look.
    pub max_age: Duration,
}

/// Jobs that run on a cluster, as its leader knows them.
#[derive(Debug, Clone, Default)]
pub struct OpenJobs {
    /// Jobs on the dataset, with their windows.
    pub jobs: Vec<(Window, JobFacts)>,
    /// Names of all jobs that are open, including those of which nothing else is known yet.
    pub names: BTreeSet<JobId>,
    /// Reasons for which some of them are not known yet; each may concern any window.
    pub unsettled: Vec<String>,
}

/// Facts about the windows that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct CoveredWindows {
    /// Windows, the newest first, with their facts.
    pub windows: Vec<(Window, WindowFacts)>,
    /// True if more windows answer the question: ask again.
    pub more: bool,
    /// Time of the oldest look at the store that the answer uses.
    pub as_of_ms: TimestampMs,
    /// Jobs that were left out, with the reason.
    pub warnings: Vec<String>,
}

/// Fact that the keeper of an index knows without a look at the store.
#[derive(Debug)]
enum Note {
    Version(Window, ShardId, ShardVersion),
    Job(HistoryName, Window, Box<JobFacts>),
}

/// Notes that wait for the next question.
#[derive(Debug, Default)]
struct Notes {
    waiting: Vec<Note>,
    /// True if notes were dropped, so that the next question has to look at the store.
    is_cut: bool,
}

/// Index of one dataset.
#[derive(Debug)]
pub struct CoverageIndex {
    root: Root,
    known: tokio::sync::Mutex<Known>,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Known {
    jobs: KnownJobs,
    windows: KnownWindows,
}

impl CoverageIndex {
    /// Creates an empty index of the dataset at `root`; the first question reads it.
    pub fn new(root: Root) -> Self {
        Self { root, known: tokio::sync::Mutex::default(), notes: Mutex::default() }
    }

    /// Notes that a version was committed.
    pub fn note_version(&self, window: Window, shard: ShardId, version: ShardVersion) {
        self.note(Note::Version(window, shard, version));
    }

    /// Notes that a round of a job has ended and is on record, with its entry of the history.
    pub fn note_job(&self, entry: HistoryName, window: Window, job: JobFacts) {
        self.note(Note::Job(entry, window, Box::new(job)));
    }

    fn note(&self, note: Note) {
        // No code panics while it holds the lock.
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.waiting.len() >= COVERAGE_NOTES_MAX {
            *notes = Notes { waiting: Vec::new(), is_cut: true };
        }
        notes.waiting.push(note);
    }

    /// Returns the facts about the windows that were asked for. `open` are the jobs of the cluster, if one is asked;
    /// they must have been gathered before this call, so that a job that ends meanwhile is in one place at least.
    ///
    /// # Errors
    /// The store failed.
    pub async fn facts(
        &self,
        ask: &CoverageAsk,
        open: &OpenJobs,
        clock: &dyn Clock,
    ) -> Result<CoveredWindows, DatasetError> {
        let mut known = self.known.lock().await;
        let max_age = if self.take_notes(&mut known) { Duration::ZERO } else { ask.max_age };
        let now_ms = clock.now_ms();
        if known.jobs.is_older_than(max_age) {
            known.jobs.list(&self.root, &open.names, now_ms).await?;
        }
        let (mut windows, mut more) = known.choose(ask, open);
        known.windows.refresh(&self.root, &windows, max_age, now_ms).await?;
        known.jobs.read_records(&self.root, &windows).await?;
        self.take_notes(&mut known);
        more |= known.cut_page(&mut windows);
        let as_of_ms = known.jobs.as_of_ms().min(known.windows.as_of_ms(&windows));
        let found = windows.iter().map(|window| (*window, known.of_window(*window, open))).collect();
        let warnings = known.jobs.warnings();
        known.windows.forget_beyond(COVERAGE_CELLS_MAX, &windows);
        Ok(CoveredWindows { windows: found, more, as_of_ms, warnings })
    }

    /// Adds the notes to the known facts. Returns true if some were dropped.
    fn take_notes(&self, known: &mut Known) -> bool {
        let notes = std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        for note in notes.waiting {
            match note {
                Note::Version(window, shard, version) => {
                    known.windows.note(window, shard, FoundVersion::Read(version));
                    known.jobs.note_window(window);
                }
                Note::Job(entry, window, job) => known.jobs.note(entry, window, *job),
            }
        }
        notes.is_cut
    }
}

impl Known {
    /// Chooses the windows of the answer. Returns true with them if there are more.
    fn choose(&self, ask: &CoverageAsk, open: &OpenJobs) -> (Vec<Window>, bool) {
        if !ask.windows.is_empty() {
            let mut windows = ask.windows.clone();
            windows.truncate(ask.limit);
            return (windows, ask.windows.len() > ask.limit);
        }
        let mut windows = self.jobs.windows();
        windows.extend(open.jobs.iter().map(|(window, _)| *window));
        let is_asked = |window: &Window| ask.before.is_none_or(|before| *window < before);
        let mut newest: Vec<_> = windows.into_iter().rev().filter(is_asked).take(ask.limit.saturating_add(1)).collect();
        let more = newest.len() > ask.limit;
        newest.truncate(ask.limit);
        (newest, more)
    }

    /// Cuts the windows to one page, of at least one window. Returns true if any were cut.
    fn cut_page(&self, windows: &mut Vec<Window>) -> bool {
        let mut cells = 0;
        let mut fits = |window: &Window| {
            cells += self.windows.cells(*window);
            cells <= COVERAGE_PAGE_CELLS_MAX
        };
        let fitting = windows.iter().take_while(|window| fits(window)).count().max(1);
        let is_cut = fitting < windows.len();
        windows.truncate(fitting);
        is_cut
    }

    fn of_window(&self, window: Window, open: &OpenJobs) -> WindowFacts {
        let mut facts = WindowFacts { versions: self.windows.versions(window), ..WindowFacts::default() };
        self.jobs.add_to(window, &open.names, &mut facts);
        for (_, job) in open.jobs.iter().filter(|(of, _)| *of == window) {
            facts.add_job(job.clone());
        }
        facts.unread.extend(open.unsettled.iter().cloned());
        facts
    }
}
