//! Instants, windows and buckets of event time; the clock interface.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Instant of event time: milliseconds since the UNIX epoch, UTC; negative before 1970.
pub type TimestampMs = i64;

/// Milliseconds in a day: every rollup step divides it.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Half-open range of event time `[start, end)` that a job writes. [`Window::new`], the key parser and the JSON
/// reader all refuse a window that ends before it starts, because readers could not find output under such a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawWindow")]
#[non_exhaustive]
pub struct Window {
    /// First instant inside, in milliseconds.
    pub start_ms: TimestampMs,
    /// First instant after the window.
    pub end_ms: TimestampMs,
}

/// Unchecked window, as parsed from JSON.
#[derive(Deserialize)]
struct RawWindow {
    start_ms: TimestampMs,
    end_ms: TimestampMs,
}

impl TryFrom<RawWindow> for Window {
    type Error = WindowError;

    fn try_from(raw: RawWindow) -> Result<Self, Self::Error> {
        Self::new(raw.start_ms, raw.end_ms)
    }
}

/// Error of a window that does not end after its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a window from {start_ms} ms to {end_ms} ms ends no later than it starts")]
pub struct WindowError {
    start_ms: TimestampMs,
    end_ms: TimestampMs,
}

/// Placement of a point against a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The point lies before the window: counted and left out.
    Early,
    /// The point lies in the window.
    Inside,
    /// The point lies at or after the window's end: counted and left out.
    Late,
}

impl Window {
    /// Window of a job without `--window`: all of time. Since the end is exclusive, the last representable
    /// millisecond would be left out; [`Window::place`] treats this value separately.
    pub const ALL: Self = Self { start_ms: i64::MIN, end_ms: i64::MAX };

    /// Creates `[start_ms, end_ms)`.
    ///
    /// # Errors
    /// The window ends no later than it starts.
    pub const fn new(start_ms: TimestampMs, end_ms: TimestampMs) -> Result<Self, WindowError> {
        if start_ms < end_ms { Ok(Self { start_ms, end_ms }) } else { Err(WindowError { start_ms, end_ms }) }
    }

    /// Creates `[start_ms, end_ms)` from constants in the program.
    ///
    /// # Panics
    /// If it ends no later than it starts.
    pub const fn of(start_ms: TimestampMs, end_ms: TimestampMs) -> Self {
        assert!(start_ms < end_ms, "a window ends after it starts");
        Self { start_ms, end_ms }
    }

    /// True if this is the window of a job without `--window`.
    pub fn is_all(&self) -> bool {
        *self == Self::ALL
    }

    /// Places an instant against the window.
    #[inline]
    pub fn place(&self, at: TimestampMs) -> Placement {
        if at < self.start_ms {
            Placement::Early
        } else if at < self.end_ms || self.is_all() {
            Placement::Inside
        } else {
            Placement::Late
        }
    }
}

/// Formats the key component of a window: `all`, or `<start ms>-<end ms>`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() { f.write_str("all") } else { write!(f, "{}-{}", self.start_ms, self.end_ms) }
    }
}

impl std::str::FromStr for Window {
    type Err = crate::ids::ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || crate::ids::ParseIdError {
            text: text.to_owned(),
            expected: "a window (all, or START-END in milliseconds)",
        };
        if text == "all" {
            return Ok(Self::ALL);
        }
        // The start may carry a sign of its own, so the first letter is not the separator.
        let split = text.char_indices().skip(1).find(|(_, c)| *c == '-').ok_or_else(invalid)?.0;
        let start_ms = text[..split].parse().map_err(|_| invalid())?;
        let end_ms = text[split + 1..].parse().map_err(|_| invalid())?;
        let window = Self::new(start_ms, end_ms).map_err(|_| invalid())?;
        if window.to_string() == text { Ok(window) } else { Err(invalid()) }
    }
}

/// Step of a rollup: a divisor of a day, in whole milliseconds; buckets are aligned to the UNIX epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct RollupStep(u64);

