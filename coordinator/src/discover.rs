//! Segments under the input prefix, by shard: any object whose key has a component `shard=<name>` and ends in `.seg`.

use std::collections::BTreeMap;

use format::keys;
use model::{SegmentRef, ShardId};
use storage::Root;

use crate::JobError;

/// The segments of each shard, in key order.
pub type Segments = BTreeMap<ShardId, Vec<SegmentRef>>;

/// Lists the segments of all shards, or of those named.
///
/// # Errors
/// [`JobError::BadSegmentKey`] for a segment whose shard cannot be told: leaving it out would lose its points in
/// silence. [`JobError::NoInput`] for a prefix without a segment.
pub async fn discover(input: &Root, shards: &[ShardId]) -> Result<Segments, JobError> {
    let mut segments = Segments::new();
    let mut is_any = false;
    for object in input.list("").await? {
        let key = object.location.to_string();
        let shard = keys::segment_shard(&key).map_err(|error| JobError::BadSegmentKey {
            input: input.uri().to_owned(),
            key: key.clone(),
            cause: error.to_string(),
        })?;
        let Some(shard) = shard else { continue };
        is_any = true;
        if shards.is_empty() || shards.contains(&shard) {
            segments.entry(shard).or_default().push(SegmentRef { key, size: object.size, etag: object.e_tag });
        }
    }
    if !is_any {
        return Err(JobError::NoInput { input: input.uri().to_owned() });
    }
    for shard in shards {
        segments.entry(*shard).or_default();
    }
    Ok(segments)
}
