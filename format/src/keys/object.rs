//! Parser of every key of a dataset.
//!
//! A parser splits a key, builds it again from the pieces, and compares: so a key parses if, and only if, a builder
//! of [`super`] gives that very text. A second spelling (`v1.json`, another spread, a number with a sign) is
//! rejected.

use std::fmt;
use std::str::FromStr;

use model::digest::Digest;
use model::ids::ParseIdError;
use model::{
    AttemptId, JobId, LeaderId, OutputFormat, PartitionId, RollupStep, ShardId, TaskId, TaskPath, TimestampMs, Window,
};

use super::process::ProcessKey;
use super::{
    AttemptKeys, DATA, HISTORY, HISTORY_COMPLETE, HistoryName, JOBS, MANIFESTS, MARKER, MARKS, ManifestName, PROBES,
    RecordName, SCRATCH,
};

/// Parsed key of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectKey {
    /// Marker of the dataset.
    Marker,
    /// Data object of an attempt.
    Data(DataKey),
    /// Manifest of a window and shard.
    Manifest(ManifestName),
    /// Object that is kept for a job.
    OfJob(JobId, JobObject),
    /// History entry of an ended round.
    History(HistoryName),
    /// Mark that says that the history is complete.
    HistoryComplete,
    /// Mark of one run of a job.
    Mark(JobId, u64),
    /// Mark of a rollback to a job's output.
    Pin(JobId, u64),
    /// Object by which a collector reads the store's clock.
    Probe(u64),
    /// Temporary object: runs and spilled data.
    Scratch(ScratchKey),
}

/// Parsed key of a data object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKey {
    /// Window of the output.
    pub window: Window,
    /// Shard of the output.
    pub shard: ShardId,
    /// Job that wrote it.
    pub job: JobId,
    /// Attempt that wrote it.
    pub attempt: AttemptId,
    /// Kind of data object.
    pub object: DataObject,
}

/// Kind of a data object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataObject {
    /// Raw part of a partition.
    Part(PartitionId, OutputFormat),
    /// Rollup part of a partition.
    Rollup(PartitionId, RollupStep, OutputFormat),
    /// Quarantine of a map task.
    Quarantine(TaskId),
}

/// Kind of an object that is kept for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobObject {
    /// Spec, as it was submitted.
    Spec(Digest),
    /// Plan of a shard.
    Plan(ShardId, Digest),
    /// Segment list of a shard.
    Segments(ShardId, Digest),
    /// Report of an ended shard.
    Report(ShardId, Digest),
    /// Piece of the event log, by leader and ordinal.
    Events(LeaderId, u32),
    /// Entry of the audit log, by its time and digest.
    Audit(TimestampMs, Digest),
    /// Base versions of a round that was submitted at this instant.
    Bases(u32, TimestampMs),
    /// Warnings of its planning.
    Warnings(Digest),
    /// Record of an ended round.
    Record(u32, LeaderId),
    /// Single record that a job had in older versions.
    LegacyRecord,
}

/// Parsed key of a temporary object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScratchKey {
    /// Object in the root of runs of a job.
    Job(JobId, RunKey),
    /// Object in the folder of a process.
    Process(ProcessKey),
}

/// Parsed key in a root of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunKey {
    /// Job of the run.
    pub job: JobId,
    /// Shard of the run.
    pub shard: ShardId,
    /// Kind of the object.
    pub object: RunObject,
}

/// Kind of an object in a root of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunObject {
    /// Run of a map attempt.
    Run(TaskId, AttemptId),
    /// Run that an attempt made for itself, by ordinal.
    Merged(TaskId, AttemptId, usize),
    /// Report of an attempt.
    Report(TaskId, AttemptId),
    /// Run list of the shard.
    List(Digest),
    /// Table of the slices in the runs of a list.
    Slices(Digest),
}

impl ObjectKey {
    /// Returns the job to which the object belongs, if any.
    pub const fn job(&self) -> Option<&JobId> {
        match self {
            Self::Data(DataKey { job, .. })
            | Self::OfJob(job, _)
            | Self::History(HistoryName { job, .. })
            | Self::Mark(job, _)
            | Self::Pin(job, _)
            | Self::Scratch(ScratchKey::Job(job, _)) => Some(job),
            Self::Scratch(ScratchKey::Process(key)) => key.job(),
            Self::Marker | Self::Manifest(_) | Self::HistoryComplete | Self::Probe(_) => None,
        }
    }
}

