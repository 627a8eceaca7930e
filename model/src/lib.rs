//! The nouns of Tailor: ids, times, ranges, settings and limits.
//!
//! Everything here is pure: no I/O, no clock, no randomness. The words are those of `docs/glossary.md`.

// Job, shard, task, attempt, partition, organisation, metric.
pub mod ids;
// Terms of office, the random part of every token.
pub mod term;
// Instants, windows, rollup buckets, and the clock that is handed in.
pub mod time;
// The key of a series, its columns, the duplicate rule.
pub mod series;
// Byte ranges of a segment.
pub mod range;
// What a job is asked to do.
pub mod job;
// What an operator submits.
pub mod spec;
// What a spec has to be wherever it enters.
pub mod admission;
// Segments, splits and the tasks of a shard.
pub mod plan;
// The segments of a shard in little memory.
pub mod segments;
// What a worker is given, and the list of runs that a reduce gathers.
pub mod grant;
// What names a content: XXH3-128 of the bytes.
pub mod digest;
// The stages of the work, and the time spent in each.
pub mod stage;
// What an attempt hands back.
pub mod outcome;
// The promises, by name.
pub mod invariant;
// What was read, where it went, and whether it balances.
pub mod books;
// Byte sizes in words: `512MiB`.
pub mod size;
// The bound of what may be put aside: `1%`, `64MiB`.
pub mod loss;
// Every bound, with its unit and its reason.
pub mod limits;

pub use admission::InvalidField;
pub use books::Books;
pub use digest::{Digest, Digester};
pub use grant::{Grant, HeldAttempt, RunEntry, RunList};
pub use ids::{
    AttemptId, FencingToken, JobId, LeaseId, MetricId, OrgId, PartitionId, ShardId, TaskId, TaskKind, TaskPath,
};
pub use invariant::Invariant;
pub use job::{Encoding, JobSettings, OnBadFrame, OutputFormat};
pub use loss::LossMax;
pub use outcome::{
    Extent, Failure, FailureClass, MapReport, ObjectEntry, QuarantineEntry, ReduceReport, Report, RollupEntry,
    SplitReport,
};
pub use plan::{MapTask, SegmentRef, ShardPlan, Split};
pub use range::ByteRange;
pub use segments::{SegmentList, SegmentListBuilder, SegmentListError};
pub use series::{Columns, DuplicateRule, SeriesKey};
pub use size::ByteSize;
pub use spec::{JobSpec, SpecError};
pub use stage::{Stage, StageTimes};
pub use term::{LeaderId, Term};
pub use time::{Clock, RollupStep, SystemClock, TimestampMs, Window};
