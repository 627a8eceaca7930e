//! The nouns of Tailor: ids, times, ranges, settings and limits.
//!
//! Everything here is pure: no I/O, no clock, no randomness. `docs/glossary.md` defines the words.

// Job, shard, task, attempt, partition, organisation, metric.
pub mod ids;
// Terms of leaders, the random part of every token.
pub mod term;
// Instants, windows, rollup buckets, and the clock interface.
pub mod time;
// The key of a series, its columns, the duplicate rule.
pub mod series;
// Byte ranges of a segment.
pub mod range;
// Roles of clients, and the names that certificates carry.
pub mod identity;
// Settings of a job that shape its output.
pub mod job;
// Spec of a job, as an operator submits it.
pub mod spec;
// Rules that a spec must meet wherever it enters.
pub mod admission;
// Segments, splits and the tasks of a shard.
pub mod plan;
// Segments of a shard, compact in memory.
pub mod segments;
// Grant of an attempt to a worker, and the run list that a reduce gathers.
pub mod grant;
// Position in a trace, as the grant and calls carry it.
pub mod trace;
// Digest of a content: XXH3-128 of the bytes.
pub mod digest;
// The stages of the work, and the time spent in each.
pub mod stage;
// Requests and time of attempts.
pub mod effort;
// Reports and failures of attempts.
pub mod outcome;
// Named invariants, with their predicates.
pub mod invariant;
// Counts of points read and written, and the check that they balance.
pub mod books;
// Errors with their causes, on one line.
pub mod error;
// Byte sizes in words: `512MiB`.
pub mod size;
// Limit of quarantined bytes: `1%`, `64MiB`.
pub mod loss;
// Limits, each with its unit and its reason.
pub mod limits;

pub use admission::InvalidField;
pub use books::Books;
pub use digest::{Digest, Digester};
pub use effort::{Effort, RequestKind, Requests};
pub use grant::{Grant, HeldAttempt, RunEntry, RunList};
pub use identity::{ClientRole, PeerName};
pub use ids::{
    AttemptId, FencingToken, JobId, LeaseId, MetricId, OrgId, PartitionId, ShardId, TaskId, TaskKind, TaskPath,
};
pub use invariant::{Broken, Invariant};
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
pub use trace::TraceParent;
