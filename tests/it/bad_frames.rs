//! Bad frames: by default they fail the shard; on request they are quarantined, byte for byte.

use std::collections::BTreeMap;

use format::frame::ZSTD_MAGIC;
use serde_json::Value;
use tests::place::number;
use tests::tailor::code;
use tests::{Place, SegmentBuilder, contents};

/// Options for little data over a few shards, within [`WINDOW`].
const SMALL: &str = "--points 60000 --points-per-series 360 --orgs 3 --partitions 3 --big-share 0";

/// Window of the generator's points: four hours from its start, and some room.
const WINDOW: &str = "--window 2026-01-01T00:00:00Z/5h";

/// Options that quarantine bad frames. The segments are small, so a few bad frames exceed the default share.
const QUARANTINE: &str = "--on-bad-frame quarantine --bad-bytes-max 100%";

/// Every way in which the generator makes a frame bad, with words of the cause.
const BAD: [(&str, &str); 13] = [
    ("torn-frame", "reaches past the segment's end"),
    ("bad-length", "corrupt or truncated"),
    ("zero-length", "the length is 0"),
    ("length-over-limit", "over the limit of 8388608 bytes"),
    ("corrupt-zstd", "corrupt or truncated"),
    ("truncated-zstd", "corrupt or truncated"),
    ("not-zstd", "not zstd"),
    ("bomb", "the decoded size 16777216 is over the limit"),
    ("bomb-undeclared", "over the limit"),
    ("not-a-payload", "not a Payload"),
    ("unequal-arrays", "40 timestamps and 39 values"),
    ("missing-org", "no org_id"),
    ("missing-metric", "no metric_id"),
];

/// Bad frames, from the generator's sidecar or the quarantine: segment and offset; length and fault.
type BadFrames = BTreeMap<(String, u64), (u64, String)>;

/// Reads the bad frames that the generator planted.
fn planted(sidecar: &Value) -> BadFrames {
    let damages = sidecar["damages"].as_array().expect("a sidecar lists its damages");
    let is_bad = |damage: &&Value| BAD.iter().any(|(kind, _)| damage["kind"] == *kind);
    damages.iter().filter(is_bad).map(|damage| frame(damage, "expected")).collect()
}

fn frame(record: &Value, fault: &str) -> ((String, u64), (u64, String)) {
    let text = |name: &str| record[name].as_str().expect("a text").to_owned();
    ((text("segment"), number(record, "/offset")), (number(record, "/length"), text(fault)))
}

/// Reads the records of every quarantine object that a manifest names, and compares their bytes with the segments'.
fn quarantined(place: &Place) -> BadFrames {
    let mut frames = BadFrames::new();
    for manifest in place.manifests() {
        for entry in manifest["quarantine"].as_array().expect("a list") {
            let object = place.object(entry.pointer("/object/key").and_then(Value::as_str).expect("a key"));
            let records = read_quarantine(place, &object);
            assert_eq!(records.len() as u64, number(entry, "/frames"), "the entry counts its records");
            frames.extend(records);
        }
    }
    frames
}

