//! The bytes of every released version stay readable. `golden/v1/` holds small parts as version 1 wrote them.
//!
//! A new version adds a folder. If a test fails here on old bytes, a promise is broken, not an old file. The writer's
//! own bytes are frozen too, because replays prove themselves by them (DT-3). To create the first version of a file,
//! run the test with `WRITE_GOLDEN=1`.

use std::path::PathBuf;

use super::support::*;
use super::*;

fn check_golden(name: &str, written: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/v1").join(name);
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(&path, written).expect("write golden part");
    }
    let golden = std::fs::read(&path).expect("read golden part");
    assert!(golden == written, "{name}: today's writer gives other bytes for the same series");
    golden
}

#[test]
fn golden_raw_parts_of_version_1_are_read_and_written_again() {
    for encoding in ENCODINGS {
        let golden = check_golden(&format!("raw-{encoding}.part"), &write_raw(encoding, &small_raw()));
        assert_same_raw(&read_raw(&golden).expect("a golden part is sound"), &small_raw());
    }
}

#[test]
fn golden_rollup_parts_of_version_1_are_read_and_written_again() {
    for encoding in ENCODINGS {
        let golden = check_golden(&format!("rollup-{encoding}.part"), &write_rollups(encoding, &small_rollups()));
        assert_same_rollups(&read_rollups(&golden).expect("a golden part is sound"), &small_rollups());
    }
}

#[test]
fn a_golden_part_without_series_is_read_and_written_again() {
    let golden = check_golden("empty.part", &write_raw(Encoding::Packed, &[]));
    assert_same_raw(&read_raw(&golden).expect("a golden part is sound"), &[]);
}

#[test]
fn a_golden_part_of_a_series_that_spans_blocks_is_read_and_written_again() {
    let mut all = small_raw();
    let spanning = &mut all[1].columns;
    spanning.clear();
    (0..limits::BLOCK_POINTS_MAX as i64 + 9).for_each(|i| spanning.push(i * 1000, 0.25));
    let golden = check_golden("spanning.part", &write_raw(Encoding::Packed, &all));
    assert_same_raw(&read_raw(&golden).expect("a golden part is sound"), &all);
}

#[test]
fn a_golden_part_of_tiny_series_is_read_and_written_again() {
    let all: Vec<_> = (0..200).map(tiny).collect();
    let golden = check_golden("tiny.part", &write_raw(Encoding::Packed, &all));
    assert_same_raw(&read_raw(&golden).expect("a golden part is sound"), &all);
}
