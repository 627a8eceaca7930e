//! Coverage: for each window and shard the current version, its holes, and the shards that run, failed or are missing.
//! The answer to "is window W complete for organisation X?".
//!
//! [`CoverageIndex`] gathers the facts, from the dataset alone or beside a cluster's open jobs; [`judge`] is pure, and
//! turns the facts about a window into a verdict.
//!
//! **Complete** means: the latest job that listed the input of the window as a whole, and all others over it, have
//! committed each shard that they planned; no frame is in quarantine; no organisation lay in another one's shard; and no
//! later plan has more input than the version that readers see. A shard that was planned without a segment is empty,
//! and counts as complete.
//!
//! **Not known** is what came after the plan: segments that arrived later. Only a listing of the input can tell
//! (`tailor plan`). Parts are not read either; `tailor dataset verify` does that.

mod answer; //        answers in a sentence
mod facts; //         facts about one window
mod index; //         index of one dataset
mod judge; //         from facts to a verdict
mod known_jobs; //    jobs that an index knows
mod known_windows; // versions that an index knows
mod records; //       jobs, from records, specs, plans and marks
mod verdict; //       verdicts, and the document
mod wire; //          verdicts as messages, and back

pub use answer::{holes, window_name};
pub use facts::{
    FoundVersion, InputSize, JobFacts, JobStage, ShardTry, ShardVersion, TryInput, TryOutcome, WindowFacts,
};
pub use index::{CoverageAsk, CoverageIndex, CoveredWindows, OpenJobs};
pub use judge::judge;
pub use records::of_record;
pub use verdict::{
    Coverage, CoverageSource, CoverageState, LaterTry, PlanInForce, Question, ShardCoverage, WindowCoverage,
};

#[cfg(test)]
mod tests;
