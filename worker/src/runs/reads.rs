//! Plans the reads of a merge: which slices are merged together, and in pieces of which size each of them is read.
//!
//! A store prices and delays requests, so a slice in a store is read by one request wherever memory allows, and
//! otherwise in pieces of some MiB: where the slices of a partition do not fit side by side, neighbours are merged to
//! a file of this machine first. Slices in files are read in small pieces, as many as one merge may read.

use std::ops::Range;

/// Least bytes that a slice in a store may take in memory: a longer one is read in pieces of half of it, one of which
/// is in flight.
const STORE_BYTES_MIN: u64 = 4 << 20;

/// Most bytes that a slice in a store takes in memory; larger pieces would save few requests.
const STORE_BYTES_MAX: u64 = 16 << 20;

/// Smallest piece of a file; most bodies of a chunk fit in it.
const FILE_BYTES_MIN: u64 = 8 << 10;

/// Largest piece of a file; a larger one gains nothing.
const FILE_BYTES_MAX: u64 = 512 << 10;

/// Slice that is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToRead {
    /// Length in bytes.
    pub(crate) len: u64,
    /// True if it lies in a file of this machine.
    pub(crate) is_file: bool,
}

impl ToRead {
    fn needs(self) -> u64 {
        if self.is_file { FILE_BYTES_MIN } else { self.len.min(STORE_BYTES_MIN) }
    }
}

/// Bounds of one merge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadBudget {
    /// Bytes of slices in memory.
    pub(crate) bytes: u64,
    /// Most slices, at least 2.
    pub(crate) fan_in_max: usize,
}

impl ReadBudget {
    /// Divides slices into groups of neighbours that one merge reads each. A group has at least two slices, whatever
    /// they need, or merging would never end; only the last may have one.
    pub(crate) fn groups(&self, slices: &[ToRead]) -> Vec<Range<usize>> {
        let (mut groups, mut start, mut needed) = (Vec::new(), 0, 0);
        for (at, slice) in slices.iter().enumerate() {
            let is_full = at - start >= self.fan_in_max || needed + slice.needs() > self.bytes;
            if is_full && at - start >= 2 {
                groups.push(start..at);
                (start, needed) = (at, 0);
            }
            needed += slice.needs();
        }
        if start < slices.len() {
            groups.push(start..slices.len());
        }
        groups
    }

    /// Returns the budget of a merge beside which the slices of the next are being read.
    pub(crate) const fn half(&self) -> Self {
        Self { bytes: self.bytes / 2, fan_in_max: self.fan_in_max }
    }

    /// Returns, for each slice of one group, the bytes that it may take in memory: its whole length, if it is read by
    /// one request.
    pub(crate) fn shares(&self, group: &[ToRead]) -> Vec<u64> {
        let files = group.iter().filter(|slice| slice.is_file).count() as u64;
        let in_stores: u64 = group.iter().filter(|slice| !slice.is_file).map(|slice| slice.needs()).sum();
        let file = (self.bytes.saturating_sub(in_stores) / files.max(1)).clamp(FILE_BYTES_MIN, FILE_BYTES_MAX);
        let store = level(group, self.bytes.saturating_sub(files * file)).clamp(STORE_BYTES_MIN, STORE_BYTES_MAX);
        let share = |slice: &ToRead| if slice.is_file { file } else { store.min(slice.len) };
        group.iter().map(share).collect()
    }
}

/// Returns the highest level up to which all slices in stores together take at most `bytes`.
fn level(group: &[ToRead], mut bytes: u64) -> u64 {
    let mut lens: Vec<_> = group.iter().filter(|slice| !slice.is_file).map(|slice| slice.len).collect();
    lens.sort_unstable();
    for (at, len) in lens.iter().enumerate() {
        let left = (lens.len() - at) as u64;
        if len.saturating_mul(left) > bytes {
            return bytes / left;
        }
        bytes -= len;
    }
    u64::MAX
}

/// Counts the requests that read the slices of one partition from a store, given the lengths of the slices and the
/// memory of the slot.
pub(crate) fn requests(lens: &[u64], budget: ReadBudget) -> u64 {
    let slices: Vec<_> = lens.iter().map(|len| ToRead { len: *len, is_file: false }).collect();
    let all = budget.groups(&slices);
    let (groups, budget) = if all.len() > 1 { (budget.half().groups(&slices), budget.half()) } else { (all, budget) };
    let requests = |group: Range<usize>| {
        let group = &slices[group];
        let requests_of_slice =
            |(slice, share): (&ToRead, u64)| if share == slice.len { 1 } else { slice.len.div_ceil(share / 2) };
        group.iter().zip(budget.shares(group)).map(requests_of_slice).sum::<u64>()
    };
    groups.into_iter().map(requests).sum()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    proptest! {
        #[test]
        fn groups_cover_all_slices_within_the_budget_and_get_fewer(
            slices in vec((0u64..40 * MIB, any::<bool>()), 0..600), bytes in 1u64..256 * MIB, fan_in_max in 2usize..300
        ) {
            let slices: Vec<_> = slices.into_iter().map(|(len, is_file)| ToRead { len, is_file }).collect();
            let budget = ReadBudget { bytes, fan_in_max };
            let groups = budget.groups(&slices);
            prop_assert_eq!(groups.iter().cloned().flatten().collect::<Vec<_>>(), (0..slices.len()).collect::<Vec<_>>());
            for (at, group) in groups.iter().enumerate() {
                prop_assert!(group.len() <= fan_in_max && (group.len() >= 2 || at + 1 == groups.len()));
                let shares = budget.shares(&slices[group.clone()]);
                prop_assert!(shares.iter().zip(&slices[group.clone()]).all(|(share, slice)| slice.is_file || *share <= slice.len));
                let least: u64 = slices[group.clone()].iter().map(|slice| slice.needs()).sum();
                prop_assert!(group.len() <= 2 || least <= bytes);
                let files = group.len() as u64 * FILE_BYTES_MIN;
                prop_assert!(shares.iter().sum::<u64>() <= bytes.max(least) + files, "beyond what files take at the least");
            }
        }
    }

    #[test]
    fn a_slice_is_read_by_one_request_and_a_long_one_in_pieces_of_what_memory_there_is() {
        let budget = |mib: u64| ReadBudget { bytes: mib * MIB, fan_in_max: 256 };
        let many = vec![3 * MIB / 2; 390];
        for mib in [8, 32, 128, 1024] {
            assert_eq!(requests(&many, budget(mib)), 390, "{mib} MiB");
        }
        assert_eq!(requests(&[64 * MIB], budget(1024)), 8);
        assert_eq!(requests(&[64 * MIB, MIB], budget(5)), 32 + 1);
        assert_eq!(requests(&[], budget(5)), 0);
    }
}
