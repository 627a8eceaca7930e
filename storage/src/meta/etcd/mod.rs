//! The cluster's store: etcd, through `etcd-client`.
//!
//! Each endpoint has two connections: one for urgent calls (leases, the election), one for all others. An endpoint that
//! hangs is put aside, and others are asked (`endpoints`). Every call is bounded in time; a member that is cut off from its
//! leader refuses at once instead of answering with old data. A read or a call of a lease may be sent to several endpoints.
//! A transaction is sent to one endpoint, once. It is repeated only if an expired token of authentication caused a refusal,
//! because then it was certainly not applied.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{Client, GetOptions};
use format::state_keys::StateKey;
use model::LeaseId;
use model::limits::{MESSAGE_BYTES_MAX, STATE_PAGE_KEYS_MAX};

use crate::meta::{Entry, Lease, Listing, MetaError, MetaStore, Op, Revision, Txn, Watch};
use crate::outcome::Outcome;

mod settings; //  settings: endpoints, credentials, timeouts
mod lane; //      lanes: two connections to each endpoint
mod endpoint; //  endpoint: its connections and its standing
mod endpoints; // endpoints, and the choice of the one that is asked
mod convert; //   conversion of keys and transactions to those of etcd, and back
mod fault; //     faults of etcd, by the outcome of the change
mod follow; //    watch that resumes

pub use settings::{EtcdSettings, EtcdTls, EtcdUser};

use convert::Namespace;
use endpoints::{Call, Endpoints};
use fault::Fault;
use lane::Lane;

/// State of a cluster in etcd. Cheap to clone.
#[derive(Clone)]
pub struct EtcdStore {
    endpoints: Arc<Endpoints>,
    namespace: Namespace,
}

impl std::fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EtcdStore").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl EtcdStore {
    /// Checks the settings. Without a user nothing is sent yet: the first call finds a server that is down.
    ///
    /// # Errors
    /// [`MetaError::Settings`] for settings that no server can mend; with a user, also what the server says to it.
    pub async fn connect(settings: &EtcdSettings) -> Result<Self, MetaError> {
        let namespace = Namespace::new(settings)?;
        settings.check().await.map_err(|error| fault::on_connect(settings, error).into_error())?;
        let probed = namespace.key(&String::from(StateKey::Leader));
        let store = Self { endpoints: Arc::new(Endpoints::new(settings, &probed)), namespace };
        if settings.user.is_some() {
            let named = settings.endpoints.join(",");
            let call = Call { lane: Lane::Liveness, operation: "log in to", object: &named };
            store.endpoints.ask(call, async |_| Ok(())).await.map_err(Fault::into_error)?;
        }
        Ok(store)
    }

    /// Reads one page of a listing: as of `revision`, or as of now.
    async fn page(&self, prefix: &str, from: Vec<u8>, revision: Option<Revision>) -> Result<Page, Fault> {
        let end = self.namespace.end_of(prefix);
        let call = Call { lane: Lane::of(prefix), operation: "list", object: prefix };
        let response = self
            .endpoints
            .ask(call, |client| {
                let mut options = GetOptions::new().with_range(end.clone()).with_limit(STATE_PAGE_KEYS_MAX as i64);
                if let Some(revision) = revision {
                    options = options.with_revision(revision.0 as i64);
                }
                let from = from.clone();
                let mut client = client.kv_client().max_decoding_message_size(MESSAGE_BYTES_MAX);
                async move { client.get(from, Some(options)).await }
            })
            .await?;
        let next = response.more().then(|| response.kvs().last().map(|last| [last.key(), b"\0"].concat())).flatten();
        // A key that is not text belongs to somebody else.
        let entries = response.kvs().iter().filter_map(|kv| self.namespace.entry(kv).ok()).collect();
        Ok(Page { revision: convert::revision(response.header()), entries, next })
    }

    /// Reads all pages at one revision: the given one, or the current one.
    async fn pages(&self, prefix: &str, at: Option<Revision>) -> Result<Listing, Fault> {
        let first = self.page(prefix, self.namespace.key(prefix), at).await?;
        let (revision, mut entries, mut next) = (at.unwrap_or(first.revision), first.entries, first.next);
        while let Some(from) = next {
            let page = self.page(prefix, from, Some(revision)).await?;
            entries.extend(page.entries);
            next = page.next;
        }
        Ok(Listing { revision, entries })
    }
}

