//! Limits the requests in flight per prefix of the keys, if the store asks for fewer.
//!
//! S3 limits rates per partition of the key space, and splits hot partitions in minutes. A 503 on one prefix halves
//! our requests in flight there, at most once per [`HALVING_PAUSE`]; successes let the limit grow again by one per
//! window. Other prefixes are not affected. A prefix with nothing in flight whose limit cannot grow further is
//! forgotten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Most requests in flight on one prefix.
const WINDOW_MAX: f64 = 256.0;
/// Shortest time between two halvings: a burst of 503s is a single sign of overload.
const HALVING_PAUSE: Duration = Duration::from_secs(1);

/// Limit of requests in flight.
#[derive(Debug)]
struct Window {
    size: f64,
    halved_at: Option<Instant>,
}

impl Window {
    fn grow(&mut self) {
        self.size = (self.size + 1.0 / self.size).min(WINDOW_MAX);
    }

    /// Halves the window. `under_way` tells how much of it was used, because halving an unused window would change
    /// nothing.
    fn halve(&mut self, under_way: usize, now: Instant) {
        if self.halved_at.is_none_or(|at| now.duration_since(at) >= HALVING_PAUSE) {
            self.size = (self.size.min(under_way as f64) / 2.0).max(1.0);
            self.halved_at = Some(now);
        }
    }
}

#[derive(Debug)]
struct Lane {
    window: Window,
    under_way: usize,
    left: Arc<Notify>,
}

/// Prefixes with requests in flight, or that were throttled.
#[derive(Debug, Default)]
pub(super) struct Pace {
    lanes: Mutex<HashMap<String, Lane>>,
}

/// Request that may go out. Dropping it makes room for the next.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pace: &'a Pace,
    prefix: String,
}

impl Pace {
    /// Waits until one more request may go out under `prefix`.
    pub(super) async fn enter(&self, prefix: &str) -> Entry<'_> {
        loop {
            let left = {
                let mut lanes = self.lanes();
                let lane = lanes.entry(prefix.to_owned()).or_insert_with(|| Lane {
                    window: Window { size: WINDOW_MAX, halved_at: None },
                    under_way: 0,
                    left: Arc::default(),
                });
                if lane.under_way < lane.window.size as usize {
                    lane.under_way += 1;
                    return Entry { pace: self, prefix: prefix.to_owned() };
                }
                // Created under the lock, so that a request that leaves from now on wakes it.
                lane.left.clone().notified_owned()
            };
            left.await;
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<String, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry<'_> {
    /// Notes that the store took the request.
    pub(super) fn succeeded(&self) {
        if let Some(lane) = self.pace.lanes().get_mut(&self.prefix) {
            lane.window.grow();
        }
    }

    /// Notes that the store asked for fewer requests.
    pub(super) fn throttled(&self) {
        if let Some(lane) = self.pace.lanes().get_mut(&self.prefix) {
            lane.window.halve(lane.under_way, Instant::now());
            tracing::debug!(prefix = self.prefix, requests_max = lane.window.size as u64, "store asks to slow down");
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut lanes = self.pace.lanes();
        if let Some(lane) = lanes.get_mut(&self.prefix) {
            lane.under_way -= 1;
            lane.left.notify_waiters();
            if lane.under_way == 0 && lane.window.size >= WINDOW_MAX {
                lanes.remove(&self.prefix);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_burst_halves_once_and_success_grows_back() {
        let mut window = Window { size: WINDOW_MAX, halved_at: None };
        let now = Instant::now();
        (0..20).for_each(|_| window.halve(32, now));
        assert_eq!(window.size, 16.0);
        window.halve(16, now + HALVING_PAUSE);
        assert_eq!(window.size, 8.0);
        (0..8).for_each(|_| window.grow());
        assert!((8.9..9.1).contains(&window.size), "{}", window.size);
        (0..40).for_each(|second| window.halve(1, now + HALVING_PAUSE * (2 + second)));
        assert_eq!(window.size, 1.0, "one request may always go out");
    }

    #[tokio::test]
    async fn a_slow_prefix_waits_and_others_do_not() {
        let pace = Pace::default();
        let first = pace.enter("data/a").await;
        first.throttled();
        let blocked = tokio::time::timeout(Duration::from_millis(20), pace.enter("data/a")).await;
        assert!(blocked.is_err(), "the window is one, and taken");
        drop(pace.enter("data/b").await);
        assert_eq!(pace.lanes().len(), 1, "an idle prefix is forgotten");
        let (second, ()) = tokio::join!(pace.enter("data/a"), async { drop(first) });
        drop(second);
    }
}