impl DataKey {
    /// Parses the key of an object below `data/`.
    fn parse(rest: &str) -> Option<Self> {
        let mut components = rest.split('/');
        let _spread = components.next()?;
        let window = components.next()?.strip_prefix("window=")?.parse().ok()?;
        let shard = components.next()?.strip_prefix("shard=")?.parse().ok()?;
        let job = components.next()?.parse().ok()?;
        let (attempt, object) = DataObject::parse(components.next()?)?;
        Some(Self { window, shard, job, attempt, object })
    }
}

impl DataObject {
    /// Parses the last component of a data object's key.
    fn parse(file: &str) -> Option<(AttemptId, Self)> {
        let (stem, kind) = file.split_once('.')?;
        if kind == "quarantine" {
            let (task, attempt) = of_task(stem)?;
            return Some((attempt, Self::Quarantine(task)));
        }
        let (partition, attempt) = stem.strip_prefix('p')?.split_once('-')?;
        let (partition, attempt) = (PartitionId(partition.parse().ok()?), attempt.parse().ok()?);
        let format = |extension| {
            let formats = [OutputFormat::Part, OutputFormat::Parquet];
            formats.into_iter().find(|format| format.extension() == extension)
        };
        match kind.strip_prefix("rollup-") {
            None => Some((attempt, Self::Part(partition, format(kind)?))),
            Some(rollup) => {
                let (step, extension) = rollup.split_once('.')?;
                Some((attempt, Self::Rollup(partition, step.parse().ok()?, format(extension)?)))
            }
        }
    }
}

/// Parses `<task>-<attempt>`.
pub(super) fn of_task(text: &str) -> Option<(TaskId, AttemptId)> {
    let (at, _) = text.match_indices("-a-").next()?;
    Some((text[..at].parse().ok()?, text[at + 1..].parse().ok()?))
}

impl JobObject {
    fn parse(rest: &str) -> Option<Self> {
        if rest == "record.json" {
            return Some(Self::LegacyRecord);
        }
        if let Some(spec) = rest.strip_prefix("spec-") {
            return Some(Self::Spec(spec.strip_suffix(".json")?.parse().ok()?));
        }
        let (folder, file) = rest.split_once('/')?;
        let of_shard = |extension: &str| {
            let (shard, digest) = file.strip_suffix(extension)?.rsplit_once('-')?;
            Some((shard.parse().ok()?, digest.parse().ok()?))
        };
        match folder {
            "plans" => of_shard(".json").map(|(shard, digest)| Self::Plan(shard, digest)),
            "segments" => of_shard(".segments").map(|(shard, digest)| Self::Segments(shard, digest)),
            "reports" => of_shard(".json").map(|(shard, digest)| Self::Report(shard, digest)),
            "events" => {
                let (leader, ordinal) = file.strip_suffix(".jsonl")?.rsplit_once('-')?;
                Some(Self::Events(leader.parse().ok()?, ordinal.parse().ok()?))
            }
            "audit" => {
                let (at_ms, digest) = file.strip_suffix(".json")?.split_once('-')?;
                Some(Self::Audit(at_ms.parse().ok()?, digest.parse().ok()?))
            }
            "bases" => {
                let (round, submitted_at_ms) = file.strip_suffix(".json")?.split_once('-')?;
                Some(Self::Bases(round.parse().ok()?, submitted_at_ms.parse().ok()?))
            }
            "warnings" => Some(Self::Warnings(file.strip_suffix(".json")?.parse().ok()?)),
            "records" => {
                let (round, leader) = file.strip_suffix(".json")?.split_once('-')?;
                Some(Self::Record(round.parse().ok()?, leader.parse().ok()?))
            }
            _ => None,
        }
    }

    fn key(self, job: &JobId) -> String {
        match self {
            Self::Spec(digest) => super::spec(job, digest),
            Self::Plan(shard, digest) => super::plan(job, shard, digest),
            Self::Segments(shard, digest) => super::segments(job, shard, digest),
            Self::Report(shard, digest) => super::shard_report(job, shard, digest),
            Self::Events(leader, ordinal) => super::events(job, leader, ordinal),
            Self::Audit(at_ms, digest) => super::audit(job, at_ms, digest),
            Self::Bases(round, submitted_at_ms) => super::bases(job, round, submitted_at_ms),
            Self::Warnings(digest) => super::warnings(job, digest),
            Self::Record(round, leader) => RecordName { job: job.clone(), round, leader }.to_string(),
            Self::LegacyRecord => super::legacy_record(job),
        }
    }
}

impl RunKey {
    /// Parses a key in a root of runs.
    pub(super) fn parse(key: &str) -> Option<Self> {
        let (job, rest) = key.strip_prefix("runs/")?.split_once('/')?;
        let (shard, file) = rest.strip_prefix("shard=")?.split_once('/')?;
        Some(Self { job: job.parse().ok()?, shard: shard.parse().ok()?, object: RunObject::parse(file)? })
    }
}

