//! Compact list of a shard's segments in key order: some 30 bytes per segment instead of 200.
//!
//! ```text
//! block:  64 entries, so that one entry is found by decoding at most a block
//! entry:  shared | len | key's rest | size | etag
//! etag:   0 | 1, 16 bytes of a quoted MD5 | 2, shared, len, rest
//! ```
//!
//! `shared` is the number of bytes that a text has in common with the one before it in its block; numbers are LEB128.
//! The same segments in the same order give the same bytes, so these bytes are also the object in which a plan too
//! large for one document keeps them (`format::segments`).

mod decode;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::plan::SegmentRef;
use decode::Entries;
pub use decode::SegmentListError;

/// Number of entries in a block.
const BLOCK_ENTRIES: usize = 64;
/// Most bytes of an entry beside its key and etag: five numbers and a tag.
const ENTRY_OVERHEAD_BYTES: usize = 51;

/// Segments of a shard, ordered by key; with the offset in a segment, this is source order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SegmentList {
    bytes: Vec<u8>,
    /// Offset of each block in `bytes`.
    blocks: Vec<u64>,
    count: usize,
    /// Sum of the segments' sizes in bytes.
    total: u64,
}

impl SegmentList {
    /// Returns the number of segments.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// True if there is no segment.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Sums the bytes of all segments.
    pub const fn total_bytes(&self) -> u64 {
        self.total
    }

    /// Lists all segments in order.
    pub fn iter(&self) -> impl Iterator<Item = SegmentRef> + '_ {
        self.iter_from(0)
    }

    /// Lists the segments from a position on, in order.
    pub fn iter_from(&self, position: usize) -> impl Iterator<Item = SegmentRef> + '_ {
        let block = (position / BLOCK_ENTRIES).min(self.blocks.len());
        let start = self.blocks.get(block).map_or(self.bytes.len(), |start| *start as usize);
        let entries = Entries::new(&self.bytes[start..]);
        entries.map(|entry| entry.expect("the list was checked when it was made")).skip(position % BLOCK_ENTRIES)
    }

    /// Returns the segment at a position.
    pub fn get(&self, position: usize) -> Option<SegmentRef> {
        if position < self.count { self.iter_from(position).next() } else { None }
    }

    /// Finds the position of the segment with this key.
    pub fn position_of(&self, key: &str) -> Option<usize> {
        let starts_before = |start: &u64| {
            let first = Entries::new(&self.bytes[*start as usize..]).next();
            first.is_some_and(|first| first.is_ok_and(|first| first.key.as_str() <= key))
        };
        let block = self.blocks.partition_point(starts_before).checked_sub(1)?;
        let start = block * BLOCK_ENTRIES;
        let found = self.iter_from(start).take(BLOCK_ENTRIES).position(|segment| segment.key == key)?;
        Some(start + found)
    }

    /// Returns the encoded list, which [`Self::from_encoded`] parses.
    pub fn encoded(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks and adopts bytes from [`Self::encoded`].
    ///
    /// # Errors
    /// The bytes are not a list, or its keys are out of order.
    pub fn from_encoded(bytes: Vec<u8>) -> Result<Self, SegmentListError> {
        let (mut blocks, mut count, mut total) = (Vec::new(), 0_usize, 0_u64);
        let mut last: Option<String> = None;
        let mut entries = Entries::new(&bytes);
        loop {
            let at = entries.position();
            let Some(segment) = entries.next() else { break };
            let segment = segment?;
            if last.is_some_and(|last| last > segment.key) {
                return Err(SegmentListError::Order { key: segment.key });
            }
            if count.is_multiple_of(BLOCK_ENTRIES) {
                blocks.push(at as u64);
            }
            count += 1;
            total = total.saturating_add(segment.size);
            last = Some(segment.key);
        }
        drop(entries);
        Ok(Self { bytes, blocks, count, total })
    }
}

impl std::fmt::Debug for SegmentList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<SegmentRef> for SegmentList {
    fn from_iter<I: IntoIterator<Item = SegmentRef>>(segments: I) -> Self {
        let mut builder = SegmentListBuilder::default();
        segments.into_iter().for_each(|segment| builder.push(&segment.key, segment.size, segment.etag.as_deref()));
        builder.finish()
    }
}

