//! Duties that need no asking. They look at what is there and converge; one that fails waits for the next time. Only the
//! leader does them.

mod abandon_uploads;
mod collect_garbage;
mod index_history;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Clock;
use proto::ApiError;
use storage::Root;
use tokio::sync::watch;

use crate::error::describe;
use crate::leader::{Ask, Handle};
use crate::replica::Role;
use crate::settings::CollectorSettings;

/// Cleans the datasets that the cluster works on.
pub(crate) struct Collector {
    settings: CollectorSettings,
    clock: Arc<dyn Clock>,
}

impl Collector {
    pub(crate) const fn new(settings: CollectorSettings, clock: Arc<dyn Clock>) -> Self {
        Self { settings, clock }
    }

    /// Cleans now and then, while this replica leads.
    pub(crate) async fn run(self, role: watch::Receiver<Role>) {
        if self.settings.interval.is_zero() {
            return;
        }
        loop {
            tokio::time::sleep(self.settings.interval).await;
            let leader = match &*role.borrow() {
                Role::Leader(leader) => leader.clone(),
                Role::Follower { .. } => continue,
            };
            if let Err(error) = self.clean(&leader).await {
                tracing::warn!(%error, "look for garbage; the next time will do");
            }
        }
    }

    async fn clean(&self, leader: &Handle) -> Result<(), ApiError> {
        let datasets: BTreeSet<String> = leader.ask(|reply| Ask::Datasets { reply }).await?.into_iter().collect();
        for dataset in datasets {
            let root = match Root::open(&dataset) {
                Ok(root) => root,
                Err(error) => {
                    tracing::warn!(error = describe(&error), "open a dataset to clean it");
                    continue;
                }
            };
            collect_garbage::collect(&root, leader, &self.settings, &*self.clock).await;
            index_history::complete(&root).await;
            abandon_uploads::abort(&root, &self.settings, &*self.clock).await;
        }
        Ok(())
    }
}
