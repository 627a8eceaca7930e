//! Timestamps: regular ones need no bytes if first, last and count are known; others are an integer column.

use model::TimestampMs;

/// True if [`extend_regular`] rebuilds `timestamps` from their first, last and count.
pub fn is_regular(timestamps: &[TimestampMs]) -> bool {
    let (Some(&first), Some(&last)) = (timestamps.first(), timestamps.last()) else { return true };
    let Some(step) = regular_step(first, last, timestamps.len()) else { return false };
    timestamps.windows(2).fold(0, |bend, pair| bend | (pair[1].wrapping_sub(pair[0]) ^ step)) == 0
}

/// Appends `n` timestamps from `first` to `last` with one step. Returns `false`, and appends none, if no whole step
/// fits.
pub fn extend_regular(first: TimestampMs, last: TimestampMs, n: usize, out: &mut Vec<TimestampMs>) -> bool {
    let Some(step) = regular_step(first, last, n) else { return false };
    out.extend((0..n as i64).map(|i| first.wrapping_add(step.wrapping_mul(i))));
    true
}

/// Returns the step from `first` to `last` in `n` timestamps, if it is whole and not negative.
fn regular_step(first: TimestampMs, last: TimestampMs, n: usize) -> Option<i64> {
    let span = last.checked_sub(first)?;
    match n {
        0 | 1 => (span == 0).then_some(0),
        _ => (span >= 0 && span % (n as i64 - 1) == 0).then(|| span / (n as i64 - 1)),
    }
}