/// Error of a step that does not divide a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a rollup step of {0} ms does not divide a day; use one that does, such as 1m, 5m or 1h")]
pub struct RollupStepError(u64);

impl RollupStep {
    /// Returns the step in milliseconds.
    pub const fn ms(self) -> i64 {
        self.0 as i64
    }

    /// Returns the start of the bucket that holds `at`. Saturates within a step of the smallest representable
    /// instant.
    #[inline]
    pub const fn bucket_start(self, at: TimestampMs) -> TimestampMs {
        at.saturating_sub(at.rem_euclid(self.ms()))
    }
}

impl TryFrom<u64> for RollupStep {
    type Error = RollupStepError;

    fn try_from(ms: u64) -> Result<Self, Self::Error> {
        if ms > 0 && (DAY_MS as u64).is_multiple_of(ms) { Ok(Self(ms)) } else { Err(RollupStepError(ms)) }
    }
}

impl From<RollupStep> for u64 {
    fn from(step: RollupStep) -> Self {
        step.0
    }
}

impl TryFrom<Duration> for RollupStep {
    type Error = RollupStepError;

    fn try_from(duration: Duration) -> Result<Self, Self::Error> {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::try_from(ms)
    }
}

/// Formats the step in its largest whole unit: `5m`, `1h`, `30s`, `250ms`; also a key component.
impl fmt::Display for RollupStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, ms) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
            if self.0.is_multiple_of(ms) {
                return write!(f, "{}{unit}", self.0 / ms);
            }
        }
        write!(f, "{}ms", self.0)
    }
}

impl std::str::FromStr for RollupStep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let duration = parse_duration(text)?;
        Self::try_from(duration).map_err(|error| error.to_string())
    }
}

/// Parses a duration: a whole number and one of `ms`, `s`, `m`, `h`, `d`.
///
/// # Errors
/// The message says what a duration looks like.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("'{text}' is not a duration: give a whole number with ms, s, m, h or d, such as 5m");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| invalid())?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(invalid()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(invalid)
}

/// Wall clock, passed to code that records a time. Parts never carry a time of writing (DT-3).
pub trait Clock: Send + Sync + fmt::Debug {
    /// Returns milliseconds since the UNIX epoch.
    fn now_ms(&self) -> TimestampMs;
}

/// Clock of the machine; only this type reads it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one home of the wall clock")]
    fn now_ms(&self) -> TimestampMs {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_half_open_and_the_whole_of_time_leaves_nothing_out() {
        let window = Window { start_ms: -5, end_ms: 10 };
        let placed = [-6, -5, 9, 10].map(|at| window.place(at));
        assert_eq!(placed, [Placement::Early, Placement::Inside, Placement::Inside, Placement::Late]);
        assert_eq!([i64::MIN, 0, i64::MAX].map(|at| Window::ALL.place(at)), [Placement::Inside; 3]);
    }

    #[test]
    fn a_window_parses_back_from_its_key_component() {
        for window in [Window::ALL, Window { start_ms: -5, end_ms: -1 }, Window { start_ms: 0, end_ms: 7 }] {
            assert_eq!(window.to_string().parse(), Ok(window));
        }
        assert!("5-5".parse::<Window>().is_err());
    }

    #[test]
    fn steps_divide_a_day_and_align_to_the_epoch_before_it_too() {
        let step: RollupStep = "5m".parse().expect("5m divides a day");
        assert_eq!([0, 299_999, 300_000, -1].map(|at| step.bucket_start(at)), [0, 0, 300_000, -300_000]);
        assert_eq!(step.bucket_start(i64::MIN), i64::MIN);
        for text in ["7m", "0s", "2d", "5", "m"] {
            assert!(text.parse::<RollupStep>().is_err(), "{text}");
        }
        assert_eq!(
            ["60s", "1h", "90s", "250ms"].map(|t| t.parse::<RollupStep>().map(|s| s.to_string())),
            ["1m", "1h", "90s", "250ms"].map(|t| Ok(t.to_owned()))
        );
    }
}