struct Page {
    revision: Revision,
    entries: Vec<Entry>,
    /// Start of the next page.
    next: Option<Vec<u8>>,
}

/// Most times that a listing starts over because its revision was compacted between two pages.
const LIST_TRIES_MAX: u32 = 3;

#[async_trait]
impl MetaStore for EtcdStore {
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError> {
        let full = self.namespace.key(key);
        let get = |client: Client| {
            let full = full.clone();
            async move { client.kv_client().get(full, None).await }
        };
        let call = Call { lane: Lane::of(key), operation: "read", object: key };
        let response = self.endpoints.ask(call, get).await.map_err(Fault::into_error)?;
        response.kvs().first().map(|kv| self.namespace.entry(kv)).transpose()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, MetaError> {
        let mut tried = 1;
        loop {
            match self.pages(prefix, None).await {
                Err(Fault::Compacted(_)) if tried < LIST_TRIES_MAX => tried += 1,
                listed => return listed.map_err(Fault::into_error),
            }
        }
    }

    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError> {
        txn.check()?;
        let object = txn.ops.first().map_or("nothing", Op::object);
        let request = self.namespace.txn(&txn);
        let call = Call { lane: Lane::of(object), operation: "change", object };
        let send = |client: Client| {
            let request = request.clone();
            async move { client.kv_client().txn(request).await }
        };
        match self.endpoints.once(call, send).await {
            Ok((response, _)) if response.succeeded() => {
                Ok(Outcome::Applied { revision: convert::revision(response.header()) })
            }
            Ok((response, _)) => Ok(Outcome::Refused { current: self.namespace.reads(&response)? }),
            Err(Fault::Open(cause)) => {
                crate::metrics::outcome_unknown();
                Ok(Outcome::Unknown { cause })
            }
            Err(Fault::LeaseMissing(error)) => Err(match txn.ops.iter().find_map(Op::lease) {
                Some(lease) => MetaError::LeaseGone { lease },
                None => error,
            }),
            Err(fault) => Err(fault.into_error()),
        }
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, MetaError> {
        let seconds = ttl.as_secs_f64().ceil() as i64;
        let grant = |client: Client| async move { client.lease_client().grant(seconds, None).await };
        // If two leases are granted, the one whose answer was lost ends by itself.
        let call = Call { lane: Lane::Liveness, operation: "grant", object: "a lease" };
        let granted = self.endpoints.ask(call, grant).await.map_err(Fault::into_error)?;
        let ttl = Duration::from_secs(u64::try_from(granted.ttl()).unwrap_or_default());
        Ok(Lease { id: LeaseId(granted.id() as u64), ttl })
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), MetaError> {
        // Each renewal opens a stream: it is answered, or it fails and another endpoint is asked.
        let renew = |client: Client| async move { client.lease_client().keep_alive(lease.0 as i64).await.map(drop) };
        let call = Call { lane: Lane::Liveness, operation: "renew", object: &lease.to_string() };
        match self.endpoints.ask(call, renew).await {
            Err(Fault::LeaseMissing(_)) => Err(MetaError::LeaseGone { lease }),
            answer => answer.map_err(Fault::into_error),
        }
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), MetaError> {
        let revoke = |client: Client| async move { client.lease_client().revoke(lease.0 as i64).await.map(drop) };
        let call = Call { lane: Lane::Liveness, operation: "revoke", object: &lease.to_string() };
        match self.endpoints.ask(call, revoke).await {
            Err(Fault::LeaseMissing(_)) => Ok(()),
            answer => answer.map_err(Fault::into_error),
        }
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        follow::follow(self.clone(), prefix.to_owned(), after)
    }
}
