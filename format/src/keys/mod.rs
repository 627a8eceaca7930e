//! Every object key of a dataset, built and parsed here and nowhere else.
//!
//! | key | value | written by | life |
//! |---|---|---|---|
//! | `data/<hash4>/window=<w>/shard=<s>/<job>/p<partition>-<attempt>.part` | raw part (`.parquet` for Parquet) | the attempt, alone | write-once |
//! | `data/.../p<partition>-<attempt>.rollup-<step>.part` | rollup part | the attempt, alone | write-once |
//! | `data/.../<attempt task>-<attempt>.quarantine` | bad frames and their causes (JSON lines) | the map attempt, alone | write-once |
//! | `manifests/window=<w>/shard=<s>/v<NNNNN>.json` | manifest | the committer, create-only | write-once; the highest version is current |
//! | `jobs/<job>/spec-<digest>.json` | spec | the coordinator | write-once |
//! | `jobs/<job>/plans/<shard>-<digest>.json` | plan | the planner | write-once; a new plan is another object |
//! | `jobs/<job>/bases/<round>-<ms>.json` | by shard, the version that was current when the round was planned | the first leader that plans it, create-only | write-once |
//! | `jobs/<job>/warnings/<digest>.json` | warnings of the planning, if there were any | the leader that planned it | write-once |
//! | `jobs/<job>/reports/<shard>-<digest>.json` | shard report | the coordinator | write-once |
//! | `jobs/<job>/segments/<shard>-<digest>.segments` | the segments of a shard, where they are too many for its plan and manifest | the planner | write-once |
//! | `jobs/<job>/events/<leader>-<NNNNNN>.jsonl` | event log, one line per event | that leader, alone | appended to until it is full |
//! | `jobs/<job>/audit/<ms>-<digest>.json` | entry of the audit log: who changed the job, and why | a coordinator, create-only | write-once |
//! | `jobs/<job>/records/<round>-<leader>.json` | job report: the job, and the outcome of that round | the coordinator, create-only | write-once; the highest round is current |
//! | `jobs/probe-<leader>` | nothing: tests that the store refuses a second put | a leader, once for each dataset | removed at once |
//! | `jobs/<job>/record.json` | job report of older versions | nobody any more | read if no record is of a later round |
//! | `history/<newest first>-<round>-<leader>-<job>.json` | a round of a job that has ended, as a listing shows it | that leader, create-only | write-once; a job's highest round is current |
//! | `history/00-complete` | nothing: its presence says that no job that ended earlier is missing in `history/` | the coordinator | replaced by the same |
//! | `tailor.json` | the dataset's marker: without it nothing is ever collected | the first job that is planned, create-only | never removed |
//! | `marks/<job>/<run>.json` | state of a run: open, or over and not yet swept | the leader or `tailor run`; the collector removes it | refreshed while the job is open |
//! | `marks/<job>/pin-<nonce>.json` | mark: a rollback reads the job's output | the rollback | until it is done, or stale |
//! | `probe/<nonce>.json` | nothing: its modification time is the store's clock | a collector | removed at once |
//! | `scratch/<job>/...` | the job's root of runs | see below | until the job has ended |
//! | `scratch/tailor-<pid>-<ms>/...` | spilled data of one process, in a local dataset | that process, which locks `lock` there | until the process ends |
//!
//! In the root of runs:
//!
//! | key | value | written by | life |
//! |---|---|---|---|
//! | `runs/<job>/shard=<s>/<task>-<attempt>.run` | run | the map attempt, alone | until the shard has ended |
//! | `runs/<job>/shard=<s>/<task>-<attempt>-<n>.run` | spill of a map attempt, or intermediate merged run of a reduce attempt, on the worker's disk | the attempt, alone | until it has ended |
//! | `runs/<job>/shard=<s>/<task>-<attempt>.report.json` | report of the attempt | the attempt, alone | until the shard has ended |
//! | `runs/<job>/shard=<s>/list-<digest>.json` | run list: the runs that count, in source order | the coordinator | until the shard has ended |
//! | `runs/<job>/shard=<s>/slices-<digest>.table` | for each partition, where its slices lie in the runs of that list | the coordinator | until the shard has ended |
//!
//! `<attempt>` is `a-<number>-<token>`, whose token is never given out twice, even if an old copy of the cluster's
//! state is restored; `<leader>` is the revision at which that leader was elected, and its term (earlier versions had
//! the revision alone). All objects but marks are created, never replaced.
//!
//! `<hash4>` spreads the load over a store's key range. Runs lie under a scratch
//! root of their own, which for a local dataset is a subfolder of `scratch/`.
//!
//! [`ObjectKey`] parses every one of them back; a collector deletes nothing that it does not parse.

