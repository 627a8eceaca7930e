//! Doubles that are decimals: `v = integer / 10^exponent`, bit for bit.
//!
//! A double that was once written as a short decimal is the double nearest to `integer / 10^exponent`, and IEEE 754
//! division rounds to exactly that double. So only the integer has to be stored.
//!
//! A value that no integer yields is an exception. *Near* exceptions are a few units in the last place off a decimal,
//! as results of arithmetic are (39.184000000000005; -0.0 is one unit below zero): the integer of the decimal is
//! stored, and the few units apart from it. *Far* exceptions (NaN, infinities, noise) have no integer of their own.

/// Largest exponent tried. Integers stay below 2^51, so larger ones only help values below a tenth.
pub(crate) const EXPONENT_MAX: u8 = 14;

/// Most units in the last place between a near exception and its decimal: a few additions' worth of rounding.
const NEAR_ULPS: u64 = 64;

/// Largest integer of a near exception while an exponent is sought. With more digits, every value is near some
/// decimal.
const NEAR_INTEGER_MAX: u64 = 1 << 40;

/// Values looked at to find a column's exponent.
const SAMPLE: usize = 12;

const POWERS_OF_TEN: [f64; 15] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];

/// Constant 1.5 * 2^52. Adding it rounds a double below 2^51 to an integer and leaves that in the low bits, so the
/// conversion needs no instruction that baseline x86-64 lacks for vectors.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// Sign and exponent of a rounded double that was in range.
const ROUNDED_TOP: u64 = ROUNDER.to_bits() >> 52;

/// Maps the bits of a double to an integer in the total order of doubles; neighbours differ by one.
#[inline]
pub(crate) fn ordered(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64 >> 1) as i64)
}

/// The inverse of [`ordered`].
#[inline]
pub(crate) fn from_ordered(mapped: i64) -> f64 {
    f64::from_bits((mapped ^ (((mapped >> 63) as u64 >> 1) as i64)) as u64)
}

/// Units in the last place from the double of `integer` to `value`; wraps between doubles far apart.
#[inline]
pub(crate) fn ulps_off(value: f64, integer: i64, exponent: u8) -> i64 {
    ordered(value).wrapping_sub(ordered(to_double(integer, exponent)))
}

/// Converts `value` to its integer at a power of ten, with nonzero bits if the integer does not yield `value` again.
#[inline]
fn to_integer(value: f64, power: f64) -> (i64, u64) {
    let rounded = value * power + ROUNDER;
    let back = (rounded - ROUNDER) / power;
    let miss = (back.to_bits() ^ value.to_bits()) | ((rounded.to_bits() >> 52) ^ ROUNDED_TOP);
    (rounded.to_bits().wrapping_sub(ROUNDER.to_bits()) as i64, miss)
}

/// Converts `integer` at `exponent` to its double. Total: an integer that [`Decimals`] cannot have made yields some
/// double.
#[inline]
pub(crate) fn to_double(integer: i64, exponent: u8) -> f64 {
    let whole = f64::from_bits(ROUNDER.to_bits().wrapping_add(integer as u64)) - ROUNDER;
    whole / POWERS_OF_TEN[usize::from(exponent.min(EXPONENT_MAX))]
}

/// Appends the doubles of `integers` at `exponent`.
pub(crate) fn extend_doubles(integers: &[i64], exponent: u8, out: &mut Vec<f64>) {
    let whole = |integer: &i64| f64::from_bits(ROUNDER.to_bits().wrapping_add(*integer as u64)) - ROUNDER;
    match POWERS_OF_TEN[usize::from(exponent.min(EXPONENT_MAX))] {
        1.0 => out.extend(integers.iter().map(whole)),
        power => out.extend(integers.iter().map(|integer| whole(integer) / power)),
    }
}

/// Returns the integer nearest to `value * 10^exponent`, also if it does not yield `value` again; 0 when out of
/// range.
pub(crate) fn nearest(value: f64, exponent: u8) -> i64 {
    let rounded = value * POWERS_OF_TEN[usize::from(exponent.min(EXPONENT_MAX))] + ROUNDER;
    if rounded.to_bits() >> 52 == ROUNDED_TOP { rounded.to_bits().wrapping_sub(ROUNDER.to_bits()) as i64 } else { 0 }
}

