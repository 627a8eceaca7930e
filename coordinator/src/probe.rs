//! Probes the store of a dataset: it must refuse to overwrite an object that is created with a condition.
//!
//! Versions of a manifest exclude each other by a conditional put. A store that ignores the condition accepts the
//! second put as well, and the first commit is lost without a sign (CM-3). So each leader tries it once for each
//! dataset: it creates an object and creates it again, which must be refused. A dataset that fails takes no job and
//! no commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use format::keys;
use model::LeaderId;
use model::error::chain;
use storage::{Root, StorageError};
use tokio::sync::{Mutex, OnceCell};

/// Reason for which nothing is committed to a dataset.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeError {
    #[error(
        "the store of {dataset} overwrites an object that it was asked to create: it ignores If-None-Match. Two commits could \
         replace each other there, so nothing is committed; use a store with conditional puts (`tailor doctor --dataset \
         {dataset}` tries it)"
    )]
    Overwrites { dataset: String },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Results of one leader's probes.
#[derive(Debug)]
pub(crate) struct Probes {
    leader: LeaderId,
    sound: Mutex<BTreeMap<String, Arc<OnceCell<()>>>>,
}

impl Probes {
    pub(crate) fn new(leader: LeaderId) -> Self {
        Self { leader, sound: Mutex::default() }
    }

    /// Probes the store of a dataset, unless it already passed.
    pub(crate) async fn check(&self, dataset: &Root) -> Result<(), ProbeError> {
        let cell = Arc::clone(self.sound.lock().await.entry(dataset.uri().to_owned()).or_default());
        let key = keys::probe(self.leader);
        cell.get_or_try_init(|| probe(dataset, &key)).await.copied()
    }
}

async fn probe(dataset: &Root, key: &str) -> Result<(), ProbeError> {
    // The key belongs to this leader, and may be left over from its earlier try.
    dataset.create_exclusive(key, "first").await?;
    let second = dataset.create_object(key, "second").await;
    let found = dataset.read(key).await;
    if let Err(error) = dataset.remove(key).await {
        tracing::warn!(error = chain(&error), %dataset, "failed to remove the probe of a dataset; it is a few bytes and harmless");
    }
    match second {
        Err(StorageError::AlreadyExists { .. }) if found?.as_ref() == b"first" => Ok(()),
        Ok(()) | Err(StorageError::AlreadyExists { .. }) => {
            Err(ProbeError::Overwrites { dataset: dataset.uri().to_owned() })
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
