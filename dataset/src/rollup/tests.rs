use model::Columns;

use super::*;

fn rollup(points: &[(i64, f64)]) -> RollupColumns {
    let mut columns = Columns::default();
    points.iter().for_each(|(at, value)| columns.push(*at, *value));
    let mut builder = RollupBuilder::new(RollupStep::try_from(1000).expect("a second divides a day"));
    builder.add(&columns);
    builder.take(true)
}

#[test]
fn nan_is_left_out_and_a_bucket_of_nan_alone_has_no_row() {
    let rows = rollup(&[(0, f64::NAN), (1, 2.0), (2, f64::NAN), (1500, f64::NAN), (2000, 3.0)]);
    assert_eq!(rows.bucket_start_ms, [0, 2000]);
    assert_eq!((rows.count, rows.first, rows.last), (vec![1, 1], vec![2.0, 3.0], vec![2.0, 3.0]));
}

#[test]
fn sums_start_at_the_first_value_and_min_and_max_follow_total_order() {
    let rows = rollup(&[(-1, -0.0), (0, 0.0), (1, -0.0), (2, f64::INFINITY)]);
    let bits = |column: &[f64]| column.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(rows.bucket_start_ms, [-1000, 0]);
    assert_eq!(bits(&rows.sum), bits(&[-0.0, f64::INFINITY]), "a sum of -0.0 alone keeps its sign");
    assert_eq!(bits(&rows.min), bits(&[-0.0, -0.0]));
    assert_eq!(bits(&rows.max), bits(&[-0.0, f64::INFINITY]));
    assert_eq!(bits(&rows.last), bits(&[-0.0, f64::INFINITY]));
}