/// Column as integers, with the positions of the values that the integers do not yield.
#[derive(Debug, Default)]
pub(crate) struct Decimals {
    /// Integer of each value; at a far exception, the integer of its neighbour.
    pub(crate) integers: Vec<i64>,
    /// Positions of all exceptions, ascending.
    pub(crate) exceptions: Vec<i64>,
    /// Positions of the far exceptions.
    far: Vec<i64>,
}

impl Decimals {
    /// Converts `values` and returns the exponent; none if most of them are not decimals.
    pub(crate) fn convert(&mut self, values: &[f64]) -> Option<u8> {
        let stride = values.len().div_ceil(SAMPLE).max(1);
        let mut exponent = smallest_exponent(values.iter().step_by(stride), 0)?;
        loop {
            self.convert_at(values, exponent);
            // The sample may have missed the longer decimals, so the exceptions serve as a second sample.
            let missed = self.far.iter().map(|position| &values[*position as usize]);
            let is_rare = self.far.len() * 16 <= values.len();
            let larger = if is_rare { None } else { smallest_exponent(missed.take(SAMPLE), exponent) };
            match larger {
                Some(larger) if larger > exponent => exponent = larger,
                _ => break,
            }
        }
        self.fill_far();
        (self.far.len() * 2 <= values.len()).then_some(exponent)
    }

    /// Converts `values` at a given exponent, and leaves the integers of far exceptions undefined.
    fn convert_at(&mut self, values: &[f64], exponent: u8) {
        const LANES: usize = 64;
        let power = POWERS_OF_TEN[usize::from(exponent)];
        self.exceptions.clear();
        self.far.clear();
        self.integers.clear();
        self.integers.resize(values.len(), 0);
        for (group, (values, integers)) in values.chunks(LANES).zip(self.integers.chunks_mut(LANES)).enumerate() {
            let mut misses = 0;
            for (integer, value) in integers.iter_mut().zip(values) {
                let (converted, miss) = to_integer(*value, power);
                *integer = converted;
                misses |= miss;
            }
            if misses == 0 {
                continue;
            }
            let missed = (0..).zip(values).filter(|(_, value)| to_integer(**value, power).1 != 0);
            for (lane, value) in missed {
                let position = group as i64 * LANES as i64 + lane;
                self.exceptions.push(position);
                if !is_near(*value, integers[lane as usize], exponent) {
                    self.far.push(position);
                }
            }
        }
    }

    /// Gives each far exception the integer before it, which costs the least to pack.
    fn fill_far(&mut self) {
        let mut far = self.far.iter().copied().peekable();
        let first_kept = (0..self.integers.len() as i64).find(|i| far.next_if_eq(i).is_none());
        let mut last = first_kept.map_or(0, |position| self.integers[position as usize]);
        let mut next = 0;
        for position in &self.far {
            let position = *position as usize;
            if position > next {
                last = self.integers[position - 1];
            }
            self.integers[position] = last;
            next = position + 1;
        }
    }
}

#[inline]
fn is_near(value: f64, integer: i64, exponent: u8) -> bool {
    ulps_off(value, integer, exponent).unsigned_abs() <= NEAR_ULPS
}

/// Finds the smallest exponent, from `exponent` on, at which all decimals in `sample` are exact or near; none if they
/// are fewer than half.
fn smallest_exponent<'a>(sample: impl Iterator<Item = &'a f64>, mut exponent: u8) -> Option<u8> {
    let is_decimal = |value: f64, exponent: u8| {
        let (integer, miss) = to_integer(value, POWERS_OF_TEN[usize::from(exponent)]);
        miss == 0 || (integer.unsigned_abs() <= NEAR_INTEGER_MAX && is_near(value, integer, exponent))
    };
    let (mut decimals, mut others) = (0, 0);
    for &value in sample {
        match (exponent..=EXPONENT_MAX).find(|exponent| is_decimal(value, *exponent)) {
            Some(found) => {
                exponent = found;
                decimals += 1;
            }
            None => others += 1,
        }
        // Give noise up early: a test of each value is expensive, because it tries every exponent.
        if others >= 3 && decimals == 0 {
            return None;
        }
    }
    (decimals >= others).then_some(exponent)
}
