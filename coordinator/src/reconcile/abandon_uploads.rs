//! Aborts multipart uploads that nobody finished: those of a killed worker are invisible but cost storage.

use dataset::gc;
use model::error::chain;
use storage::Root;

use crate::settings::CollectorSettings;

pub(super) async fn abort(root: &Root, settings: &CollectorSettings) {
    match gc::abort_uploads(root, settings.uploads_min_age).await {
        Ok(aborted) => {
            for upload in aborted {
                metrics::counter!("tailor_uploads_aborted_total").increment(1);
                tracing::info!(object = root.object(&upload.key), "aborted an abandoned upload");
            }
        }
        Err(error) => {
            tracing::warn!(error = chain(&error), dataset = %root, "failed to abort abandoned uploads; the next run tries again")
        }
    }
}
