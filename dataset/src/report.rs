//! What a check found: differences by class, the first of them listed, all of them counted.

use std::collections::BTreeMap;
use std::fmt;

use model::limits::DIFFERENCES_LISTED_MAX;
use model::{SeriesKey, TimestampMs};
use serde::Serialize;

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A manifest that is damaged, unreadable, or lies where it does not belong.
    Manifest,
    /// A version that is left out, or that replaces none before it.
    Version,
    /// A version that took the place of one whose input it lacks, and did not know it (CM-5).
    Input,
    /// Partitions that are not 0..n, each once (CM-1).
    Partitions,
    /// An object that is gone (CM-2).
    ObjectMissing,
    /// An object of another size (CM-2).
    ObjectSize,
    /// An object of other bytes (CM-2).
    ObjectDigest,
    /// A footer, directory or block that does not decode (CM-2).
    Block,
    /// Rows out of order (DT-2).
    Order,
    /// A series that its key's hash puts into another partition.
    Placement,
    /// A count or a bound that is not what was promised (DT-1).
    Count,
    /// Books that do not balance, or are not those of the input (DT-1).
    Books,
    /// A rollup row that the points do not give.
    Rollup,
    /// Metadata of a series that the input does not give.
    Metadata,
    /// A point that should be there.
    Missing,
    /// A point that should not be there.
    Extra,
    /// A point of another value.
    Changed,
}

impl Class {
    /// The invariant that it violates.
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

/// One difference, or a row of like ones in one series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What kind.
    pub class: Class,
    /// The invariant that it violates.
    pub invariant: Option<&'static str>,
    /// The manifest or object where it was found.
    pub place: String,
    /// The series, where it is about one.
    pub series: Option<SeriesKey>,
    /// First instant, where it is about rows.
    pub first_ms: Option<TimestampMs>,
    /// Last instant of the like ones.
    pub last_ms: Option<TimestampMs>,
    /// How many like ones follow one another.
    pub count: u64,
    /// What is wrong with the first.
    pub detail: String,
}

/// All differences of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// How many there are.
    pub total: u64,
    /// How many there are of each class.
    pub by_class: BTreeMap<Class, u64>,
    /// The first of them, [`DIFFERENCES_LISTED_MAX`] at most.
    pub listed: Vec<Difference>,
}

impl Differences {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Adds one about an object or a manifest.
    pub(crate) fn add(&mut self, class: Class, place: &str, detail: impl Into<String>) {
        self.count(class);
        self.list(Difference { detail: detail.into(), ..difference(class, place) });
    }

    /// Adds one about a series.
    pub(crate) fn add_series(&mut self, class: Class, place: &str, key: SeriesKey, detail: impl Into<String>) {
        self.count(class);
        self.list(Difference { series: Some(key), detail: detail.into(), ..difference(class, place) });
    }

    /// Adds one about a row; one that follows a like one only makes that one longer.
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

/// `order data/.../p00000.part org 1 metric 2 at 5..9 ms (3 rows): ...`
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
