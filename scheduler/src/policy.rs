//! What the scheduler's decisions rest on, in numbers.

use std::time::Duration;

use model::limits::ATTEMPTS_PER_TASK_MAX;
use model::{FailureClass, TaskPath};
use std::hash::{Hash as _, Hasher as _};

/// The numbers. [`Policy::default`] is what clusters use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Charged attempts that a task gets before its shard fails.
    pub attempts_max: u32,
    /// Pause after the first failure; it doubles with each further one.
    pub pause_first: Duration,
    /// Longest pause.
    pub pause_max: Duration,
    /// How long a task may go on being turned away by a store before its shard fails after all (LV-1).
    pub throttled_max: Duration,
    /// When a second attempt is begun beside a slow one; never, if none.
    pub speculation: Option<Speculation>,
}

/// When a second attempt is begun beside a slow one. The first completion wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speculation {
    /// An attempt younger than this is not slow.
    pub elapsed_min: Duration,
    /// It is slow if it runs this many times as long as half of the finished ones did.
    pub times_median: u32,
    /// How many must have finished before there is a median.
    pub finished_min: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts_max: ATTEMPTS_PER_TASK_MAX,
            pause_first: Duration::from_millis(500),
            pause_max: Duration::from_secs(30),
            throttled_max: Duration::from_secs(15 * 60),
            speculation: Some(Speculation { elapsed_min: Duration::from_secs(30), times_median: 3, finished_min: 4 }),
        }
    }
}

impl Policy {
    /// How long a task rests after its `failures`th failure in a row: doubling, with jitter drawn from the attempt's name, so
    /// that tasks which failed together do not return together and every replica decides alike.
    pub(crate) fn pause(&self, task: &TaskPath, failures: u32) -> Duration {
        let bound = self.pause_first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.pause_max);
        let mut hasher = std::hash::DefaultHasher::new();
        (task, failures).hash(&mut hasher);
        bound / 2 + (bound / 2).mul_f64(f64::from(hasher.finish() as u32) / f64::from(u32::MAX))
    }
}

/// Whether a failure counts against the task's attempts.
pub const fn is_charged(class: FailureClass) -> bool {
    match class {
        FailureClass::Transient | FailureClass::Input { .. } | FailureClass::Bug => true,
        FailureClass::Throttled | FailureClass::Resource | FailureClass::RunLost { .. } | FailureClass::Cancelled => {
            false
        }
    }
}
