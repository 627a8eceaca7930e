//! Verification: committed data is whole, in order, and, at the last level, equal to a second computation from the
//! input.
//!
//! | level | checks, beside those of the levels before |
//! |---|---|
//! | `manifest` | every version parses and bears its digest; partitions are 0..n (CM-1); versions rise without gaps (CM-3); none lost input of the one before unknowingly (CM-5); books balance (DT-1) |
//! | `objects` | every object that a version names exists with that size and digest (CM-2); a damaged one is searched for the damaged blocks |
//! | `rows` | of the current versions: every block decodes, rows are in order (DT-2), each series is in its partition, counts are those promised (DT-1), rollups are those of the points, bit for bit; over all windows, readers get one row a bucket |
//! | `oracle` | of the current versions: the parts are what a plain second reading of the input gives |
//!
//! A difference never ends a verification: it is counted, and the rest is checked. An error does: the store failed.

mod buckets;
mod manifests;
mod objects;
mod row_check;
mod rows;

use std::fmt;
use std::str::FromStr;

use format::keys::ManifestName;
use format::manifest::{API_VERSION, Manifest};
use model::error::chain;
use model::ids::ParseIdError;
use model::{SeriesKey, TimestampMs};
use serde::Serialize;

use crate::catalog::{Catalog, Selection, name_of};
use crate::error::{DatasetError, ErrorKind};
use crate::join::Mismatch;
use crate::oracle::{self, Input, OracleOptions};
use crate::parts::{Parts, ReadStats};
use crate::report::{Class, Differences};

/// Depth of a verification; each level includes those before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Checks the manifests.
    Manifest,
    /// Also checks the objects that they name.
    #[default]
    Objects,
    /// Also checks every row.
    Rows,
    /// Also compares with the input.
    Oracle,
}

impl Level {
    /// Every level with its name on the command line.
    pub const ALL: [(&'static str, Self); 4] =
        [("manifest", Self::Manifest), ("objects", Self::Objects), ("rows", Self::Rows), ("oracle", Self::Oracle)];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl FromStr for Level {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        let expected = "a level of verification (manifest, objects, rows or oracle)";
        found.map(|(_, level)| *level).ok_or_else(|| ParseIdError { text: text.to_owned(), expected })
    }
}

/// Options of a verification.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Depth of the verification.
    pub level: Level,
    /// Windows and shards to verify.
    pub selection: Selection,
    /// Input of the oracle; needed at [`Level::Oracle`] only.
    pub oracle: Option<OracleOptions>,
}

/// Document of `tailor dataset verify -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// [`API_VERSION`], version of the document.
    pub api_version: &'static str,
    /// Always `Verification`, the document's kind.
    pub kind: &'static str,
    /// Dataset as it was given.
    pub dataset: String,
    /// Depth of the verification.
    pub level: Level,
    /// Counts of the checked items.
    pub checked: Checked,
    /// Differences that were found.
    pub differences: Differences,
    /// Warnings for an operator that are not differences.
    pub warnings: Vec<String>,
    /// Requests and bytes of reading the parts.
    pub reads: ReadStats,
}

impl Verification {
    /// True if no difference was found.
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Counts of checked items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Manifests, of all versions.
    pub manifests: u64,
    /// Objects that were checked.
    pub objects: u64,
    /// Bytes of those objects.
    pub bytes: u64,
    /// Series of current versions.
    pub series: u64,
    /// Points of current versions.
    pub points: u64,
    /// Rollup rows of current versions, as each window wrote them.
    pub rollup_rows: u64,
    /// Rollup rows as readers get them: one per bucket, over all windows.
    pub buckets: u64,
}

/// Verification in progress.
struct Run<'a> {
    catalog: &'a Catalog,
    parts: Parts,
    checked: Checked,
    differences: Differences,
    warnings: Vec<String>,
}