mod object; //  parser of all keys
mod process; // names of processes, and keys in their scratch

use std::fmt;
use std::str::FromStr;

use model::ids::ParseIdError;
use model::{
    AttemptId, JobId, LeaderId, OutputFormat, PartitionId, RollupStep, ShardId, TaskId, TaskPath, TimestampMs, Window,
};

use model::digest::Digest;

/// Folder of all data objects.
pub const DATA: &str = "data";
/// Folder of all manifests.
pub const MANIFESTS: &str = "manifests";
/// Folder of all job records.
pub const JOBS: &str = "jobs";
/// Folder of one small object for each ended round of a job; key order is newest first.
pub const HISTORY: &str = "history";
/// Key of the mark that says that [`HISTORY`] misses no job that ended earlier. It sorts before every job.
pub const HISTORY_COMPLETE: &str = "history/00-complete";

/// Folder of spilled data in a local dataset, with one subfolder per process. A process removes its subfolder unless
/// it was killed.
pub const SCRATCH: &str = "scratch";
/// Folder of the marks of jobs that are open, or whose leftovers are not yet collected.
pub const MARKS: &str = "marks";
/// Folder of the objects by which a collector reads the store's clock.
pub const PROBES: &str = "probe";
/// Key of the dataset's marker. A place without the marker is never cleaned.
pub const MARKER: &str = "tailor.json";
/// Name of the file on which a process holds an exclusive lock for as long as it lives.
pub const SCRATCH_LOCK: &str = "lock";

pub use object::{DataKey, DataObject, JobObject, ObjectKey, RunKey, RunObject, ScratchKey};
pub use process::{ProcessKey, ProcessName, ProcessObject};

/// The extension of segments.
pub const SEGMENT_EXTENSION: &str = ".seg";

/// Returns the shard that a segment's key names in its component `shard=<name>`.
///
/// # Errors
/// The key ends in `.seg` and has a malformed or second `shard=` component. A key that is no
/// segment at all is `Ok(None)`.
pub fn segment_shard(key: &str) -> Result<Option<ShardId>, ParseIdError> {
    if !key.ends_with(SEGMENT_EXTENSION) {
        return Ok(None);
    }
    let mut names = key.split('/').filter_map(|component| component.strip_prefix("shard="));
    match (names.next(), names.next()) {
        (None, _) => Ok(None),
        (Some(name), None) => name.parse().map(Some),
        (Some(_), Some(_)) => {
            Err(ParseIdError { text: key.to_owned(), expected: "a segment key with one shard= component" })
        }
    }
}

/// Folder of the data objects of one partition, or of one map task's quarantine. `spread`, a [`PartitionId`] or a
/// [`TaskId`], names the part of the job's output.
pub fn data_folder(window: Window, shard: ShardId, job: &JobId, spread: impl fmt::Display) -> String {
    let hash = Digest::of(format!("{window}/{shard}/{job}/{spread}").as_bytes()).0 as u16;
    format!("{DATA}/{hash:04x}/window={window}/shard={shard}/{job}")
}

