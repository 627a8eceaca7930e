//! Receipts: what an import of one file read and wrote, kept beside its segments.
//!
//! | key | value | written by | life |
//! |---|---|---|---|
//! | `import/<NNNNN>.json` | receipt of one input file | `tailor import` | begun before the first segment, replaced by the whole when the last is there |
//! | `shard=<s>/import/<NNNNN>-<name>-<MMMM>.seg` | its segments | the same | write-once |
//!
//! `<NNNNN>` counts the files that were ever imported to this place, so that the order of keys, which is the source
//! order, is the order in which files were given. `<name>` is the file's name, in characters that every store
//! accepts.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use model::ShardId;
use model::digest::Digest;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use storage::{Creation, StorageError};

use super::{ImportBooks, ImportError};
use crate::segment::SegmentOutput;

/// Folder of the receipts.
const FOLDER: &str = "import";

/// Number of receipts that are read at once.
const READS_AT_ONCE: usize = 64;

/// Most files that are ever imported to one place: the digits of `<NNNNN>`.
const ORDINALS: u32 = 100_000;

/// Source of a file: size and digest of its bytes as stored, compressed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// File size in bytes.
    pub size: u64,
    /// Digest of the bytes.
    pub digest: Digest,
}

/// Receipt of one input file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Name of the file in keys.
    pub name: String,
    /// Digest of the options that give the input its meaning.
    pub options: Digest,
    /// Segments, books and source, once all segments are there; `None` for an import that has not ended or was
    /// killed.
    pub done: Option<Done>,
}

/// A finished import of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Size and digest of the file that was read.
    pub source: Source,
    /// Keys of the segments, in source order.
    pub segments: Vec<String>,
    /// Books of the import.
    pub books: ImportBooks,
}

/// Receipt with its place in the order of files.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) ordinal: u32,
    pub(super) receipt: Receipt,
}

impl Placed {
    fn key(&self) -> String {
        format!("{FOLDER}/{:05}.json", self.ordinal)
    }

    /// Returns the key of a segment.
    pub(super) fn segment(&self, shard: ShardId, index: u32) -> String {
        format!("shard={shard}/{FOLDER}/{:05}-{}-{index:04}.seg", self.ordinal, self.receipt.name)
    }

    /// Writes the receipt of a finished import.
    pub(super) fn finish(&mut self, output: &SegmentOutput, done: Done) -> Result<(), StorageError> {
        let receipt = Receipt { done: Some(done), ..self.receipt.clone() };
        self.write(output, receipt)
    }

    /// Replaces the receipt by that of an import that begins.
    pub(super) fn reopen(&mut self, output: &SegmentOutput, receipt: &Receipt) -> Result<(), StorageError> {
        self.write(output, Receipt { done: None, ..receipt.clone() })
    }

    fn write(&mut self, output: &SegmentOutput, receipt: Receipt) -> Result<(), StorageError> {
        output.wait(output.root().replace(&self.key(), to_json(&receipt)))?;
        self.receipt = receipt;
        Ok(())
    }

    /// Removes everything of this file. The segments go first, so that a receipt exists as long as a segment does.
    pub(super) fn remove(&self, output: &SegmentOutput) -> Result<(), StorageError> {
        for key in self.segments(output)? {
            output.wait(output.root().remove(&key))?;
        }
        output.wait(output.root().remove(&self.key()))
    }

    /// Returns the keys of the segments; for an import that was killed, those that are found.
    pub(super) fn segments(&self, output: &SegmentOutput) -> Result<Vec<String>, StorageError> {
        if let Some(done) = &self.receipt.done {
            return Ok(done.segments.clone());
        }
        let stem = format!("/{FOLDER}/{:05}-{}-", self.ordinal, self.receipt.name);
        let objects = output.wait(output.root().list(""))?;
        let keys = objects.into_iter().map(|object| object.location.to_string());
        Ok(keys.filter(|key| key.starts_with("shard=") && key.contains(&stem) && key.ends_with(".seg")).collect())
    }
}

fn to_json(receipt: &Receipt) -> Vec<u8> {
    serde_json::to_vec_pretty(receipt).expect("text keys and plain values")
}

/// Receipts of a place, by ordinal.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    placed: Vec<Placed>,
    next: u32,
}

impl Receipts {
    /// Reads the receipts that are there.
    pub(super) fn read(output: &SegmentOutput) -> Result<Self, ImportError> {
        let objects = output.wait(output.root().list(FOLDER))?;
        let keys: Vec<_> = objects
            .iter()
            .filter_map(|object| Some((ordinal_of(object.location.as_ref())?, &object.location)))
            .collect();
        let next = keys.iter().map(|(ordinal, _)| ordinal + 1).max().unwrap_or(0);
        let read = |(ordinal, key): (u32, Path)| async move {
            let bytes = output.root().read(key.as_ref()).await?;
            let receipt = serde_json::from_slice(&bytes).map_err(|error| ImportError::Receipt {
                object: output.root().object(key.as_ref()),
                cause: error.to_string(),
            })?;
            Ok::<_, ImportError>(Placed { ordinal, receipt })
        };
        let reads = stream::iter(keys.into_iter().map(|(ordinal, key)| (ordinal, key.clone())));
        let placed = output.wait(reads.map(read).buffered(READS_AT_ONCE).try_collect())?;
        Ok(Self { placed, next })
    }

    /// Returns the receipt of `name`, if it was imported before.
    pub(super) fn of(&self, name: &str) -> Option<&Placed> {
        self.placed.iter().find(|placed| placed.receipt.name == name)
    }

    /// Begins a receipt at the next free ordinal. The write is create-only, so two imports at once get different
    /// ordinals.
    pub(super) fn begin(&mut self, output: &SegmentOutput, receipt: &Receipt) -> Result<Placed, ImportError> {
        while self.next < ORDINALS {
            let placed = Placed { ordinal: self.next, receipt: receipt.clone() };
            self.next += 1;
            let created = output.wait(output.root().create_exclusive(&placed.key(), to_json(receipt)))?;
            if created == Creation::Ours {
                return Ok(placed);
            }
        }
        Err(ImportError::PlaceFull { place: output.root().uri().to_owned(), files: ORDINALS })
    }
}

fn ordinal_of(key: &str) -> Option<u32> {
    key.strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(".json")?.parse().ok()
}
