//! Coordinator without its sockets: a replica, its services, and its background duties.
//!
//! `server` connects it to the network; a simulation connects it to a simulated network.

use std::sync::Arc;
use std::time::Duration;

use model::limits::{MESSAGE_BYTES_MAX, REQUEST_BYTES_MAX};
use proto::externalscaler::external_scaler_server::ExternalScalerServer;
use proto::v1::operator_service_server::OperatorServiceServer;
use storage::meta::{LeaseSettings, MetaStore};
use tokio::sync::{oneshot, watch};
use tonic::service::Routes;

use crate::Env;
use crate::access::{Access, Audit, AuditWriter, protect};
use crate::leader::LeaderSettings;
use crate::reconcile::Collector;
use crate::replica::{Replica, Role};
use crate::service::{BySize, Door, Operators, Scaler, Workers};
use crate::settings::CollectorSettings;

/// Longest wait for the last entries of the audit log.
const AUDIT_MAX: Duration = Duration::from_secs(2);

/// Coordinator: replica, collector, services.
pub struct Coordinator {
    replica: Replica,
    collector: Collector,
    door: Door,
    access: Access,
    audit: AuditWriter,
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
        let (log, audit) = Audit::new(Arc::clone(&env.clock), env.stores.clone());
        let door = Door {
            audit: log,
            role: roles,
            state: states,
            replica: settings.replica.as_str().into(),
            gates: Arc::default(),
            views: Arc::default(),
            logs: Arc::default(),
        };
        let collector = Collector::new(collector, env.clone());
        let replica = Replica { settings: Arc::new(settings), lease, store, env, role, elected: Arc::default(), state };
        Self { replica, collector, door, access: Access::open(), audit }
    }

    /// Returns the same coordinator, whose callers are let in by `access`.
    #[must_use]
    pub fn guarded(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Watches the cluster's state: `Ok` if it can be used, else the reason.
    pub(crate) fn state(&self) -> watch::Receiver<Result<(), String>> {
        self.door.state.clone()
    }

    /// Builds the services for workers, operators and autoscalers.
    pub fn services(&self) -> Routes {
        self.services_beside(Routes::default())
    }

    /// Builds the services for operators without a guard, for the pages of this process.
    pub(crate) fn unguarded(&self) -> Routes {
        Routes::new(self.operators())
    }

    fn operators(&self) -> OperatorServiceServer<Operators> {
        let operators = Operators { door: self.door.clone(), env: self.replica.env.clone() };
        OperatorServiceServer::new(operators)
            .max_decoding_message_size(REQUEST_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Builds the services for workers, operators and autoscalers, and adds them to `others`. One guard stands before
    /// them all.
    pub(crate) fn services_beside(&self, others: Routes) -> Routes {
        let clock = Arc::clone(&self.replica.env.clock);
        let is_by_role = self.access.is_by_role();
        let workers = BySize::new(|| Workers { door: self.door.clone(), is_by_role });
        let (store, pools) = (Arc::clone(&self.replica.store), self.replica.settings.pools.clone());
        let scaler = ExternalScalerServer::new(Scaler { door: self.door.clone(), store, pools })
            .max_decoding_message_size(REQUEST_BYTES_MAX);
        let services = others.add_service(self.operators()).add_service(workers).add_service(scaler);
        protect(services, self.access.clone(), clock, self.door.audit.clone())
    }

    /// Stands for election, leads, and cleans while it leads, until `dismissed`.
    pub async fn run(self, dismissed: impl Future<Output = ()> + Unpin) {
        let collecting = tokio::spawn(self.collector.run(self.door.role.clone()));
        let (leave, left) = oneshot::channel();
        // Without identities no entry becomes an object.
        let auditing = self.access.is_by_role().then(|| tokio::spawn(self.audit.run(left)));
        self.replica.run(dismissed).await;
        collecting.abort();
        if let Some(auditing) = auditing {
            // Entries of the last moment are written, unless their store hangs.
            drop(leave);
            let _ = tokio::time::timeout(AUDIT_MAX, auditing).await;
        }
    }
}
