//! Marker of a dataset, and marks of its jobs: written and read.
//!
//! A process that is about to write possible garbage marks the job first, and refreshes the mark until the job has
//! ended and its record is written. So a collector of any cluster, or one that is started by hand, can always tell
//! which jobs are open: those whose mark says so and was refreshed lately, by the store's clock.

use format::keys::{self, ObjectKey, ProcessName};
use format::marks::{DatasetMarker, JobMark, LAYOUT, MarkState};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::limits::GC_REQUESTS_MAX;
use model::{JobId, TimestampMs};
use storage::{Root, StorageError};

use crate::error::DatasetError;

/// Mark as it lies in the dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMark {
    /// Key of the mark.
    pub key: String,
    /// Time of the last write, by the store's clock.
    pub refreshed_at_ms: TimestampMs,
    /// Content of the mark; none if this build cannot read it.
    pub mark: Option<JobMark>,
}

/// Marks the dataset at `root` as Tailor's, unless it is marked. An object of that name that is not a marker is left
/// alone: nothing is collected in such a place.
///
/// # Errors
/// Those of the store.
pub async fn mark_dataset(root: &Root) -> Result<(), StorageError> {
    match root.read(keys::MARKER).await {
        Err(StorageError::NotFound { .. }) => {}
        Ok(bytes) if DatasetMarker::from_bytes(&bytes).is_none() => {
            tracing::warn!(
                object = root.object(keys::MARKER),
                "found an object that is not Tailor's marker; nothing is collected here"
            );
            return Ok(());
        }
        found => return found.map(drop),
    }
    let marker = DatasetMarker::new(fastrand::u128(..));
    root.create_exclusive(keys::MARKER, marker.to_bytes()).await.map(drop)
}

/// True if the place at `root` carries our marker, with a layout that this build cleans.
///
/// # Errors
/// Those of the store.
pub async fn is_marked(root: &Root) -> Result<bool, StorageError> {
    match root.read(keys::MARKER).await {
        Err(StorageError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
        Ok(bytes) => Ok(DatasetMarker::from_bytes(&bytes).is_some_and(|marker| marker.layout <= LAYOUT)),
    }
}

/// Marks `run` of `job` as open: before it writes anything that could be garbage, and again every
/// [`model::limits::JOB_MARK_EVERY`].
///
/// # Errors
/// Those of the store.
pub async fn mark_open(root: &Root, job: &JobId, run: u64, process: Option<ProcessName>) -> Result<(), StorageError> {
    let mark = JobMark { state: MarkState::Open, process };
    root.replace(&keys::mark(job, run), mark.to_bytes()).await
}

/// Marks `run` of `job` as over: a collector sweeps its leftovers, and removes the mark.
///
/// # Errors
/// Those of the store.
pub async fn mark_over(root: &Root, job: &JobId, run: u64) -> Result<(), StorageError> {
    root.replace(&keys::mark(job, run), OVER.to_bytes()).await
}

const OVER: JobMark = JobMark { state: MarkState::Over, process: None };

/// Pin of a rollback, which protects a job's output.
#[derive(Debug)]
pub struct Pin<'a> {
    root: &'a Root,
    key: String,
}

impl<'a> Pin<'a> {
    /// Keeps collectors from everything that `job` wrote. Objects that a collector examined before this call are
    /// checked again before they are deleted.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn hold(root: &'a Root, job: &JobId) -> Result<Self, StorageError> {
        let key = keys::pin(job, fastrand::u64(..));
        let mark = JobMark { state: MarkState::Open, process: None };
        root.replace(&key, mark.to_bytes()).await?;
        Ok(Self { root, key })
    }

    /// Releases the pin. The mark stays, as over, so that the next collection examines the replaced version.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn release(self) -> Result<(), StorageError> {
        self.root.replace(&self.key, OVER.to_bytes()).await
    }
}

/// Lists the marks of a job.
///
/// # Errors
/// Those of the store.
pub async fn of_job(root: &Root, job: &JobId) -> Result<Vec<FoundMark>, DatasetError> {
    let listed = root.list_folder(&keys::marks_of(job)).await?;
    let read = |object: object_store::ObjectMeta| async move {
        let key = object.location.to_string();
        if !matches!(key.parse(), Ok(ObjectKey::Mark(..) | ObjectKey::Pin(..))) {
            return Ok(None);
        }
        match root.read(&key).await {
            Ok(bytes) => Ok(Some(FoundMark {
                key,
                refreshed_at_ms: object.last_modified.timestamp_millis(),
                mark: JobMark::from_bytes(&bytes),
            })),
            Err(StorageError::NotFound { .. }) => Ok(None),
            Err(error) => Err(DatasetError::from(error)),
        }
    };
    let marks = stream::iter(listed.objects).map(read).buffered(GC_REQUESTS_MAX).try_collect::<Vec<_>>().await?;
    Ok(marks.into_iter().flatten().collect())
}
