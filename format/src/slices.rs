//! The table of a shard's slices: for each partition, where its slices lie in all runs of a run list.
//!
//! ```text
//! table: head | rows
//! head:  magic "TLRSLIC1" | run list digest u128 | partitions u32
//!        | per partition: offset u64 | length u32 | crc32c u32 of its row | crc32c u32 of all before
//! row:   slices, ordered by (run, spill, layer)
//! slice: run varint less that of the slice before | spill varint | layer varint | offset varint | length varint
//!        | points varint | crc32c u32 of the slice
//! ```
//!
//! Fixed-width numbers are little-endian. A reader knows the number of partitions, so it gets a partition's row by
//! two reads, however many runs there are. The table repeats what the indexes of the runs say, and nothing else: who
//! finds none, or a damaged one, reads those.

use model::limits::PARTITIONS_PER_SHARD_MAX;
use model::{Digest, PartitionId};

use crate::column::{ColumnError, varint};
use crate::run::{RunIndex, SliceEntry};

/// Magic at the start of a table.
pub const MAGIC: [u8; 8] = *b"TLRSLIC1";

const FIXED_BYTES: usize = MAGIC.len() + 16 + 4;
const ENTRY_BYTES: usize = 16;
const CRC_BYTES: usize = 4;

/// Error in the bytes of a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SliceTableError {
    /// The head is damaged, cut short, or of another run list.
    #[error("its head is damaged, or that of another list of runs")]
    Head,
    /// The row of a partition is damaged or cut short.
    #[error("its row of partition {partition} is damaged")]
    Row {
        /// Partition of the row.
        partition: u32,
    },
}

/// Location of a slice: the position of its run in the run list, and its entry in that run's index.
pub type PlacedSlice = (usize, SliceEntry);

/// True if a table of so many runs and partitions saves requests: it takes one for each run to make, and two for each
/// partition to use.
pub fn is_worthwhile(runs: usize, partitions: u32) -> bool {
    let (runs, partitions) = (runs as u64, u64::from(partitions));
    runs * partitions > runs + 2 * partitions
}

/// Table that is being made, run by run.
#[derive(Debug)]
pub struct SliceTable {
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Default)]
struct Row {
    bytes: Vec<u8>,
    last_run: usize,
}

impl SliceTable {
    /// Creates a table without slices.
    pub fn new(partitions: u32) -> Self {
        Self { rows: vec![Row::default(); partitions as usize] }
    }

    /// Adds the slices of the run at position `run` of the list; runs come in order.
    pub fn add(&mut self, run: usize, index: &RunIndex) {
        for slice in index.slices() {
            let Some(row) = self.rows.get_mut(slice.partition.0 as usize) else { continue };
            let step = (run - std::mem::replace(&mut row.last_run, run)) as u64;
            for number in [step, u64::from(slice.spill), u64::from(slice.layer), slice.offset, slice.len, slice.points]
            {
                varint::put(&mut row.bytes, number);
            }
            row.bytes.extend_from_slice(&slice.crc.to_le_bytes());
        }
    }

    /// Serialises the table of the run list with the digest `list`.
    pub fn to_bytes(self, list: Digest) -> Vec<u8> {
        let head_len = head_len(self.rows.len() as u32);
        let mut out = Vec::with_capacity(head_len + self.rows.iter().map(|row| row.bytes.len()).sum::<usize>());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&list.0.to_le_bytes());
        out.extend_from_slice(&(self.rows.len() as u32).to_le_bytes());
        let mut offset = head_len as u64;
        for Row { bytes, .. } in &self.rows {
            out.extend_from_slice(&offset.to_le_bytes());
            out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            out.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
            offset += bytes.len() as u64;
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        for row in self.rows {
            out.extend_from_slice(&row.bytes);
        }
        out
    }
}

/// Counts the bytes of a head.
pub const fn head_len(partitions: u32) -> usize {
    FIXED_BYTES + partitions as usize * ENTRY_BYTES + CRC_BYTES
}

