//! Decodes frame bodies with one zstd context and one buffer: a new context a frame costs 6-7 times the CPU.

use std::fmt;

use model::limits::{PAYLOAD_BYTES_MAX, ZSTD_WINDOW_LOG_MAX};
use zstd::zstd_safe;

use super::FrameFault;

/// First size of the buffer, and the guess for a frame that declares no size.
const BUFFER_BYTES: usize = 256 << 10;

/// A reused zstd context and its buffer, which never grows past [`PAYLOAD_BYTES_MAX`].
pub struct FrameDecoder {
    context: zstd_safe::DCtx<'static>,
    buffer: Vec<u8>,
}

impl fmt::Debug for FrameDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameDecoder").field("buffer_bytes", &self.buffer.len()).finish_non_exhaustive()
    }
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self { context: zstd_safe::DCtx::create(), buffer: vec![0; BUFFER_BYTES] }
    }
}

impl FrameDecoder {
    /// The payload in `body`; borrowed until the next call.
    ///
    /// # Errors
    /// The fault: the bounds are checked against what the frame declares before memory is taken.
    pub fn decode(&mut self, body: &[u8]) -> Result<&[u8], FrameFault> {
        if let Some(log) = window_log(body).filter(|log| *log > ZSTD_WINDOW_LOG_MAX) {
            return Err(FrameFault::WindowOverLimit { log });
        }
        let declared = match zstd_safe::get_frame_content_size(body) {
            Ok(declared) => declared,
            Err(_) => return Err(FrameFault::Corrupt { cause: "its header is cut short".to_owned() }),
        };
        match declared {
            Some(size) if size > PAYLOAD_BYTES_MAX as u64 => Err(FrameFault::DecodedOverLimit { size }),
            Some(size) => {
                self.reserve(size as usize);
                self.decompress(body, size as usize)
            }
            None => self.decode_unsized(body),
        }
    }

    /// A frame that declares no size: double the buffer until it fits or passes the limit.
    fn decode_unsized(&mut self, body: &[u8]) -> Result<&[u8], FrameFault> {
        let mut capacity = BUFFER_BYTES;
        loop {
            self.reserve(capacity);
            match self.context.decompress(&mut self.buffer[..capacity], body) {
                Ok(size) => return Ok(&self.buffer[..size]),
                Err(code) if !is_too_small(code) => return Err(corrupt(code)),
                Err(_) if capacity >= PAYLOAD_BYTES_MAX => {
                    return Err(FrameFault::DecodedOverLimit { size: capacity as u64 + 1 });
                }
                Err(_) => capacity = (capacity * 2).min(PAYLOAD_BYTES_MAX),
            }
        }
    }

    fn decompress(&mut self, body: &[u8], size: usize) -> Result<&[u8], FrameFault> {
        match self.context.decompress(&mut self.buffer[..size], body) {
            Ok(decoded) => Ok(&self.buffer[..decoded]),
            Err(code) => Err(corrupt(code)),
        }
    }

    fn reserve(&mut self, capacity: usize) {
        if self.buffer.len() < capacity {
            self.buffer.resize(capacity, 0);
        }
    }
}

fn corrupt(code: usize) -> FrameFault {
    FrameFault::Corrupt { cause: zstd_safe::get_error_name(code).to_owned() }
}

/// `ZSTD_error_dstSize_tooSmall`; zstd returns errors as negated codes.
fn is_too_small(code: usize) -> bool {
    const DST_SIZE_TOO_SMALL: usize = 70;
    code == DST_SIZE_TOO_SMALL.wrapping_neg()
}

/// The window that the frame's header asks for (RFC 8878, section 3.1.1.1); none for a single-segment frame, whose
/// window is its content.
fn window_log(body: &[u8]) -> Option<u32> {
    const SINGLE_SEGMENT: u8 = 1 << 5;
    let descriptor = *body.get(4)?;
    let window = *body.get(5)?;
    (descriptor & SINGLE_SEGMENT == 0).then(|| 10 + u32::from(window >> 3))
}
