//! Rollback: a new version that names an old version's parts again.
//!
//! Nothing is overwritten and nothing is copied. The new manifest is written create-only under the next number, so of two
//! operators one wins and the other is told. A version whose objects are not all there any more is refused (CM-2).

use format::manifest::{API_VERSION, Manifest};
use model::{Clock, ShardId, Window};
use serde::Serialize;
use storage::{Creation, StorageError};

use crate::catalog::{Catalog, name_of};
use crate::error::DatasetError;

/// What to go back to, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackOptions {
    /// The window; needed where the shard has several.
    pub window: Option<Window>,
    /// The shard.
    pub shard: ShardId,
    /// The version whose parts count again.
    pub to: u32,
    /// Why, for whoever reads the history.
    pub reason: String,
}

/// The document of `tailor dataset rollback -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rollback {
    /// [`API_VERSION`].
    pub api_version: &'static str,
    /// `Rollback`.
    pub kind: &'static str,
    /// Key of the manifest that was written.
    pub manifest: String,
    /// The window.
    pub window: Window,
    /// The shard.
    pub shard: ShardId,
    /// The version whose parts count again.
    pub to: u32,
    /// The version that was current before.
    pub replaces: u32,
    /// The version that is current now.
    pub version: u32,
    /// Its reason, as recorded.
    pub reason: String,
}

/// Makes the parts of an old version count again.
///
/// # Errors
/// [`DatasetError::ObjectGone`] or [`DatasetError::ObjectDamaged`] for a version that cannot be served any more,
/// [`DatasetError::Conflict`] where another version was committed meanwhile.
pub async fn rollback(
    catalog: &Catalog,
    options: &RollbackOptions,
    clock: &dyn Clock,
) -> Result<Rollback, DatasetError> {
    // By its name alone: the current manifest may be what has to be got rid of.
    let current = catalog.current_name(options.window, options.shard).await?;
    if options.to == current.version {
        return Err(DatasetError::Refused(format!(
            "version {} of {} is the current one; name an older one",
            options.to, options.shard
        )));
    }
    let old = catalog.one(Some(current.window), options.shard, Some(options.to)).await?;
    check_objects(catalog, &old).await?;
    let version = current.version.checked_add(1).expect("four thousand million versions of one shard");
    let reason = match options.reason.as_str() {
        "" => format!("rollback to v{}", old.version),
        why => format!("rollback to v{}: {why}", old.version),
    };
    let manifest = Manifest {
        version,
        replaces: Some(current.version),
        // Whoever goes back knows what it goes back from.
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
    let root = catalog.root();
    for entry in manifest.objects() {
        let object = root.object(&entry.key);
        match root.head(&entry.key).await {
            Ok(found) if found.size == entry.size => {}
            Ok(found) => {
                let fact = format!("has {} bytes, its manifest says {}", found.size, entry.size);
                return Err(DatasetError::ObjectDamaged { object, fact });
            }
            Err(StorageError::NotFound { .. }) => return Err(DatasetError::ObjectGone { object }),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Writes the manifest create-only.
async fn commit(catalog: &Catalog, manifest: &Manifest) -> Result<(), DatasetError> {
    let root = catalog.root();
    let key = name_of(manifest).to_string();
    match root.create_once(&key, manifest.to_bytes()).await? {
        Creation::Ours => Ok(()),
        Creation::Taken => Err(DatasetError::Conflict { object: root.object(&key) }),
    }
}

#[cfg(test)]
mod tests;
