//! Numbers that the scheduler's decisions use.

use std::time::Duration;

use model::limits::ATTEMPTS_PER_TASK_MAX;
use model::{FailureClass, TaskPath};
use std::hash::{Hash as _, Hasher as _};

/// Limits and pauses; clusters use [`Policy::default`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Charged attempts that a task gets before its shard fails.
    pub attempts_max: u32,
    /// Pause after the first failure; it doubles with each further one.
    pub pause_first: Duration,
    /// Longest pause between attempts.
    pub pause_max: Duration,
    /// Longest time that stores may turn a task away before its shard fails (LV-1).
    pub throttled_max: Duration,
    /// Condition for a second attempt beside a slow one; none disables second attempts.
    pub speculation: Option<Speculation>,
}

/// Condition for a second attempt beside a slow one. The first completion wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speculation {
    /// An attempt younger than this is not slow.
    pub elapsed_min: Duration,
    /// Factor over the median duration above which an attempt is slow.
    pub times_median: u32,
    /// Number of finished attempts before a median is used.
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
    /// Returns the pause after a task's `failures`th failure in a row. The pause doubles, and has jitter so
    /// that tasks that failed together do not return together. The jitter is drawn from the attempt's name, so that
    /// every replica decides alike.
    pub(crate) fn pause(&self, task: &TaskPath, failures: u32) -> Duration {
        let bound = self.pause_first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.pause_max);
        let mut hasher = std::hash::DefaultHasher::new();
        (task, failures).hash(&mut hasher);
        bound / 2 + (bound / 2).mul_f64(f64::from(hasher.finish() as u32) / f64::from(u32::MAX))
    }
}

/// True if a failure counts against the task's attempts.
pub const fn is_charged(class: FailureClass) -> bool {
    match class {
        FailureClass::Transient | FailureClass::Input { .. } | FailureClass::Bug => true,
        FailureClass::Throttled | FailureClass::Resource | FailureClass::RunLost { .. } | FailureClass::Cancelled => {
            false
        }
    }
}
