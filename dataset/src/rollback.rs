//! Rollback: a new version that names an old version's parts again.
//!
//! Nothing is overwritten and nothing is copied. The new manifest is written create-only under the next number, so of
//! two operators one wins and the other gets an error. A version that has lost an object is refused (CM-2).
//!
//! **Against a collector.** A collector that gives up old versions deletes their manifests first, reads the marks
//! again, and deletes their objects last. A rollback marks the job of its version first, and then reads the manifest
//! again. So either the manifest is gone and the rollback fails, or the collector sees the mark and leaves the
//! objects.

use format::keys::ManifestName;
use format::manifest::{API_VERSION, Manifest, ObjectEntry};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::error::chain;
use model::{Clock, ShardId, Window};
use serde::Serialize;
use storage::{Creation, Root, StorageError};

use crate::catalog::{Catalog, name_of};
use crate::error::DatasetError;
use crate::marks::Pin;

/// Most objects that are checked at once.
const HEADS_AT_ONCE: usize = 32;

/// Target of a rollback, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackOptions {
    /// Window; required if the shard has several.
    pub window: Option<Window>,
    /// Shard to roll back.
    pub shard: ShardId,
    /// Version whose parts count again.
    pub to: u32,
    /// Reason, kept in the history.
    pub reason: String,
}

/// Document of `tailor dataset rollback -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rollback {
    /// [`API_VERSION`], version of the document.
    pub api_version: &'static str,
    /// Always `Rollback`, the document's kind.
    pub kind: &'static str,
    /// Key of the manifest that was written.
    pub manifest: String,
    /// Window of the shard.
    pub window: Window,
    /// Shard that was rolled back.
    pub shard: ShardId,
    /// Version whose parts count again.
    pub to: u32,
    /// Version that was current before.
    pub replaces: u32,
    /// Version that is current now.
    pub version: u32,
    /// Reason as recorded in the manifest.
    pub reason: String,
}

/// Makes the parts of an old version count again.
///
/// # Errors
/// [`DatasetError::ObjectGone`] or [`DatasetError::ObjectDamaged`] if the version cannot be served any more,
/// [`DatasetError::Conflict`] if another version was committed meanwhile.
pub async fn rollback(
    catalog: &Catalog,
    options: &RollbackOptions,
    clock: &dyn Clock,
) -> Result<Rollback, DatasetError> {
    // Only the name is used, because the current manifest may be the damaged one.
    let current = catalog.current_name(options.window, options.shard).await?;
    if options.to == current.version {
        return Err(DatasetError::Refused(format!(
            "version {} of {} is the current one; name an older one",
            options.to, options.shard
        )));
    }
    let name = ManifestName { version: options.to, ..current };
    let job = catalog.read(name).await?.job;
    let pin = Pin::hold(catalog.root(), &job).await?;
    let written = write(catalog, name, current, options, clock).await;
    let released = pin.release().await;
    let written = written?;
    if let Err(error) = released {
        tracing::warn!(error = chain(&error), %job, "failed to release a rollback's mark; collectors wait until it is stale");
    }
    Ok(written)
}

/// Writes the new version. The caller keeps collectors away.
async fn write(
    catalog: &Catalog,
    name: ManifestName,
    current: ManifestName,
    options: &RollbackOptions,
    clock: &dyn Clock,
) -> Result<Rollback, DatasetError> {
    let old = catalog.read(name).await?;
    check_objects(catalog, &old).await?;
    let version = current.version.checked_add(1).expect("four thousand million versions of one shard");
    let reason = match options.reason.as_str() {
        "" => format!("rollback to v{}", old.version),
        why => format!("rollback to v{}: {why}", old.version),
    };
    let manifest = Manifest {
        version,
        replaces: Some(current.version),
        // An operator who rolls back knows which version is replaced.
        base: None,
        forced: None,
        reason: reason.clone(),
        committed_at_ms: clock.now_ms(),
        ..old.clone()
    };
    commit(catalog, &manifest).await?;
    Ok(Rollback {
        api_version: API_VERSION,
        kind: "Rollback",
        manifest: name_of(&manifest).to_string(),
        window: manifest.window,
        shard: manifest.shard,
        to: old.version,
        replaces: current.version,
        version,
        reason,
    })
}

async fn check_objects(catalog: &Catalog, manifest: &Manifest) -> Result<(), DatasetError> {
    let entries: Vec<_> = manifest.objects().cloned().collect();
    let root = catalog.root();
    let checks = stream::iter(entries).map(|entry| check_object(root, entry)).buffered(HEADS_AT_ONCE);
    checks.try_collect().await
}

async fn check_object(root: &Root, entry: ObjectEntry) -> Result<(), DatasetError> {
    let object = root.object(&entry.key);
    match root.head(&entry.key).await {
        Ok(found) if found.size == entry.size => Ok(()),
        Ok(found) => {
            let fact = format!("has {} bytes, its manifest says {}", found.size, entry.size);
            Err(DatasetError::ObjectDamaged { object, fact })
        }
        Err(StorageError::NotFound { .. }) => Err(DatasetError::ObjectGone { object }),
        Err(error) => Err(error.into()),
    }
}

/// Writes the manifest create-only.
async fn commit(catalog: &Catalog, manifest: &Manifest) -> Result<(), DatasetError> {
    let root = catalog.root();
    let key = name_of(manifest).to_string();
    match root.create_exclusive(&key, manifest.to_bytes()).await? {
        Creation::Ours => Ok(()),
        Creation::Taken => Err(DatasetError::Conflict { object: root.object(&key) }),
    }
}

#[cfg(test)]
mod tests;
