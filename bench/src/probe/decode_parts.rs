//! Reads the whole output back: verifies every block of every raw part, and decodes it to points.

use std::hint::black_box;
use std::path::Path;

use anyhow::Result;
use format::column::ColumnDecoder;
use model::Columns;
use serde::Serialize;

use super::parts::{self, Kind};

/// Totals of the decoded parts.
#[derive(Debug, Default, Serialize)]
pub(super) struct Decoded {
    series: u64,
    points: u64,
}

/// Decodes every raw part of `dataset`.
pub(super) fn run(dataset: &Path) -> Result<Decoded> {
    let (mut decoder, mut columns, mut bytes) = (ColumnDecoder::new(), Columns::default(), Vec::new());
    let mut decoded = Decoded::default();
    for path in parts::of_kind(dataset, Kind::Raw)? {
        let footer = parts::read(&path, &mut bytes)?;
        for block in parts::blocks(&footer, &bytes) {
            let block = block?;
            for index in 0..block.series().len() {
                columns.clear();
                block.points(index, &mut decoder, &mut columns)?;
                decoded.points += black_box(&columns).len() as u64;
            }
        }
        decoded.series += footer.summary().series;
    }
    Ok(decoded)
}
