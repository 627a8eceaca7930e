//! Export: the rows of many parts as one sorted file for other tools.
//!
//! A k-way merge by key and time. Each open part holds a block, and the file holds its row group or lines, so memory
//! grows with the number of parts that overlap, never with the rows. The file appears under its name when it is
//! complete, or not at all.

use format::manifest::{API_VERSION, Manifest};
use format::part::PartKind;
use interchange::csv::{CsvWriter, TimestampStyle};
use interchange::parquet::ParquetWriter;
use interchange::{Raw, RawRows, Rollup, RollupRows, RowSink, RowSummary, WriteError};
use model::{RollupStep, SeriesKey};
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};
use serde::Serialize;
use storage::Root;

use crate::buckets::merged;
use crate::catalog::{Catalog, Selection, name_of};
use crate::error::DatasetError;
use crate::merge::Input;
use crate::parts::{Parts, RowFilter};
use crate::rows::{Chunk, ChunkSource, Rows};

/// Bytes that may wait for the writer: a part of an upload.
const PENDING_BYTES: usize = 8 << 20;

/// Parts of the upload under way at once.
const UPLOADS_MAX: usize = 4;

/// What to export, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// Which windows and shards.
    pub selection: Selection,
    /// The rollup of this step instead of the points.
    pub rollup: Option<RollupStep>,
    /// The format of the file.
    pub format: ExportFormat,
}

/// A format that other tools read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// One row a point or bucket, sorted, zstd.
    Parquet,
    /// The same as text.
    Csv {
        /// How instants are written.
        #[serde(skip)]
        timestamps: TimestampStyle,
    },
}

/// The document of `tailor dataset export -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Export {
    /// [`API_VERSION`].
    pub api_version: &'static str,
    /// `Export`.
    pub kind: &'static str,
    /// The dataset, as given.
    pub dataset: String,
    /// The file.
    pub object: String,
    /// Series in it.
    pub series: u64,
    /// Rows in it.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// What an operator should know.
    pub warnings: Vec<String>,
}

/// Splits the URI of a file into the place that holds it, which is made, and its key there.
///
/// # Errors
/// A URI that names no file, or a place that cannot be made.
pub fn target(uri: &str) -> Result<(Root, String), DatasetError> {
    if uri == "-" {
        let fact =
            "an export appears whole, so it cannot go to stdout: give the name of a file (`./-` if it is called so)";
        return Err(DatasetError::Refused(fact.to_owned()));
    }
    let (parent, name) = match uri.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((parent, name)) => (parent, name),
        // No URI and no name that anybody means: the place says so.
        None if uri.starts_with("file:") => (uri, uri),
        None => (".", uri),
    };
    if name.is_empty() || name == "." || name == ".." {
        return Err(DatasetError::Refused(format!("{uri} names no file; give the name of the file to write")));
    }
    Ok((Root::create(parent)?, name.to_owned()))
}

/// Writes the rows of the current manifests to `key` under `to`, replacing what is there.
///
/// # Errors
/// [`DatasetError::NoManifest`] where nothing is selected; a damaged part is named. The file is then not written.
pub async fn export(
    catalog: &Catalog,
    options: &ExportOptions,
    (to, key): (&Root, &str),
) -> Result<Export, DatasetError> {
    let manifests = catalog.current(&options.selection).await?;
    let warnings = without_step(&manifests, options.rollup);
    let inputs = inputs(catalog, &manifests, options.rollup)?;
    let mut rows = merged(inputs, options.rollup);
    let mut file = File::begin(to, key, sink(options)).await?;
    let written = file.write_all(&mut *rows).await;
    let summary = match written {
        Ok(()) => file.finish().await?,
        Err(error) => {
            file.abandon().await;
            return Err(error);
        }
    };
    Ok(Export {
        api_version: API_VERSION,
        kind: "Export",
        dataset: catalog.root().to_string(),
        object: to.object(key),
        series: summary.series,
        rows: summary.rows,
        bytes: summary.bytes,
        warnings,
    })
}

/// Manifests that have points and no rollup of that step: their job was not asked for it.
fn without_step(manifests: &[Manifest], step: Option<RollupStep>) -> Vec<String> {
    let Some(step) = step else { return Vec::new() };
    let without = manifests.iter().filter(|manifest| !manifest.settings.rollups.contains(&step));
    let name = |manifest: &Manifest| format!("{} has no rollup of {step}", name_of(manifest));
    without.map(name).collect()
}

