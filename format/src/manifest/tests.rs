//! The golden manifest of version 1, and every damage to it.

use std::path::PathBuf;

use model::books::{MapBooks, ReduceBooks};
use model::{ByteSize, DuplicateRule, FencingToken, OnBadFrame, OrgId, SegmentRef};

use super::*;

/// Builds a manifest that uses every field.
fn sample() -> Manifest {
    let object = |key: &str, size: u64| ObjectEntry { key: key.to_owned(), size, digest: Digest::of(key.as_bytes()) };
    let settings = JobSettings {
        window: Window::of(1_700_000_000_000, 1_700_014_400_000),
        duplicates: DuplicateRule::Max,
        on_bad_frame: OnBadFrame::Quarantine,
        rollups: vec!["5m".parse().expect("a step")],
        split_bytes: ByteSize(1 << 20),
        ..JobSettings::default()
    };
    let extent = Extent {
        series: 2,
        points: 3,
        org_min: 1,
        org_max: u64::MAX,
        metric_min: 4,
        metric_max: 5,
        time_min_ms: -6,
        time_max_ms: i64::MAX,
    };
    let written = PartitionEntry {
        partition: PartitionId(0),
        attempt: AttemptId { number: 2, token: FencingToken(0xfeed) },
        raw: Some(object("data/0000/p00000-a.part", 1234)),
        rollups: vec![RollupEntry {
            step: settings.rollups[0],
            rows: 2,
            object: object("data/0000/p00000-a-5m.part", 567),
        }],
        extent: Some(extent),
    };
    let empty = PartitionEntry {
        partition: PartitionId(1),
        attempt: AttemptId { number: 1, token: FencingToken(0xbeef) },
        raw: None,
        rollups: Vec::new(),
        extent: None,
    };
    let map = MapBooks {
        frames_read: 3,
        frames_routed: 2,
        frames_quarantined: 1,
        points_read: 5,
        points_late: 1,
        points_routed: 4,
        misplaced: [(OrgId(65), 1)].into(),
        ..MapBooks::default()
    };
    let reduce = ReduceBooks { points_written: 3, points_duplicate: 1, series_written: 2, ..ReduceBooks::default() };
    Manifest {
        api_version: API_VERSION.to_owned(),
        window: settings.window,
        shard: ShardId::Shared(1),
        version: 2,
        job: "nightly".parse().expect("a job's name"),
        replaces: Some(1),
        base: None,
        forced: None,
        reason: "replay: \"again\"".to_owned(),
        committed_at_ms: 1_700_020_000_000,
        settings_digest: Digest::of(b"settings"),
        settings,
        inputs: Inputs::Inline(
            vec![SegmentRef { key: "shard=org-mod-01/ü.seg".to_owned(), size: 99, etag: Some("\"e\"".to_owned()) }]
                .into(),
        ),
        partitions: vec![written, empty],
        quarantine: vec![QuarantineEntry { frames: 1, object: object("data/0000/m-00000.quarantine", 17) }],
        books: Books { map, reduce },
        warnings: vec!["1 frames of organisation 65".to_owned()],
    }
}

#[test]
fn a_golden_manifest_of_version_1_is_read_and_written_again() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/v1/manifest.json");
    let written = sample().to_bytes();
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &written).expect("write golden manifest");
    }
    let golden = std::fs::read(&path).expect("read golden manifest");
    assert_eq!(Manifest::from_bytes("golden", &golden).expect("a golden manifest is sound"), sample());
    assert!(golden == written, "today's writer gives other bytes for the same manifest");
    assert!(sample().books.balance().is_ok());
}

#[test]
fn a_golden_manifest_that_names_its_base_is_read_and_written_again() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/v1/manifest-base.json");
    let sample = Manifest { base: Some(0), forced: Some("the segment was a test".to_owned()), ..sample() };
    let written = sample.to_bytes();
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &written).expect("write golden manifest");
    }
    let golden = std::fs::read(&path).expect("read golden manifest");
    assert_eq!(Manifest::from_bytes("golden", &golden).expect("a golden manifest is sound"), sample);
    assert!(golden == written, "today's writer gives other bytes for the same manifest");
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_manifest_is_seen() {
    let bytes = sample().to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = Manifest::from_bytes("m", &flipped).expect_err("a flipped bit is seen");
        assert!(matches!(error, ManifestError::Damaged { .. }), "bit {bit}: {error}");
    }
    for len in 0..bytes.len() {
        let error = Manifest::from_bytes("m", &bytes[..len]).expect_err("a cut is seen");
        assert!(matches!(error, ManifestError::Damaged { .. }), "{len} bytes: {error}");
    }
}

#[test]
fn a_manifest_of_another_version_is_refused_and_not_called_damaged() {
    let newer = Manifest { api_version: "tailor/v2".to_owned(), ..sample() };
    let error = Manifest::from_bytes("m", &newer.to_bytes()).expect_err("another version");
    assert!(matches!(error, ManifestError::Unreadable { .. }), "{error}");
}
