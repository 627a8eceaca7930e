//! Detects segments that lie under two keys: the same bytes were delivered twice, so each of their points counts
//! twice.
//!
//! Most rules for duplicates drop the second copy without harm; `--duplicates sum` adds it, and `keep` keeps it. So a
//! job warns. Equal bytes have equal sizes, so segments of a size of their own cost nothing. The others are compared
//! in two steps, both bounded for each shard:
//!
//! ```text
//! equal size -> the first and the last 64 KiB of each, of 1,000 segments -> all bytes, of 256 MiB
//! ```
//!
//! The warning tells apart segments that were compared by their samples alone, because of the second bound. Segments
//! are compared in order of their keys, so the same input gives the same warning. A segment that cannot be read is left
//! to the task that reads it.

use std::collections::{BTreeMap, HashMap};

use futures::{StreamExt as _, stream};
use model::digest::{Digest, Digester};
use model::limits::{COPIES_COMPARED_MAX, COPY_BYTES_MAX, COPY_SAMPLE_BYTES, REQUESTS_AT_ONCE_MAX};
use model::{SegmentList, SegmentRef, ShardId};
use storage::{Root, StorageError};

/// Bytes of one read of a segment that is read whole.
const READ_BYTES: u64 = 4 << 20;

/// Most segments that are read whole at once.
const WHOLE_AT_ONCE: usize = 4;

/// Most pairs that a warning names.
const NAMED_MAX: usize = 5;

/// Creates a warning for each shard that has such segments.
pub(crate) async fn warnings(input: &Root, segments: &BTreeMap<ShardId, SegmentList>) -> Vec<String> {
    let mut warnings = Vec::new();
    for (shard, list) in segments {
        warnings.extend(Copies::find(input, list).await.warning(*shard));
    }
    warnings
}

/// Segments of one shard that have the bytes of an earlier segment.
#[derive(Debug, Default, PartialEq, Eq)]
struct Copies {
    /// Pairs of a segment and an earlier one, with true if all their bytes were compared.
    pairs: Vec<(String, String, bool)>,
    /// Number of segments of equal sizes that were not compared.
    passed_over: usize,
}

impl Copies {
    async fn find(input: &Root, list: &SegmentList) -> Self {
        let (candidates, passed_over) = candidates(list);
        // Created before they are polled: a closure over borrowed segments is not general enough for a spawned task.
        let requests: Vec<_> = candidates.iter().map(|segment| sample(input, segment)).collect();
        let samples: Vec<_> = stream::iter(requests).buffered(REQUESTS_AT_ONCE_MAX).collect().await;
        let mut alike: BTreeMap<(u64, Digest), Vec<&SegmentRef>> = BTreeMap::new();
        for (segment, sample) in candidates.iter().zip(&samples) {
            if let Ok(sample) = sample {
                alike.entry((segment.size, *sample)).or_default().push(segment);
            }
        }
        let mut pairs = Vec::new();
        let mut budget = COPY_BYTES_MAX;
        let mut groups: Vec<_> = alike.into_values().filter(|group| group.len() > 1).collect();
        groups.sort_by(|one, other| one[0].key.cmp(&other[0].key));
        for group in groups {
            pairs.extend(compare(input, &group, &mut budget).await);
        }
        Self { pairs, passed_over }
    }

    fn warning(&self, shard: ShardId) -> Option<String> {
        let Self { pairs, passed_over } = self;
        if pairs.is_empty() {
            return None;
        }
        let name = |(copy, first, is_whole): &(String, String, bool)| {
            let how = if *is_whole { "" } else { " (by size, first and last bytes)" };
            format!("{copy} is {first}{how}")
        };
        let named: Vec<_> = pairs.iter().take(NAMED_MAX).map(name).collect();
        let more = pairs.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let unknown = match passed_over {
            0 => String::new(),
            count => format!("; {count} more of equal sizes were not compared"),
        };
        Some(format!(
            "{} segments of shard {shard} have the bytes of an earlier one, so their points come twice, which `--duplicates sum` \
             adds: {}{more}{unknown}",
            pairs.len(),
            named.join("; ")
        ))
    }
}

/// Lists the segments whose size occurs more than once, as many as are compared; counts the others.
fn candidates(list: &SegmentList) -> (Vec<SegmentRef>, usize) {
    let mut sizes: Vec<u64> = list.iter().map(|segment| segment.size).filter(|size| *size > 0).collect();
    sizes.sort_unstable();
    let mut shared: Vec<u64> = sizes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    shared.dedup();
    let mut candidates = Vec::new();
    let mut passed_over = 0;
    for segment in list.iter().filter(|segment| shared.binary_search(&segment.size).is_ok()) {
        if candidates.len() < COPIES_COMPARED_MAX {
            candidates.push(segment);
        } else {
            passed_over += 1;
        }
    }
    (candidates, passed_over)
}

/// Digest of the first and the last bytes.
async fn sample(input: &Root, segment: &SegmentRef) -> Result<Digest, StorageError> {
    let len = segment.size.min(COPY_SAMPLE_BYTES);
    let mut digester = Digester::new();
    digester.update(&input.read_segment(segment, 0, len as usize).await?);
    if segment.size > len {
        let start = (segment.size - COPY_SAMPLE_BYTES).max(len);
        digester.update(&input.read_segment(segment, start, (segment.size - start) as usize).await?);
    }
    Ok(digester.finish())
}