/// Verifies a dataset.
///
/// # Errors
/// [`DatasetError::NoManifest`] if there is nothing to verify, and errors of the store. Damage is not an error here.
pub async fn verify(catalog: &Catalog, options: &VerifyOptions) -> Result<Verification, DatasetError> {
    let input = options.oracle.as_ref();
    if options.level == Level::Oracle && input.is_none() {
        return Err(DatasetError::Refused("the oracle reads the input again: say where it is".to_owned()));
    }
    let mut run = Run {
        catalog,
        parts: Parts::new(catalog.root()),
        checked: Checked::default(),
        differences: Differences::default(),
        warnings: Vec::new(),
    };
    let manifests = run.manifests(&options.selection).await?;
    if options.level >= Level::Objects {
        run.objects(&manifests.all).await?;
    }
    if options.level >= Level::Rows {
        for manifest in &manifests.current {
            run.rows(manifest).await?;
        }
        run.buckets(&manifests.current).await?;
    }
    if let Some(input) = input.filter(|_| options.level == Level::Oracle) {
        let input = Input::open(input).await?;
        for manifest in &manifests.current {
            run.oracle(manifest, &input).await?;
        }
    }
    Ok(Verification {
        api_version: API_VERSION,
        kind: "Verification",
        dataset: catalog.root().to_string(),
        level: options.level,
        checked: run.checked,
        differences: run.differences,
        warnings: run.warnings,
        reads: run.parts.reads(),
    })
}

impl Run<'_> {
    async fn oracle(&mut self, manifest: &Manifest, input: &Input<'_>) -> Result<(), DatasetError> {
        let checked = oracle::check(&self.parts, manifest, input, &mut self.differences, &mut self.warnings).await;
        self.note_damage(&name_of(manifest).to_string(), checked)
    }

    /// Counts an error of a damaged object as a difference, and returns other errors.
    fn note_damage(&mut self, place: &str, result: Result<(), DatasetError>) -> Result<(), DatasetError> {
        match result {
            Err(error) if error.kind() == ErrorKind::Damaged => {
                let class = match error {
                    DatasetError::ObjectGone { .. } => Class::ObjectMissing,
                    DatasetError::Manifest(_) | DatasetError::MisnamedManifest { .. } => Class::Manifest,
                    _ => Class::Block,
                };
                self.differences.add(class, place, chain(&error));
                Ok(())
            }
            result => result,
        }
    }
}

/// Manifests that could be read.
#[derive(Default)]
struct Manifests {
    all: Vec<(ManifestName, Manifest)>,
    current: Vec<Manifest>,
}

/// Reports the findings of a [`crate::join::Join`] in a raw part.
pub(crate) fn on_raw<'a>(
    differences: &'a mut Differences,
    place: &'a str,
) -> impl FnMut(Mismatch, (SeriesKey, TimestampMs), &dyn Fn() -> String) + Send + 'a {
    move |mismatch, row, detail| {
        let class = match mismatch {
            Mismatch::Missing => Class::Missing,
            Mismatch::Extra => Class::Extra,
            Mismatch::Changed => Class::Changed,
            Mismatch::Metadata => Class::Metadata,
        };
        differences.add_row(class, place, row, detail);
    }
}

/// Reports the findings of a [`crate::join::Join`] in a rollup part.
pub(crate) fn on_rollup<'a>(
    differences: &'a mut Differences,
    place: &'a str,
) -> impl FnMut(Mismatch, (SeriesKey, TimestampMs), &dyn Fn() -> String) + Send + 'a {
    move |mismatch, row, detail| {
        let what = match mismatch {
            Mismatch::Missing => "the bucket is missing",
            Mismatch::Extra => "the points give no such bucket",
            Mismatch::Changed | Mismatch::Metadata => "the bucket is another",
        };
        differences.add_row(Class::Rollup, place, row, || format!("{what}: {}", detail()));
    }
}

#[cfg(test)]
mod tests;
