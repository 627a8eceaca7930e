//! Byte sizes with units: `512MiB`, `2GiB`, `1500000`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Number of bytes that parses and prints with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// Error for a text that is not a byte size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a size: give a number with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 512MiB")]
pub struct ParseSizeError(String);

const UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
    ("", 1),
];

impl FromStr for ByteSize {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || ParseSizeError(text.to_owned());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| invalid())?;
        let unit = unit.trim_start();
        let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(invalid)?;
        number.checked_mul(*factor).map(Self).ok_or_else(invalid)
    }
}

impl fmt::Display for ByteSize {
    /// Prints the exact size if a binary unit divides it, else one decimal of the largest unit that fits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((unit, factor)) = UNITS[..4].iter().find(|(_, factor)| self.0 >= *factor) else {
            return write!(f, "{}B", self.0);
        };
        if self.0.is_multiple_of(*factor) {
            write!(f, "{}{unit}", self.0 / factor)
        } else {
            write!(f, "{:.1}{unit}", self.0 as f64 / *factor as f64)
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_with_any_unit_and_print_with_the_largest() {
        let cases = [
            ("512MiB", 512 << 20, "512MiB"),
            ("2gib", 2 << 30, "2GiB"),
            ("1500", 1500, "1.5KiB"),
            ("1 KB", 1000, "1000B"),
        ];
        for (text, bytes, shown) in cases {
            let size: ByteSize = text.parse().expect("a size of the table");
            assert_eq!((size.0, size.to_string().as_str()), (bytes, shown), "{text}");
        }
        for text in ["", "MiB", "1.5GiB", "-1", "12XB", "99999999999TiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
