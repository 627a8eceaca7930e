//! The shuffle buffer: packed chunks, linked by series, until the memory budget is used up.
//!
//! A payload's columns are packed before they are buffered: that is smaller and cheaper than any general compressor.
//! Nothing is allocated per point or chunk; memory is kept from task to task, because fresh memory costs page faults.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use format::column::{ColumnEncoder, Encoding};
use format::run::ChunkHeader;
use model::limits::CHUNK_POINTS_MAX;
use model::{PartitionId, SeriesKey, TimestampMs};

/// Share of the budget for the bytes of chunks; the rest is for their links.
const ARENA_SHARE: f64 = 0.65;

/// Link that ends a series' chain of chunks.
const NONE: u32 = u32::MAX;

/// Most bytes of an arena: offsets have 32 bits, and the batch that fills the arena may exceed its share.
const ARENA_BYTES_MAX: usize = (u32::MAX - (64 << 20)) as usize;

/// Room for the batch that fills the arena.
const BATCH_ROOM_BYTES: usize = 256 << 10;

/// A packed chunk. The struct is kept small because payloads of few points have more links than points.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    first: TimestampMs,
    last: TimestampMs,
    offset: u32,
    body_len: u32,
    next: u32,
    points: u16,
    is_strict: bool,
}

const _: () = assert!(CHUNK_POINTS_MAX <= u16::MAX as usize, "the points of a chunk fit its field");

/// A series with points in the buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Series {
    /// Key: organisation and metric.
    pub(crate) key: SeriesKey,
    /// Partition of the key.
    pub(crate) partition: PartitionId,
    metadata: (u32, u32),
    head: u32,
    tail: u32,
}

/// Packed chunks by series, within a budget.
#[derive(Debug)]
pub(crate) struct ShuffleBuffer {
    budget: usize,
    arena_bytes_max: usize,
    arena: Vec<u8>,
    chunks: Vec<Chunk>,
    series: Vec<Series>,
    slots: HashMap<SeriesKey, u32, BuildHasherDefault<KeyHasher>>,
    encoder: ColumnEncoder,
}

impl ShuffleBuffer {
    /// Creates a buffer that is full at about `budget` bytes.
    pub(crate) fn new(budget: usize) -> Self {
        let arena_bytes_max = ((budget as f64 * ARENA_SHARE) as usize).min(ARENA_BYTES_MAX);
        Self {
            budget,
            arena_bytes_max,
            // Reserved once, with room for the batch that fills it: untouched memory is not resident, and growing
            // would hold two copies.
            arena: Vec::with_capacity(arena_bytes_max + BATCH_ROOM_BYTES),
            chunks: Vec::new(),
            series: Vec::new(),
            slots: HashMap::default(),
            encoder: ColumnEncoder::new(),
        }
    }

    /// True if the buffer should be spilled before more is added.
    pub(crate) fn is_full(&self) -> bool {
        self.arena.len() >= self.arena_bytes_max || self.arena.len() + self.links_bytes() >= self.budget
    }

    /// Bytes of everything but the arena, and of the order that a spill builds. Capacities are counted, because they
    /// are resident.
    fn links_bytes(&self) -> usize {
        self.chunks.capacity() * (size_of::<Chunk>() + size_of::<u32>())
            + self.series.capacity() * (size_of::<Series>() + size_of::<u32>())
            + self.slots.capacity() * (size_of::<(SeriesKey, u32)>() + 1) * 8 / 7
    }

