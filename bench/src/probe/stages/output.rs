//! Measures the reduce side step by step: parts are decoded to merged series and rows, and those are encoded again.
//!
//! The merge itself has no step: if the chunks of a series are in order, merging them is unpacking them.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use format::column::ColumnDecoder;
use format::digest::Digester;
use format::part::{Block, PartWriter, RollupColumns};
use model::Columns;

use super::Step;
use super::clock::Clock;
use crate::probe::parts::{self, Kind};

/// Runs the steps of the reduce side over every part of `dataset`.
pub(super) fn run(dataset: &Path, clock: &mut Clock) -> Result<()> {
    encode_again(dataset, Kind::Raw, [Step::DecodePart, Step::EncodePart], clock, &mut Points::default())?;
    encode_again(dataset, Kind::Rollup, [Step::DecodeRollup, Step::EncodeRollup], clock, &mut Rows::default())
}

/// Decoded content of a part's block, raw or rollup.
trait Content {
    fn clear(&mut self);
    fn decode(&mut self, block: &Block<'_>, index: usize, decoder: &mut ColumnDecoder) -> Result<()>;
    fn append(&self, index: usize, writer: &mut PartWriter);
}

fn encode_again(
    dataset: &Path,
    kind: Kind,
    [decoding, encoding]: [Step; 2],
    clock: &mut Clock,
    content: &mut impl Content,
) -> Result<()> {
    let (mut decoder, mut bytes) = (ColumnDecoder::new(), Vec::new());
    for path in parts::of_kind(dataset, kind)? {
        let footer = parts::read(&path, &mut bytes)?;
        let mut output = Output::new()?;
        let mut writer = PartWriter::new(footer.kind(), footer.encoding());
        for block in parts::blocks(&footer, &bytes) {
            clock.enter(Some(decoding));
            let block = block?;
            content.clear();
            (0..block.series().len()).try_for_each(|index| content.decode(&block, index, &mut decoder))?;
            clock.enter(Some(encoding));
            append_block(&block, content, &mut writer);
            let encoded = writer.take();
            clock.enter(Some(Step::Write));
            output.write(&encoded)?;
            clock.enter(None);
        }
        clock.enter(Some(encoding));
        let (rest, _) = writer.finish();
        clock.enter(Some(Step::Write));
        output.write(&rest)?;
        clock.enter(None);
    }
    Ok(())
}

fn append_block(block: &Block<'_>, content: &impl Content, writer: &mut PartWriter) {
    for (index, entry) in block.series().enumerate() {
        if !entry.is_continued {
            writer.begin_series(entry.key);
        }
        content.append(index, writer);
        if let Some(metadata) = block.metadata(index) {
            writer.end_series(metadata);
        }
    }
}

/// Points of a block, with the start of each series.
#[derive(Default)]
struct Points {
    columns: Columns,
    ends: Vec<usize>,
}

impl Content for Points {
    fn clear(&mut self) {
        self.columns.clear();
        self.ends.clear();
    }

    fn decode(&mut self, block: &Block<'_>, index: usize, decoder: &mut ColumnDecoder) -> Result<()> {
        block.points(index, decoder, &mut self.columns)?;
        self.ends.push(self.columns.len());
        Ok(())
    }

    fn append(&self, index: usize, writer: &mut PartWriter) {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[index];
        writer.append(&self.columns.timestamps[range.clone()], &self.columns.values[range]);
    }
}

/// Rows of a block, by series; memory is kept from block to block.
#[derive(Default)]
struct Rows {
    series: Vec<RollupColumns>,
}

impl Content for Rows {
    fn clear(&mut self) {
        self.series.iter_mut().for_each(RollupColumns::clear);
    }

    fn decode(&mut self, block: &Block<'_>, index: usize, decoder: &mut ColumnDecoder) -> Result<()> {
        if self.series.len() <= index {
            self.series.push(RollupColumns::default());
        }
        Ok(block.rollups(index, decoder, &mut self.series[index])?)
    }

    fn append(&self, index: usize, writer: &mut PartWriter) {
        writer.append_rollup(&self.series[index]);
    }
}

/// Unnamed file, with the digest of the bytes written to it.
struct Output {
    file: std::fs::File,
    digester: Digester,
}

impl Output {
    fn new() -> Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, digester: Digester::new() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.digester.update(bytes);
        Ok(self.file.write_all(bytes)?)
    }
}
