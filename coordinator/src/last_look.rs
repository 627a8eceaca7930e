//! Last check before a commit: the input is still as planned, and the output is as written (CM-2).
//!
//! Up to [`REQUESTS_AT_ONCE_MAX`] requests are in flight. A folder is listed if that takes fewer requests than asking
//! for each of its segments: a page of a listing covers a thousand.

use std::ops::Range;

use format::segments::Inputs;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::limits::REQUESTS_AT_ONCE_MAX;
use model::{ObjectEntry, SegmentList, SegmentRef};
use scheduler::ShardOutput;
use storage::{Root, StorageError};

use crate::commit::CommitError;

/// Number of segments in one folder from which on the folder is listed. Below it, a request per segment costs less
/// than a listing, for which S3 charges twelve times as much as for a HEAD.
const LISTED_SEGMENTS_MIN: usize = 32;

/// Current size and etag of a segment; none if it is gone.
type Found = Option<(u64, Option<String>)>;

/// Request that checks a part of the input.
enum Look {
    /// Lists the folder in which the segments at these positions lie.
    Folder(String, Range<usize>),
    /// Requests the head of one segment.
    Segment(SegmentRef),
}

/// Compares every segment with the plan.
///
/// # Errors
/// [`CommitError::InputChanged`] names a segment that is gone, or has another size or etag than planned.
pub(crate) async fn check_input(input: &Root, segments: &SegmentList) -> Result<(), CommitError> {
    let look = |look: Look| async move {
        match look {
            Look::Folder(folder, positions) => check_folder(input, &folder, segments, positions).await,
            Look::Segment(segment) => check_segment(input, segment).await,
        }
    };
    stream::iter(looks(segments)).map(look).buffer_unordered(REQUESTS_AT_ONCE_MAX).try_collect().await
}

/// Lists the requests that cover all segments. Segments are sorted, so those of one folder are neighbours.
fn looks(segments: &SegmentList) -> impl Iterator<Item = Look> + '_ {
    let mut rest = segments.iter().enumerate().peekable();
    let next = move || {
        let (start, first) = rest.next()?;
        let folder = shard_folder(&first.key).map(str::to_owned);
        let is_same = |next: &(usize, SegmentRef)| folder.is_some() && shard_folder(&next.1.key) == folder.as_deref();
        let (mut few, mut end) = (vec![first], start + 1);
        while let Some((_, segment)) = rest.next_if(is_same) {
            end += 1;
            if few.len() < LISTED_SEGMENTS_MIN {
                few.push(segment);
            }
        }
        Some(match folder {
            Some(folder) if end - start >= LISTED_SEGMENTS_MIN => vec![Look::Folder(folder, start..end)],
            _ => few.into_iter().map(Look::Segment).collect(),
        })
    };
    std::iter::from_fn(next).flatten()
}

/// Returns the folder of a segment's shard: its key up to the component `shard=<name>`. It holds no segments of
/// another shard.
fn shard_folder(key: &str) -> Option<&str> {
    let start = if key.starts_with("shard=") { 0 } else { key.find("/shard=")? + 1 };
    let end = start + key[start..].find('/')?;
    Some(&key[..end])
}

/// Checks the segments at `positions` against a listing of their folder.
async fn check_folder(
    input: &Root,
    folder: &str,
    segments: &SegmentList,
    positions: Range<usize>,
) -> Result<(), CommitError> {
    let mut is_found = vec![false; positions.len()];
    let mut next = positions.start;
    let mut planned = segments.iter_from(next).peekable();
    let mut listed = input.stream(folder);
    while let Some(object) = listed.try_next().await? {
        let key = object.location.as_ref();
        // A bucket lists in the order of the plan. Other stores, and segments that came later, need a search.
        if planned.peek().is_none_or(|planned| planned.key != key) {
            let Some(position) = segments.position_of(key) else { continue };
            next = position;
            planned = segments.iter_from(position).peekable();
        }
        let Some(segment) = planned.next() else { continue };
        compare(&segment, Some((object.size, object.e_tag)))?;
        is_found[next - positions.start] = true;
        next += 1;
    }
    match is_found.iter().position(|is_found| !is_found).and_then(|at| segments.get(positions.start + at)) {
        // A listing leaves out objects that vanish while it runs; only a request for the object itself proves that it
        // is gone.
        Some(segment) => check_segment(input, segment).await,
        None => Ok(()),
    }
}

