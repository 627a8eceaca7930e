//! Decodes frame bodies with one zstd context into one buffer. A new context for each frame would cost several times
//! the CPU.
//!
//! A body is one zstd frame. Writers of some libraries make several frames of one content (RFC 8878 allows it, and
//! `zstd -dc` joins them), or append skippable frames: such a body is read too, and every limit holds for its frames
//! together.

use std::fmt;
use std::ops::Range;

use model::limits::{PAYLOAD_BYTES_MAX, ZSTD_WINDOW_LOG_MAX};
use zstd::zstd_safe;

use super::{FrameFault, ZSTD_MAGIC, is_skippable};

/// First buffer size for a frame that declares no size; it is doubled as needed.
const UNSIZED_BYTES: usize = 256 << 10;

/// Reused zstd context, and a buffer for the contents of one batch of frames.
pub struct FrameDecoder {
    context: zstd_safe::DCtx<'static>,
    buffer: Vec<u8>,
    used: usize,
}

impl fmt::Debug for FrameDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameDecoder").field("used", &self.used).finish_non_exhaustive()
    }
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self { context: zstd_safe::DCtx::create(), buffer: Vec::new(), used: 0 }
    }
}

impl FrameDecoder {
    /// Forgets the batch and keeps the memory.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Counts the bytes of the batch so far.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Returns the contents of the batch, back to back.
    pub fn contents(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    /// Decodes one frame alone; the previous batch is forgotten.
    ///
    /// # Errors
    /// As [`Self::decode_next`].
    pub fn decode(&mut self, body: &[u8]) -> Result<&[u8], FrameFault> {
        self.clear();
        let content = self.decode_next(body)?;
        Ok(&self.buffer[content])
    }

    /// Adds the content of `body` to the batch, and returns its range in [`Self::contents`].
    ///
    /// # Errors
    /// The fault: the bounds are checked against what the frame declares before memory is taken.
    pub fn decode_next(&mut self, body: &[u8]) -> Result<Range<usize>, FrameFault> {
        let declared = declared_size(body)?;
        let declared = match zstd_safe::find_frame_compressed_size(body) {
            Ok(size) if size < body.len() => joined_size(declared, body, size)?,
            // The frame is the whole body, or damaged: decoding says how.
            _ => declared,
        };
        let decoded = match declared {
            Some(size) if size > PAYLOAD_BYTES_MAX as u64 => Err(FrameFault::DecodedOverLimit { size }),
            Some(size) => self.decompress(body, size as usize).map_err(|code| corrupt(body, code)),
            None => self.decode_unsized(body),
        };
        let content = self.used..self.used + decoded?;
        self.used = content.end;
        Ok(content)
    }

    /// Decodes a frame that declares no size: doubles the buffer until the content fits or passes the limit.
    fn decode_unsized(&mut self, body: &[u8]) -> Result<usize, FrameFault> {
        let mut room = UNSIZED_BYTES;
        loop {
            match self.decompress(body, room) {
                Err(code) if !is_too_small(code) => return Err(corrupt(body, code)),
                Err(_) if room >= PAYLOAD_BYTES_MAX => {
                    return Err(FrameFault::DecodedOverLimit { size: room as u64 + 1 });
                }
                Err(_) => room = (room * 2).min(PAYLOAD_BYTES_MAX),
                Ok(size) => return Ok(size),
            }
        }
    }

    /// Decodes into `room` bytes behind the batch; the error is zstd's code.
    fn decompress(&mut self, body: &[u8], room: usize) -> Result<usize, usize> {
        let end = self.used + room;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        self.context.decompress(&mut self.buffer[self.used..end], body)
    }
}

/// The fault of a body that zstd gave up with `code`.
fn corrupt(body: &[u8], code: usize) -> FrameFault {
    dictionary(body).unwrap_or_else(|| FrameFault::Corrupt { cause: zstd_safe::get_error_name(code).to_owned() })
}

/// The fault of a frame that only a dictionary decodes.
fn dictionary(frame: &[u8]) -> Option<FrameFault> {
    zstd_safe::get_dict_id_from_frame(frame).map(|id| FrameFault::NeedsDictionary { id: id.get() })
}

/// The size of the content that a frame declares, if it does.
fn declared_size(frame: &[u8]) -> Result<Option<u64>, FrameFault> {
    if let Some(log) = window_log(frame).filter(|log| *log > ZSTD_WINDOW_LOG_MAX) {
        return Err(FrameFault::WindowOverLimit { log });
    }
    zstd_safe::get_frame_content_size(frame)
        .map_err(|_| FrameFault::Corrupt { cause: "its header is cut short".to_owned() })
}

/// The size of the contents of all frames of a body, of which the first has `first_bytes` and declares `declared`;
/// none where one of them declares none.
fn joined_size(mut declared: Option<u64>, body: &[u8], first_bytes: usize) -> Result<Option<u64>, FrameFault> {
    let mut rest = &body[first_bytes..];
    while !rest.is_empty() {
        if rest.starts_with(&ZSTD_MAGIC) {
            let size = declared_size(rest)?;
            declared = declared.zip(size).map(|(before, size)| before.saturating_add(size));
            if let Some(fault) = dictionary(rest) {
                return Err(fault);
            }
        } else if !is_skippable(rest) {
            let cause = format!("{} bytes behind its last frame are not zstd", rest.len());
            return Err(FrameFault::Corrupt { cause });
        }
        let bytes = zstd_safe::find_frame_compressed_size(rest).map_err(|code| corrupt(rest, code))?;
        rest = &rest[bytes..];
    }
    Ok(declared)
}

/// `ZSTD_error_dstSize_tooSmall`; zstd returns errors as negated codes.
fn is_too_small(code: usize) -> bool {
    const DST_SIZE_TOO_SMALL: usize = 70;
    code == DST_SIZE_TOO_SMALL.wrapping_neg()
}

/// Base-2 logarithm of the window that the frame's header asks for (RFC 8878, section 3.1.1.1); none for a
/// single-segment frame, whose window is its content.
fn window_log(body: &[u8]) -> Option<u32> {
    const SINGLE_SEGMENT: u8 = 1 << 5;
    let descriptor = *body.get(4)?;
    let window = *body.get(5)?;
    // The low three bits are eighths of the power that are added to it, so the next power is large enough.
    (descriptor & SINGLE_SEGMENT == 0).then(|| 10 + u32::from(window >> 3) + u32::from(window & 7 != 0))
}