fn read_quarantine(place: &Place, mut object: &[u8]) -> BadFrames {
    let mut frames = BadFrames::new();
    while !object.is_empty() {
        let line_end = object.iter().position(|byte| *byte == b'\n').expect("a record begins with a line");
        let record: Value = serde_json::from_slice(&object[..line_end]).expect("the line is JSON");
        let ((segment, offset), (length, fault)) = frame(&record, "fault");
        assert!(record["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "it tells the cause: {record}");
        let (bytes, rest) = object[line_end + 1..].split_at(length as usize);
        let whole = std::fs::read(place.input().join(&segment)).expect("the segment is there");
        assert_eq!(bytes, &whole[offset as usize..][..length as usize], "{segment} at {offset}: the exact bytes");
        object = rest.strip_prefix(b"\n").expect("a newline ends the record");
        assert!(frames.insert((segment, offset), (length, fault)).is_none(), "each frame once: {record}");
    }
    frames
}

#[test]
fn a_bad_frame_stops_its_shard_with_one_message_that_tells_all_and_no_manifest() {
    for (kind, cause) in BAD {
        let place = Place::new();
        let sidecar = place.generate(&format!("{SMALL} --plant {kind}=1"));
        let (((segment, offset), (length, _)), 1) =
            (planted(&sidecar).pop_first().expect("one"), planted(&sidecar).len())
        else {
            panic!("{kind}: one damage was asked for")
        };

        let ended = place.run(WINDOW).expect(code::JOB_FAILED);
        let told: Vec<_> = ended.stderr.lines().filter(|line| line.contains(&segment)).collect();
        let [message] = told.as_slice() else { panic!("{kind}: one message, not {}", ended.stderr) };
        for word in [&format!("offset {offset} "), &format!("of {length} bytes"), cause, "--on-bad-frame quarantine"] {
            assert!(message.contains(word), "{kind}: '{word}' is not in: {message}");
        }

        let report = ended.json();
        let shards = report["shards"].as_array().expect("a list");
        assert!(shards.len() > 1, "{kind}: there are others");
        for shard in shards {
            let name = shard["shard"].as_str().expect("a name");
            let is_bad = segment.contains(&format!("shard={name}/"));
            assert_eq!(shard["state"], if is_bad { "failed" } else { "done" }, "{kind}: {name}");
            let manifests = place.manifest_keys().iter().filter(|key| key.contains(&format!("shard={name}/"))).count();
            assert_eq!(manifests, usize::from(!is_bad), "{kind}: {name}");
        }
    }
}

#[test]
fn bad_frames_are_quarantined_byte_for_byte_and_all_else_is_processed() {
    let clean = Place::generated(SMALL);
    clean.run(WINDOW).done();

    let place = Place::new();
    let plant: Vec<_> = BAD.iter().map(|(kind, _)| format!("{kind}=2")).collect();
    let odd = "wrong-shard=2,absurd-timestamps=2,empty-payload=2,empty-segment=2";
    let sidecar = place.generate(&format!("{SMALL} --plant {},{odd}", plant.join(",")));
    let report = place.run(&format!("{WINDOW} {QUARANTINE}")).done().json();

    let planted = planted(&sidecar);
    assert_eq!(planted.len(), 2 * BAD.len());
    assert_eq!(quarantined(&place), planted, "segment, offset, length and fault of each");

    let map = |name: &str| number(&report, &format!("/totals/books/map/{name}"));
    let reduce = |name: &str| number(&report, &format!("/totals/books/reduce/{name}"));
    let misplaced_points = 2 * 40;
    assert_eq!(map("frames_quarantined"), planted.len() as u64);
    assert_eq!(map("frames_empty"), 2);
    assert_eq!((map("points_early"), map("points_late")), (2 * 2, 2 * 2));
    assert_eq!(map("points_read"), number(&sidecar, "/totals/points_emitted") + misplaced_points + 2 * 4);
    assert_eq!(reduce("points_written"), number(&sidecar, "/totals/points_unique") + misplaced_points);
    let misplaced = report["totals"]["books"]["map"]["misplaced"].as_object().expect("by organisation");
    assert_eq!(misplaced.values().filter_map(Value::as_u64).sum::<u64>(), 2);

    let mut found = contents(&place.dataset());
    let expected = contents(&clean.dataset());
    found.retain(|key, _| expected.contains_key(key));
    assert!(found == expected, "the good frames give what they give without bad ones among them");
    place.dataset_verb("verify", &format!("--level oracle --input {}", place.input().display())).done();
}

#[test]
fn however_a_segment_is_split_the_same_bytes_are_quarantined() {
    let place = Place::new();
    let plant: Vec<_> = BAD.iter().map(|(kind, _)| format!("{kind}=1")).collect();
    let shape = "--points 200000 --points-per-series 360 --orgs 2 --partitions 1 --big-share 0";
    let sidecar = place.generate(&format!("{shape} --plant {}", plant.join(",")));
    let mut digests = Vec::new();
    for split in ["4KiB", "64KiB", "1GiB"] {
        let options = format!("{WINDOW} {QUARANTINE} --partition-size 64KiB --split-size {split}");
        let report = place.run(&options).done().json();
        assert_eq!(quarantined(&place), planted(&sidecar), "--split-size {split}");
        digests.push(tests::place::content_digests(&report));
        std::fs::remove_dir_all(place.dataset()).expect("remove the dataset");
    }
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
}

#[test]
fn more_bad_frames_than_allowed_stop_the_shard() {
    let place = Place::new();
    place.generate("--points 60000 --orgs 1 --partitions 1 --big-share 0 --plant not-zstd=3");
    let ended = place.run(&format!("{QUARANTINE} --bad-frames-max 2")).expect(code::JOB_FAILED);
    ended.says(&["3 bad frames", "over the 2", "--bad-frames-max"]);
    place.assert_nothing_committed();
    place.run(&format!("{QUARANTINE} --bad-frames-max 3")).done();
}

#[test]
fn bounds_that_the_generator_does_not_reach_hold_too() {
    let too_many: Vec<_> = (0..=model::limits::PAYLOAD_POINTS_MAX as i64).map(|at| (at, 1.0)).collect();
    let long_metadata = {
        let length = model::limits::METADATA_BYTES_MAX + 1;
        let mut content = vec![0x08, 1, 0x10, 1, 0x2a, (length & 0x7f) as u8 | 0x80, (length >> 7 & 0x7f) as u8 | 0x80];
        content.push((length >> 14) as u8);
        content.resize(content.len() + length, b'x');
        content
    };
    let wide_window = [&[0, 0, 0, 9], ZSTD_MAGIC.as_slice(), &[0, 18 << 3, 1, 0, 0]].concat();
    let cases = [
        ("torn-length", SegmentBuilder::new().points((64, 1), &[(0, 1.0)]).raw(&[0, 0]), "2 of 4 bytes"),
        ("window-over-limit", SegmentBuilder::new().raw(&wide_window), "2^28"),
        ("too-many-points", SegmentBuilder::new().points((64, 1), &too_many), "262145 points"),
        ("metadata-over-limit", SegmentBuilder::new().content(&long_metadata), "65537 bytes of metadata"),
    ];
    for (fault, segment, cause) in cases {
        let place = Place::new();
        place.put_segment("shard=org-mod-00/a.seg", segment.build());
        place.run("").expect(code::JOB_FAILED).says(&["shard=org-mod-00/a.seg", cause, "--on-bad-frame quarantine"]);
        place.assert_nothing_committed();
        place.run(QUARANTINE).done();
        let found: Vec<_> = quarantined(&place).into_values().map(|(_, fault)| fault).collect();
        assert_eq!(found, [fault]);
    }
}

/// Builds a segment whose lengths have the wrong byte order, so that no frame can be found.
fn little_endian_segment() -> Vec<u8> {
    let points: Vec<_> = (0..40).map(|at| (at, at as f64)).collect();
    let frames =
        (0..20_000).fold(SegmentBuilder::new(), |segment, metric| segment.points((64, 1 + metric % 50), &points));
    let mut bytes = frames.build();
    let mut at = 0;
    while at < bytes.len() {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        bytes[at..at + 4].reverse();
        at += 4 + length as usize;
    }
    bytes
}

#[test]
fn a_segment_that_is_one_bad_stretch_is_not_one_bad_frame_among_many() {
    let place = Place::new();
    let (key, segment) = ("shard=org-mod-00/a.seg", little_endian_segment());
    let size = segment.len();
    place.put_segment(key, segment);
    let ended = place.run("--on-bad-frame quarantine --bad-frames-max 1").expect(code::JOB_FAILED);
    ended.says(&[key, &format!("{size} bytes cannot be read (100.00 % of the shard), over the 1%"), "--bad-bytes-max"]);
    place.assert_nothing_committed();

    let loss = format!("1 bad frames of {size} bytes (100.00 % of {size})");
    let ended = place.run(&format!("{QUARANTINE} --bad-frames-max 1")).done().says(&["warning", &loss]);
    let manifests = place.manifests();
    assert!(manifests[0]["warnings"].to_string().contains(&loss), "{}", manifests[0]["warnings"]);
    assert_eq!(number(&ended.json(), "/totals/books/map/bytes_quarantined"), size as u64);
}
