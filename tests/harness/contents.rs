//! Content of a dataset, series by series, bit for bit. It is read with the library, because text loses the payload
//! of a NaN.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use dataset::cat::{CatOptions, cat};
use dataset::rows::{Chunk, Rows};
use dataset::series::{SeriesOptions, list_series};
use dataset::{Catalog, Parts, Selection};
use model::{RollupStep, SeriesKey};

/// Points by series: instant, and the bits of the value.
pub type Contents = BTreeMap<SeriesKey, Vec<(i64, u64)>>;

/// Reads every point of the current manifests of the dataset at `path`.
///
/// # Panics
/// If it cannot be read.
pub fn contents(path: &Path) -> Contents {
    let mut contents = Contents::new();
    read(path, None, |chunk| {
        if let Rows::Points(points) = chunk.rows {
            let rows = points.timestamps.iter().zip(&points.values).map(|(at, value)| (*at, value.to_bits()));
            contents.entry(chunk.key).or_default().extend(rows);
        }
    });
    contents
}

/// Reads every rollup row of a step: bucket, count, and sum, min, max, first and last.
///
/// # Panics
/// If it cannot be read.
pub fn rollups(path: &Path, step: &str) -> BTreeMap<SeriesKey, Vec<(i64, u64, [f64; 5])>> {
    let step: RollupStep = step.parse().expect("a step");
    let mut contents = BTreeMap::<_, Vec<_>>::new();
    read(path, Some(step), |chunk| {
        if let Rows::Buckets(buckets) = chunk.rows {
            let rows = (0..buckets.count.len()).map(|at| buckets.row(at));
            let rows =
                rows.map(|row| (row.bucket_start_ms, row.count, [row.sum, row.min, row.max, row.first, row.last]));
            contents.entry(chunk.key).or_default().extend(rows);
        }
    });
    contents
}

fn read(path: &Path, rollup: Option<RollupStep>, mut take: impl FnMut(Chunk) + Send) {
    let runtime = tokio::runtime::Runtime::new().expect("start a runtime");
    let catalog = Catalog::open(path.to_str().expect("paths are text")).expect("open the dataset");
    let parts = Parts::new(catalog.root());
    let mut keys = Vec::new();
    let mut on_series = |row: dataset::series::SeriesRow| {
        keys.push(row.key);
        ControlFlow::Continue(())
    };
    let every = SeriesOptions::default();
    let listed = list_series(&catalog, &parts, &every, &mut on_series);
    runtime.block_on(listed).expect("list the series");
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let options = CatOptions { selection: Selection::default(), key, from_ms: None, to_ms: None, rollup };
        let mut on_rows = |chunk: Chunk| {
            take(chunk);
            ControlFlow::Continue(())
        };
        let rows = runtime.block_on(cat(&catalog, &parts, &options, &mut on_rows));
        match rows {
            Ok(_) => {}
            // A series of NaN alone has no rollup.
            Err(dataset::DatasetError::NoSeries { .. }) if rollup.is_some() => {}
            Err(error) => panic!("read {key}: {error}"),
        }
    }
}

/// Builds a key of [`Contents`].
pub const fn key(org: u64, metric: u64) -> SeriesKey {
    SeriesKey::new(org, metric)
}
