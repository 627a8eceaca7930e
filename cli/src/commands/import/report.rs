//! Report of an import.

use std::path::PathBuf;

use format::manifest::API_VERSION;
use ingest::import::{Account, Collisions, ImportBooks, ImportOutcome, Notice};
use jiff::Timestamp;
use model::ByteSize;
use serde::Serialize;

/// Document behind `-o json`.
#[derive(Debug, Serialize)]
pub(super) struct ImportReport {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) files: u64,
    /// Number of files that were imported before and left as they are.
    pub(super) files_left: u64,
    pub(super) rows_read: u64,
    pub(super) rows_imported: u64,
    pub(super) rows_skipped: u64,
    /// Number of lines in the rows that were skipped.
    pub(super) lines_skipped: u64,
    /// Number of blank lines, comments, and lines before the header.
    pub(super) lines_passed: u64,
    /// Number of times that were finer than a millisecond and were rounded down.
    pub(super) times_rounded: u64,
    /// Account of every row and every value.
    pub(super) books: ImportBooks,
    /// Counts, by name, of input that Tailor does not keep as it is.
    pub(super) left_out: Vec<(&'static str, u64)>,
    /// Points that collide in series and time.
    pub(super) collisions: Collisions,
    pub(super) series: u64,
    pub(super) points: u64,
    pub(super) payloads: u64,
    pub(super) segments: u64,
    pub(super) bytes: u64,
}

impl ImportReport {
    pub(super) fn of(outcome: ImportOutcome) -> Self {
        let ImportOutcome { files, files_left, books, imported, collisions } = outcome;
        Self {
            api_version: API_VERSION,
            kind: "Import",
            files,
            files_left,
            rows_read: books.rows.read,
            rows_imported: books.rows.written,
            rows_skipped: books.rows.skipped_total(),
            lines_skipped: 0,
            lines_passed: 0,
            times_rounded: 0,
            books,
            left_out: Vec::new(),
            collisions,
            series: imported.series,
            points: imported.points,
            payloads: imported.payloads,
            segments: imported.segments,
            bytes: imported.bytes,
        }
    }
}

/// Formats the summary for people.
pub(super) fn shown(report: &ImportReport) -> String {
    let mut text = format!(
        "{} files, {} rows read, {} skipped: {} points of {} series in {} segments, {}\n",
        report.files,
        report.rows_read,
        report.rows_skipped,
        report.points,
        report.series,
        report.segments,
        ByteSize(report.bytes),
    );
    if report.files_left > 0 {
        text.push_str(&format!(
            "{} files were imported before, with the same content and options: left as they are\n",
            report.files_left
        ));
    }
    text.push_str(&format!("rows    {}\nvalues  {}\n", account(&report.books.rows), account(&report.books.values)));
    if report.lines_skipped > report.rows_skipped {
        text.push_str(&format!("lines of skipped rows: {}\n", report.lines_skipped));
    }
    if report.lines_passed > 0 {
        text.push_str(&format!("lines that are not rows: {}\n", report.lines_passed));
    }
    if report.times_rounded > 0 {
        text.push_str(&format!("times rounded down to a millisecond: {}\n", report.times_rounded));
    }
    for (what, count) in report.left_out.iter().filter(|(_, count)| *count > 0) {
        text.push_str(&format!("left out: {count} {what}\n"));
    }
    text
}

fn account(account: &Account) -> String {
    account.to_string()
}

/// Formats collisions, with examples and the next step.
pub(super) fn collisions(report: &ImportReport, next_step: &str) -> String {
    let Collisions { points, series, examples } = &report.collisions;
    let example = |(name, at): &(String, i64)| {
        let at = Timestamp::from_millisecond(*at).map_or_else(|_| format!("{at} ms"), |at| at.to_string());
        format!("{name} at {at}")
    };
    let examples: Vec<_> = examples.iter().map(example).collect();
    let rounded = match report.times_rounded {
        0 => String::new(),
        count => format!("; {count} times were rounded down to a millisecond, which makes some of them equal"),
    };
    format!(
        "{points} points of {series} series share series and time with an earlier one: {next_step}; --allow-collisions says \
         that it is meant{rounded} ({})",
        examples.join("; ")
    )
}

/// Reporter of an import's progress, and of the imported files if it fails.
#[derive(Debug, Default)]
pub(super) struct Progress {
    imported: Vec<(PathBuf, usize)>,
}

impl Progress {
    pub(super) fn hear(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Skipped(row) => crate::out::say(format_args!("tailor: skipped {row}")),
            Notice::Left(path) => {
                crate::out::say(format_args!(
                    "tailor: {} was imported before, with the same content and options: left as it is",
                    path.display()
                ));
            }
            Notice::Remark(path, text) => crate::out::say(format_args!("tailor: {}: {text}", path.display())),
            Notice::Imported(path, done) => self.imported.push(((*path).to_owned(), done.segments.len())),
        }
    }

    pub(super) fn tell_what_is_left(&self) {
        if self.imported.is_empty() {
            crate::out::say(format_args!("tailor: nothing was imported"));
        }
        for (path, segments) in &self.imported {
            crate::out::say(format_args!(
                "tailor: {} is imported ({segments} segments), and stays: run the same command again for the others",
                path.display()
            ));
        }
    }
}
