//! Oracle: computes a shard's output from its input a second time, and compares.
//!
//! It is plain on purpose: one thread, maps, a stable sort, and none of the code by which the engine reads, shuffles,
//! merges and writes. It shares with the engine the nouns (`model`), the duplicate rule's `fold`, and the readers of
//! parts.
//!
//! A shard that does not fit into the memory is done in slices of partitions, each with a pass over the whole input.

mod expected;
mod segment;

use format::keys::SEGMENT_EXTENSION;
use format::manifest::{Manifest, PartitionEntry};
use futures::{StreamExt as _, stream};
use model::limits::REQUESTS_AT_ONCE_MAX;
use model::{Books, PartitionId, SegmentList, SegmentRef, SeriesKey};
use storage::Root;

use crate::catalog::name_of;
use crate::error::DatasetError;
use crate::join::Join;
use crate::parts::Parts;
use crate::report::{Class, Differences};
use crate::rollup::RollupBuilder;
use crate::rows::{Chunk, Rows};
use crate::verify::{on_raw, on_rollup};
use expected::{Expected, Series};
use segment::Segment;

/// Bytes per point in memory: twice its 16 bytes, for growing vectors and the sort's buffer, and the maps.
const POINT_BYTES: u64 = 40;

/// Input and memory of the oracle.
#[derive(Debug, Clone)]
pub struct OracleOptions {
    /// Root to which the manifests' input keys are relative.
    pub input: Root,
    /// Bytes of points to hold at once, roughly.
    pub memory_bytes: u64,
}

/// Listed input with the options.
pub(crate) struct Input<'a> {
    options: &'a OracleOptions,
    segments: Vec<String>,
}

impl<'a> Input<'a> {
    /// Lists the segments of the input.
    pub(crate) async fn open(options: &'a OracleOptions) -> Result<Self, DatasetError> {
        let objects = options.input.list("").await?;
        let keys = objects.into_iter().map(|object| object.location.to_string());
        Ok(Self { options, segments: keys.filter(|key| key.ends_with(SEGMENT_EXTENSION)).collect() })
    }
}

/// Compares the parts of one manifest with its input.
pub(crate) async fn check(
    parts: &Parts,
    manifest: &Manifest,
    input: &Input<'_>,
    differences: &mut Differences,
    warnings: &mut Vec<String>,
) -> Result<(), DatasetError> {
    let inputs = parts.root().read_inputs(&manifest.inputs).await?;
    check_input(manifest, &inputs, input, warnings).await?;
    let options = input.options;
    let partitions = u32::try_from(manifest.partitions.len()).unwrap_or(u32::MAX).max(1);
    let needed = manifest.books.map.points_read.saturating_mul(POINT_BYTES);
    let slices = needed.div_ceil(options.memory_bytes.max(1)).clamp(1, u64::from(partitions)) as u32;
    let mut counted = Books::default();
    for slice in 0..slices {
        let is_wanted = |key: SeriesKey| key.partition(partitions).0 % slices == slice;
        let expected = read_input(manifest, &inputs, &options.input, is_wanted).await?;
        for partition in (0..partitions).filter(|partition| partition % slices == slice).map(PartitionId) {
            let in_partition = expected.series.iter().filter(|(key, _)| key.partition(partitions) == partition);
            let check = PartitionCheck { parts, manifest, partition };
            counted.reduce.rollup_rows_written += check.run(in_partition, differences).await?;
        }
        counted.map = expected.books.map;
        counted.reduce += &expected.books.reduce;
    }
    let place = name_of(manifest).to_string();
    for (name, counted, recorded) in expected::compared(&counted, &manifest.books) {
        if counted != recorded {
            differences.add(
                Class::Books,
                &place,
                format!("{name}: the input gives {counted}, the books say {recorded}"),
            );
        }
    }
    Ok(())
}

