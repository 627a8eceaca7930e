//! Estimates of the time that is left, as a range: one number would claim to know.
//!
//! Two methods see different things. The pace of the whole job says when it ends if work is spread evenly; the slowest
//! shard says when it ends if nothing helps that shard. The range lies between them.

use model::TimestampMs;
use proto::v1::{JobSummary, ShardSummary};
use serde::Serialize;

use crate::cost::{SHARE_MIN, share_of_work};
use crate::text;

/// Range of the time that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Estimate {
    pub(crate) low_ms: u64,
    pub(crate) high_ms: u64,
}

impl Estimate {
    /// Estimates the rest of a job that runs; none if too little is done.
    pub(crate) fn of_job(job: &JobSummary, shards: &[ShardSummary], now_ms: TimestampMs) -> Option<Self> {
        let by_pace = rest(job, share_of_work(shards), now_ms)?;
        let slowest = shards.iter().map(|shard| shard.eta_ms).max().filter(|eta_ms| *eta_ms > 0);
        let slowest = slowest.unwrap_or(by_pace);
        Some(Self { low_ms: by_pace.min(slowest), high_ms: by_pace.max(slowest) })
    }

    /// Says the range, as the end of "done in ...".
    pub(crate) fn words(self) -> String {
        let (low, high) = (text::span_ms(rounded(self.low_ms)), text::span_ms(rounded(self.high_ms)));
        if low == high { format!("about {low}") } else { format!("{low} to {high}") }
    }
}

/// Extrapolates the time since the submission by the share that is done.
fn rest(job: &JobSummary, done: f64, now_ms: TimestampMs) -> Option<u64> {
    let elapsed_ms = u64::try_from(now_ms - job.submitted_at_ms).ok().filter(|elapsed_ms| *elapsed_ms > 0)?;
    (done >= SHARE_MIN).then(|| (elapsed_ms as f64 * (1.0 - done).max(0.0) / done) as u64)
}

/// Rounds to a precision that a reader can use: seconds below a minute, then ten seconds, then minutes.
fn rounded(ms: u64) -> u64 {
    let step = match ms {
        0..60_000 => 1_000,
        60_000..600_000 => 10_000,
        _ => 60_000,
    };
    ms.div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(bytes_read: u64, partitions_done: u32, eta_ms: u64) -> ShardSummary {
        ShardSummary { bytes: 100, bytes_read, partitions: 10, partitions_done, eta_ms, ..Default::default() }
    }

    #[test]
    fn the_range_lies_between_the_pace_and_the_slowest_shard() {
        let job = JobSummary { submitted_at_ms: 1_000, ..Default::default() };
        let shards = [shard(100, 10, 0), shard(50, 0, 300_000)];
        // 150 of 200 bytes and 10 of 20 partitions are done after 100 s: 62.5 %, so 60 s are left by the pace.
        let estimate = Estimate::of_job(&job, &shards, 101_000).expect("enough is done");
        assert_eq!(estimate, Estimate { low_ms: 60_000, high_ms: 300_000 });
        assert_eq!(estimate.words(), "1 min 00 s to 5 min 00 s");
        assert_eq!(Estimate::of_job(&job, &[shard(1, 0, 0)], 101_000), None, "too little is done");
        assert_eq!(Estimate::of_job(&job, &shards, 900), None, "the clocks disagree");
    }
}