/// Formats the key, relative to the root of runs.
impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, shard, object } = self;
        f.write_str(&match *object {
            RunObject::Run(task, attempt) => super::run(job, *shard, task, attempt),
            RunObject::Merged(task, attempt, ordinal) => super::merged_run(job, *shard, task, attempt, ordinal),
            RunObject::Report(task, attempt) => {
                super::report(&TaskPath { job: job.clone(), shard: *shard, task }, attempt)
            }
            RunObject::List(digest) => super::run_list(job, *shard, digest),
            RunObject::Slices(list) => super::slice_table(job, *shard, list),
        })
    }
}

impl RunObject {
    fn parse(file: &str) -> Option<Self> {
        if let Some(list) = file.strip_prefix("list-") {
            return Some(Self::List(list.strip_suffix(".json")?.parse().ok()?));
        }
        if let Some(list) = file.strip_prefix("slices-") {
            return Some(Self::Slices(list.strip_suffix(".table")?.parse().ok()?));
        }
        if let Some(stem) = file.strip_suffix(".report.json") {
            return of_task(stem).map(|(task, attempt)| Self::Report(task, attempt));
        }
        let stem = file.strip_suffix(".run")?;
        if let Some((task, attempt)) = of_task(stem) {
            return Some(Self::Run(task, attempt));
        }
        let (stem, ordinal) = stem.rsplit_once('-')?;
        let (task, attempt) = of_task(stem)?;
        Some(Self::Merged(task, attempt, ordinal.parse().ok()?))
    }
}

/// Formats the key as its builder does.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Marker => f.write_str(MARKER),
            Self::Data(DataKey { window, shard, job, attempt, object }) => {
                let keys = AttemptKeys { window: *window, shard: *shard, job, attempt: *attempt };
                f.write_str(&match *object {
                    DataObject::Part(partition, format) => keys.part(partition, format),
                    DataObject::Rollup(partition, step, format) => keys.rollup(partition, step, format),
                    DataObject::Quarantine(task) => keys.quarantine(task),
                })
            }
            Self::Manifest(name) => name.fmt(f),
            Self::OfJob(job, object) => f.write_str(&object.key(job)),
            Self::History(name) => name.fmt(f),
            Self::HistoryComplete => f.write_str(HISTORY_COMPLETE),
            Self::Mark(job, run) => f.write_str(&super::mark(job, *run)),
            Self::Pin(job, nonce) => f.write_str(&super::pin(job, *nonce)),
            Self::Probe(nonce) => f.write_str(&super::clock_probe(*nonce)),
            Self::Scratch(ScratchKey::Job(job, key)) => write!(f, "{}/{key}", super::scratch_folder(job)),
            Self::Scratch(ScratchKey::Process(key)) => write!(f, "{SCRATCH}/{key}"),
        }
    }
}

impl FromStr for ObjectKey {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "a key that Tailor writes into a dataset";
        let parsed = parse(text).filter(|key| key.to_string() == text);
        parsed.ok_or_else(|| ParseIdError { text: text.to_owned(), expected })
    }
}

fn parse(text: &str) -> Option<ObjectKey> {
    match text {
        MARKER => return Some(ObjectKey::Marker),
        HISTORY_COMPLETE => return Some(ObjectKey::HistoryComplete),
        _ => {}
    }
    let (folder, rest) = text.split_once('/')?;
    match folder {
        DATA => DataKey::parse(rest).map(ObjectKey::Data),
        MANIFESTS => text.parse().ok().map(ObjectKey::Manifest),
        JOBS => {
            let (job, rest) = rest.split_once('/')?;
            Some(ObjectKey::OfJob(job.parse().ok()?, JobObject::parse(rest)?))
        }
        HISTORY => text.parse().ok().map(ObjectKey::History),
        MARKS => {
            let (job, file) = rest.split_once('/')?;
            let (job, file) = (job.parse().ok()?, file.strip_suffix(".json")?);
            match file.strip_prefix("pin-") {
                None => Some(ObjectKey::Mark(job, hexadecimal(file)?)),
                Some(nonce) => Some(ObjectKey::Pin(job, hexadecimal(nonce)?)),
            }
        }
        PROBES => Some(ObjectKey::Probe(hexadecimal(rest.strip_suffix(".json")?)?)),
        SCRATCH => scratch(rest).map(ObjectKey::Scratch),
        _ => None,
    }
}

fn scratch(rest: &str) -> Option<ScratchKey> {
    if let Some(key) = ProcessKey::parse(rest) {
        return Some(ScratchKey::Process(key));
    }
    let (job, rest) = rest.split_once('/')?;
    Some(ScratchKey::Job(job.parse().ok()?, RunKey::parse(rest)?))
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests;
