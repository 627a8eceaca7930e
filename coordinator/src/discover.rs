//! Segments under the input prefix, by shard: any object whose key has a component `shard=<name>` and ends in `.seg`.

use std::collections::BTreeMap;

use format::keys;
use model::{SegmentRef, ShardId};
use storage::Root;

use crate::JobError;

/// What lies under the input prefix.
#[derive(Debug, Default)]
pub struct Discovered {
    /// The segments of each shard, in key order.
    pub segments: BTreeMap<ShardId, Vec<SegmentRef>>,
    /// What an operator should look at.
    pub warnings: Vec<String>,
}

/// Lists the segments of all shards, or of those named.
///
/// # Errors
/// [`JobError::BadSegmentKey`] for a segment whose shard cannot be told: leaving it out would lose its points in
/// silence. [`JobError::NoInput`] for a prefix without a segment.
pub async fn discover(input: &Root, shards: &[ShardId]) -> Result<Discovered, JobError> {
    let Discovered { mut segments, mut warnings } = Discovered::default();
    let mut is_any = false;
    let mut strays = Vec::new();
    for object in input.list_input().await? {
        let key = object.location.to_string();
        let shard = keys::segment_shard(&key).map_err(|error| JobError::BadSegmentKey {
            input: input.uri().to_owned(),
            key: key.clone(),
            cause: error.to_string(),
        })?;
        let Some(shard) = shard else {
            if key.to_ascii_lowercase().ends_with(keys::SEGMENT_EXTENSION) {
                strays.push(key);
            }
            continue;
        };
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
    if let Some(first) = strays.first() {
        warnings.push(format!(
            "{} objects look like segments and were left out, for their keys have no component shard=<name> or end in \
             other letters than .seg: the first is {first}",
            strays.len()
        ));
    }
    Ok(Discovered { segments, warnings })
}
