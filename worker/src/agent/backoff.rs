//! Pauses between tries, drawn at random so that workers that were refused together do not ask together again.

use std::time::Duration;

/// Shortest pause of all.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest first pause; it doubles with each try.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// Longest pause of all; kept small so that a leader that is back is found soon.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Growing pauses with jitter.
#[derive(Debug)]
pub(super) struct Backoff {
    random: fastrand::Rng,
    tries: u32,
}

impl Backoff {
    /// Creates a backoff before its first try.
    pub(super) fn seeded(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), tries: 0 }
    }

    /// Draws a seed for another source of randomness.
    pub(super) fn seed(&mut self) -> u64 {
        self.random.u64(..)
    }

    /// Goes back to short pauses after a try that succeeded.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }

    /// Draws the next pause, and counts the try.
    pub(super) fn next(&mut self) -> Duration {
        let bound = PAUSE_FIRST.saturating_mul(1 << self.tries.min(8)).min(PAUSE_MAX);
        self.tries += 1;
        PAUSE_MIN + (bound - PAUSE_MIN).mul_f64(self.random.f64())
    }

    /// Waits for the next pause.
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.next()).await;
    }

    /// Draws a duration between 3/4 and 5/4 of `pause`.
    pub(super) fn jittered(&mut self, pause: Duration) -> Duration {
        pause.mul_f64(0.75 + 0.5 * self.random.f64())
    }
}
