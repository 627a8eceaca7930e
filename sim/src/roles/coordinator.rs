//! Role of a coordinator: the real one, with its services behind the simulated network.

use std::sync::Arc;
use std::time::Duration;

use coordinator::Coordinator;
use coordinator::LeaderSettings;
use coordinator::settings::CollectorSettings;
use storage::meta::{LeaseSettings, MetaStore};

use super::{Env, STATE_TIMEOUT, address, leave, places};
use crate::network::serve;
use crate::planted::PlantedBug;
use crate::port::{Message, Truth};
use crate::state::StateClient;

/// Settings of a coordinator.
#[derive(Debug, Clone)]
pub(crate) struct CoordinatorRole {
    pub(crate) lease_ttl: Duration,
    pub(crate) policy: scheduler::Policy,
    pub(crate) progress_max: Duration,
    pub(crate) collector: CollectorSettings,
    pub(crate) planted: Option<PlantedBug>,
}

impl CoordinatorRole {
    pub(crate) async fn run(self, env: Env) {
        let store: Arc<dyn MetaStore> = Arc::new(StateClient::new(Arc::clone(&env.port), STATE_TIMEOUT));
        let store = crate::planted::state_of_coordinator(self.planted, store, &env.port);
        let settings = LeaderSettings {
            policy: self.policy,
            progress_max: self.progress_max,
            replica: format!("{}.{}", env.name, env.incarnation),
            address: address(&env.name),
            ..LeaderSettings::default()
        };
        let lease = LeaseSettings { ttl: self.lease_ttl, seed: crate::planted::seed_of_terms(self.planted, env.seed) };
        let outside = coordinator::Env { clock: Arc::new(env.clock), stores: places(&env.port, self.planted) };
        let coordinator = Coordinator::new(settings, lease, self.collector, store, outside);
        let serving = tokio::spawn(serve(env.incoming, coordinator.services(), Arc::clone(&env.port)));
        let dismissed = Box::pin(async move { drop(leave(env.left).await) });
        coordinator.run(dismissed).await;
        serving.abort();
        env.port.send(Message::Truth(Truth::Left("dismissed".to_owned())));
    }
}