/// Builder of the keys of one attempt's data objects.
#[derive(Debug, Clone, Copy)]
pub struct AttemptKeys<'a> {
    /// Window of the job.
    pub window: Window,
    /// Shard of the task.
    pub shard: ShardId,
    /// Job of the task.
    pub job: &'a JobId,
    /// Attempt, whose token keeps its keys apart from all others.
    pub attempt: AttemptId,
}

impl AttemptKeys<'_> {
    fn folder(&self, spread: impl fmt::Display) -> String {
        data_folder(self.window, self.shard, self.job, spread)
    }

    /// Key of the raw part of `partition`.
    pub fn part(&self, partition: PartitionId, format: OutputFormat) -> String {
        format!("{}/p{partition}-{}.{}", self.folder(partition), self.attempt, format.extension())
    }

    /// Key of the rollup part of `partition` at `step`.
    pub fn rollup(&self, partition: PartitionId, step: RollupStep, format: OutputFormat) -> String {
        format!("{}/p{partition}-{}.rollup-{step}.{}", self.folder(partition), self.attempt, format.extension())
    }

    /// Key of the quarantine of the map task `task`.
    pub fn quarantine(&self, task: TaskId) -> String {
        format!("{}/{task}-{}.quarantine", self.folder(task), self.attempt)
    }
}

/// Key of a run in the scratch root.
pub fn run(job: &JobId, shard: ShardId, task: TaskId, attempt: AttemptId) -> String {
    format!("runs/{job}/shard={shard}/{task}-{attempt}.run")
}

/// Key of the `ordinal`th run that an attempt made for itself: a spill, or several runs merged.
pub fn merged_run(job: &JobId, shard: ShardId, task: TaskId, attempt: AttemptId, ordinal: usize) -> String {
    format!("runs/{job}/shard={shard}/{task}-{attempt}-{ordinal}.run")
}

/// Folder of the runs of one shard of a job, in the scratch root.
pub fn runs_of(job: &JobId, shard: ShardId) -> String {
    format!("runs/{job}/shard={shard}")
}

/// Key of the report of an attempt, in the scratch root.
pub fn report(task: &TaskPath, attempt: AttemptId) -> String {
    format!("{}/{}-{attempt}.report.json", runs_of(&task.job, task.shard), task.task)
}

/// Key of the list of the runs that count, in the scratch root.
pub fn run_list(job: &JobId, shard: ShardId, list: Digest) -> String {
    format!("{}/list-{list}.json", runs_of(job, shard))
}

/// Key of the table of the slices in the runs of a list, in the scratch root.
pub fn slice_table(job: &JobId, shard: ShardId, list: Digest) -> String {
    format!("{}/slices-{list}.table", runs_of(job, shard))
}

/// URI of the root of a job's runs, in the dataset at `dataset`; removed with the job.
pub fn scratch_root(dataset: &str, job: &JobId) -> String {
    format!("{}/{SCRATCH}/{job}", dataset.trim_end_matches('/'))
}

/// Folder of the runs of a job, in the dataset.
pub fn scratch_folder(job: &JobId) -> String {
    format!("{SCRATCH}/{job}")
}

/// Folder of a job's marks.
pub fn marks_of(job: &JobId) -> String {
    format!("{MARKS}/{job}")
}

/// Key of the mark of one run of a job; `run` is the same for every leader that continues it.
pub fn mark(job: &JobId, run: u64) -> String {
    format!("{MARKS}/{job}/{run:016x}.json")
}

/// Key of the mark that keeps collectors from a job's output while a rollback reads it.
pub fn pin(job: &JobId, nonce: u64) -> String {
    format!("{MARKS}/{job}/pin-{nonce:016x}.json")
}

/// Key of an object that is written to learn the store's time.
pub fn clock_probe(nonce: u64) -> String {
    format!("{PROBES}/{nonce:016x}.json")
}

