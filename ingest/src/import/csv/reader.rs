//! Reader of rows and fields, as strict as RFC 4180: a quote opens a field or is doubled inside one, and a delimiter
//! or the end of the row follows a closing quote. Lines end with LF, CRLF or CR.
//!
//! ```text
//!            delimiter, line end            quote at the start of a field
//! plain row ---------------------> row     -------------------------------> quoted row
//!                                                                           | closing quote, delimiter, line end -> row
//!                                                                           | anything else, end of text, too long -> fault
//! ```
//!
//! After a fault the reader goes on behind the *first line end* after the row's start: an unclosed quote costs its line and
//! not the rest of the file. A row is held in memory as a whole, up to [`CSV_ROW_BYTES_MAX`]; nothing else is.

mod quoted; // rows that have a quote

use std::io::{self, Read};

use memchr::{memchr_iter, memchr2, memchr3};
use model::limits::{CSV_COLUMNS_MAX, CSV_ROW_BYTES_MAX};

use quoted::{Quoted, read_quoted};

/// Number of bytes that are read at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Rules by which text is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Punctuation {
    /// Character that separates fields.
    pub delimiter: u8,
    /// False if a quote is an ordinary character.
    pub has_quotes: bool,
    /// Character that begins a comment line.
    pub comment: Option<u8>,
}

impl Default for Punctuation {
    fn default() -> Self {
        Self { delimiter: b',', has_quotes: true, comment: None }
    }
}

/// Places of the fields in the bytes of their row.
pub(super) type Fields = Vec<(u32, u32)>;

/// Row, split into fields.
#[derive(Debug, Clone, Copy)]
pub struct CsvRow<'r> {
    bytes: &'r [u8],
    fields: &'r [(u32, u32)],
    /// Line of its start, counted from 1.
    pub line: u64,
    /// Number of lines; more than one if a quoted field has line ends.
    pub lines: u64,
}

impl<'r> CsvRow<'r> {
    /// Returns the number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Always false: a row has at least one field, which may be empty.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Returns the field at `index`, without quotes.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub fn field(&self, index: usize) -> &'r [u8] {
        let (start, end) = self.fields[index];
        &self.bytes[start as usize..end as usize]
    }

    /// Iterates over the fields.
    pub fn fields(&self) -> impl Iterator<Item = &'r [u8]> + use<'r> {
        let bytes = self.bytes;
        self.fields.iter().map(move |(start, end)| &bytes[*start as usize..*end as usize])
    }
}

/// Kind of fault that keeps a line from being a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The text ends inside a quoted field.
    Unclosed,
    /// A quoted field is longer than a row may be.
    UnclosedTooLong,
    /// A quote inside a field that does not start with one.
    Stray,
    /// A closing quote is followed by text.
    AfterQuote,
    /// A row is too long.
    TooLong,
    /// A row has too many fields.
    TooManyFields,
}

/// A line that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowFault {
    /// Kind of the fault.
    pub kind: FaultKind,
    /// Line that is lost.
    pub line: u64,
    /// Line of the quote that caused the fault.
    pub quote_line: u64,
    /// Field that caused the fault, counted from 1.
    pub field: usize,
}

/// Next item of a text.
#[derive(Debug)]
pub enum CsvItem<'r> {
    /// A row with its fields.
    Row(CsvRow<'r>),
    /// A line without a character.
    BlankLine,
    /// A comment line.
    Comment,
    /// A line that cannot be read.
    Fault(RowFault),
    /// The end of the text.
    End,
}

/// Reader of rows; the module describes its rules.
pub struct RowReader<R> {
    text: R,
    punctuation: Punctuation,
    buffer: Vec<u8>,
    /// Bytes that were read but not yet returned: `buffer[start..end]`.
    start: usize,
    end: usize,
    is_ended: bool,
    line: u64,
    fields: Fields,
    unquoted: Vec<u8>,
}

/// End of the line that starts at `start`.
enum LineEnd {
    /// The line ends at the first offset; the next line starts at the second.
    At(usize, usize),
    /// A quote comes before the end of the line.
    Quote,
    /// The line exceeds the limit of a row.
    TooFar,
}

impl<R: Read> RowReader<R> {
    /// Creates a reader of `text`.
    pub fn new(text: R, punctuation: Punctuation) -> Self {
        Self {
            text,
            punctuation,
            buffer: vec![0; CHUNK_BYTES],
            start: 0,
            end: 0,
            is_ended: false,
            line: 1,
            fields: Fields::new(),
            unquoted: Vec::new(),
        }
    }

    /// Returns the number of the next line, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Skips a line, whatever it is; returns `false` at the end of the text.
    ///
    /// # Errors
    /// Those of the text.
    pub fn skip_line(&mut self) -> io::Result<bool> {
        if self.start == self.end && !self.fill()? {
            return Ok(false);
        }
        self.discard_line()?;
        Ok(true)
    }

