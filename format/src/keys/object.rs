//! Every key of a dataset, parsed back to the noun that made it.
//!
//! A parser splits a key, builds it again from what it found, and compares: so a key parses if, and only if, a builder of
//! [`super`] gives that very text. A second spelling (`v1.json`, another spread, a number with a sign) is not ours.

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

/// A key of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectKey {
    /// The dataset's marker.
    Marker,
    /// What an attempt wrote to stay.
    Data(DataKey),
    /// A manifest.
    Manifest(ManifestName),
    /// What is kept of a job.
    OfJob(JobId, JobObject),
    /// A round of a job that has ended, as a listing shows it.
    History(HistoryName),
    /// The mark that says that no job is missing in the history.
    HistoryComplete,
    /// The mark of one run of a job.
    Mark(JobId, u64),
    /// The mark of a rollback to what a job wrote.
    Pin(JobId, u64),
    /// What a collector asked the store's clock with.
    Probe(u64),
    /// What is written to go again.
    Scratch(ScratchKey),
}

/// The key of a data object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKey {
    /// The window.
    pub window: Window,
    /// The shard.
    pub shard: ShardId,
    /// The job.
    pub job: JobId,
    /// The attempt that wrote it.
    pub attempt: AttemptId,
    /// Which of the attempt's objects.
    pub object: DataObject,
}

/// A data object of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataObject {
    /// A raw part.
    Part(PartitionId, OutputFormat),
    /// A rollup part.
    Rollup(PartitionId, RollupStep, OutputFormat),
    /// What a map task put aside.
    Quarantine(TaskId),
}

/// An object that is kept of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobObject {
    /// What was asked for.
    Spec(Digest),
    /// The plan of a shard.
    Plan(ShardId, Digest),
    /// The segments of a shard.
    Segments(ShardId, Digest),
    /// How a shard ended.
    Report(ShardId, Digest),
    /// A piece of the event log.
    Events(LeaderId, u32),
    /// The versions that a round, submitted at this instant, was planned over.
    Bases(u32, TimestampMs),
    /// What its planning warned of.
    Warnings(Digest),
    /// What the job was and how a round ended.
    Record(u32, LeaderId),
    /// The one record that a job had in versions before.
    LegacyRecord,
}

/// The key of an object that is written to go again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScratchKey {
    /// Below the root of runs of a job.
    Job(JobId, RunKey),
    /// In the folder of a process.
    Process(ProcessKey),
}

/// A key in a root of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunKey {
    /// The job.
    pub job: JobId,
    /// The shard.
    pub shard: ShardId,
    /// Which of the shard's objects.
    pub object: RunObject,
}

/// An object in a root of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunObject {
    /// A run.
    Run(TaskId, AttemptId),
    /// Runs merged on the way.
    Merged(TaskId, AttemptId, usize),
    /// What an attempt hands back.
    Report(TaskId, AttemptId),
    /// The runs that count.
    List(Digest),
}

impl ObjectKey {
    /// The job that the object is of, if it is of one.
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
    /// Reads the key of an object below `data/`.
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
    /// Reads the last component of a data object's key.
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

/// The task and attempt of `<task>-<attempt>`.
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
            Self::Bases(round, submitted_at_ms) => super::bases(job, round, submitted_at_ms),
            Self::Warnings(digest) => super::warnings(job, digest),
            Self::Record(round, leader) => RecordName { job: job.clone(), round, leader }.to_string(),
            Self::LegacyRecord => super::legacy_record(job),
        }
    }
}

impl RunKey {
    /// Reads a key in a root of runs.
    pub(super) fn parse(key: &str) -> Option<Self> {
        let (job, rest) = key.strip_prefix("runs/")?.split_once('/')?;
        let (shard, file) = rest.strip_prefix("shard=")?.split_once('/')?;
        Some(Self { job: job.parse().ok()?, shard: shard.parse().ok()?, object: RunObject::parse(file)? })
    }
}

/// The key, in the root of runs.
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
        })
    }
}

impl RunObject {
    fn parse(file: &str) -> Option<Self> {
        if let Some(list) = file.strip_prefix("list-") {
            return Some(Self::List(list.strip_suffix(".json")?.parse().ok()?));
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

/// The key.
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