/// Place of a partition's row, from the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowEntry {
    partition: PartitionId,
    /// Offset of the row in the table.
    pub offset: u64,
    /// Length of the row in bytes; 0 for a partition without a slice.
    pub len: u32,
    crc: u32,
}

impl RowEntry {
    /// Finds the row of `partition` in a head of [`head_len`] bytes, for the run list with the digest `list`.
    ///
    /// # Errors
    /// [`SliceTableError::Head`].
    pub fn find(head: &[u8], list: Digest, partition: PartitionId) -> Result<Self, SliceTableError> {
        let find = || {
            let (covered, crc) = head.split_last_chunk::<CRC_BYTES>()?;
            let rest = covered.strip_prefix(&MAGIC)?;
            let (digest, rest) = rest.split_first_chunk::<16>()?;
            let (partitions, entries) = rest.split_first_chunk::<4>()?;
            let partitions = u32::from_le_bytes(*partitions);
            let is_sound = partitions <= PARTITIONS_PER_SHARD_MAX
                && head.len() == head_len(partitions)
                && u128::from_le_bytes(*digest) == list.0
                && u32::from_le_bytes(*crc) == crc32c::crc32c(covered);
            let entry = entries.as_chunks::<ENTRY_BYTES>().0.get(partition.0 as usize).filter(|_| is_sound)?;
            let (offset, rest) = entry.split_first_chunk::<8>()?;
            let (len, crc) = rest.split_first_chunk::<4>()?;
            let crc = u32::from_le_bytes(crc.try_into().ok()?);
            Some(Self { partition, offset: u64::from_le_bytes(*offset), len: u32::from_le_bytes(*len), crc })
        };
        find().ok_or(SliceTableError::Head)
    }

    /// Parses the row, and returns its slices in source order. Every run is one of `runs`.
    ///
    /// # Errors
    /// [`SliceTableError::Row`].
    pub fn slices(&self, row: &[u8], runs: usize) -> Result<Vec<PlacedSlice>, SliceTableError> {
        let damaged = || SliceTableError::Row { partition: self.partition.0 };
        if row.len() != self.len as usize || crc32c::crc32c(row) != self.crc {
            return Err(damaged());
        }
        let (mut input, mut run, mut slices) = (row, 0, Vec::new());
        while !input.is_empty() {
            let (step, slice) = self.take(&mut input).map_err(|_| damaged())?;
            run = usize::try_from(step).map_or(usize::MAX, |step| run.saturating_add(step));
            if run >= runs {
                return Err(damaged());
            }
            slices.push((run, slice));
        }
        Ok(slices)
    }

