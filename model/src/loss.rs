//! Limit of the bytes that a shard may lose to quarantine: a share of its segments (`1%`), or a size (`64MiB`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::size::ByteSize;

/// Parts per million in one percent.
const PPM_PER_PERCENT: u32 = 10_000;

/// Most bytes of a shard's segments that may be quarantined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum LossMax {
    /// Share of the shard's segment bytes, in parts per million; at most 1,000,000.
    Share {
        /// Share in parts per million.
        ppm: u32,
    },
    /// Size in bytes, for any shard.
    Bytes(ByteSize),
}

impl Default for LossMax {
    /// Returns 1 %: more is not a few bad frames any more, but another format or a broken writer.
    fn default() -> Self {
        Self::Share { ppm: PPM_PER_PERCENT }
    }
}

impl LossMax {
    /// Limit that lets the whole shard be quarantined.
    pub const ALL: Self = Self::Share { ppm: 100 * PPM_PER_PERCENT };

    /// True if this is the default, which documents leave out.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the limit for a shard of `shard_bytes`, in bytes.
    pub fn bytes_of(self, shard_bytes: u64) -> u64 {
        match self {
            Self::Share { ppm } => {
                u64::try_from(u128::from(shard_bytes) * u128::from(ppm) / 1_000_000).unwrap_or(u64::MAX)
            }
            Self::Bytes(bytes) => bytes.0,
        }
    }
}

/// Formats `bytes` of `of` in percent for messages: `12.34 %`.
pub fn share_text(bytes: u64, of: u64) -> String {
    if of == 0 {
        return "0 %".to_owned();
    }
    let percent = 100.0 * bytes as f64 / of as f64;
    if bytes > 0 && percent < 0.01 { "less than 0.01 %".to_owned() } else { format!("{percent:.2} %") }
}

/// Error for a text that is not a limit of loss.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a bound of bytes: give a share of the shard such as 1% (up to 100%, four decimals), or a size such as 64MiB"
)]
pub struct ParseLossError(String);

impl FromStr for LossMax {
    type Err = ParseLossError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || ParseLossError(text.to_owned());
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().map(Self::Bytes).map_err(|_| invalid());
        };
        let (whole, fraction) = percent.trim_end().split_once('.').unwrap_or((percent.trim_end(), "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) || fraction.len() > 4 {
            return Err(invalid());
        }
        let whole: u32 = whole.parse().ok().filter(|whole| *whole <= 100).ok_or_else(invalid)?;
        let fraction: u32 = format!("{fraction:0<4}").parse().map_err(|_| invalid())?;
        let ppm = whole * PPM_PER_PERCENT + fraction;
        if ppm > 100 * PPM_PER_PERCENT { Err(invalid()) } else { Ok(Self::Share { ppm }) }
    }
}

impl fmt::Display for LossMax {
    /// Formats the limit so that it parses back to the same value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share { ppm } => {
                let fraction = format!("{:04}", ppm % PPM_PER_PERCENT);
                let fraction = fraction.trim_end_matches('0');
                let point = if fraction.is_empty() { "" } else { "." };
                write!(f, "{}{point}{fraction}%", ppm / PPM_PER_PERCENT)
            }
            Self::Bytes(ByteSize(bytes)) => write!(f, "{bytes}B"),
        }
    }
}

impl From<LossMax> for String {
    fn from(bound: LossMax) -> Self {
        bound.to_string()
    }
}

impl TryFrom<String> for LossMax {
    type Error = ParseLossError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_sizes_read_print_and_bound() {
        let cases = [
            ("1%", "1%", 10),
            ("0%", "0%", 0),
            ("0.25%", "0.25%", 2),
            ("0.0001 %", "0.0001%", 0),
            ("100%", "100%", 1000),
            ("2KiB", "2048B", 2048),
            ("0", "0B", 0),
        ];
        for (text, shown, bytes) in cases {
            let bound: LossMax = text.parse().expect("a bound of the table");
            assert_eq!((bound.to_string().as_str(), bound.bytes_of(1000)), (shown, bytes), "{text}");
            assert_eq!(shown.parse(), Ok(bound), "{text}");
        }
        for text in ["", "%", "-1%", "101%", "100.1%", "1.23456%", "x%", "1e1%", ".5%"] {
            assert!(text.parse::<LossMax>().is_err(), "{text}");
        }
        assert_eq!(LossMax::ALL.bytes_of(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_share_is_told_in_percent() {
        let told = [(1, 8), (1, 1 << 40), (0, 9), (0, 0), (7, 7)].map(|(bytes, of)| share_text(bytes, of));
        assert_eq!(told, ["12.50 %", "less than 0.01 %", "0.00 %", "0 %", "100.00 %"]);
    }
}
