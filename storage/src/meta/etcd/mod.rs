//! The cluster's store: etcd, through `etcd-client`.
//!
//! One client a process; it balances over the endpoints and reconnects. Every call has a timeout of its own; a member that
//! is cut off from its leader refuses at once instead of answering from the past. Nothing is retried here, except what
//! an expired token of authentication refused: that was certainly not done.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{Client, GetOptions};
use model::LeaseId;
use model::limits::{MESSAGE_BYTES_MAX, STATE_PAGE_KEYS_MAX};

use crate::meta::{Entry, Lease, Listing, MetaError, MetaStore, Op, Revision, Txn, Watch};
use crate::outcome::Outcome;

// Endpoints, credentials, timeouts.
mod settings;
// Our keys and transactions as etcd's, and back.
mod convert;
// What an error of etcd says about what was done.
mod fault;
// A watch that resumes.
mod follow;

pub use settings::{EtcdSettings, EtcdTls, EtcdUser};

use convert::Namespace;
use fault::Fault;

/// A connection to etcd. Cheap to clone.
#[derive(Clone)]
pub struct EtcdStore {
    client: Client,
    namespace: Namespace,
    call_timeout: Duration,
}

impl std::fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EtcdStore").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl EtcdStore {
    /// Makes a connection. Without a user nothing is sent yet: a server that is down is found by the first call.
    ///
    /// # Errors
    /// [`MetaError::Settings`] for settings that no server can mend; with a user, also what the server says to it.
    pub async fn connect(settings: &EtcdSettings) -> Result<Self, MetaError> {
        let namespace = Namespace::new(settings)?;
        let connecting = Client::connect(&settings.endpoints, Some(settings.options()));
        let connected = tokio::time::timeout(settings.call_timeout, connecting).await;
        let client = match connected {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(fault::on_connect(settings, error)),
            Err(_) => return Err(fault::silence("reach", &settings.endpoints.join(","), settings.call_timeout)),
        };
        Ok(Self { client, namespace, call_timeout: settings.call_timeout })
    }

    /// One call, within its timeout; once more with a new token if it was refused for an old one.
    async fn call<T, F>(&self, operation: &'static str, object: &str, work: impl Fn(Client) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let attempt = async || match tokio::time::timeout(self.call_timeout, work(self.client.clone())).await {
            Ok(answer) => answer.map_err(|error| Fault::of(operation, object, error)),
            Err(_) => Err(Fault::Open(fault::silence(operation, object, self.call_timeout))),
        };
        match attempt().await {
            Err(Fault::TokenExpired(_)) => {
                let refreshed = tokio::time::timeout(self.call_timeout, self.client.refresh_token()).await;
                match refreshed {
                    Ok(Ok(())) => attempt().await,
                    Ok(Err(error)) => Err(Fault::of(operation, object, error)),
                    Err(_) => Err(Fault::NotDone(fault::silence(operation, object, self.call_timeout))),
                }
            }
            answer => answer,
        }
    }

    /// One page of a listing: as of `revision`, or as of now.
    async fn page(&self, prefix: &str, from: Vec<u8>, revision: Option<Revision>) -> Result<Page, Fault> {
        let end = self.namespace.end_of(prefix);
        let response = self
            .call("list", prefix, |client| {
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
        // A key that is no text is none of ours.
        let entries = response.kvs().iter().filter_map(|kv| self.namespace.entry(kv).ok()).collect();
        Ok(Page { revision: convert::revision(response.header()), entries, next })
    }

    /// All pages at one revision.
    async fn pages(&self, prefix: &str) -> Result<Listing, Fault> {
        let first = self.page(prefix, self.namespace.key(prefix), None).await?;
        let (revision, mut entries, mut next) = (first.revision, first.entries, first.next);
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
    /// Where the next one starts.
    next: Option<Vec<u8>>,
}

/// How often a listing starts over because its revision was compacted between two of its pages.
const LIST_TRIES_MAX: u32 = 3;

#[async_trait]
impl MetaStore for EtcdStore {
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError> {
        let full = self.namespace.key(key);
        let get = |client: Client| {
            let full = full.clone();
            async move { client.kv_client().get(full, None).await }
        };
        let response = self.call("read", key, get).await.map_err(Fault::into_error)?;
        response.kvs().first().map(|kv| self.namespace.entry(kv)).transpose()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, MetaError> {
        let mut tried = 1;
        loop {
            match self.pages(prefix).await {
                Err(Fault::Compacted(_)) if tried < LIST_TRIES_MAX => tried += 1,
                listed => return listed.map_err(Fault::into_error),
            }
        }
    }

    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError> {
        txn.check()?;
        let object = txn.ops.first().map_or("nothing", Op::object);
        let request = self.namespace.txn(&txn);
        let answer = self
            .call("change", object, |client| {
                let request = request.clone();
                async move { client.kv_client().txn(request).await }
            })
            .await;
        match answer {
            Ok(response) if response.succeeded() => {
                Ok(Outcome::Applied { revision: convert::revision(response.header()) })
            }
            Ok(response) => Ok(Outcome::Refused { current: self.namespace.reads(&response)? }),
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
        let granted = self.call("grant", "a lease", grant).await.map_err(Fault::into_error)?;
        let ttl = Duration::from_secs(u64::try_from(granted.ttl()).unwrap_or_default());
        Ok(Lease { id: LeaseId(granted.id() as u64), ttl })
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), MetaError> {
        // A stream for each renewal: it is answered or it fails, and goes over whatever connection there is then.
        let renew = |client: Client| async move { client.lease_client().keep_alive(lease.0 as i64).await.map(drop) };
        match self.call("renew", &lease.to_string(), renew).await {
            Err(Fault::LeaseMissing(_)) => Err(MetaError::LeaseGone { lease }),
            answer => answer.map_err(Fault::into_error),
        }
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), MetaError> {
        let revoke = |client: Client| async move { client.lease_client().revoke(lease.0 as i64).await.map(drop) };
        match self.call("revoke", &lease.to_string(), revoke).await {
            Err(Fault::LeaseMissing(_)) => Ok(()),
            answer => answer.map_err(Fault::into_error),
        }
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        follow::follow(self.clone(), prefix.to_owned(), after)
    }
}