/// Folder of the plans of a job.
pub fn plans_of(job: &JobId) -> String {
    format!("{JOBS}/{job}/plans")
}

/// Folder of all objects that are kept for a job.
pub fn job_folder(job: &JobId) -> String {
    format!("{JOBS}/{job}")
}

/// Key of a job's spec.
pub fn spec(job: &JobId, spec: Digest) -> String {
    format!("{JOBS}/{job}/spec-{spec}.json")
}

/// Key of a plan.
pub fn plan(job: &JobId, shard: ShardId, plan: Digest) -> String {
    format!("{JOBS}/{job}/plans/{shard}-{plan}.json")
}

/// Key of a shard's segment list.
pub fn segments(job: &JobId, shard: ShardId, segments: Digest) -> String {
    format!("{JOBS}/{job}/segments/{shard}-{segments}.segments")
}

/// Key of the base versions of a round of a job that was submitted at this instant.
pub fn bases(job: &JobId, round: u32, submitted_at_ms: TimestampMs) -> String {
    format!("{JOBS}/{job}/bases/{round:05}-{submitted_at_ms}.json")
}

/// Key of the warnings of a job's planning.
pub fn warnings(job: &JobId, warnings: Digest) -> String {
    format!("{JOBS}/{job}/warnings/{warnings}.json")
}

/// Key of the report of a shard that has ended.
pub fn shard_report(job: &JobId, shard: ShardId, report: Digest) -> String {
    format!("{JOBS}/{job}/reports/{shard}-{report}.json")
}

/// Folder of the event log of a job.
pub fn events_of(job: &JobId) -> String {
    format!("{JOBS}/{job}/events")
}

/// Key of the `ordinal`th piece of a job's event log that this leader wrote.
pub fn events(job: &JobId, leader: LeaderId, ordinal: u32) -> String {
    format!("{JOBS}/{job}/events/{leader}-{ordinal:06}.jsonl")
}

/// Folder of the audit log of a job.
pub fn audit_of(job: &JobId) -> String {
    format!("{JOBS}/{job}/audit")
}

/// Key of an entry of a job's audit log. Keys are in the order of time, and one entry has one key.
pub fn audit(job: &JobId, at_ms: TimestampMs, entry: Digest) -> String {
    format!("{}/{:013}-{entry}.json", audit_of(job), at_ms.max(0))
}

/// Key of the object with which a leader probes a dataset's store.
pub fn probe(leader: LeaderId) -> String {
    format!("{JOBS}/probe-{leader}")
}

/// Folder of a job's records.
pub fn records(job: &JobId) -> String {
    format!("{JOBS}/{job}/records")
}

/// Key of the single record that a job had in older versions.
pub fn legacy_record(job: &JobId) -> String {
    format!("{JOBS}/{job}/record.json")
}

/// Name of one record of a job. The largest name of a job is its current record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName {
    /// Job that the record describes.
    pub job: JobId,
    /// The round that ended, counted from 1.
    pub round: u32,
    /// Leader that saw the round end.
    pub leader: LeaderId,
}

/// Formats the key of the record.
impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:05}-{}.json", records(&self.job), self.round, self.leader)
    }
}

impl FromStr for RecordName {
    type Err = ParseIdError;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let invalid = || ParseIdError {
            text: key.to_owned(),
            expected: "the key of a job's record (jobs/J/records/ROUND-REVISION-TERM.json)",
        };
        let (folder, file) = key.split_once("/records/").ok_or_else(invalid)?;
        let job = folder.strip_prefix(JOBS).and_then(|rest| rest.strip_prefix('/')).ok_or_else(invalid)?;
        let name = file.strip_suffix(".json").ok_or_else(invalid)?;
        let (round, leader) = name.split_once('-').ok_or_else(invalid)?;
        let round = round.parse().map_err(|_| invalid())?;
        let name = Self { job: job.parse()?, round, leader: leader.parse()? };
        if name.to_string() == key { Ok(name) } else { Err(invalid()) }
    }
}

