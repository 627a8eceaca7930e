//! Store that takes its time over transactions, and counts those under way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use model::LeaseId;
use storage::meta::{Entry, Lease, Listing, MemoryStore, MetaError, MetaStore, Outcome, Revision, Txn, Watch};

#[derive(Debug)]
pub(super) struct Slow {
    inner: MemoryStore,
    delay: Duration,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

impl Slow {
    pub(super) fn new(delay: Duration) -> Self {
        Self { inner: MemoryStore::default(), delay, under_way: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    /// Returns the largest number of transactions that were under way at once.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl MetaStore for Slow {
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError> {
        self.inner.get(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, MetaError> {
        self.inner.list(prefix).await
    }

    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError> {
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(under_way, Ordering::Relaxed);
        tokio::time::sleep(self.delay).await;
        let outcome = self.inner.txn(txn).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        outcome
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, MetaError> {
        self.inner.grant(ttl).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), MetaError> {
        self.inner.keep_alive(lease).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), MetaError> {
        self.inner.revoke(lease).await
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        self.inner.watch(prefix, after)
    }
}
