//! Decorator that loses requests and responses, drawn from a seed.
//!
//! A lost request fails before it reaches the store; a lost response fails after the store performed the request:
//! "happened, but reported as failed". The caller of a transaction gets [`Outcome::Unknown`] for both, and cannot
//! tell them apart.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use model::LeaseId;

use crate::meta::{Entry, Lease, Listing, MetaError, MetaStore, Revision, Txn, Watch};
use crate::outcome::Outcome;

/// Probability of each fault, from 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Share of calls that never reach the store.
    pub lose_request: f64,
    /// Share of calls that the store performs but whose response is lost.
    pub lose_response: f64,
    /// Longest delay before a call.
    pub delay_max: Duration,
}

/// Store behind a bad network.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn MetaStore>,
    faults: Faults,
    random: Mutex<fastrand::Rng>,
    is_cut: AtomicBool,
}

/// Fate of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    RequestLost,
    ResponseLost,
}

impl FaultyStore {
    /// Wraps `inner` with these faults, drawn from `seed`.
    pub fn new(inner: Arc<dyn MetaStore>, faults: Faults, seed: u64) -> Self {
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        Self { inner, faults, random, is_cut: AtomicBool::new(false) }
    }

    /// Loses every request from now on, or stops doing so. An open watch goes on.
    pub fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::Relaxed);
    }

    async fn fate(&self) -> Fate {
        let (delay, draw) = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            (self.faults.delay_max.mul_f64(random.f64()), random.f64())
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if self.is_cut.load(Ordering::Relaxed) || draw < self.faults.lose_request {
            Fate::RequestLost
        } else if draw < self.faults.lose_request + self.faults.lose_response {
            Fate::ResponseLost
        } else {
            Fate::Answered
        }
    }

    /// Performs a call whose caller only learns that it failed.
    async fn call<T>(
        &self,
        operation: &'static str,
        object: &str,
        work: impl Future<Output = Result<T, MetaError>>,
    ) -> Result<T, MetaError> {
        match self.fate().await {
            Fate::Answered => work.await,
            Fate::RequestLost => Err(lost(operation, object)),
            Fate::ResponseLost => work.await.and_then(|_| Err(lost(operation, object))),
        }
    }
}

fn lost(operation: &'static str, object: &str) -> MetaError {
    MetaError::Unavailable { operation, object: object.to_owned(), source: "the injected fault".into() }
}

#[async_trait]
impl MetaStore for FaultyStore {
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError> {
        self.call("read", key, self.inner.get(key)).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, MetaError> {
        self.call("list", prefix, self.inner.list(prefix)).await
    }

    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError> {
        let unknown = || Ok(Outcome::Unknown { cause: lost("change", "a transaction") });
        match self.fate().await {
            Fate::Answered => self.inner.txn(txn).await,
            Fate::RequestLost => unknown(),
            Fate::ResponseLost => self.inner.txn(txn).await.and_then(|_| unknown()),
        }
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, MetaError> {
        self.call("grant", "a lease", self.inner.grant(ttl)).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), MetaError> {
        self.call("renew", &lease.to_string(), self.inner.keep_alive(lease)).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), MetaError> {
        self.call("revoke", &lease.to_string(), self.inner.revoke(lease)).await
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        self.inner.watch(prefix, after)
    }
}
