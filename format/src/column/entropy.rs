//! Entropy-coded integers: one chunk and one page of `pco`, in classic mode, without its own delta.
//!
//! ```text
//! entropy := pco chunk metadata, pco page
//! ```
//!
//! The columns pass numbers that are already differences or residuals, so pco only has to bin them: its automatic
//! modes cost three to five times as much and come out larger. The layout is that of pco's wrapped format 4.1; the
//! part's version fixes that version.

use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use super::ColumnError;

/// Compression level at the knee of size against time: level 8 takes twice as long for one percent.
const LEVEL: usize = 4;

/// Lengths for which pco is tried: below, its tables outweigh their savings; above, a page of pco is full.
pub(super) const LENGTHS: std::ops::RangeInclusive<usize> = 128..=1 << 18;

/// The header of pco's format 4.1, which the part's version stands for.
const PCO_HEADER: [u8; 2] = [4, 1];

/// First byte of a chunk's metadata in classic mode without delta. Other modes may ask a reader for more memory than
/// the numbers take.
const CLASSIC_WITHOUT_DELTA: u8 = 0;

/// Appends `values`, entropy-coded.
pub(super) fn encode(values: &[i64], out: &mut Vec<u8>) {
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(DeltaSpec::NoOp);
    let chunk = FileCompressor::default().chunk_compressor(values, &config);
    let mut chunk = chunk.expect("level, mode and delta are valid for i64, and the length is within pco's");
    chunk.write_meta(&mut *out).expect("a vector takes all bytes");
    chunk.write_page(0, &mut *out).expect("a vector takes all bytes, and there is one page");
}

/// Takes `values.len()` numbers off the front of `input`.
///
/// # Errors
/// The bytes are too few or not pco's.
pub(super) fn decode(input: &mut &[u8], values: &mut [i64]) -> Result<(), ColumnError> {
    match input.first() {
        Some(&CLASSIC_WITHOUT_DELTA) => {}
        Some(&byte) => return Err(ColumnError::Unknown { what: "a pco mode", byte }),
        None => return Err(ColumnError::Truncated { what: "a pco chunk", need: 1, have: 0 }),
    }
    let (file, _) = FileDecompressor::new(PCO_HEADER.as_slice())?;
    let (mut chunk, rest) = file.chunk_decompressor::<i64, _>(*input)?;
    let mut page = chunk.page_decompressor(rest, values.len())?;
    page.read(values)?;
    *input = page.into_src();
    Ok(())
}
