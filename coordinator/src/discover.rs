//! Discovers segments under the input prefix, by shard: any object whose key has a component `shard=<name>` and ends
//! in `.seg`.
//!
//! The listing is read as a stream, and some 30 bytes of each segment are kept: ten million segments take a few
//! hundred MiB.

use std::collections::BTreeMap;

use format::keys;
use futures::TryStreamExt as _;
use model::limits::{SEGMENTS_PER_JOB_MAX, SEGMENTS_PER_SHARD_MAX};
use model::{SegmentList, SegmentListBuilder, ShardId};
use storage::Root;

use crate::JobError;

/// Segments under the input prefix, with warnings.
#[derive(Debug, Default)]
pub struct Discovered {
    /// Segments of each shard, in key order.
    pub segments: BTreeMap<ShardId, SegmentList>,
    /// Warnings for an operator.
    pub warnings: Vec<String>,
}

/// Lists the segments of all shards, or of the named ones.
///
/// # Errors
/// [`JobError::BadSegmentKey`] for a segment whose shard cannot be determined: leaving it out would lose its points
/// in silence. [`JobError::NoInput`] for a prefix without a segment. [`JobError::TooManySegments`] for more than a
/// job, or a shard, may have.
pub async fn discover(input: &Root, shards: &[ShardId]) -> Result<Discovered, JobError> {
    let mut listing = Listing::new(input, shards, SEGMENTS_PER_JOB_MAX, SEGMENTS_PER_SHARD_MAX);
    let mut listed = input.stream_input();
    while let Some(object) = listed.try_next().await? {
        listing.add(object.location.as_ref(), object.size, object.e_tag.as_deref())?;
    }
    listing.finish()
}

/// State of the listing.
struct Listing<'a> {
    input: &'a Root,
    shards: &'a [ShardId],
    per_job_max: usize,
    per_shard_max: usize,
    segments: BTreeMap<ShardId, SegmentListBuilder>,
    /// Number of segments of the wanted shards.
    count: usize,
    /// True if there is a segment of any shard.
    is_any: bool,
    /// Number of objects that look like segments but are none.
    strays: u64,
    first_stray: Option<String>,
}

impl<'a> Listing<'a> {
    const fn new(input: &'a Root, shards: &'a [ShardId], per_job_max: usize, per_shard_max: usize) -> Self {
        let segments = BTreeMap::new();
        Self {
            input,
            shards,
            per_job_max,
            per_shard_max,
            segments,
            count: 0,
            is_any: false,
            strays: 0,
            first_stray: None,
        }
    }

    fn add(&mut self, key: &str, size: u64, etag: Option<&str>) -> Result<(), JobError> {
        let shard = keys::segment_shard(key).map_err(|error| JobError::BadSegmentKey {
            input: self.input.uri().to_owned(),
            key: key.to_owned(),
            cause: error.to_string(),
        })?;
        let Some(shard) = shard else {
            if key.to_ascii_lowercase().ends_with(keys::SEGMENT_EXTENSION) {
                self.strays += 1;
                // Folders list in no order, so take the smallest key for a stable message.
                self.first_stray =
                    self.first_stray.take().filter(|first| first.as_str() < key).or(Some(key.to_owned()));
            }
            return Ok(());
        };
        self.is_any = true;
        if self.shards.is_empty() || self.shards.contains(&shard) {
            let list = self.segments.entry(shard).or_default();
            list.push(key, size, etag);
            self.count += 1;
            let (of, max) = match (list.len() > self.per_shard_max, self.count > self.per_job_max) {
                (true, _) => (format!("shard {shard}"), self.per_shard_max),
                (false, true) => ("a job".to_owned(), self.per_job_max),
                (false, false) => return Ok(()),
            };
            return Err(JobError::TooManySegments { input: self.input.uri().to_owned(), of, max });
        }
        Ok(())
    }

    fn finish(self) -> Result<Discovered, JobError> {
        if !self.is_any {
            return Err(JobError::NoInput { input: self.input.uri().to_owned() });
        }
        let mut segments: BTreeMap<_, _> =
            self.segments.into_iter().map(|(shard, list)| (shard, list.finish())).collect();
        for shard in self.shards {
            segments.entry(*shard).or_default();
        }
        let stray = |first: String| {
            format!(
                "{} objects look like segments and were left out, because their keys have no component shard=<name> or end \
                 in other letters than .seg: the first is {first}",
                self.strays
            )
        };
        Ok(Discovered { segments, warnings: self.first_stray.map(stray).into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;

    fn listing(root: &Root, count: usize, per_job_max: usize, per_shard_max: usize) -> Result<Discovered, JobError> {
        let mut listing = Listing::new(root, &[], per_job_max, per_shard_max);
        for at in 0..count {
            listing.add(&format!("shard=org-{}/{at}.seg", at % 2), 1, None)?;
        }
        listing.finish()
    }

    #[test]
    fn more_segments_than_a_job_or_a_shard_may_have_are_refused_with_the_way_out() {
        let root = Root::of_store("memory", Arc::new(InMemory::new()));
        let found = listing(&root, 10, 10, 5).expect("as many as there may be");
        assert_eq!(found.segments.values().map(SegmentList::len).collect::<Vec<_>>(), [5, 5]);
        let error = listing(&root, 11, 10, 100).expect_err("one too many").to_string();
        assert!(error.contains("a job may have at most 10 segments") && error.contains("--shard"), "{error}");
        let error = listing(&root, 11, 100, 5).expect_err("one too many").to_string();
        assert!(error.contains("shard org-0 may have at most 5 segments"), "{error}");
    }
}
