//! Differences that a check found: by class, the first of them listed, all of them counted.

use std::collections::BTreeMap;
use std::fmt;

use model::limits::DIFFERENCES_LISTED_MAX;
use model::{SeriesKey, TimestampMs};
use serde::Serialize;

/// Kind of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The manifest is damaged, unreadable, or misnamed.
    Manifest,
    /// A version is missing, or does not replace the one before it.
    Version,
    /// A version replaced one whose input it lacks, without knowing it (CM-5).
    Input,
    /// The partitions are not 0..n, each once (CM-1).
    Partitions,
    /// An object is gone (CM-2).
    ObjectMissing,
    /// An object has another size (CM-2).
    ObjectSize,
    /// An object has other bytes (CM-2).
    ObjectDigest,
    /// A footer, directory or block does not decode (CM-2).
    Block,
    /// Rows are out of order (DT-2).
    Order,
    /// A series is not in the partition of its key's hash.
    Placement,
    /// A count or a bound differs from the promised one (DT-1).
    Count,
    /// The books do not balance, or differ from those of the input (DT-1).
    Books,
    /// A rollup row differs from the points.
    Rollup,
    /// The metadata of a series differs from the input.
    Metadata,
    /// A point is missing.
    Missing,
    /// A point is present that should not be.
    Extra,
    /// A point has another value.
    Changed,
}

impl Class {
    /// Returns the invariant that the difference violates.
    pub const fn invariant(self) -> Option<&'static str> {
        match self {
            Self::Partitions => Some("CM-1"),
            Self::ObjectMissing | Self::ObjectSize | Self::ObjectDigest | Self::Block => Some("CM-2"),
            Self::Manifest | Self::Version => Some("CM-3"),
            Self::Input => Some("CM-5"),
            Self::Count | Self::Books => Some("DT-1"),
            Self::Order => Some("DT-2"),
            Self::Placement | Self::Rollup | Self::Metadata | Self::Missing | Self::Extra | Self::Changed => None,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Difference, or a sequence of like differences in one series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Class of the difference.
    pub class: Class,
    /// Invariant that it violates.
    pub invariant: Option<&'static str>,
    /// Manifest or object in which it was found.
    pub place: String,
    /// Series, if the difference is about one.
    pub series: Option<SeriesKey>,
    /// First instant, if the difference is about rows.
    pub first_ms: Option<TimestampMs>,
    /// Last instant of the like differences.
    pub last_ms: Option<TimestampMs>,
    /// Number of like differences in sequence.
    pub count: u64,
    /// Description of the first of them.
    pub detail: String,
}

/// Differences of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// Number of differences.
    pub total: u64,
    /// Number of differences by class.
    pub by_class: BTreeMap<Class, u64>,
    /// First differences, [`DIFFERENCES_LISTED_MAX`] at most.
    pub listed: Vec<Difference>,
}

impl Differences {
    /// True if there is no difference.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Adds a difference of an object or a manifest.
    pub(crate) fn add(&mut self, class: Class, place: &str, detail: impl Into<String>) {
        self.count(class);
        self.list(Difference { detail: detail.into(), ..difference(class, place) });
    }

    /// Adds a difference of a series.
    pub(crate) fn add_series(&mut self, class: Class, place: &str, key: SeriesKey, detail: impl Into<String>) {
        self.count(class);
        self.list(Difference { series: Some(key), detail: detail.into(), ..difference(class, place) });
    }

    /// Adds a difference of a row, or extends the previous one if they are alike.
    pub(crate) fn add_row(
        &mut self,
        class: Class,
        place: &str,
        (key, at_ms): (SeriesKey, TimestampMs),
        detail: impl FnOnce() -> String,
    ) {
        self.count(class);
        let is_like = |last: &&mut Difference| {
            last.class == class && last.series == Some(key) && last.last_ms.is_some() && last.place == place
        };
        if let Some(last) = self.listed.last_mut().filter(is_like) {
            last.last_ms = Some(at_ms);
            last.count += 1;
        } else if self.listed.len() < DIFFERENCES_LISTED_MAX {
            let detail = detail();
            let (first_ms, last_ms) = (Some(at_ms), Some(at_ms));
            self.list(Difference { series: Some(key), first_ms, last_ms, detail, ..difference(class, place) });
        }
    }

    fn count(&mut self, class: Class) {
        self.total += 1;
        *self.by_class.entry(class).or_default() += 1;
    }

    fn list(&mut self, difference: Difference) {
        if self.listed.len() < DIFFERENCES_LISTED_MAX {
            self.listed.push(difference);
        }
    }
}

fn difference(class: Class, place: &str) -> Difference {
    Difference {
        class,
        invariant: class.invariant(),
        place: place.to_owned(),
        series: None,
        first_ms: None,
        last_ms: None,
        count: 1,
        detail: String::new(),
    }
}

/// Formats as `order data/.../p00000.part org 1 metric 2 at 5..9 ms (3 rows): ...`
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.class, self.place)?;
        if let Some(series) = self.series {
            write!(f, " {series}")?;
        }
        match (self.first_ms, self.last_ms) {
            (Some(first), Some(last)) if self.count > 1 => {
                write!(f, " at {first}..{last} ms ({} rows)", self.count)?;
            }
            (Some(first), _) => write!(f, " at {first} ms")?,
            _ => {}
        }
        write!(f, ": {}", self.detail)
    }
}
