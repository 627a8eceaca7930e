//! Background duties of the leader. Each looks at the current state and converges; if one fails, the next run tries
//! again.

mod abandon_uploads;
mod collect_garbage;
mod index_history;

use std::collections::{BTreeMap, BTreeSet};

use dataset::gc::Scope;
use model::error::chain;
use proto::ApiError;
use tokio::sync::watch;

use crate::Env;
use crate::leader::{Ask, Handle};
use crate::replica::Role;
use crate::settings::CollectorSettings;

/// Collector of garbage in the datasets on which the cluster works.
pub(crate) struct Collector {
    settings: CollectorSettings,
    env: Env,
}

impl Collector {
    pub(crate) const fn new(settings: CollectorSettings, env: Env) -> Self {
        Self { settings, env }
    }

    /// Cleans at intervals, while this replica leads.
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
                tracing::warn!(error = chain(&error), "failed to look for garbage; the next run tries again");
            }
        }
    }

    /// Cleans each dataset. The first time it covers every window and shard, because the number of versions to keep may
    /// have changed with this process's settings; afterwards only the jobs that ran since.
    async fn clean(&self, leader: &Handle, scopes: &mut BTreeMap<String, Scope>) -> Result<(), ApiError> {
        let datasets: BTreeSet<String> = leader.ask(|reply| Ask::Datasets { reply }).await?.into_iter().collect();
        for dataset in datasets {
            let root = match self.env.stores.reach(&dataset).await {
                Ok(root) => root,
                Err(error) => {
                    tracing::warn!(
                        error = chain(&error),
                        "failed to open a dataset to clean it; the next run tries again"
                    );
                    continue;
                }
            };
            let scope = scopes.insert(dataset, Scope::Changed).unwrap_or(Scope::Versions);
            collect_garbage::collect(&root, leader, &self.settings, scope, &*self.env.clock).await;
            index_history::complete(&root).await;
            abandon_uploads::abort(&root, &self.settings).await;
        }
        Ok(())
    }
}
