//! Every bit pattern of a double is a value: it comes out as it went in, and rollups leave out NaN only.

use tests::contents::{contents, key, rollups};
use tests::place::number;
use tests::tailor::code;
use tests::{Place, SegmentBuilder};

/// Doubles of every kind: quiet and signalling NaN of several payloads and signs, both zeros, both infinities, the
/// ends of the normal and subnormal ranges, the ends of i64, and values beyond i64.
fn odd_values() -> Vec<f64> {
    let nans = [0x7ff8_0000_0000_0000, 0x7ff8_dead_beef_0001, 0x7ff0_0000_0000_0001, 0xfff8_0000_0000_0000, u64::MAX];
    let mut values: Vec<_> = nans.map(f64::from_bits).to_vec();
    values.extend([0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE]);
    values.extend([f64::from_bits(1), f64::from_bits(1 << 63 | 1), f64::EPSILON, 0.1, -0.1]);
    values.extend([
        i64::MIN as f64,
        i64::MAX as f64,
        (1i64 << 53) as f64,
        ((1i64 << 53) + 1) as f64,
        u64::MAX as f64,
        1e308,
    ]);
    values
}

/// Odd values a millisecond apart, many times over, so that columns of every length and mixture are made.
fn points(copies: usize) -> Vec<(i64, f64)> {
    let values = odd_values();
    let values = values.iter().cycle().take(values.len() * copies);
    values.enumerate().map(|(at, value)| (at as i64, *value)).collect()
}

fn place() -> (Place, [Vec<(i64, f64)>; 3]) {
    let place = Place::new();
    let series = [points(1), points(200), odd_values()[..5].iter().map(|nan| (0, *nan)).take(1).collect()];
    let mut segment = SegmentBuilder::new();
    for (metric, points) in (1..).zip(&series) {
        segment = segment.points((7, metric), points);
    }
    // A series for each odd value alone, to get constant columns.
    for (metric, value) in (100..).zip(odd_values()) {
        segment = segment.points((7, metric), &[(0, value), (1, value), (2, value)]);
    }
    place.put_segment("shard=org-mod-07/a.seg", segment.build());
    (place, series)
}

#[test]
fn every_bit_of_a_value_survives_in_every_encoding_and_format() {
    let (place, series) = place();
    for options in ["", "--encoding pco", "--format parquet", "--memory 64MiB --read ranged"] {
        place.run(options).done();
        let found = contents(&place.dataset());
        for (metric, points) in (1..).zip(&series) {
            let expected: Vec<_> = points.iter().map(|(at, value)| (*at, value.to_bits())).collect();
            assert!(found[&key(7, metric)] == expected, "series {metric} with '{options}'");
        }
        for (metric, value) in (100..).zip(odd_values()) {
            let expected: Vec<_> = (0..3).map(|at| (at, value.to_bits())).collect();
            assert_eq!(found[&key(7, metric)], expected, "{value:?} {:#x} with '{options}'", value.to_bits());
        }
    }
}

#[test]
fn exported_text_reads_back_as_the_same_doubles() {
    let (place, series) = place();
    place.run("").done();
    let file = place.path().join("out.csv");
    place.dataset_verb("export", &format!("--format csv --to {}", file.display())).done();
    let text = std::fs::read_to_string(file).expect("the export");
    let values = text.lines().filter_map(|line| line.strip_prefix("7,2,")).map(|rest| {
        let value: f64 = rest.split(',').nth(1).expect("a value").parse().expect("a double");
        value
    });
    let found: Vec<_> = values.collect();
    assert_eq!(found.len(), series[1].len());
    for (found, (_, value)) in found.iter().zip(&series[1]) {
        let is_same = found.to_bits() == value.to_bits() || (found.is_nan() && value.is_nan());
        assert!(is_same, "{value:?} became {found:?}: text may lose the payload of a NaN, and nothing else");
    }
}

#[test]
fn rollups_leave_nan_out_and_keep_the_signs_of_zeros() {
    let place = Place::new();
    let (nan, hour) = (f64::NAN, 3_600_000);
    let segment = SegmentBuilder::new()
        .points((7, 1), &[(0, nan), (1, 2.0), (2, nan), (3, -1.0), (hour, nan), (2 * hour, f64::INFINITY)])
        .points((7, 2), &[(0, nan), (1, f64::from_bits(u64::MAX))])
        .points((7, 3), &[(0, 0.0), (1, -0.0)]);
    place.put_segment("shard=org-mod-07/a.seg", segment.build());
    let report = place.run("--rollup 1h --window 1970-01-01T00:00:00Z/1d").done().json();
    assert_eq!(number(&report, "/totals/books/reduce/points_nan"), 5);
    let found = rollups(&place.dataset(), "1h");
    assert_eq!(
        found[&key(7, 1)],
        [(0, 2, [1.0, -1.0, 2.0, 2.0, -1.0]), (2 * hour, 1, [f64::INFINITY; 5])],
        "an hour of NaN alone has no row"
    );
    assert_eq!(found.get(&key(7, 2)), None, "a series of NaN alone has none at all");
    let [(0, 2, [_, min, max, first, last])] = found[&key(7, 3)][..] else { panic!("{found:?}") };
    assert_eq!([min, max, first, last].map(f64::is_sign_negative), [true, false, false, true], "-0.0 is below 0.0");
    let hidden = place.dataset_verb("cat", "--org 7 --metric 2 --rollup 1h");
    hidden.expect(code::NOT_FOUND).says(&["metric 2"]);
}