/// Name of one ended round of a job in the history. In the order of the keys, the job submitted last comes first. The
/// current name of a job has the highest round, and there the leader elected last, as with records.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HistoryName {
    /// Submission time of the round in milliseconds; never before the epoch.
    pub submitted_at_ms: TimestampMs,
    /// Round, counted from 1.
    pub round: u32,
    /// Leader that saw the round end, or that found its record without an entry.
    pub leader: LeaderId,
    /// Job of the round.
    pub job: JobId,
}

impl HistoryName {
    /// Digits that sort the newest first; a time before the epoch counts as the epoch.
    pub fn newest_first(submitted_at_ms: TimestampMs) -> String {
        format!("{:016x}", i64::MAX - submitted_at_ms.max(0))
    }
}

/// Formats the key of the entry.
impl fmt::Display for HistoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { submitted_at_ms, round, leader, job } = self;
        write!(f, "{HISTORY}/{}-{round:05}-{leader}-{job}.json", Self::newest_first(*submitted_at_ms))
    }
}

impl FromStr for HistoryName {
    type Err = ParseIdError;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let invalid = || ParseIdError {
            text: key.to_owned(),
            expected: "a key of the history (history/TIME-ROUND-REVISION-TERM-JOB.json)",
        };
        let rest = key.strip_prefix(HISTORY).and_then(|rest| rest.strip_prefix('/')).ok_or_else(invalid)?;
        let mut fields = rest.strip_suffix(".json").ok_or_else(invalid)?.splitn(5, '-');
        let mut field = || fields.next().ok_or_else(invalid);
        let (time, round, revision, term, job) = (field()?, field()?, field()?, field()?, field()?);
        let newest_first = i64::from_str_radix(time, 16).map_err(|_| invalid())?;
        let submitted_at_ms = i64::MAX.checked_sub(newest_first).ok_or_else(invalid)?;
        let round = round.parse().map_err(|_| invalid())?;
        let name = Self { submitted_at_ms, round, leader: format!("{revision}-{term}").parse()?, job: job.parse()? };
        if name.to_string() == key { Ok(name) } else { Err(invalid()) }
    }
}

/// Name of one manifest: window, shard, version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManifestName {
    /// Window of the output.
    pub window: Window,
    /// Shard of the output.
    pub shard: ShardId,
    /// Version, counted from 1.
    pub version: u32,
}

impl ManifestName {
    /// Folder of all shards of a window.
    pub fn folder_of(window: Window) -> String {
        format!("{MANIFESTS}/window={window}")
    }

    /// Folder of all versions of a window and shard.
    pub fn folder(window: Window, shard: ShardId) -> String {
        format!("{}/shard={shard}", Self::folder_of(window))
    }
}

/// Formats the key of the manifest.
impl fmt::Display for ManifestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/v{:05}.json", Self::folder(self.window, self.shard), self.version)
    }
}

impl FromStr for ManifestName {
    type Err = ParseIdError;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let invalid = || ParseIdError {
            text: key.to_owned(),
            expected: "a manifest key (manifests/window=W/shard=S/vNNNNN.json)",
        };
        let rest = key.strip_prefix(MANIFESTS).and_then(|rest| rest.strip_prefix("/window=")).ok_or_else(invalid)?;
        let (window, rest) = rest.split_once("/shard=").ok_or_else(invalid)?;
        let (shard, file) = rest.split_once('/').ok_or_else(invalid)?;
        let version = file.strip_prefix('v').and_then(|file| file.strip_suffix(".json")).ok_or_else(invalid)?;
        let name =
            Self { window: window.parse()?, shard: shard.parse()?, version: version.parse().map_err(|_| invalid())? };
        if name.version > 0 && name.to_string() == key { Ok(name) } else { Err(invalid()) }
    }
}

