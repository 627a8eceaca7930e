//! Export: the rows of many parts as one sorted file for other tools.
//!
//! A k-way merge by key and time. Each open part holds a block, and the file holds its row group or lines, so memory
//! grows with the number of parts that overlap, never with the rows. The file appears under its name when it is
//! complete, or not at all.

mod names; // the metadata of series, beside their rows
mod sink; //  the writer of either table

use format::manifest::{API_VERSION, Manifest};
use format::part::PartKind;
use interchange::RowSummary;
use interchange::csv::TimestampStyle;
use model::error::chain;
use model::{RollupStep, SeriesKey};
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};
use serde::Serialize;
use storage::Root;

use self::names::Names;
use self::sink::Sink;
use crate::buckets::merged;
use crate::catalog::{Catalog, Selection, name_of};
use crate::error::DatasetError;
use crate::merge::Input;
use crate::parts::{Parts, RowFilter};
use crate::rows::ChunkSource;

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
    /// Whether each row has the metadata of its series too: name and labels, as they were imported. The points are
    /// read twice for it.
    pub with_metadata: bool,
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
    /// An object a row, a line each.
    JsonLines {
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

/// Writes the rows of the current manifests to `key` under `to`, replacing an object that is there.
///
/// # Errors
/// [`DatasetError::NoManifest`] where nothing is selected; a damaged part is named. The file is then not written.
pub async fn export(
    catalog: &Catalog,
    options: &ExportOptions,
    (to, key): (&Root, &str),
) -> Result<Export, DatasetError> {
    let manifests = catalog.current(&options.selection).await?;
    let mut warnings = without_step(&manifests, options.rollup);
    let mut rows = merged(inputs(catalog, &manifests, options.rollup)?, options.rollup);
    let mut names = None;
    if options.with_metadata {
        warnings.extend(without_metadata(&manifests));
        names = Some(Names::new(inputs(catalog, &manifests, None)?));
    }
    let mut file = File::begin(to, key, options).await?;
    let written = file.write_all(&mut *rows, names).await;
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

/// Manifests whose parts have no metadata.
fn without_metadata(manifests: &[Manifest]) -> Vec<String> {
    let without = manifests.iter().filter(|manifest| !Parts::has_metadata(manifest.settings.format));
    let name = |manifest: &Manifest| format!("the parts of {} are Parquet, which has no metadata", name_of(manifest));
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

/// The file that is being written.
struct File {
    object: String,
    format: ExportFormat,
    sink: Sink,
    upload: WriteMultipart,
}

impl File {
    async fn begin(to: &Root, key: &str, options: &ExportOptions) -> Result<Self, DatasetError> {
        let object = to.object(key);
        // The name as it was given, where it needs no encoding.
        let path = Path::parse(key).unwrap_or_else(|_| Path::from(key));
        let upload = to.store().put_multipart(&path).await;
        let upload = upload.map_err(|error| DatasetError::write(object.clone(), error))?;
        let upload = WriteMultipart::new_with_chunk_size(upload, PENDING_BYTES);
        Ok(Self { object, format: options.format, sink: Sink::new(options), upload })
    }

    async fn write_all(&mut self, rows: &mut dyn ChunkSource, mut names: Option<Names>) -> Result<(), DatasetError> {
        let mut described = None;
        while let Some(chunk) = rows.next().await? {
            if let Some(names) = names.as_mut().filter(|_| described.replace(chunk.key) != Some(chunk.key)) {
                self.sink.describe(names.of(chunk.key).await?.as_deref(), self.format);
            }
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

    /// Aborts the upload. If that fails, the store's rules for unfinished uploads remove it.
    async fn abandon(self) {
        if let Err(error) = self.upload.abort().await {
            tracing::warn!(
                object = self.object,
                error = chain(&error),
                "failed to abort an unfinished export; its upload stays until the store expires it"
            );
        }
    }
}

#[cfg(test)]
mod tests;
