//! Gives jobs that an older version archived their entry in the history's index.

use storage::Root;

use crate::error::describe;
use crate::history_index;

pub(super) async fn complete(root: &Root) {
    if let Err(error) = history_index::complete(root).await {
        let error = describe(&error);
        tracing::warn!(error, dataset = %root, "the history could not be indexed; listings read each job's record until the next try");
    }
}
