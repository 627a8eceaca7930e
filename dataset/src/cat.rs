//! Reads one series: its points, or its rollup rows, in time order over all windows.
//!
//! The key determines the one partition of each manifest that may hold the series, and the extents exclude further
//! ones. The others take a footer and a ranged read each. A series usually lies in the shard of its organisation, and
//! sometimes also in a foreign shard, because of a misplaced segment; so all current manifests are searched.

use std::ops::ControlFlow;

use format::manifest::{Extent, Manifest};
use format::part::PartKind;
use model::{RollupStep, SeriesKey, TimestampMs};

use crate::buckets::merged;
use crate::catalog::{Catalog, Selection};
use crate::error::DatasetError;
use crate::merge::Input;
use crate::parts::{Parts, RowFilter};
use crate::rows::Chunk;

/// Series to read, and the range of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatOptions {
    /// Windows and shards to search.
    pub selection: Selection,
    /// Key of the series.
    pub key: SeriesKey,
    /// First instant; for rollups, the first start of a bucket.
    pub from_ms: Option<TimestampMs>,
    /// First instant after the range.
    pub to_ms: Option<TimestampMs>,
    /// Step of the rollup to read; none reads the points.
    pub rollup: Option<RollupStep>,
}

/// Callback that gets the rows in chunks, and may stop the reading.
pub type OnRows<'a> = dyn FnMut(Chunk) -> ControlFlow<()> + Send + 'a;

/// Reads one series; returns the number of rows.
///
/// # Errors
/// [`DatasetError::NoSeries`] if no row is found. A damaged part is named.
pub async fn cat(
    catalog: &Catalog,
    parts: &Parts,
    options: &CatOptions,
    on_rows: &mut OnRows<'_>,
) -> Result<u64, DatasetError> {
    let manifests = catalog.current(&options.selection).await?;
    let mut merge = merged(inputs(parts, &manifests, options), options.rollup);
    let mut rows = 0;
    while let Some(chunk) = merge.next().await? {
        rows += chunk.rows.len() as u64;
        if on_rows(chunk).is_break() {
            return Ok(rows);
        }
    }
    if rows == 0 {
        let rollup = options.rollup.map_or(String::new(), |step| format!("rollup {step} of "));
        let time = if options.from_ms.or(options.to_ms).is_some() { " in that time" } else { "" };
        let what = format!("{rollup}{}{time}", options.key);
        return Err(DatasetError::NoSeries { dataset: catalog.root().to_string(), what });
    }
    Ok(rows)
}

fn inputs(parts: &Parts, manifests: &[Manifest], options: &CatOptions) -> Vec<Input> {
    let filter = RowFilter { key: Some(options.key), from_ms: options.from_ms, to_ms: options.to_ms };
    let mut inputs = Vec::new();
    for manifest in manifests.iter().filter(|manifest| !manifest.partitions.is_empty()) {
        let partitions = u32::try_from(manifest.partitions.len()).expect("partitions are counted in 32 bits");
        let entry = &manifest.partitions[options.key.partition(partitions).0 as usize];
        if !entry.extent.is_some_and(|extent| may_hold(&extent, options)) {
            continue;
        }
        let object = match options.rollup {
            None => entry.raw.as_ref().map(|raw| (PartKind::Raw, raw)),
            Some(step) => {
                let named = entry.rollups.iter().find(|rollup| rollup.step == step);
                named.map(|rollup| (PartKind::Rollup(step), &rollup.object))
            }
        };
        let Some((kind, object)) = object else { continue };
        let source = parts.rows(manifest.settings.format, kind, object, filter);
        inputs.push(Input { bound: options.key, object: parts.root().object(&object.key), source });
    }
    inputs
}

fn may_hold(extent: &Extent, options: &CatOptions) -> bool {
    // A bucket starts before its points, so the range begins with that bucket.
    let (first_ms, last_ms) = match options.rollup {
        None => (extent.time_min_ms, extent.time_max_ms),
        Some(step) => (step.bucket_start(extent.time_min_ms), step.bucket_start(extent.time_max_ms)),
    };
    let key = options.key;
    (extent.org_min..=extent.org_max).contains(&key.org.0)
        && (extent.metric_min..=extent.metric_max).contains(&key.metric.0)
        && options.from_ms.is_none_or(|from| last_ms >= from)
        && options.to_ms.is_none_or(|to| first_ms < to)
}

#[cfg(test)]
mod tests;
