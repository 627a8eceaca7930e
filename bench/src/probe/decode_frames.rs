//! Least work of any reader of the input: decodes each frame with zstd, with one context and one buffer.
//!
//! Every CPU ratio is taken against this time, so the code checks nothing and keeps nothing.

use std::path::Path;

use anyhow::{Context, Result};
use format::frame::{Frames, SegmentBytes};
use model::limits::PAYLOAD_BYTES_MAX;
use serde::Serialize;
use zstd::zstd_safe::{DCtx, get_error_name};

use super::segments;

/// Totals of the decoded frames.
#[derive(Debug, Default, Serialize)]
pub(super) struct Decoded {
    frames: u64,
    bytes: u64,
}

/// Decodes every frame under `folder`.
pub(super) fn run(folder: &Path) -> Result<Decoded> {
    let (mut context, mut content) = (DCtx::create(), vec![0; PAYLOAD_BYTES_MAX]);
    let mut decoded = Decoded::default();
    for segment in segments::open(folder)? {
        let mut segment = segment?;
        let size = segment.size();
        let mut frames = Frames::new(&mut segment, 0, size);
        while let Some(frame) = frames.next()? {
            let body = frame.body.ok().context("the segments are sound")?;
            let bytes = context.decompress(content.as_mut_slice(), body);
            decoded.bytes += bytes.map_err(get_error_name).map_err(anyhow::Error::msg)? as u64;
            decoded.frames += 1;
        }
    }
    Ok(decoded)
}
