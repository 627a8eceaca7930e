//! Any damage gives an error, never a panic or other points.

use proptest::prelude::*;

use super::support::*;
use super::*;

/// Calls `check` with each copy of `bytes` that has one bit flipped, and with each that is cut short.
fn for_each_damage(bytes: &[u8], check: impl Fn(&[u8], &dyn std::fmt::Display)) {
    let mut damaged = bytes.to_vec();
    for bit in 0..bytes.len() * 8 {
        damaged[bit / 8] ^= 1 << (bit % 8);
        check(&damaged, &format_args!("bit {bit} of byte {} flipped", bit / 8));
        damaged[bit / 8] ^= 1 << (bit % 8);
    }
    for len in 0..bytes.len() {
        check(&bytes[..len], &format_args!("cut to {len} bytes"));
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    for encoding in ENCODINGS {
        for all in [small_raw(), Vec::new()] {
            let raw = write_raw(encoding, &all);
            assert_same_raw(&read_raw(&raw).expect("undamaged"), &all);
            for_each_damage(&raw, |bytes, damage| assert!(read_raw(bytes).is_err(), "raw {encoding}: {damage}"));
        }
        let rollups = write_rollups(encoding, &small_rollups());
        assert_same_rollups(&read_rollups(&rollups).expect("undamaged"), &small_rollups());
        for_each_damage(&rollups, |bytes, damage| assert!(read_rollups(bytes).is_err(), "rollup {encoding}: {damage}"));
    }
}

#[test]
fn a_damaged_block_is_named_with_its_offset_and_both_checksums() {
    let mut bytes = write_raw(Encoding::Packed, &small_raw());
    let block = footer_of(&bytes).expect("undamaged").blocks()[0].range;
    bytes[block.end as usize - 20] ^= 1;
    let error = read_raw(&bytes).expect_err("a bit was flipped").to_string();
    assert!(error.starts_with("the whole of block 0 at offset 0 has checksum 0x"), "{error}");
}

proptest! {
    #[test]
    fn readers_are_total_behind_good_checksums(
        all in any_raw(), encoding in prop::sample::select(ENCODINGS.to_vec()), directory_only in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let all = if all.is_empty() { small_raw() } else { all };
        let mut bytes = write_raw(encoding, &all);
        let footer = footer_of(&bytes).expect("undamaged");
        for (at, byte) in damage {
            let Some(info) = footer.blocks().first() else { break };
            let range = footer.directory_range(0);
            let (start, end) = if directory_only {
                (range.start as usize, range.end as usize)
            } else {
                (range.end as usize, info.range.end as usize)
            };
            bytes[start + at.index(end - start - 4)] = byte;
            reseal(&mut bytes, range.start as usize, range.end as usize);
            reseal(&mut bytes, range.start as usize, info.range.end as usize);
        }
        let _ = read_raw(&bytes);
    }

    #[test]
    fn footers_are_total_behind_good_checksums(
        all in any_raw(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = write_raw(Encoding::Packed, &all);
        let footer = footer_of(&bytes).expect("undamaged");
        let start = footer.blocks().last().map_or(16, |info| info.range.end as usize);
        let end = bytes.len() - 16;
        for (at, byte) in damage {
            bytes[start + at.index(end - start)] = byte;
        }
        let length = (end - start) as u32;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[start..end]), &length.to_le_bytes());
        bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
        let _ = read_raw(&bytes);
    }

    #[test]
    fn tails_are_total_on_random_bytes(tail in prop::collection::vec(any::<u8>(), 0..100), more in 0u64..1000) {
        assert!(!matches!(read_tail(&tail, tail.len() as u64 + more), Ok(Tail::Footer(_))));
    }
}

/// Replaces the checksum at the end of the bytes from `start` to `end` by the correct one.
fn reseal(bytes: &mut [u8], start: usize, end: usize) {
    let crc = crc32c::crc32c(&bytes[start..end - 4]);
    bytes[end - 4..end].copy_from_slice(&crc.to_le_bytes());
}
