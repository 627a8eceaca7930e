//! Duties that need no asking. They look at what is there and converge; one that fails waits for the next time. Only the
//! leader does them.

mod abandon_uploads;
mod collect_garbage;
mod index_history;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dataset::gc::Scope;
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
        let mut scopes = BTreeMap::new();
        loop {
            tokio::time::sleep(self.settings.interval).await;
            let leader = match &*role.borrow() {
                Role::Leader(leader) => leader.clone(),
                Role::Follower { .. } => continue,
            };
            if let Err(error) = self.clean(&leader, &mut scopes).await {
                tracing::warn!(%error, "look for garbage; the next time will do");
            }
        }
    }

    /// Cleans each dataset: the first time with the versions of every window and shard, since the number to keep may have
    /// changed with the settings of this process; then what was run since.
    async fn clean(&self, leader: &Handle, scopes: &mut BTreeMap<String, Scope>) -> Result<(), ApiError> {
        let datasets: BTreeSet<String> = leader.ask(|reply| Ask::Datasets { reply }).await?.into_iter().collect();
        for dataset in datasets {
            let root = match Root::reach(&dataset).await {
                Ok(root) => root,
                Err(error) => {
                    tracing::warn!(error = describe(&error), "open a dataset to clean it");
                    continue;
                }
            };
            let scope = scopes.insert(dataset, Scope::Changed).unwrap_or(Scope::Versions);
            collect_garbage::collect(&root, leader, &self.settings, scope, &*self.clock).await;
            index_history::complete(&root).await;
            abandon_uploads::abort(&root, &self.settings).await;
        }
        Ok(())
    }
}
