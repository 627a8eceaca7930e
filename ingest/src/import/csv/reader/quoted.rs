//! Reader of rows that have a quote, character by character.

use super::{FaultKind, Fields};

/// Outcome of reading a row with a quote.
pub(super) enum Quoted {
    /// A row; the next one starts at `next`.
    Row { next: usize, lines: u64 },
    /// Not a row; the quote that caused the fault is `lines` further down.
    Fault { kind: FaultKind, field: usize, lines: u64 },
    /// The bytes end inside the row, in the field that starts `lines` further down.
    Cut { field: usize, lines: u64 },
}

/// Position after a field.
enum After {
    Field,
    /// End of the row, with the length of the line end in bytes.
    Row(usize),
    Other,
    Cut,
}

/// Splits the row at the start of `bytes`; the bytes of the fields without quotes go to `unquoted`. If `is_whole`,
/// the text ends with the bytes.
pub(super) fn read_quoted(
    bytes: &[u8],
    is_whole: bool,
    delimiter: u8,
    fields: &mut Fields,
    unquoted: &mut Vec<u8>,
) -> Quoted {
    fields.clear();
    unquoted.clear();
    let after = |at: usize| match bytes.get(at) {
        Some(byte) if *byte == delimiter => After::Field,
        Some(b'\n') => After::Row(1),
        Some(b'\r') => match bytes.get(at + 1) {
            Some(b'\n') => After::Row(2),
            None if !is_whole => After::Cut,
            _ => After::Row(1),
        },
        Some(_) => After::Other,
        None if is_whole => After::Row(0),
        None => After::Cut,
    };
    let (mut at, mut lines) = (0, 0);
    loop {
        let (start, field) = (unquoted.len(), fields.len() + 1);
        if bytes.get(at) == Some(&b'"') {
            let opened = lines;
            match read_quoted_field(&bytes[at + 1..], unquoted, &mut lines) {
                Some(len) => at += 1 + len,
                None if is_whole => return Quoted::Fault { kind: FaultKind::Unclosed, field, lines: opened },
                None => return Quoted::Cut { field, lines: opened },
            }
            // A quote at the end of the bytes may be the first of two.
            if at == bytes.len() && !is_whole {
                return Quoted::Cut { field, lines: opened };
            }
            if let After::Other = after(at) {
                return Quoted::Fault { kind: FaultKind::AfterQuote, field, lines };
            }
        } else {
            while let After::Other = after(at) {
                if bytes[at] == b'"' {
                    return Quoted::Fault { kind: FaultKind::Stray, field, lines };
                }
                unquoted.push(bytes[at]);
                at += 1;
            }
        }
        let end = after(at);
        if let After::Cut = end {
            return Quoted::Cut { field, lines };
        }
        fields.push((start as u32, unquoted.len() as u32)); // the reader bounds a row
        match end {
            After::Row(len) => return Quoted::Row { next: at + len, lines: lines + 1 },
            _ => at += 1,
        }
    }
}

/// Reads up to and including the closing quote; returns the number of bytes, or `None` if there is no such quote.
fn read_quoted_field(bytes: &[u8], unquoted: &mut Vec<u8>, lines: &mut u64) -> Option<usize> {
    let mut at = 0;
    loop {
        let len = memchr::memchr(b'"', &bytes[at..])?;
        let text = &bytes[at..at + len];
        unquoted.extend_from_slice(text);
        *lines += line_ends(text);
        at += len + 1;
        if bytes.get(at) != Some(&b'"') {
            return Some(at);
        }
        unquoted.push(b'"');
        at += 1;
    }
}

/// Counts the line ends of a text: LF, CRLF and CR, each once. The text ends before a quote, so that no CRLF is cut.
fn line_ends(text: &[u8]) -> u64 {
    let crs = memchr::memchr_iter(b'\r', text).filter(|at| text.get(at + 1) != Some(&b'\n')).count();
    (memchr::memchr_iter(b'\n', text).count() + crs) as u64
}
