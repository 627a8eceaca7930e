//! Reads segments a second time, plainly. It checks the engine, so it uses none of the engine's reading code.
//!
//! A frame is a big-endian length and a zstd body. A frame that cannot be read, or holds no valid payload, is bad. A
//! bad frame ends where its length says, if the segment ends or a frame header stands there; else at the next offset
//! where four frames (or fewer that end with the segment) follow one another; else at the segment's end.

use std::io::Read;

use bytes::Bytes;
use model::SegmentRef;
use model::limits::{
    FRAME_BYTES_MAX, FRAME_BYTES_MIN, METADATA_BYTES_MAX, PAYLOAD_BYTES_MAX, PAYLOAD_POINTS_MAX, RESYNC_CHAIN_FRAMES,
    ZSTD_WINDOW_LOG_MAX,
};
use prost::Message;
use proto::v1::Payload;
use storage::Root;

use crate::error::DatasetError;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const LENGTH_BYTES: u64 = 4;
const HEADER_BYTES: usize = 8;

/// Bytes of one read of the store.
const READ_BYTES: u64 = 8 << 20;

/// Segment that is read front to back.
pub(super) struct Segment<'a> {
    root: &'a Root,
    key: &'a str,
    size: u64,
    next: u64,
    /// Bytes of the last read, with their offset.
    window: Bytes,
    window_start: u64,
}

/// Frame, good or bad.
pub(super) enum Frame {
    /// Payload of a valid frame.
    Good(Payload),
    /// Frame that goes to quarantine.
    Bad,
}

impl<'a> Segment<'a> {
    pub(super) fn new(root: &'a Root, segment: &'a SegmentRef) -> Self {
        let (key, size) = (segment.key.as_str(), segment.size);
        Self { root, key, size, next: 0, window: Bytes::new(), window_start: 0 }
    }

    /// Reads the next frame; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, DatasetError> {
        let start = self.next;
        if start == self.size {
            return Ok(None);
        }
        let Some(end) = self.end_of_frame(start).await? else {
            self.next = self.next_chain(start + 1).await?;
            return Ok(Some(Frame::Bad));
        };
        let body_start = start + LENGTH_BYTES;
        if let Some(payload) = read_payload(self.bytes(body_start, end - body_start).await?) {
            self.next = end;
            return Ok(Some(Frame::Good(payload)));
        }
        let is_believed = end == self.size || self.end_of_header(end).await?.is_some();
        self.next = if is_believed { end } else { self.next_chain(start + 1).await? };
        Ok(Some(Frame::Bad))
    }

    /// Returns the end of the frame at `start` by its length; none for an impossible length.
    async fn end_of_frame(&mut self, start: u64) -> Result<Option<u64>, DatasetError> {
        let size = self.size;
        let Some(length) = self.bytes(start, LENGTH_BYTES).await?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
        else {
            return Ok(None);
        };
        let end = start + LENGTH_BYTES + u64::from(length);
        Ok((length > 0 && length <= FRAME_BYTES_MAX && end <= size).then_some(end))
    }

    /// Returns the end of the frame at `start` if it also has the magic and the least length.
    async fn end_of_header(&mut self, start: u64) -> Result<Option<u64>, DatasetError> {
        if !self.bytes(start, HEADER_BYTES as u64).await?.ends_with(&MAGIC) {
            return Ok(None);
        }
        let shortest = start + LENGTH_BYTES + u64::from(FRAME_BYTES_MIN);
        Ok(self.end_of_frame(start).await?.filter(|end| *end >= shortest))
    }

    /// Finds the first offset from `start` on where frames follow one another, or the segment's end.
    async fn next_chain(&mut self, start: u64) -> Result<u64, DatasetError> {
        for offset in start..self.size {
            if self.is_chain(offset).await? {
                return Ok(offset);
            }
        }
        Ok(self.size)
    }

    async fn is_chain(&mut self, mut offset: u64) -> Result<bool, DatasetError> {
        for _ in 0..RESYNC_CHAIN_FRAMES {
            match self.end_of_header(offset).await? {
                None => return Ok(false),
                Some(end) if end == self.size => return Ok(true),
                Some(end) => offset = end,
            }
        }
        Ok(true)
    }

    /// Returns `len` bytes from `start` on; fewer only if the segment ends.
    async fn bytes(&mut self, start: u64, len: u64) -> Result<&[u8], DatasetError> {
        let end = self.size.min(start + len);
        let is_at_hand = self.window_start <= start && end <= self.window_start + self.window.len() as u64;
        if !is_at_hand {
            let len = len.max(READ_BYTES).min(self.size - start);
            self.window = self.root.read_range(self.key, start, len as usize).await?;
            self.window_start = start;
            if self.window.len() as u64 != len {
                let fact = format!("ends before byte {}", start + len);
                return Err(DatasetError::InputChanged { object: self.root.object(self.key), fact });
            }
        }
        let from = (start - self.window_start) as usize;
        Ok(&self.window[from..from + (end - start) as usize])
    }
}

/// Decodes the payload in a frame's body; none if it is not valid.
fn read_payload(body: &[u8]) -> Option<Payload> {
    let content = decompress(body)?;
    let payload = Payload::decode(content.as_slice()).ok()?;
    let is_valid = payload.org_id > 0
        && payload.metric_id > 0
        && payload.timestamps.len() == payload.values.len()
        && payload.timestamps.len() <= PAYLOAD_POINTS_MAX
        && payload.metadata.len() <= METADATA_BYTES_MAX;
    is_valid.then_some(payload)
}

fn decompress(body: &[u8]) -> Option<Vec<u8>> {
    if !body.starts_with(&MAGIC) {
        return None;
    }
    // Reads every frame of the body, and checks the size that each of them declares.
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body).ok()?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).ok()?;
    let mut content = Vec::new();
    decoder.take(PAYLOAD_BYTES_MAX as u64 + 1).read_to_end(&mut content).ok()?;
    (content.len() <= PAYLOAD_BYTES_MAX).then_some(content)
}