#[cfg(test)]
mod tests {
    use model::FencingToken;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_segment_belongs_to_the_shard_its_key_names_wherever_that_stands() {
        let shard_of = |key| segment_shard(key).map(|shard| shard.map(|shard| shard.to_string()));
        assert_eq!(shard_of("a7f3/shard=org-mod-07/topic-1/0001.seg"), Ok(Some("org-mod-07".to_owned())));
        assert_eq!(shard_of("shard=org-12/x.seg"), Ok(Some("org-12".to_owned())));
        assert_eq!(shard_of("shard=org-12/x.seg.tmp"), Ok(None));
        assert_eq!(shard_of("org-12/x.seg"), Ok(None));
        assert!(shard_of("shard=org-mod-99/x.seg").is_err());
        assert!(shard_of("shard=org-1/shard=org-2/x.seg").is_err());
    }

    #[test]
    fn keys_are_those_of_the_design() {
        let job: JobId = "nightly".parse().expect("a job name");
        let attempt = AttemptId { number: 2, token: FencingToken(0xab) };
        let keys = AttemptKeys { window: Window::of(0, 5), shard: ShardId::Shared(7), job: &job, attempt };
        let step: RollupStep = "5m".parse().expect("a step");
        let shown = [
            keys.part(PartitionId(3), OutputFormat::Part),
            keys.rollup(PartitionId(3), step, OutputFormat::Parquet),
            keys.quarantine(TaskId::map(1)),
        ];
        expect_test::expect![[r#"
            [
                "data/8c07/window=0-5/shard=org-mod-07/nightly/p00003-a-2-00000000000000ab.part",
                "data/8c07/window=0-5/shard=org-mod-07/nightly/p00003-a-2-00000000000000ab.rollup-5m.parquet",
                "data/935d/window=0-5/shard=org-mod-07/nightly/m-00001-a-2-00000000000000ab.quarantine",
            ]
        "#]]
        .assert_debug_eq(&shown);
    }

    proptest! {
        #[test]
        fn a_manifest_name_parses_back_from_its_key(start: i32, len in 1i64..1 << 40, org: u64, version in 1u32..) {
            let start_ms = i64::from(start);
            for window in [Window::ALL, Window::of(start_ms, start_ms + len)] {
                let name = ManifestName { window, shard: ShardId::Dedicated(model::OrgId(org)), version };
                prop_assert_eq!(name.to_string().parse(), Ok(name));
            }
        }

        #[test]
        fn a_history_name_parses_back_and_the_newest_sorts_first(
            ms in 0..=i64::MAX, later in 0..=i64::MAX, round: u32, revision: u64, random: u64,
            job in "[a-z0-9][a-z0-9_-]{0,63}",
        ) {
            let job: JobId = job.parse().expect("a job name");
            let leader = LeaderId { revision, term: model::Term::drawn(random) };
            let name = |submitted_at_ms| HistoryName { submitted_at_ms, round, leader, job: job.clone() };
            prop_assert_eq!(name(ms).to_string().parse(), Ok(name(ms)));
            prop_assert_eq!(name(later).to_string() < name(ms).to_string(), later > ms);
        }

        #[test]
        fn a_record_name_parses_back_from_its_key(round: u32, revision: u64, random: u64) {
            let job: JobId = "nightly".parse().expect("a job name");
            let name = RecordName { job, round, leader: LeaderId { revision, term: model::Term::drawn(random) } };
            prop_assert_eq!(name.to_string().parse(), Ok(name));
        }

        #[test]
        fn no_text_makes_a_key_parser_panic(text in "[a-z0-9=/.-]{0,60}") {
            let _ = text.parse::<ManifestName>();
            let _ = text.parse::<HistoryName>();
            let _ = format!("history/{text}").parse::<HistoryName>();
            let _ = text.parse::<RecordName>();
            let _ = segment_shard(&text);
        }
    }
}
