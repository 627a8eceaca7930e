//! Instants that are wrong by an epoch or a unit: a window leaves them out and counts them; without a window they
//! stay, and a warning names their range.

use tests::contents::{contents, key};
use tests::place::number;
use tests::{Place, SegmentBuilder};

/// Instant of 2026-01-01T00:00:00Z.
const GOOD_MS: i64 = 1_767_225_600_000;

/// Good points, and wrong ones: before 1970, in seconds, in nanoseconds, far in the future, and at the ends of time.
const POINTS: [(i64, f64); 8] = [
    (i64::MIN, 1.0),
    (-86_400_000, 2.0),
    (GOOD_MS / 1000, 3.0),
    (GOOD_MS, 4.0),
    (GOOD_MS + 3_600_000, 5.0),
    (253_402_300_799_999, 6.0),
    (GOOD_MS * 1_000_000, 7.0),
    (i64::MAX, 8.0),
];

fn place() -> Place {
    let place = Place::new();
    place.put_segment("shard=org-mod-07/a.seg", SegmentBuilder::new().points((7, 1), &POINTS).build());
    place
}

#[test]
fn points_outside_the_window_are_counted_by_reason_and_left_out() {
    let place = place();
    let report = place.run("--window 2026-01-01T00:00:00Z/1h --rollup 5m").done().json();
    let books = |name: &str| number(&report, &format!("/totals/books/{name}"));
    assert_eq!((books("map/points_read"), books("map/points_early"), books("map/points_late")), (8, 3, 4));
    assert_eq!(books("reduce/points_written"), 1);
    assert_eq!(contents(&place.dataset())[&key(7, 1)], [(GOOD_MS, 4f64.to_bits())], "the window's end is outside");
    assert_eq!(report["shards"][0]["warnings"].as_array().map(Vec::len), Some(0));
}

#[test]
fn without_a_window_every_instant_is_kept_and_a_warning_names_their_range() {
    let place = place();
    let ended = place.run("--rollup 5m,1h").done().says(&["warning", &i64::MIN.to_string(), &i64::MAX.to_string()]);
    let report = ended.json();
    assert_eq!(number(&report, "/totals/books/reduce/points_written"), 8);
    let warnings = place.manifests()[0]["warnings"].clone();
    assert!(
        warnings[0].as_str().is_some_and(|warning| warning.contains("--window")),
        "in the manifest too: {warnings}"
    );
    let expected = POINTS.map(|(at, value)| (at, value.to_bits()));
    assert_eq!(contents(&place.dataset())[&key(7, 1)], expected);
    place.dataset_verb("verify", &format!("--level oracle --input {}", place.input().display())).done();
    for format in ["csv", "parquet"] {
        let file = place.path().join(format!("out.{format}"));
        place.dataset_verb("export", &format!("--format {format} --to {}", file.display())).done();
    }
    let csv = std::fs::read_to_string(place.path().join("out.csv")).expect("the export");
    let times: Vec<i64> = csv.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().parse().unwrap()).collect();
    assert_eq!(times, POINTS.map(|(at, _)| at));
}

#[test]
fn likely_instants_bring_no_warning() {
    let place = Place::new();
    place.put_segment("shard=org-mod-07/a.seg", SegmentBuilder::new().points((7, 1), &[(GOOD_MS, 1.0)]).build());
    let ended = place.run("").done();
    assert_eq!(ended.stderr, "", "nothing to tell");
}
