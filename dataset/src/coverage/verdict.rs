//! Verdicts: the states of shards and windows, and the document behind `tailor dataset coverage -o json`.

use std::collections::BTreeMap;

use format::manifest::API_VERSION;
use model::{JobId, OrgId, ShardId, TimestampMs, Window};
use serde::Serialize;

use super::facts::{InputSize, JobFacts, ShardVersion, TryInput, TryOutcome};

/// State of a shard in a window, or of the window; the later one outweighs the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CoverageState {
    /// Committed, or planned, without any input.
    Empty,
    /// Committed with all input of the newest plan, nothing quarantined, nothing misplaced.
    Complete,
    /// No record answers the question.
    Unknown,
    /// Committed, but with quarantined frames, misplaced organisations, or less input than a later plan had.
    Holes,
    /// A job works on it, and readers do not have its input yet.
    Running,
    /// A job planned it and was lost, or its manifest is gone.
    Missing,
    /// The last job that planned it failed or was cancelled.
    Failed,
}

impl CoverageState {
    /// States in the order of their weight.
    pub const ALL: [Self; 7] =
        [Self::Empty, Self::Complete, Self::Unknown, Self::Holes, Self::Running, Self::Missing, Self::Failed];

    /// True if nothing is left to do.
    pub const fn is_complete(self) -> bool {
        matches!(self, Self::Empty | Self::Complete)
    }

    /// Returns the name, as documents have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Complete => "complete",
            Self::Unknown => "unknown",
            Self::Holes => "holes",
            Self::Running => "running",
            Self::Missing => "missing",
            Self::Failed => "failed",
        }
    }
}

impl std::fmt::Display for CoverageState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Part of a dataset that a question is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Question {
    /// Every shard.
    #[default]
    All,
    /// Only this shard.
    Shard(ShardId),
    /// The shards of this organisation.
    Org(OrgId),
}

/// Coverage of one shard in one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShardCoverage {
    /// Name of the shard.
    pub shard: ShardId,
    /// Verdict on the shard.
    pub state: CoverageState,
    /// Version that readers see.
    pub version: Option<u32>,
    /// Job that wrote its parts.
    pub job: Option<JobId>,
    /// Time of its commit in milliseconds.
    pub committed_at_ms: Option<TimestampMs>,
    /// Segments that it was made of.
    pub segments: u64,
    /// Bytes of those segments.
    pub bytes: u64,
    /// Frames that could not be read.
    pub frames_quarantined: u64,
    /// Bytes of those frames.
    pub bytes_quarantined: u64,
    /// Frames of misplaced organisations, by organisation; of one alone if the question is about it.
    pub misplaced: BTreeMap<OrgId, u64>,
    /// Misplaced frames of organisations that are not listed.
    pub misplaced_unlisted: u64,
    /// Segments that the newest plan has and the version lacks.
    pub segments_lacking: u64,
    /// Bytes that the newest plan has and the version lacks.
    pub bytes_lacking: u64,
    /// Try that came after the version, or that left none.
    pub later: Option<LaterTry>,
    /// Cause for which the shard is not complete, with the next step.
    pub cause: Option<String>,
}

impl ShardCoverage {
    /// Creates the coverage of a shard without a version.
    pub(crate) fn new(shard: ShardId, state: CoverageState) -> Self {
        Self {
            shard,
            state,
            version: None,
            job: None,
            committed_at_ms: None,
            segments: 0,
            bytes: 0,
            frames_quarantined: 0,
            bytes_quarantined: 0,
            misplaced: BTreeMap::new(),
            misplaced_unlisted: 0,
            segments_lacking: 0,
            bytes_lacking: 0,
            later: None,
            cause: None,
        }
    }

    /// Creates the coverage of a version, by its own holes. Only its own misplaced frames concern an organisation.
    pub(crate) fn of_version(shard: ShardId, version: &ShardVersion, question: Question) -> Self {
        let (misplaced, misplaced_unlisted) = match question {
            Question::All | Question::Shard(_) => (version.misplaced.clone(), version.misplaced_unlisted),
            Question::Org(org) if version.may_hold_misplaced(org) => match version.misplaced.get(&org) {
                Some(frames) => (BTreeMap::from([(org, *frames)]), 0),
                None => (BTreeMap::new(), version.misplaced_unlisted),
            },
            Question::Org(_) => (BTreeMap::new(), 0),
        };
        let has_holes = version.frames_quarantined > 0 || !misplaced.is_empty() || misplaced_unlisted > 0;
        let state = match (has_holes, version.input.segments) {
            (true, _) => CoverageState::Holes,
            (false, 0) => CoverageState::Empty,
            (false, _) => CoverageState::Complete,
        };
        Self {
            version: Some(version.version),
            job: Some(version.job.clone()),
            committed_at_ms: Some(version.committed_at_ms),
            segments: version.input.segments,
            bytes: version.input.bytes,
            frames_quarantined: version.frames_quarantined,
            bytes_quarantined: version.bytes_quarantined,
            misplaced,
            misplaced_unlisted,
            ..Self::new(shard, state)
        }
    }
}

