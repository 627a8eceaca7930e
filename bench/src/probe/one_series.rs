//! Reads one series out of a dataset, as a reader with the manifest does: the end of its part, then its blocks.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use format::column::ColumnDecoder;
use format::part::{Block, PartFooter, TAIL_BYTES, Tail, read_tail};
use model::{Columns, SeriesKey};
use serde::{Deserialize, Serialize};

use super::parts::{self, Kind};

/// Cost of reading one series.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Lookup {
    /// Bytes that were read.
    pub(crate) bytes: u64,
    /// Ranged reads that were made.
    pub(crate) requests: u64,
}

/// Part that counts the bytes read from it.
struct Counting {
    file: File,
    size: u64,
    lookup: Lookup,
}

/// Looks up the first series of the middle block of every raw part of `dataset`.
pub(super) fn run(dataset: &Path) -> Result<Vec<Lookup>> {
    parts::of_kind(dataset, Kind::Raw)?.iter().map(|path| look_up(path)).collect()
}

fn look_up(path: &Path) -> Result<Lookup> {
    let file = File::open(path)?;
    let mut part = Counting { size: file.metadata()?.len(), file, lookup: Lookup { bytes: 0, requests: 0 } };
    let footer = part.footer()?;
    let blocks = footer.blocks();
    let key = blocks.get(blocks.len() / 2).context("a part has blocks")?.first_key;
    ensure!(part.points(&footer, key)? > 0, "{key} of {} has points", path.display());
    Ok(part.lookup)
}

impl Counting {
    fn read(&mut self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len as usize];
        self.file.read_exact_at(&mut bytes, offset)?;
        self.lookup.bytes += len;
        self.lookup.requests += 1;
        Ok(bytes)
    }

    fn footer(&mut self) -> Result<PartFooter> {
        let mut wanted = TAIL_BYTES.min(self.size);
        loop {
            let tail = self.read(self.size - wanted, wanted)?;
            match read_tail(&tail, self.size)? {
                Tail::Footer(footer) => return Ok(footer),
                Tail::NeedBytes(more) => wanted = more,
            }
        }
    }

    /// Decodes the points of the series.
    fn points(&mut self, footer: &PartFooter, key: SeriesKey) -> Result<usize> {
        let ordinals = footer.blocks_of(key);
        let range = footer.byte_range(ordinals.clone());
        let bytes = self.read(range.start, range.len())?;
        let (mut decoder, mut columns) = (ColumnDecoder::new(), Columns::default());
        for ordinal in ordinals {
            let block = footer.blocks()[ordinal].range;
            let within = (block.start - range.start) as usize..(block.end - range.start) as usize;
            let block = Block::open(footer, ordinal, &bytes[within])?;
            let found = block.series().position(|entry| entry.key == key);
            block.points(found.context("the footer led here")?, &mut decoder, &mut columns)?;
        }
        Ok(columns.len())
    }
}
