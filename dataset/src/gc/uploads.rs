//! Unfinished uploads: those of a killed worker are invisible but cost storage.

use std::collections::HashMap;
use std::time::Duration;

use format::keys::{self, JobObject, ObjectKey};
use model::JobId;
use storage::Root;
use storage::uploads::PendingUpload;

use super::pass::time_of_store;
use crate::error::DatasetError;
use crate::marks;

/// Aborts our uploads that were begun `min_age` ago or earlier, by the store's clock: in a marked dataset, under keys
/// of Tailor, of jobs that the dataset knows. Returns the aborted ones. Only the age tells an abandoned upload from
/// one in progress: `min_age` must be longer than an attempt takes for one object.
///
/// # Errors
/// Those of the store.
pub async fn abort_uploads(root: &Root, min_age: Duration) -> Result<Vec<PendingUpload>, DatasetError> {
    let mut pending = root.abandoned_uploads("", i64::MAX).await?;
    if pending.is_empty() || !marks::is_marked(root).await? {
        return Ok(Vec::new());
    }
    let age_ms = i64::try_from(min_age.as_millis()).unwrap_or(i64::MAX);
    let before_ms = time_of_store(root).await?.saturating_sub(age_ms);
    pending.retain(|upload| upload.begun_at_ms < before_ms);
    let (mut known, mut aborted) = (HashMap::new(), Vec::new());
    for upload in pending {
        if is_of_known_job(root, &upload.key, &mut known).await? {
            root.abort_upload(&upload).await?;
            aborted.push(upload);
        }
    }
    Ok(aborted)
}

async fn is_of_known_job(root: &Root, key: &str, known: &mut HashMap<JobId, bool>) -> Result<bool, DatasetError> {
    let Some(job) = key.parse::<ObjectKey>().ok().and_then(|key| key.job().cloned()) else { return Ok(false) };
    if let Some(is_known) = known.get(&job) {
        return Ok(*is_known);
    }
    let is_known = knows(root, &job).await?;
    known.insert(job, is_known);
    Ok(is_known)
}

/// True if the dataset at `root` has a spec of `job`.
pub(super) async fn knows(root: &Root, job: &JobId) -> Result<bool, DatasetError> {
    let folder = root.list_folder(&keys::job_folder(job)).await?;
    let is_spec = |object: &object_store::ObjectMeta| {
        matches!(object.location.as_ref().parse(), Ok(ObjectKey::OfJob(_, JobObject::Spec(_))))
    };
    Ok(folder.objects.iter().any(is_spec))
}