    /// Returns the next item of the text.
    ///
    /// # Errors
    /// Those of the text.
    #[inline]
    pub fn next_row(&mut self) -> io::Result<CsvItem<'_>> {
        if self.start == self.end && !self.fill()? {
            return Ok(CsvItem::End);
        }
        if self.punctuation.comment == Some(self.buffer[self.start]) {
            self.discard_line()?;
            return Ok(CsvItem::Comment);
        }
        match self.find_line_end(self.punctuation.has_quotes)? {
            LineEnd::At(end, next) if end == self.start => {
                self.pass_to(next, 1);
                Ok(CsvItem::BlankLine)
            }
            LineEnd::At(end, next) => self.plain_row(end, next),
            LineEnd::Quote => self.quoted_row(),
            LineEnd::TooFar => self.fault(FaultKind::TooLong, 1, self.line),
        }
    }

    fn plain_row(&mut self, end: usize, next: usize) -> io::Result<CsvItem<'_>> {
        let bytes = &self.buffer[self.start..end];
        self.fields.clear();
        let mut from = 0;
        for at in memchr_iter(self.punctuation.delimiter, bytes) {
            self.fields.push((from, at as u32));
            from = at as u32 + 1;
        }
        self.fields.push((from, bytes.len() as u32)); // at most CSV_ROW_BYTES_MAX
        if self.fields.len() > CSV_COLUMNS_MAX {
            return self.fault(FaultKind::TooManyFields, CSV_COLUMNS_MAX + 1, self.line);
        }
        let (start, line) = (self.start, self.line);
        self.pass_to(next, 1);
        Ok(CsvItem::Row(CsvRow { bytes: &self.buffer[start..end], fields: &self.fields, line, lines: 1 }))
    }

    fn quoted_row(&mut self) -> io::Result<CsvItem<'_>> {
        loop {
            let bytes = &self.buffer[self.start..self.end];
            let room = CSV_ROW_BYTES_MAX.min(bytes.len());
            let is_cut = room < bytes.len();
            let is_whole = self.is_ended && !is_cut;
            match read_quoted(
                &bytes[..room],
                is_whole,
                self.punctuation.delimiter,
                &mut self.fields,
                &mut self.unquoted,
            ) {
                Quoted::Row { .. } if self.fields.len() > CSV_COLUMNS_MAX => {
                    return self.fault(FaultKind::TooManyFields, CSV_COLUMNS_MAX + 1, self.line);
                }
                Quoted::Row { next, lines } => {
                    let line = self.line;
                    self.pass_to(self.start + next, lines);
                    return Ok(CsvItem::Row(CsvRow { bytes: &self.unquoted, fields: &self.fields, line, lines }));
                }
                Quoted::Fault { kind, field, lines } => return self.fault(kind, field, self.line + lines),
                Quoted::Cut { field, lines } if room == CSV_ROW_BYTES_MAX => {
                    return self.fault(FaultKind::UnclosedTooLong, field, self.line + lines);
                }
                Quoted::Cut { .. } => drop(self.fill()?),
            }
        }
    }

    /// Reports a fault of the current row, and continues behind its first line end.
    fn fault(&mut self, kind: FaultKind, field: usize, quote_line: u64) -> io::Result<CsvItem<'_>> {
        let line = self.line;
        self.discard_line()?;
        Ok(CsvItem::Fault(RowFault { kind, line, quote_line, field }))
    }

    fn pass_to(&mut self, next: usize, lines: u64) {
        self.start = next;
        self.line += lines;
    }

    #[inline]
    fn find_line_end(&mut self, stops_at_quotes: bool) -> io::Result<LineEnd> {
        let mut scanned = 0;
        loop {
            let from = self.start + scanned;
            let bytes = &self.buffer[from..self.end];
            let found = match stops_at_quotes {
                true => memchr3(b'\n', b'\r', b'"', bytes),
                false => memchr2(b'\n', b'\r', bytes),
            };
            let is_too_far = |at: usize| at - self.start > CSV_ROW_BYTES_MAX;
            if let Some(at) = found.map(|at| from + at) {
                if is_too_far(at) {
                    return Ok(LineEnd::TooFar);
                }
                match (self.buffer[at], self.buffer[..self.end].get(at + 1)) {
                    (b'"', _) => return Ok(LineEnd::Quote),
                    (b'\r', Some(b'\n')) => return Ok(LineEnd::At(at, at + 2)),
                    (b'\r', None) if !self.is_ended => scanned = at - self.start, // its LF may come
                    _ => return Ok(LineEnd::At(at, at + 1)),
                }
            } else if is_too_far(self.end) {
                return Ok(LineEnd::TooFar);
            } else if self.is_ended {
                return Ok(LineEnd::At(self.end, self.end));
            } else {
                scanned = self.end - self.start;
            }
            self.fill()?;
        }
    }

    /// Skips the rest of the line, in bounded memory.
    fn discard_line(&mut self) -> io::Result<()> {
        loop {
            match memchr2(b'\n', b'\r', &self.buffer[self.start..self.end]).map(|at| self.start + at) {
                Some(at) => {
                    let is_cr = self.buffer[at] == b'\r';
                    self.start = at;
                    if is_cr && at + 1 == self.end {
                        self.fill()?; // moves what is left to the front
                    }
                    let is_crlf = is_cr && self.buffer[..self.end].get(self.start + 1) == Some(&b'\n');
                    self.pass_to(self.start + if is_crlf { 2 } else { 1 }, 1);
                    return Ok(());
                }
                None => {
                    self.start = self.end;
                    if !self.fill()? {
                        self.line += 1;
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Reads more bytes behind those in the buffer; returns `false` at the end of the text.
    fn fill(&mut self) -> io::Result<bool> {
        if self.is_ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() - self.end < CHUNK_BYTES {
            self.buffer.resize(self.end + CHUNK_BYTES, 0);
        }
        loop {
            match self.text.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    self.is_ended = count == 0;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests;