    fn take(&self, input: &mut &[u8]) -> Result<(u64, SliceEntry), ColumnError> {
        let step = varint::take(input)?;
        let (spill, layer) = (varint::take(input)? as u32, varint::take(input)? as u32);
        let (offset, len, points) = (varint::take(input)?, varint::take(input)?, varint::take(input)?);
        let have = input.len();
        let truncated = ColumnError::Truncated { what: "a slice's checksum", need: CRC_BYTES, have };
        let (crc, rest) = input.split_first_chunk::<CRC_BYTES>().ok_or(truncated)?;
        *input = rest;
        let (partition, crc) = (self.partition, u32::from_le_bytes(*crc));
        Ok((step, SliceEntry { partition, spill, layer, crc, offset, len, points }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LIST: Digest = Digest(77);

    /// Reads the row of a partition, as a worker does.
    fn read(table: &[u8], partitions: u32, at: u32, runs: usize) -> Result<Vec<PlacedSlice>, SliceTableError> {
        let head = table.get(..head_len(partitions)).ok_or(SliceTableError::Head)?;
        let entry = RowEntry::find(head, LIST, PartitionId(at))?;
        let (start, end) = (entry.offset as usize, entry.offset as usize + entry.len as usize);
        entry.slices(table.get(start..end).ok_or(SliceTableError::Row { partition: at })?, runs)
    }

    fn entry((partition, spill, layer): (u32, u32, u32), (crc, offset, len): (u32, u64, u64)) -> SliceEntry {
        SliceEntry { partition: PartitionId(partition), spill, layer, crc, offset, len, points: len / 3 }
    }

    fn table(partitions: u32, runs: &[RunIndex]) -> Vec<u8> {
        let mut table = SliceTable::new(partitions);
        runs.iter().enumerate().for_each(|(at, index)| table.add(at, index));
        table.to_bytes(LIST)
    }

    proptest! {
        #[test]
        fn a_row_has_the_slices_of_its_partition_in_all_runs(
            runs in vec(vec(((0u32..5, 0u32..3, 0u32..2), any::<(u32, u64, u64)>()), 0..8), 0..6)
        ) {
            let runs: Vec<_> =
                runs.iter().map(|run| RunIndex::new(run.iter().map(|(at, rest)| entry(*at, *rest)).collect())).collect();
            let table = table(5, &runs);
            for partition in 0..5 {
                let expected: Vec<_> = runs.iter().enumerate()
                    .flat_map(|(at, run)| run.of_partition(PartitionId(partition)).iter().map(move |slice| (at, *slice)))
                    .collect();
                prop_assert_eq!(read(&table, 5, partition, runs.len()), Ok(expected));
            }
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_table_is_found_by_its_readers() {
        let run = |seed| RunIndex::new((0..3).map(|at| entry((at, 0, 0), (seed, u64::from(seed) << 20, 9))).collect());
        let sound = table(3, &[run(1), run(2)]);
        let rows = |table: &[u8]| (0..3).map(|at| read(table, 3, at, 2)).collect::<Result<Vec<_>, _>>();
        rows(&sound).expect("it is sound");
        for bit in 0..sound.len() * 8 {
            let mut flipped = sound.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(rows(&flipped).is_err(), "bit {bit}");
        }
        for len in 0..sound.len() {
            assert!(rows(&sound[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_run_beyond_the_largest_number_is_damage_and_not_a_small_number() {
        let mut row = Vec::new();
        for step in [2, u64::MAX] {
            for number in [step, 0, 0, 8, 1, 1] {
                varint::put(&mut row, number);
            }
            row.extend_from_slice(&[0; CRC_BYTES]);
        }
        let entry = RowEntry { partition: PartitionId(5), offset: 0, len: row.len() as u32, crc: crc32c::crc32c(&row) };
        assert_eq!(entry.slices(&row, 3), Err(SliceTableError::Row { partition: 5 }));
    }

    #[test]
    fn a_table_of_another_list_is_not_used() {
        let bytes = SliceTable::new(1).to_bytes(Digest(78));
        assert_eq!(read(&bytes, 1, 0, 0), Err(SliceTableError::Head));
    }

    #[test]
    fn a_table_is_made_where_it_saves_requests() {
        assert!(!is_worthwhile(1, 1024) && !is_worthwhile(1000, 1) && !is_worthwhile(3, 2));
        assert!(is_worthwhile(4, 3) && is_worthwhile(390, 782));
    }

    #[test]
    fn a_golden_table_of_version_1_is_read_and_written_again() {
        let run =
            |seed: u32| RunIndex::new(vec![entry((0, 0, 0), (seed, 8, 300)), entry((2, 1, 1), (!seed, 308, 1 << 33))]);
        let written = table(3, &[run(5), run(6)]);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/v1/sample.table");
        if std::env::var_os("WRITE_GOLDEN").is_some() {
            std::fs::write(path, &written).expect("write golden table");
        }
        let golden = std::fs::read(path).expect("read golden table");
        assert_eq!(read(&golden, 3, 2, 2).expect("it is sound").len(), 2);
        assert!(golden == written, "today's writer gives other bytes for the same slices");
    }
}
