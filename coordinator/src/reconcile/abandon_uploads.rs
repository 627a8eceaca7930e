//! Aborts multipart uploads that nobody finished: a worker that was killed leaves its own behind, unseen and paid for.

use model::Clock;
use storage::Root;

use crate::error::describe;
use crate::settings::CollectorSettings;

pub(super) async fn abort(root: &Root, settings: &CollectorSettings, clock: &dyn Clock) {
    let age_ms = i64::try_from(settings.uploads_min_age.as_millis()).unwrap_or(i64::MAX);
    let before_ms = clock.now_ms().saturating_sub(age_ms);
    let abandoned = match root.abandoned_uploads("", before_ms).await {
        Ok(abandoned) => abandoned,
        Err(error) => return tracing::warn!(error = describe(&error), dataset = %root, "list abandoned uploads"),
    };
    for upload in abandoned {
        match root.abort_upload(&upload).await {
            Ok(()) => {
                metrics::counter!("tailor_uploads_aborted_total").increment(1);
                tracing::info!(object = root.object(&upload.key), "abandoned upload aborted");
            }
            Err(error) => tracing::warn!(error = describe(&error), "abort an upload; the next time will do"),
        }
    }
}
