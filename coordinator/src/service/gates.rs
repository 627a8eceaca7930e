//! Gates: limits of concurrent requests. Further requests are refused with the length of a pause, before any work is
//! done for them.
//!
//! A permit is held until its request is answered, so the gates also bound what requests cause. The leader's mailbox
//! (`leader::mailbox`) and the journal's queue have limits of their own.
//!
//! | gate | bounds | refused for |
//! |---|---|---|
//! | operators | [`OPERATOR_REQUESTS_MAX`] | a second |
//! | workers | [`WORKER_REQUESTS_MAX`]; one request waits for work as long as it may | a second |
//! | plans | [`PLANS_AT_ONCE_MAX`] dry runs, each for [`PLAN_TIME_MAX`] | five seconds |
//! | watchers | [`WATCHERS_MAX`] | five seconds |

use std::sync::Arc;
use std::time::Duration;

use model::limits::{OPERATOR_REQUESTS_MAX, PLANS_AT_ONCE_MAX, WATCHERS_MAX, WORKER_REQUESTS_MAX};
use proto::ApiError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest dry run, so that a home folder named by mistake is not listed for longer.
pub(super) const PLAN_TIME_MAX: Duration = Duration::from_secs(60);

/// Permit for one request.
#[derive(Debug)]
pub(crate) struct Permit {
    _permit: OwnedSemaphorePermit,
}

/// Limit of one kind of request.
#[derive(Debug)]
struct Gate {
    what: &'static str,
    max: usize,
    pause: Duration,
    permits: Arc<Semaphore>,
}

impl Gate {
    fn new(what: &'static str, max: usize, pause: Duration) -> Self {
        Self { what, max, pause, permits: Arc::new(Semaphore::new(max)) }
    }

    fn enter(&self) -> Result<Permit, ApiError> {
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => Ok(Permit { _permit: permit }),
            Err(_) => {
                metrics::counter!("tailor_requests_shed_total", "gate" => self.what).increment(1);
                let reason = format!("this coordinator serves {} {} at once", self.max, self.what);
                Err(ApiError::TooMany { reason, retry_after: self.pause })
            }
        }
    }
}

/// Gates of a coordinator.
#[derive(Debug)]
pub(crate) struct Gates {
    operators: Gate,
    workers: Gate,
    plans: Gate,
    watchers: Gate,
}

/// Name of the leader's mailbox in metrics, for requests that it sheds.
pub(crate) const MAILBOX: &str = "the leader's mailbox";

/// Names of the gates, for metrics.
pub(crate) const NAMES: [&str; 4] = ["requests of operators", "requests of workers", "dry runs", "watchers"];

impl Default for Gates {
    fn default() -> Self {
        let [operators, workers, plans, watchers] = NAMES;
        Self {
            operators: Gate::new(operators, OPERATOR_REQUESTS_MAX, Duration::from_secs(1)),
            workers: Gate::new(workers, WORKER_REQUESTS_MAX, Duration::from_secs(1)),
            plans: Gate::new(plans, PLANS_AT_ONCE_MAX, Duration::from_secs(5)),
            watchers: Gate::new(watchers, WATCHERS_MAX, Duration::from_secs(5)),
        }
    }
}

impl Gates {
    /// Returns a permit for an operator's request.
    ///
    /// # Errors
    /// [`ApiError::TooMany`].
    pub(crate) fn operator(&self) -> Result<Permit, ApiError> {
        self.operators.enter()
    }

    /// Returns a permit for a worker's request.
    ///
    /// # Errors
    /// [`ApiError::TooMany`].
    pub(crate) fn worker(&self) -> Result<Permit, ApiError> {
        self.workers.enter()
    }

    /// Returns a permit for a dry run.
    ///
    /// # Errors
    /// [`ApiError::TooMany`].
    pub(crate) fn plan(&self) -> Result<Permit, ApiError> {
        self.plans.enter()
    }

    /// Returns a permit for a watcher.
    ///
    /// # Errors
    /// [`ApiError::TooMany`].
    pub(crate) fn watcher(&self) -> Result<Permit, ApiError> {
        self.watchers.enter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_full_until_somebody_leaves_and_says_when_to_come_back() {
        let gates = Gates::default();
        let mut inside: Vec<_> = (0..PLANS_AT_ONCE_MAX).map(|_| gates.plan().expect("room")).collect();
        let ApiError::TooMany { reason, retry_after } = gates.plan().expect_err("it is full") else {
            panic!("another error");
        };
        assert!(reason.contains("2 dry runs") && retry_after > Duration::ZERO, "{reason}");
        gates.operator().expect("other gates are open");
        inside.pop();
        gates.plan().expect("room again");
    }
}
