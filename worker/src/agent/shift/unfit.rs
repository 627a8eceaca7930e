//! Unfit machine: the worker claims nothing, and checks now and then if it can work again.

use tokio::time::Instant;

use super::Shift;
use crate::metrics;

/// Reason for which no work is taken, and the time of the next check.
#[derive(Debug)]
pub(super) struct Unfit {
    pub(super) reason: String,
    pub(super) look_at: Instant,
}

impl Shift<'_> {
    pub(super) fn become_unfit(&mut self, reason: String) {
        tracing::warn!(reason, "this machine became unfit; the worker claims no work until that has changed");
        metrics::unfit(true);
        self.unfit = Some(Unfit { reason, look_at: Instant::now() + self.agent.settings.unfit_pause });
    }

    pub(super) fn look_at_fitness(&mut self, now: Instant) {
        let Some(unfit) = self.unfit.as_mut().filter(|unfit| now >= unfit.look_at) else { return };
        if self.fitness.trouble().is_some() {
            unfit.look_at = now + self.agent.settings.unfit_pause;
        } else {
            tracing::info!("this machine became fit again; the worker claims work");
            metrics::unfit(false);
            self.unfit = None;
        }
    }
}