async fn check_segment(input: &Root, segment: SegmentRef) -> Result<(), CommitError> {
    let found = match input.head(&segment.key).await {
        Ok(now) => Some((now.size, now.e_tag)),
        Err(StorageError::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    compare(&segment, found)
}

fn compare(segment: &SegmentRef, found: Found) -> Result<(), CommitError> {
    let what = match found {
        None => "it is gone".to_owned(),
        Some((size, _)) if size != segment.size => format!("planned with {} bytes, now {size}", segment.size),
        Some((_, etag)) if etag != segment.etag => "another etag than planned".to_owned(),
        Some(_) => return Ok(()),
    };
    Err(CommitError::InputChanged { segment: segment.key.clone(), what })
}

/// Compares the size of every object that the manifest will name with the size that was written.
///
/// # Errors
/// [`CommitError::OutputChanged`], or an error of the store: [`StorageError::NotFound`] if an object is gone.
pub(crate) async fn check_output(dataset: &Root, output: &ShardOutput, inputs: &Inputs) -> Result<(), CommitError> {
    let check = |object: &ObjectEntry| {
        let (key, expected) = (object.key.clone(), object.size);
        async move {
            let found = dataset.head(&key).await?.size;
            if found != expected {
                return Err(CommitError::OutputChanged { object: dataset.object(&key), found, expected });
            }
            Ok(())
        }
    };
    let objects = objects(output).into_iter().chain(inputs.object());
    let checks: Vec<_> = objects.map(check).collect();
    stream::iter(checks).buffer_unordered(REQUESTS_AT_ONCE_MAX).try_collect().await
}

/// Lists every object of the output that the manifest will name.
fn objects(output: &ShardOutput) -> Vec<&ObjectEntry> {
    let mut objects: Vec<_> = output.quarantine.iter().map(|entry| &entry.object).collect();
    for (_, _, report) in &output.partitions {
        objects.extend(&report.raw);
        objects.extend(report.rollups.iter().map(|rollup| &rollup.object));
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_shard_ends_at_its_component() {
        assert_eq!(shard_folder("a7f3/shard=org-7/topic-1/1.seg"), Some("a7f3/shard=org-7"));
        assert_eq!(shard_folder("shard=org-7/1.seg"), Some("shard=org-7"));
        assert_eq!(shard_folder("xshard=org-7/1.seg"), None);
        assert_eq!(shard_folder("x/shard=org-7.seg"), None);
    }

    #[tokio::test]
    async fn a_segment_that_is_gone_or_another_is_named_whether_it_is_listed_or_asked_for() {
        for count in [1, LISTED_SEGMENTS_MIN - 1, LISTED_SEGMENTS_MIN, 3 * LISTED_SEGMENTS_MIN] {
            let folder = tempfile::tempdir().expect("a folder");
            let root = Root::create(folder.path().to_str().expect("a plain name")).expect("a folder opens");
            for ordinal in 0..count {
                root.replace(&format!("x/shard=org-7/{ordinal:04}.seg"), "abc").await.expect("it is written");
            }
            let listed = root.list("").await.expect("a listing");
            let segments = listed.into_iter().map(|object| SegmentRef {
                key: object.location.to_string(),
                size: object.size,
                etag: object.e_tag,
            });
            let planned: Vec<_> = segments.collect();
            let list: SegmentList = planned.clone().into();
            let check = async || check_input(&root, &list).await;
            root.replace("x/shard=org-7/9999.seg", "later").await.expect("it is written");
            check().await.expect("what came later is no change");

            let last = &planned[count - 1].key;
            root.replace(last, "abcd").await.expect("it is written");
            let error = check().await.expect_err("it is longer").to_string();
            assert!(error.contains(last.as_str()) && error.contains("planned with 3 bytes, now 4"), "{count}: {error}");
            root.remove(last).await.expect("it goes");
            let error = check().await.expect_err("it is gone").to_string();
            assert!(error.contains(last.as_str()) && error.contains("it is gone"), "{count}: {error}");
            root.replace(last, "abc").await.expect("it is written");
            let other = SegmentRef { etag: Some("other".to_owned()), ..planned[count - 1].clone() };
            let changed = planned[..count - 1].iter().cloned().chain([other]).collect();
            let error = check_input(&root, &changed).await.expect_err("another etag").to_string();
            assert!(error.contains("another etag"), "{count}: {error}");
        }
    }
}