    /// True if there is nothing to spill.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Empties the buffer and keeps its memory. Links that took most of the budget are given back, or nothing else
    /// would fit.
    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        self.chunks.clear();
        self.series.clear();
        self.slots.clear();
        if self.links_bytes() > self.budget / 2 {
            self.chunks = Vec::new();
            self.series = Vec::new();
            self.slots = HashMap::default();
        }
    }

    /// Adds the points of one payload: at least one point, in ascending order.
    pub(crate) fn add(&mut self, key: SeriesKey, partitions: u32, metadata: &[u8], timestamps: &[i64], values: &[f64]) {
        let slot = self.slot(key, partitions);
        self.note_metadata(slot, metadata);
        for (timestamps, values) in timestamps.chunks(CHUNK_POINTS_MAX).zip(values.chunks(CHUNK_POINTS_MAX)) {
            self.add_chunk(slot, timestamps, values);
        }
    }

    fn slot(&mut self, key: SeriesKey, partitions: u32) -> usize {
        let fresh = self.series.len() as u32;
        let slot = *self.slots.entry(key).or_insert(fresh);
        if slot == fresh {
            let partition = key.partition(partitions);
            self.series.push(Series { key, partition, metadata: (0, 0), head: NONE, tail: NONE });
        }
        slot as usize
    }

    /// Keeps the last metadata in source order that is not empty.
    fn note_metadata(&mut self, slot: usize, metadata: &[u8]) {
        let (start, len) = self.series[slot].metadata;
        if metadata.is_empty() || metadata == &self.arena[start as usize..][..len as usize] {
            return;
        }
        self.series[slot].metadata = (narrow(self.arena.len()), narrow(metadata.len()));
        self.arena.extend_from_slice(metadata);
    }

    fn add_chunk(&mut self, slot: usize, timestamps: &[i64], values: &[f64]) {
        let offset = self.arena.len();
        self.encoder.timestamps(timestamps, Encoding::Packed, &mut self.arena);
        self.encoder.values(values, Encoding::Packed, &mut self.arena);
        let chunk = narrow(self.chunks.len());
        if self.chunks.len() == self.chunks.capacity() {
            // Grow by a quarter: doubling would hold half as much again as all chunks.
            self.chunks.reserve_exact(self.chunks.len() / 4 + 1024);
        }
        self.chunks.push(Chunk {
            first: timestamps[0],
            last: timestamps[timestamps.len() - 1],
            offset: narrow(offset),
            body_len: narrow(self.arena.len() - offset),
            next: NONE,
            points: timestamps.len() as u16,
            is_strict: timestamps.windows(2).fold(true, |strict, pair| strict & (pair[0] < pair[1])),
        });
        let series = &mut self.series[slot];
        match series.tail {
            NONE => series.head = chunk,
            tail => self.chunks[tail as usize].next = chunk,
        }
        series.tail = chunk;
    }

    /// Lists the positions of the series, ordered by (partition, key).
    pub(crate) fn ordered_series(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.series.len() as u32).collect();
        order.sort_unstable_by_key(|slot| {
            let series = &self.series[*slot as usize];
            (series.partition, series.key)
        });
        order
    }

    /// Returns the series at a position.
    pub(crate) fn series(&self, slot: u32) -> &Series {
        &self.series[slot as usize]
    }

    /// Returns the metadata of a series.
    pub(crate) fn metadata(&self, series: &Series) -> &[u8] {
        let (start, len) = series.metadata;
        &self.arena[start as usize..][..len as usize]
    }

    /// Lists the chunks of a series in source order, which is the order of their numbers.
    pub(crate) fn chunks_of(&self, series: &Series) -> impl Iterator<Item = u32> {
        let mut next = series.head;
        std::iter::from_fn(move || {
            let chunk = next;
            next = self.chunks.get(chunk as usize)?.next;
            Some(chunk)
        })
    }

    /// Builds the header that a run stores for the chunk.
    pub(crate) fn header(&self, chunk: u32) -> ChunkHeader {
        let Chunk { first, last, body_len, points, is_strict, .. } = self.chunks[chunk as usize];
        ChunkHeader { points: usize::from(points), is_strict, first, last, body_len: body_len as usize }
    }

    /// Returns the packed columns of a chunk.
    pub(crate) fn body(&self, chunk: u32) -> &[u8] {
        let Chunk { offset, body_len, .. } = self.chunks[chunk as usize];
        &self.arena[offset as usize..][..body_len as usize]
    }
}

/// Converts a position or length in the buffer to 32 bits.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("the arena is spilled before its offsets run out")
}

/// Multiplicative hash of the two ids. A stronger hash is not needed: the ids come from our own frames, and
/// collisions slow only the reading of those frames.
#[derive(Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(self.0 ^ word) * u128::from(GOLDEN);
        self.0 = (product as u64) ^ ((product >> 64) as u64).rotate_left(32);
    }
}
