//! Coordinator without its sockets: a replica, its services, and its background duties.
//!
//! `server` connects it to the network; a simulation connects it to a simulated network.

use std::sync::Arc;

use model::limits::{MESSAGE_BYTES_MAX, REQUEST_BYTES_MAX};
use proto::v1::operator_service_server::OperatorServiceServer;
use storage::meta::{LeaseSettings, MetaStore};
use tokio::sync::watch;
use tonic::service::Routes;

use crate::Env;
use crate::leader::LeaderSettings;
use crate::reconcile::Collector;
use crate::replica::{Replica, Role};
use crate::service::{BySize, Door, Operators, Workers};
use crate::settings::CollectorSettings;

/// Coordinator: replica, collector, services.
pub struct Coordinator {
    replica: Replica,
    collector: Collector,
    door: Door,
}

impl std::fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coordinator").field("door", &self.door).finish_non_exhaustive()
    }
}

impl Coordinator {
    /// Creates a follower that is not running yet.
    pub fn new(
        settings: LeaderSettings,
        lease: LeaseSettings,
        collector: CollectorSettings,
        store: Arc<dyn MetaStore>,
        env: Env,
    ) -> Self {
        let (role, roles) = watch::channel(Role::Follower { leader: String::new() });
        let (state, states) = watch::channel(Ok(()));
        let door = Door {
            role: roles,
            state: states,
            replica: settings.replica.as_str().into(),
            gates: Arc::default(),
            views: Arc::default(),
        };
        let collector = Collector::new(collector, env.clone());
        let replica = Replica { settings: Arc::new(settings), lease, store, env, role, state };
        Self { replica, collector, door }
    }

    /// Watches the cluster's state: `Ok` if it can be used, else the reason.
    pub(crate) fn state(&self) -> watch::Receiver<Result<(), String>> {
        self.door.state.clone()
    }

    /// Builds the services for workers and operators.
    pub fn services(&self) -> Routes {
        let env = self.replica.env.clone();
        let operators = OperatorServiceServer::new(Operators { door: self.door.clone(), env })
            .max_decoding_message_size(REQUEST_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        Routes::new(operators).add_service(BySize::new(|| Workers { door: self.door.clone() }))
    }

    /// Stands for election, leads, and cleans while it leads, until `dismissed`.
    pub async fn run(self, dismissed: impl Future<Output = ()> + Unpin) {
        let collecting = tokio::spawn(self.collector.run(self.door.role.clone()));
        self.replica.run(dismissed).await;
        collecting.abort();
    }
}
