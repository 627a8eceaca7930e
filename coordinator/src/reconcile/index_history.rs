//! Adds entries to the history's index for jobs that an older version archived.

use model::error::chain;
use storage::Root;

use crate::history_index;

pub(super) async fn complete(root: &Root) {
    if let Err(error) = history_index::complete(root).await {
        let error = chain(&error);
        tracing::warn!(error, dataset = %root, "failed to index the history; listings read each job's record until the next run");
    }
}