/// Finds the segments in a group of equal size and samples that have the bytes of an earlier one.
async fn compare(input: &Root, group: &[&SegmentRef], budget: &mut u64) -> Vec<(String, String, bool)> {
    let size = group[0].size;
    // The samples cover the whole segment.
    let is_read = size <= 2 * COPY_SAMPLE_BYTES;
    let cost = size.saturating_mul(group.len() as u64);
    if is_read || cost > *budget {
        let pair = |copy: &&SegmentRef| (copy.key.clone(), group[0].key.clone(), is_read);
        return group[1..].iter().map(pair).collect();
    }
    *budget -= cost;
    let requests: Vec<_> = group.iter().map(|segment| whole(input, segment)).collect();
    let digests: Vec<_> = stream::iter(requests).buffered(WHOLE_AT_ONCE).collect().await;
    let mut first: HashMap<Digest, &str> = HashMap::new();
    let mut pairs = Vec::new();
    for (segment, digest) in group.iter().zip(digests) {
        let Ok(digest) = digest else { continue };
        match first.get(&digest) {
            Some(earlier) => pairs.push((segment.key.clone(), (*earlier).to_owned(), true)),
            None => drop(first.insert(digest, &segment.key)),
        }
    }
    pairs
}

/// Digest of all bytes.
async fn whole(input: &Root, segment: &SegmentRef) -> Result<Digest, StorageError> {
    let mut digester = Digester::new();
    let mut start = 0;
    while start < segment.size {
        let len = READ_BYTES.min(segment.size - start);
        digester.update(&input.read_segment(segment, start, len as usize).await?);
        start += len;
    }
    Ok(digester.finish())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;

    /// Builds segments by key; their bytes are a length, and the bytes at some places that differ.
    type Sent<'a> = (&'a str, usize, &'a [(usize, u8)]);

    async fn found(segments: &[Sent<'_>]) -> Copies {
        let root = Root::of_store("memory", Arc::new(InMemory::new()));
        let mut list = Vec::new();
        for (key, len, changes) in segments {
            let mut bytes = vec![7; *len];
            changes.iter().for_each(|(at, byte)| bytes[*at] = *byte);
            root.replace(key, bytes).await.expect("memory");
            list.push(SegmentRef { key: (*key).to_owned(), size: *len as u64, etag: None });
        }
        Copies::find(&root, &list.into()).await
    }

    fn pairs(copies: &Copies) -> Vec<(&str, &str, bool)> {
        copies.pairs.iter().map(|(copy, first, is_whole)| (copy.as_str(), first.as_str(), *is_whole)).collect()
    }

    #[tokio::test]
    async fn equal_bytes_are_found_and_equal_sizes_are_not_enough() {
        let copies = found(&[
            ("a", 1000, &[]),
            ("b", 1000, &[(999, 1)]),
            ("c", 1000, &[]),
            ("d", 1001, &[]),
            ("e", 0, &[]),
            ("f", 0, &[]),
            ("g", 1000, &[(999, 1)]),
            ("h", 1000, &[]),
        ])
        .await;
        assert_eq!(pairs(&copies), [("c", "a", true), ("h", "a", true), ("g", "b", true)]);
        let warning = copies.warning(ShardId::Shared(1)).expect("three copies");
        assert!(warning.starts_with("3 segments of shard org-mod-01") && warning.contains("c is a; "), "{warning}");
        assert_eq!(found(&[("a", 10, &[]), ("b", 11, &[])]).await.warning(ShardId::Shared(1)), None);
    }

    #[tokio::test]
    async fn a_difference_between_the_samples_is_seen() {
        const LEN: usize = 1 << 20;
        let copies =
            found(&[("a", LEN, &[]), ("b", LEN, &[(LEN / 2, 1)]), ("c", LEN, &[]), ("d", LEN, &[(LEN / 2, 1)])]);
        assert_eq!(pairs(&copies.await), [("c", "a", true), ("d", "b", true)]);
    }

    #[tokio::test]
    async fn what_is_past_the_bounds_is_told_as_such() {
        const LEN: usize = (COPY_BYTES_MAX as usize / 2) + 1;
        let copies = found(&[("a", LEN, &[]), ("b", LEN, &[])]).await;
        assert_eq!(pairs(&copies), [("b", "a", false)]);
        assert!(copies.warning(ShardId::Shared(1)).expect("a copy").contains("by size, first and last bytes"));
        let keys: Vec<_> = (0..COPIES_COMPARED_MAX + 5).map(|at| format!("{at:05}")).collect();
        let segments: Vec<Sent<'_>> = keys.iter().map(|key| (key.as_str(), 1, &[][..])).collect();
        let copies = found(&segments).await;
        assert_eq!((copies.pairs.len(), copies.passed_over), (COPIES_COMPARED_MAX - 1, 5));
        let warning = copies.warning(ShardId::Shared(1)).expect("copies");
        assert!(warning.contains("and 994 more") && warning.contains("5 more of equal sizes"), "{warning}");
    }

    #[tokio::test]
    async fn a_segment_that_cannot_be_read_is_left_to_its_task() {
        let root = Root::of_store("memory", Arc::new(InMemory::new()));
        let gone = |key: &str| SegmentRef { key: key.to_owned(), size: 5, etag: None };
        assert_eq!(Copies::find(&root, &vec![gone("a"), gone("b")].into()).await, Copies::default());
    }
}
