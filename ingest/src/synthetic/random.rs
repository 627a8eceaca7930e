//! Randomness as a function of the place in the data, so that any part of the data can be generated alone.

/// 2^64 / golden ratio: its multiples spread over all 64 bits.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of splitmix64: a bijection that leaves no visible relation between neighbours.
#[inline]
pub(super) const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Returns the `index`th child of `seed`; distinct for distinct indexes.
#[inline]
pub(super) const fn derive(seed: u64, index: u64) -> u64 {
    mix(seed.wrapping_add(index.wrapping_add(1).wrapping_mul(GOLDEN)))
}

/// Maps `hash` evenly to `0..n`, by its high bits.
#[inline]
pub(super) const fn scale(hash: u64, n: u64) -> u64 {
    ((hash as u128 * n as u128) >> 64) as u64
}

/// True if an event of probability `share` happens, by `hash`.
#[inline]
pub(super) fn happens(hash: u64, share: f64) -> bool {
    ((hash >> 11) as f64) < share * (1u64 << 53) as f64
}

/// Children of a series' seed, one for each kind of draw, so that draws are independent of each other.
pub(super) mod draw {
    pub(in crate::synthetic) const KIND: u64 = 1 << 40;
    pub(in crate::synthetic) const JITTER: u64 = 2 << 40;
    pub(in crate::synthetic) const POINTS: u64 = 3 << 40;
    pub(in crate::synthetic) const BASE: u64 = 4 << 40;
    pub(in crate::synthetic) const METRIC: u64 = 5 << 40;
    pub(in crate::synthetic) const METADATA: u64 = 6 << 40;
    // Added to the ordinal of a slice.
    pub(in crate::synthetic) const CUT: u64 = 1 << 60;
    pub(in crate::synthetic) const ANCHOR: u64 = 2 << 60;
    pub(in crate::synthetic) const WALK: u64 = 3 << 60;
    pub(in crate::synthetic) const CORRECTION: u64 = 7 << 60;
}

/// xoshiro256++ (Blackman and Vigna): a nanosecond a draw.
#[derive(Debug)]
pub(super) struct Random([u64; 4]);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self([derive(seed, 0), derive(seed, 1), derive(seed, 2), derive(seed, 3)])
    }

    #[inline]
    pub(super) fn next(&mut self) -> u64 {
        let Self([a, b, c, d]) = self;
        let drawn = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        drawn
    }

    /// Draws an integer evenly from `low..=high`.
    #[inline]
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + scale(self.next(), (high - low + 1) as u64) as i64
    }

    /// Draws a double evenly from `0.0..1.0`, all 53 bits random.
    #[inline]
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws are frozen: a seed names the same data in every later build.
    #[test]
    fn draws_are_frozen() {
        let mut random = Random::new(1);
        let drawn = [random.next(), random.next(), derive(1, 0), mix(1)];
        assert_eq!(drawn, [0xcfc5_d07f_6f03_c29b, 0xbf42_4132_963f_e08d, 0x910a_2dec_8902_5cc1, 0x5692_161d_100b_05e5]);
    }
}
