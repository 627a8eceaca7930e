//! When the machine cannot work: no claims, and a look now and then whether it can again.

use tokio::time::Instant;

use super::Shift;
use crate::metrics;

/// Why no work is taken.
#[derive(Debug)]
pub(super) struct Unfit {
    pub(super) reason: String,
    pub(super) look_at: Instant,
}

impl Shift<'_> {
    pub(super) fn become_unfit(&mut self, reason: String) {
        tracing::warn!(reason, "unfit: takes no work until that has changed");
        metrics::unfit(true);
        self.unfit = Some(Unfit { reason, look_at: Instant::now() + self.agent.settings.unfit_pause });
    }

    pub(super) fn look_at_fitness(&mut self, now: Instant) {
        let Some(unfit) = self.unfit.as_mut().filter(|unfit| now >= unfit.look_at) else { return };
        if self.fitness.trouble().is_some() {
            unfit.look_at = now + self.agent.settings.unfit_pause;
        } else {
            tracing::info!("fit again");
            metrics::unfit(false);
            self.unfit = None;
        }
    }
}