/// One input for each part, each with the smallest key that it may hold.
pub(crate) fn inputs(
    catalog: &Catalog,
    manifests: &[Manifest],
    rollup: Option<RollupStep>,
) -> Result<Vec<Input>, DatasetError> {
    if rollup.is_some_and(|step| manifests.iter().all(|manifest| !manifest.settings.rollups.contains(&step))) {
        let what = format!("rollup {}", rollup.map_or(String::new(), |step| step.to_string()));
        return Err(DatasetError::NoSeries { dataset: catalog.root().to_string(), what });
    }
    let entries = || manifests.iter().flat_map(|manifest| &manifest.partitions);
    let parts = Parts::new(catalog.root()).shared_among(entries().count());
    let mut inputs = Vec::new();
    for manifest in manifests {
        for entry in &manifest.partitions {
            let Some(extent) = entry.extent else { continue };
            let object = match rollup {
                None => entry.raw.as_ref().map(|raw| (PartKind::Raw, raw)),
                Some(step) => {
                    let named = entry.rollups.iter().find(|named| named.step == step);
                    named.map(|named| (PartKind::Rollup(step), &named.object))
                }
            };
            let Some((kind, object)) = object else { continue };
            let source = parts.rows(manifest.settings.format, kind, object, RowFilter::ALL);
            let bound = SeriesKey::new(extent.org_min, extent.metric_min);
            inputs.push(Input { bound, object: catalog.root().object(&object.key), source });
        }
    }
    Ok(inputs)
}

/// The writer of either table.
enum Sink {
    Raw(Box<dyn RowSink<Raw>>),
    Rollup(Box<dyn RowSink<Rollup>>),
}

fn sink(options: &ExportOptions) -> Sink {
    match (options.rollup, options.format) {
        (None, ExportFormat::Parquet) => Sink::Raw(Box::new(ParquetWriter::new())),
        (None, ExportFormat::Csv { timestamps }) => Sink::Raw(Box::new(CsvWriter::new(timestamps))),
        (Some(_), ExportFormat::Parquet) => Sink::Rollup(Box::new(ParquetWriter::new())),
        (Some(_), ExportFormat::Csv { timestamps }) => Sink::Rollup(Box::new(CsvWriter::new(timestamps))),
    }
}

impl Sink {
    fn append(&mut self, chunk: &Chunk) -> Result<(), WriteError> {
        match (self, &chunk.rows) {
            (Self::Raw(sink), Rows::Points(points)) => {
                sink.append(chunk.key, RawRows { timestamps_ms: &points.timestamps, values: &points.values })
            }
            (Self::Rollup(sink), Rows::Buckets(buckets)) => {
                let rows = RollupRows {
                    bucket_start_ms: &buckets.bucket_start_ms,
                    count: &buckets.count,
                    sum: &buckets.sum,
                    min: &buckets.min,
                    max: &buckets.max,
                    first: &buckets.first,
                    last: &buckets.last,
                };
                sink.append(chunk.key, rows)
            }
            _ => unreachable!("parts of one kind were merged: their readers check it"),
        }
    }

    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Raw(sink) => sink.take(),
            Self::Rollup(sink) => sink.take(),
        }
    }

    fn finish(self) -> Result<(Vec<u8>, RowSummary), WriteError> {
        match self {
            Self::Raw(sink) => sink.finish(),
            Self::Rollup(sink) => sink.finish(),
        }
    }
}

/// The file that is being written.
struct File {
    object: String,
    sink: Sink,
    upload: WriteMultipart,
}

impl File {
    async fn begin(to: &Root, key: &str, sink: Sink) -> Result<Self, DatasetError> {
        let object = to.object(key);
        // The name as it was given, where it needs no encoding.
        let path = Path::parse(key).unwrap_or_else(|_| Path::from(key));
        let upload = to.store().put_multipart(&path).await;
        let upload = upload.map_err(|error| DatasetError::write(object.clone(), error))?;
        Ok(Self { object, sink, upload: WriteMultipart::new_with_chunk_size(upload, PENDING_BYTES) })
    }

    async fn write_all(&mut self, rows: &mut dyn ChunkSource) -> Result<(), DatasetError> {
        while let Some(chunk) = rows.next().await? {
            self.sink.append(&chunk).map_err(|error| DatasetError::write(self.object.clone(), error))?;
            let bytes = self.sink.take();
            if !bytes.is_empty() {
                let ready = self.upload.wait_for_capacity(UPLOADS_MAX).await;
                ready.map_err(|error| DatasetError::write(self.object.clone(), error))?;
                self.upload.write(&bytes);
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<RowSummary, DatasetError> {
        let object = self.object;
        let (bytes, summary) = self.sink.finish().map_err(|error| DatasetError::write(object.clone(), error))?;
        self.upload.write(&bytes);
        self.upload.finish().await.map_err(|error| DatasetError::write(object, error))?;
        Ok(summary)
    }

    /// Leaves nothing behind; what cannot be removed, the store's own rules for unfinished uploads do.
    async fn abandon(self) {
        if let Err(error) = self.upload.abort().await {
            tracing::warn!(object = self.object, %error, "cannot remove an unfinished export");
        }
    }
}

#[cfg(test)]
mod tests;
