//! Round trips are exact to the bit, and decoders survive any bytes.

use proptest::prelude::*;

use super::*;

fn check_integers(numbers: &[i64]) {
    let (mut encoder, mut decoder) = (ColumnEncoder::new(), ColumnDecoder::new());
    for encoding in [Encoding::Packed, Encoding::Pco] {
        for near_line in [false, true] {
            let mut bytes = Vec::new();
            match near_line {
                true => encoder.timestamps(numbers, encoding, &mut bytes),
                false => encoder.integers(numbers, encoding, &mut bytes),
            }
            let (mut input, mut decoded) = (bytes.as_slice(), vec![7]);
            decoder.integers(&mut input, numbers.len(), &mut decoded).expect("what was encoded decodes");
            assert_eq!((&decoded[1..], input), (numbers, [].as_slice()), "{encoding}");
        }
    }
}

fn check_values(values: &[f64]) {
    let (mut encoder, mut decoder) = (ColumnEncoder::new(), ColumnDecoder::new());
    for encoding in [Encoding::Packed, Encoding::Pco] {
        let mut bytes = Vec::new();
        encoder.values(values, encoding, &mut bytes);
        let (mut input, mut decoded) = (bytes.as_slice(), Vec::new());
        decoder.values(&mut input, values.len(), &mut decoded).expect("what was encoded decodes");
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!((bits(&decoded), input), (bits(values), [].as_slice()), "{encoding}");
    }
}

/// Numbers of every size, with outliers and runs.
fn any_number() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        (any::<i64>(), 0u32..64).prop_map(|(v, s)| v >> s),
        Just(0),
        Just(i64::MIN),
        Just(i64::MAX)
    ]
}

fn any_value() -> impl Strategy<Value = f64> {
    let decimal = (any::<i32>(), 0i32..16).prop_map(|(i, e)| f64::from(i) / 10f64.powi(e));
    let special = prop::sample::select(vec![-0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE]);
    prop_oneof![4 => decimal, 1 => special, 1 => any::<u64>().prop_map(f64::from_bits)]
}

proptest! {
    #[test]
    fn any_integers_survive(numbers in prop::collection::vec(any_number(), 0..400)) {
        check_integers(&numbers);
    }

    #[test]
    fn mostly_equal_integers_with_outliers_survive(
        base in any::<i64>(), width in 0u32..64, noise in prop::collection::vec(any::<u64>(), 1..300),
        outliers in prop::collection::vec((any::<prop::sample::Index>(), any::<i64>()), 0..8),
    ) {
        let mut numbers: Vec<i64> = noise.iter().map(|n| base.wrapping_add((n >> width) as i64)).collect();
        for (at, outlier) in outliers {
            let at = at.index(numbers.len());
            numbers[at] = outlier;
        }
        check_integers(&numbers);
    }

    #[test]
    fn lines_with_jitter_survive(first in any::<i64>(), step in any_number(), jitter in prop::collection::vec(0i64..50, 1..300)) {
        let line = |(i, j): (i64, &i64)| first.wrapping_add(step.wrapping_mul(i)).wrapping_add(*j);
        check_integers(&(0..).zip(&jitter).map(line).collect::<Vec<_>>());
    }

    #[test]
    fn any_values_survive(values in prop::collection::vec(any_value(), 0..400)) {
        check_values(&values);
    }

    #[test]
    fn arbitrary_bits_survive(values in prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 0..200)) {
        check_values(&values);
    }

    #[test]
    fn decoders_are_total_on_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), n in 0usize..300) {
        decode_anything(&bytes, n);
    }

    #[test]
    fn decoders_are_total_on_damaged_columns(
        values in prop::collection::vec(any_value(), 1..200), encoding in prop::sample::select(vec![Encoding::Packed, Encoding::Pco]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Vec::new();
        ColumnEncoder::new().values(&values, encoding, &mut bytes);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        decode_anything(&bytes, values.len());
    }
}

