//! Opens a place without a risk to hang on it.
//!
//! A folder on a dead mount (NFS without its server, a FUSE process that is stuck) does not fail: the call hangs in
//! the kernel, and its thread with it. So folders are opened by threads of their own, one per place for any number of
//! callers, and a caller waits for at most [`FOLDER_OPEN_MAX`]. Buckets are opened directly, because nothing is sent
//! to them yet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use model::limits::FOLDER_OPEN_MAX;

use crate::{Missing, Root, StorageError};

/// Rule by which a folder is opened, so that callers share an opening only under the same rule; 0 for none.
pub(crate) type RuleId = usize;

/// Place that a thread is opening, with its waiting callers.
type Opening = Shared<BoxFuture<'static, Result<Root, Arc<StorageError>>>>;

/// Folders that are being opened in this process. One that hangs stays here, so that further calls cost no further
/// thread.
static UNDER_WAY: Mutex<BTreeMap<(Missing, RuleId, String), Opening>> = Mutex::new(BTreeMap::new());

/// Error of a folder whose file system did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("its file system has not answered within {} s; is it mounted, and does its server live?", FOLDER_OPEN_MAX.as_secs())]
pub(crate) struct NoAnswer;

impl Root {
    /// Opens a place as [`Self::open`] does, but never hangs.
    ///
    /// # Errors
    /// As for [`Self::open`], and [`StorageError::Failed`] for a file system that does not answer: its store is away.
    pub async fn reach(uri: &str) -> Result<Self, StorageError> {
        reach_by((Missing::Refuse, 0), Self::open, uri).await
    }

    /// Opens a place as [`Self::create`] does, but never hangs.
    ///
    /// # Errors
    /// As for [`Self::create`], and [`StorageError::Failed`] for a file system that does not answer: its store is away.
    pub async fn reach_or_make(uri: &str) -> Result<Self, StorageError> {
        reach_by((Missing::Make, 0), Self::create, uri).await
    }
}

/// Opens a place by `open` under a rule.
pub(crate) async fn reach_by(
    (missing, rule): (Missing, RuleId),
    open: impl FnOnce(&str) -> Result<Root, StorageError> + Send + 'static,
    uri: &str,
) -> Result<Root, StorageError> {
    if !is_folder(uri) {
        return open(uri);
    }
    match tokio::time::timeout(FOLDER_OPEN_MAX, opening((missing, rule), open, uri)).await {
        Ok(opened) => opened.map_err(|error| again(&error)),
        Err(_) => Err(failed(uri, NoAnswer)),
    }
}

/// Joins the opening of a folder that is in progress, or starts one.
fn opening(
    (missing, rule): (Missing, RuleId),
    open: impl FnOnce(&str) -> Result<Root, StorageError> + Send + 'static,
    uri: &str,
) -> Opening {
    let key = (missing, rule, uri.to_owned());
    let begin = || {
        let (key, uri) = (key.clone(), uri.to_owned());
        let opened = tokio::task::spawn_blocking(move || {
            let opened = open(&key.2).map_err(Arc::new);
            under_way().remove(&key);
            opened
        });
        let joined = opened.map(move |joined| match joined {
            Ok(opened) => opened,
            // The runtime is shutting down.
            Err(error) => Err(Arc::new(failed(&uri, error))),
        });
        joined.boxed().shared()
    };
    under_way().entry(key.clone()).or_insert_with(begin).clone()
}

fn under_way() -> MutexGuard<'static, BTreeMap<(Missing, RuleId, String), Opening>> {
    // No code panics while it holds the lock.
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_folder(uri: &str) -> bool {
    matches!(uri.split_once("://"), None | Some(("file", _)))
}

fn failed(uri: &str, source: impl std::error::Error + Send + Sync + 'static) -> StorageError {
    StorageError::Failed { operation: "open", object: uri.to_owned(), source: Box::new(source) }
}

/// Copies the error for one more caller.
fn again(error: &StorageError) -> StorageError {
    match error {
        StorageError::Open { uri, cause } => StorageError::Open { uri: uri.clone(), cause: cause.clone() },
        StorageError::NotFound { object } => StorageError::NotFound { object: object.clone() },
        other => failed("a place", std::io::Error::other(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Number of threads that hang in [`hang`].
    static HANGING: AtomicUsize = AtomicUsize::new(0);
    /// Wakes the hanging threads when the mount is alive again.
    static IS_ALIVE: std::sync::Condvar = std::sync::Condvar::new();
    static ALIVE: Mutex<bool> = Mutex::new(false);

    /// Opens a folder of a dead mount, in place of the system call.
    fn hang(uri: &str) -> Result<Root, StorageError> {
        HANGING.fetch_add(1, Ordering::Relaxed);
        let alive = ALIVE.lock().expect("no panic");
        drop(IS_ALIVE.wait_while(alive, |alive| !*alive).expect("no panic"));
        Root::open(uri)
    }

    #[tokio::test]
    async fn a_folder_that_hangs_holds_up_no_thread_of_the_runtime_and_one_thread_in_all() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let uri = folder.path().display().to_string();
        let began = std::time::Instant::now();
        let asks: Vec<_> = (0..40)
            .map(|_| {
                let uri = uri.clone();
                tokio::spawn(async move { reach_by((Missing::Refuse, 0), hang, &uri).await })
            })
            .collect();
        tokio::task::yield_now().await;
        // The runtime has only this thread, and it goes on: another folder opens meanwhile.
        let other = tempfile::tempdir().expect("a temporary folder");
        Root::reach(&other.path().display().to_string()).await.expect("a folder that answers");
        assert!(began.elapsed() < FOLDER_OPEN_MAX);
        for ask in asks {
            let error = ask.await.expect("no panic").expect_err("it hangs");
            assert!(error.is_store_away() && !error.is_lasting(), "{error:?}");
        }
        assert_eq!(HANGING.load(Ordering::Relaxed), 1);
        *ALIVE.lock().expect("no panic") = true;
        IS_ALIVE.notify_all();
        Root::reach(&uri).await.expect("the mount is alive again");
    }

    #[tokio::test]
    async fn what_cannot_be_opened_is_told_as_it_is() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let missing = folder.path().join("missing").display().to_string();
        assert!(matches!(Root::reach(&missing).await, Err(StorageError::NotFound { object }) if object == missing));
        Root::reach_or_make(&missing).await.expect("it is made");
        Root::reach(&missing).await.expect("it is there");
        let scheme = Root::reach("gopher://hole").await;
        assert!(matches!(&scheme, Err(StorageError::Open { uri, .. }) if uri == "gopher://hole"), "{scheme:?}");
        assert!(under_way().keys().all(|(_, _, uri)| *uri != missing), "nothing is left");
    }
}
