//! Books of an import: counts of the rows and values that were read, and of their destinations.
//!
//! ```text
//! rows   read = written + blank + skipped (by reason) + refused
//! values read = written + blank + skipped (by reason) + refused
//! ```
//!
//! The sides are counted apart: `read` where the input is taken apart, `written` where payloads are encoded, the others
//! where the decision falls. A file whose books do not balance is not imported.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Reason for points of a message that was delivered twice, byte for byte: nothing is lost with them.
pub const DELIVERED_TWICE: &str = "delivered twice";

/// Account of the rows, or of the values, of an input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Number read from the input.
    pub read: u64,
    /// Number written: rows that gave at least one point; values that are points of a segment.
    pub written: u64,
    /// Number blank: rows without any value; empty values, and words for a missing value.
    pub blank: u64,
    /// Number skipped, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Number refused: the row that ended the import, and its values.
    pub refused: u64,
}

impl Account {
    /// Counts `count` as skipped.
    pub(super) fn skip(&mut self, reason: &str, count: u64) {
        if count == 0 {
            return;
        }
        match self.skipped.get_mut(reason) {
            Some(skipped) => *skipped += count,
            None => drop(self.skipped.insert(reason.to_owned(), count)),
        }
    }

    /// Returns the number of all skipped ones.
    pub fn skipped_total(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// Returns the number of skipped values that are in no other place either.
    pub fn lost(&self) -> u64 {
        self.skipped_total() - self.skipped.get(DELIVERED_TWICE).copied().unwrap_or(0)
    }

    fn is_balanced(&self) -> bool {
        self.read == self.written + self.blank + self.skipped_total() + self.refused
    }

    fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.written += other.written;
        self.blank += other.blank;
        self.refused += other.refused;
        other.skipped.iter().for_each(|(reason, count)| self.skip(reason, *count));
    }
}

/// Formats as `read 4 = written 3 + blank 0 + skipped 1 (quoting 1) + refused 0`.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, written, blank, skipped, refused } = self;
        write!(f, "read {read} = written {written} + blank {blank} + skipped {}", self.skipped_total())?;
        if !skipped.is_empty() {
            let reasons: Vec<_> = skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
            write!(f, " ({})", reasons.join(", "))?;
        }
        write!(f, " + refused {refused}")
    }
}

/// The books of a file, or of all files of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportBooks {
    /// Account of rows: those of CSV, or the data points of OTLP.
    pub rows: Account,
    /// Account of the values of the rows.
    pub values: Account,
}

impl ImportBooks {
    /// Adds the books of another file.
    pub(super) fn add(&mut self, other: &Self) {
        self.rows.add(&other.rows);
        self.values.add(&other.values);
    }

    /// Returns both accounts if one of them does not balance.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.rows.is_balanced() && self.values.is_balanced() {
            return Ok(());
        }
        Err(format!("rows {}; values {}", self.rows, self.values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_balance_or_say_both_sides() {
        let rows = Account { read: 4, written: 2, blank: 1, ..Account::default() };
        let mut books = ImportBooks { rows, ..ImportBooks::default() };
        assert!(books.check().expect_err("one row is missing").contains("rows read 4 = written 2 + blank 1"));
        books.rows.skip("quoting", 1);
        books.check().expect("balanced");
        books.values.read = 1;
        assert!(books.check().is_err());
        books.values.refused = 1;
        books.check().expect("balanced");
        let mut sum = books.clone();
        sum.add(&books);
        assert_eq!(sum.rows.to_string(), "read 8 = written 4 + blank 2 + skipped 2 (quoting 2) + refused 0");
        sum.check().expect("sums of balanced books balance");
    }
}