/// Checks that the input is unchanged: sizes must agree; other etags, and segments that came later, give a warning.
async fn check_input(
    manifest: &Manifest,
    inputs: &SegmentList,
    input: &Input<'_>,
    warnings: &mut Vec<String>,
) -> Result<(), DatasetError> {
    let component = format!("/shard={}/", manifest.shard);
    let segments = input.segments.iter().filter(|key| format!("/{key}").contains(&component));
    let later = segments.count().saturating_sub(inputs.len());
    if later > 0 {
        warnings.push(format!(
            "{later} segments of {} are not in the input of {}: they came later, or were not listed",
            manifest.shard,
            name_of(manifest)
        ));
    }
    let input = &input.options.input;
    let head = |segment: SegmentRef| async move {
        let found = input.head(&segment.key).await;
        (segment, found)
    };
    let mut heads = stream::iter(inputs.iter()).map(head).buffered(REQUESTS_AT_ONCE_MAX);
    while let Some((segment, found)) = heads.next().await {
        let object = input.object(&segment.key);
        let found = match found {
            Err(storage::StorageError::NotFound { .. }) => {
                return Err(DatasetError::InputChanged { object, fact: "is gone".to_owned() });
            }
            found => found?,
        };
        if found.size != segment.size {
            let fact = format!("has {} bytes, the job read {}", found.size, segment.size);
            return Err(DatasetError::InputChanged { object, fact });
        }
        if segment.etag.is_some() && found.e_tag != segment.etag {
            warnings.push(format!("{object} has another etag than when it was read: it was copied, or written again"));
        }
    }
    Ok(())
}

async fn read_input(
    manifest: &Manifest,
    inputs: &SegmentList,
    input: &Root,
    is_wanted: impl Fn(SeriesKey) -> bool,
) -> Result<Expected, DatasetError> {
    let mut expected = Expected::default();
    for segment in inputs.iter() {
        let mut segment = Segment::new(input, &segment);
        while let Some(frame) = segment.next().await? {
            expected.add(frame, manifest.window, &is_wanted);
        }
    }
    expected.resolve(manifest.settings.duplicates);
    Ok(expected)
}

struct PartitionCheck<'a> {
    parts: &'a Parts,
    manifest: &'a Manifest,
    partition: PartitionId,
}

impl PartitionCheck<'_> {
    /// Compares one partition's raw and rollup parts; returns the expected number of rollup rows.
    async fn run<'e>(
        &self,
        series: impl Iterator<Item = (&'e SeriesKey, &'e Series)>,
        differences: &mut Differences,
    ) -> Result<u64, DatasetError> {
        let format = self.manifest.settings.format;
        let entry = self.manifest.partitions.get(self.partition.0 as usize);
        let mut raw = Join::new(self.parts.raw_of(format, entry), Parts::has_metadata(format));
        let steps = &self.manifest.settings.rollups;
        let mut rollups: Vec<_> =
            steps.iter().map(|step| Join::new(self.parts.rollup_of(format, entry, *step), false)).collect();
        let mut rollup_rows = 0;
        let place = self.place(entry);
        for (key, series) in series {
            let mut builders: Vec<_> = steps.iter().map(|step| RollupBuilder::new(*step)).collect();
            for chunk in series.chunks(*key) {
                raw.expect(&chunk, &mut on_raw(differences, &place)).await?;
                let Rows::Points(points) = &chunk.rows else { continue };
                builders.iter_mut().for_each(|builder| builder.add(points));
            }
            for (builder, join) in builders.iter_mut().zip(&mut rollups) {
                let rows = Rows::Buckets(builder.take(true));
                rollup_rows += rows.len() as u64;
                let chunk = Chunk { key: *key, metadata: None, rows };
                join.expect(&chunk, &mut on_rollup(differences, &place)).await?;
            }
        }
        raw.finish(&mut on_raw(differences, &place)).await?;
        for join in &mut rollups {
            join.finish(&mut on_rollup(differences, &place)).await?;
        }
        Ok(rollup_rows)
    }

    fn place(&self, entry: Option<&PartitionEntry>) -> String {
        match entry.and_then(|entry| entry.raw.as_ref()) {
            Some(object) => object.key.clone(),
            None => format!("{} partition {}", name_of(self.manifest), self.partition),
        }
    }
}

#[cfg(test)]
mod tests;