/// Try at a shard that left no version, or that came after the version that readers see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaterTry {
    /// Job that tried.
    pub job: JobId,
    /// Outcome: `running`, `done`, `failed`, `cancelled` or `lost`.
    pub outcome: String,
}

impl LaterTry {
    pub(crate) fn of(job: &JobFacts, outcome: &TryOutcome) -> Self {
        let outcome = match outcome {
            TryOutcome::Running => "running",
            TryOutcome::Done { .. } => "done",
            TryOutcome::Failed { .. } => "failed",
            TryOutcome::Cancelled { .. } => "cancelled",
            TryOutcome::Lost => "lost",
        };
        Self { job: job.job.clone(), outcome: outcome.to_owned() }
    }
}

/// Plan by which a window is judged: the latest that listed its input as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanInForce {
    /// Job that made the plan.
    pub job: JobId,
    /// Time at which the job was submitted, in milliseconds: segments that arrived later may be missing in the plan.
    pub submitted_at_ms: TimestampMs,
    /// Number of planned shards.
    pub shards: u64,
    /// Number of planned segments.
    pub segments: u64,
    /// Bytes of those segments.
    pub bytes: u64,
}

impl PlanInForce {
    pub(crate) fn of(job: &JobFacts) -> Self {
        let mut input = InputSize::default();
        for tried in job.shards.values() {
            if let TryInput::Planned(planned) = tried.input {
                input.segments += planned.segments;
                input.bytes += planned.bytes;
            }
        }
        Self {
            job: job.job.clone(),
            submitted_at_ms: job.submitted_at_ms,
            shards: job.shards.len() as u64,
            segments: input.segments,
            bytes: input.bytes,
        }
    }
}

/// Coverage of one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowCoverage {
    /// Window of the jobs; it is judged as a whole.
    pub window: Window,
    /// Verdict on the window, for the shards that the question is about.
    pub state: CoverageState,
    /// Plan by which it is judged; none if no job on record has listed the whole input.
    pub plan: Option<PlanInForce>,
    /// Shards that the question is about, in order.
    pub shards: Vec<ShardCoverage>,
    /// Facts about the window as a whole, such as a job that failed before it was planned.
    pub notes: Vec<String>,
}

impl WindowCoverage {
    /// Counts the shards in a state.
    pub fn count(&self, state: CoverageState) -> usize {
        self.shards.iter().filter(|shard| shard.state == state).count()
    }
}

/// Source of a coverage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CoverageSource {
    /// The dataset alone: jobs that run are known by their marks.
    Dataset,
    /// The leader of a cluster, which also knows its open jobs.
    Cluster,
}

/// Document of `tailor dataset coverage -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// [`API_VERSION`], version of the document.
    pub api_version: &'static str,
    /// Always `Coverage`, the document's kind.
    pub kind: &'static str,
    /// Dataset as it was given.
    pub dataset: String,
    /// Source of the facts.
    pub source: CoverageSource,
    /// Organisation that the question is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// Shard that the question is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardId>,
    /// Time of the look at the store, in milliseconds.
    pub as_of_ms: TimestampMs,
    /// Verdict over all windows.
    pub state: CoverageState,
    /// Answer in a sentence.
    pub answer: String,
    /// Windows, the newest first.
    pub windows: Vec<WindowCoverage>,
    /// True if the dataset has older windows, which are not listed.
    pub more: bool,
    /// Warnings for an operator: jobs that cannot be read.
    pub warnings: Vec<String>,
}

impl Coverage {
    /// Assembles the document from windows that are judged.
    pub fn new(
        dataset: String,
        source: CoverageSource,
        question: Question,
        as_of_ms: TimestampMs,
        windows: Vec<WindowCoverage>,
    ) -> Self {
        let (org, shard) = match question {
            Question::All => (None, None),
            Question::Shard(shard) => (None, Some(shard)),
            Question::Org(org) => (Some(org), None),
        };
        let state = windows.iter().map(|window| window.state).max().unwrap_or(CoverageState::Unknown);
        let answer = super::answer::over_all(&windows, question);
        Self {
            api_version: API_VERSION,
            kind: "Coverage",
            dataset,
            source,
            org,
            shard,
            as_of_ms,
            state,
            answer,
            windows,
            more: false,
            warnings: Vec::new(),
        }
    }

    /// True if something is known to be left to do; false if all is complete, or nothing is known.
    pub fn is_lacking(&self) -> bool {
        let state = |window: &WindowCoverage| window.state;
        self.windows.iter().map(state).any(|state| !state.is_complete() && state != CoverageState::Unknown)
    }
}
