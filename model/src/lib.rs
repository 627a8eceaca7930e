//! The nouns of Tailor: ids, times, ranges, settings and limits.
//!
//! Everything here is pure: no I/O, no clock, no randomness. The words are those of `docs/glossary.md`.

pub mod books; //      what was read, routed, written and left out, and whether it balances
pub mod ids; //        job, shard, task, attempt, partition, organisation, metric
pub mod limits;
pub mod range; //      byte ranges of a segment
pub mod series; //     the key of a series, its columns, the duplicate rule
pub mod size; //       byte sizes in words: `512MiB`
pub mod time; //       instants, windows, bucket alignment, the `Clock` that is handed in //     every bound, with its unit and its reason

pub use books::Books;
pub use ids::{AttemptId, FencingToken, JobId, MetricId, OrgId, PartitionId, ShardId, TaskId, TaskKind};
pub use range::ByteRange;
pub use series::{Columns, DuplicateRule, SeriesKey};
pub use size::ByteSize;
pub use time::{Clock, SystemClock, TimestampMs, Window};