impl From<Vec<SegmentRef>> for SegmentList {
    fn from(segments: Vec<SegmentRef>) -> Self {
        segments.into_iter().collect()
    }
}

/// Serialises as an array of [`SegmentRef`]s.
impl Serialize for SegmentList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.count))?;
        self.iter().try_for_each(|segment| array.serialize_element(&segment))?;
        array.end()
    }
}

impl<'de> Deserialize<'de> for SegmentList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Segments;

        impl<'de> Visitor<'de> for Segments {
            type Value = SegmentList;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array of segments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<SegmentList, A::Error> {
                let mut builder = SegmentListBuilder::default();
                while let Some(SegmentRef { key, size, etag }) = array.next_element()? {
                    builder.push(&key, size, etag.as_deref());
                }
                Ok(builder.finish())
            }
        }

        deserializer.deserialize_seq(Segments)
    }
}

/// Builds a list of segments that come in any order. Segments that come in key order are encoded at once.
#[derive(Debug, Default)]
pub struct SegmentListBuilder {
    list: SegmentList,
    last_key: String,
    last_etag: String,
    is_disordered: bool,
}

impl SegmentListBuilder {
    /// Adds a segment to the list.
    pub fn push(&mut self, key: &str, size: u64, etag: Option<&str>) {
        let list = &mut self.list;
        self.is_disordered |= key < self.last_key.as_str();
        if list.count.is_multiple_of(BLOCK_ENTRIES) {
            list.blocks.push(list.bytes.len() as u64);
            self.last_key.clear();
            self.last_etag.clear();
        }
        let most = key.len() + etag.map_or(0, str::len) + ENTRY_OVERHEAD_BYTES;
        if list.bytes.capacity() - list.bytes.len() < most {
            // Grow by an eighth: lists of many shards grow side by side, and doubling would take twice the memory
            // they need.
            list.bytes.reserve_exact(most.max(list.bytes.len() / 8));
        }
        put_text(&mut list.bytes, &mut self.last_key, key);
        put_number(&mut list.bytes, size);
        match (etag, etag.and_then(quoted_md5)) {
            (None, _) => list.bytes.push(0),
            (Some(_), Some(md5)) => {
                list.bytes.push(1);
                list.bytes.extend_from_slice(&md5.to_be_bytes());
            }
            (Some(etag), None) => {
                list.bytes.push(2);
                put_text(&mut list.bytes, &mut self.last_etag, etag);
            }
        }
        list.count += 1;
        list.total = list.total.saturating_add(size);
    }

    /// Returns the number of segments so far.
    pub const fn len(&self) -> usize {
        self.list.count
    }

    /// True if no segment was added yet.
    pub const fn is_empty(&self) -> bool {
        self.list.count == 0
    }

    /// Finishes the list, sorted by key.
    pub fn finish(mut self) -> SegmentList {
        if self.is_disordered {
            let mut segments: Vec<_> = self.list.iter().collect();
            segments.sort_by(|a, b| a.key.cmp(&b.key));
            return segments.into();
        }
        self.list.bytes.shrink_to_fit();
        self.list.blocks.shrink_to_fit();
        self.list
    }
}

/// Appends `text` without the start that it shares with `last`, and stores it as the new `last`.
fn put_text(bytes: &mut Vec<u8>, last: &mut String, text: &str) {
    let common = last.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
    let shared = (0..=common).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    put_number(bytes, shared as u64);
    put_number(bytes, (text.len() - shared) as u64);
    bytes.extend_from_slice(&text.as_bytes()[shared..]);
    last.truncate(shared);
    last.push_str(&text[shared..]);
}

pub(crate) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Parses an MD5 that S3 gives as the etag of an object that was put in one piece: 32 lower-case digits in quotes.
fn quoted_md5(etag: &str) -> Option<u128> {
    let digits = etag.strip_prefix('"')?.strip_suffix('"')?;
    let md5 = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32)?;
    (show_md5(md5) == etag).then_some(md5)
}

fn show_md5(md5: u128) -> String {
    format!("\"{md5:032x}\"")
}

#[cfg(test)]
mod tests;