proptest! {
    #[test]
    fn entropy_decoding_is_total_on_damage(
        skew in prop::collection::vec(0u32..60, 100..600),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<prop::sample::Index>(), n in 0usize..700,
    ) {
        let numbers: Vec<i64> = skew.iter().map(|s| i64::MAX >> s.max(&3)).collect();
        let mut bytes = Vec::new();
        entropy::encode(&numbers, &mut bytes);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // The first byte is checked before pco is called; past it, pco must cope by itself.
        bytes[0] = 0;
        let mut decoded = vec![0; n];
        let _ = entropy::decode(&mut bytes.as_slice(), &mut decoded);
        let _ = entropy::decode(&mut &bytes[..cut.index(bytes.len())], &mut decoded);
    }
}

#[test]
fn entropy_coding_is_chosen_where_it_is_smaller() {
    let skewed: Vec<i64> = (0..1000).map(|i| if i % 9 == 0 { i * i % 5000 } else { i % 2 }).collect();
    let [packed, pco] = [Encoding::Packed, Encoding::Pco].map(|encoding| {
        let mut bytes = Vec::new();
        ColumnEncoder::new().integers(&skewed, encoding, &mut bytes);
        bytes.len()
    });
    assert!(pco * 10 < packed * 9, "{pco} of {packed} bytes");
}

fn decode_anything(bytes: &[u8], n: usize) {
    let mut decoder = ColumnDecoder::new();
    let (mut numbers, mut values) = (Vec::new(), Vec::new());
    if decoder.integers(&mut &*bytes, n, &mut numbers).is_ok() {
        assert_eq!(numbers.len(), n);
    }
    if decoder.values(&mut &*bytes, n, &mut values).is_ok() {
        assert_eq!(values.len(), n);
    }
}

fn packed_len(values: &[f64]) -> usize {
    let mut bytes = Vec::new();
    ColumnEncoder::new().values(values, Encoding::Packed, &mut bytes);
    check_values(values);
    bytes.len()
}

#[test]
fn constants_and_regular_timestamps_take_a_few_bytes() {
    assert_eq!([packed_len(&[0.0; 60]), packed_len(&[42.5; 60]), packed_len(&[std::f64::consts::PI; 60])], [2, 3, 11]);
    let mut bytes = Vec::new();
    let timestamps: Vec<i64> = (0..60).map(|i| 1_700_000_000_000 + i * 10_000).collect();
    ColumnEncoder::new().timestamps(&timestamps, Encoding::Packed, &mut bytes);
    assert_eq!(bytes.len(), 10);
    assert!(timestamps::is_regular(&timestamps));
}

#[test]
fn one_exception_costs_little_more_than_its_bits() {
    let mut values: Vec<f64> = (0..1000).map(|i| f64::from(i % 7) / 100.0).collect();
    let plain = packed_len(&values);
    for odd in [-0.0, f64::NAN, f64::INFINITY, 1e300, std::f64::consts::PI] {
        values[500] = odd;
        assert!(packed_len(&values) <= plain + 20, "{odd}");
    }
}

#[test]
fn results_of_arithmetic_cost_little_more_than_decimals() {
    let exact: Vec<f64> = (0..1440).map(|i| f64::from(i * i % 1000) / 10.0).collect();
    let computed: Vec<f64> = exact.iter().map(|value| value * 1.1 - value * 0.1).collect();
    assert_ne!(exact, computed);
    assert!(packed_len(&computed) < packed_len(&exact) + 1440, "less than a byte a value for the rounding");
}

#[test]
fn one_outlier_does_not_widen_its_column() {
    let mut counter: Vec<f64> = (0..1440).map(|i| f64::from(i * 90 + i * i % 90)).collect();
    let plain = packed_len(&counter);
    counter[700..].iter_mut().for_each(|value| *value -= 60_000.0);
    assert!(packed_len(&counter) <= plain + 16, "a reset costs a patch and a base");
}

#[test]
fn the_sample_may_miss_the_longer_decimals() {
    let values: Vec<f64> = (0..1440).map(|i| if i % 4 == 1 { f64::from(i) + 0.25 } else { f64::from(i) }).collect();
    assert!(packed_len(&values) < 1440 * 2);
}
