//! Retry policy, the only retry layer between us and a store.
//!
//! The policy is pure. The caller passes the class of the failure and the number of tries; the result is a delay, or
//! `None` to give up. Delays have full jitter, so that a thousand workers that failed together do not return
//! together. A store that asks for time (`Retry-After`) gets at least that. The budget is shared by all requests of
//! one store: when many fail at once, retries do not become a second load on a store that is already down.

use std::time::Duration;

/// Chance that another try of a failed request succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retriability {
    /// A lost connection, a timeout, an internal error: the next attempt may succeed.
    Transient,
    /// The store asks for fewer requests.
    Throttled {
        /// Pause that the store asks for, if any.
        retry_after: Option<Duration>,
    },
    /// The same request will fail the same way.
    Permanent,
}

/// Number of tries, and the delays between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries of one request, the first included.
    pub attempts_max: u32,
    /// Upper bound of the first delay; it doubles with each attempt.
    pub first_delay_max: Duration,
    /// Upper bound of every delay.
    pub delay_max: Duration,
}

impl Default for RetryPolicy {
    /// Ten tries wait 23 s in total at the median and 45 s at most: a short outage passes meanwhile, and a longer one
    /// is reported within a minute.
    fn default() -> Self {
        Self { attempts_max: 10, first_delay_max: Duration::from_millis(100), delay_max: Duration::from_secs(20) }
    }
}

impl RetryPolicy {
    /// Returns the delay after `attempts` tries failed, the last with `class`; `None` to give up.
    pub fn delay(&self, attempts: u32, retriability: Retriability, rng: &mut fastrand::Rng) -> Option<Duration> {
        let asked = match retriability {
            Retriability::Permanent => return None,
            Retriability::Transient => Duration::ZERO,
            Retriability::Throttled { retry_after } => retry_after.unwrap_or_default(),
        };
        if attempts >= self.attempts_max {
            return None;
        }
        let doublings = attempts.saturating_sub(1).min(31);
        let bound = self.first_delay_max.saturating_mul(1 << doublings).min(self.delay_max);
        let jitter = bound.mul_f64(rng.f64());
        Some((asked + jitter).min(self.delay_max))
    }
}

/// Shares that one retry costs. In the long run a tenth of all requests may be retries: each success pays one share.
const SHARES_PER_RETRY: u64 = 10;
/// Shares that are added per second, so that a quiet process can wait for its store to come back.
const SHARES_PER_SECOND: u64 = 50;
/// Most shares: a hundred retries at once after a time without retries.
const SHARES_MAX: u64 = 1000;

/// Budget of retries that all requests of one store share.
#[derive(Debug)]
pub struct RetryBudget {
    shares: u64,
    refilled_at: Duration,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { shares: SHARES_MAX, refilled_at: Duration::ZERO }
    }
}

impl RetryBudget {
    /// Credits the budget for a request that succeeded.
    pub fn deposit(&mut self) {
        self.shares = (self.shares + 1).min(SHARES_MAX);
    }

    /// Takes one retry from the budget, if it has one. `now` counts from any fixed moment.
    pub fn withdraw(&mut self, now: Duration) -> bool {
        let trickle = (now.saturating_sub(self.refilled_at).as_secs_f64() * SHARES_PER_SECOND as f64) as u64;
        if trickle > 0 {
            self.shares = self.shares.saturating_add(trickle).min(SHARES_MAX);
            self.refilled_at = now;
        }
        let is_left = self.shares >= SHARES_PER_RETRY;
        if is_left {
            self.shares -= SHARES_PER_RETRY;
        }
        is_left
    }
}

#[cfg(test)]
mod tests;
