//! HTTP/1.1 messages as bytes, with their ends, so that several can follow on one connection.

use std::io::{self, BufRead, Read};

/// Request or answer as bytes.
#[derive(Debug)]
pub(crate) struct Message {
    /// Bytes of head and body.
    pub(crate) bytes: Vec<u8>,
    head_len: usize,
}

impl Message {
    /// Reads a message with its body; none if the other side has ended the connection between two messages.
    ///
    /// `has_body` is false for an answer to HEAD. `at_head` sees the head before the body is read.
    pub(crate) fn read(
        from: &mut impl BufRead,
        has_body: bool,
        at_head: impl FnOnce(&str) -> io::Result<()>,
    ) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            if from.read_until(b'\n', &mut bytes)? == 0 {
                return if bytes.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
        let mut message = Self { head_len: bytes.len(), bytes };
        at_head(&message.head())?;
        if has_body {
            message.read_body(from)?;
        }
        Ok(Some(message))
    }

    fn read_body(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        if self.field("transfer-encoding").is_some_and(|encoding| encoding == "chunked") {
            return self.read_chunks(from);
        }
        let length = self.field("content-length").and_then(|length| length.parse().ok());
        self.take(from, length.unwrap_or(0))
    }

    fn read_chunks(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        loop {
            let line = self.bytes.len();
            from.read_until(b'\n', &mut self.bytes)?;
            let size = String::from_utf8_lossy(&self.bytes[line..]);
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                break;
            }
            self.take(from, size + 2)?;
        }
        // Read the trailers, up to the empty line that ends them.
        loop {
            let line = self.bytes.len();
            from.read_until(b'\n', &mut self.bytes)?;
            if matches!(&self.bytes[line..], b"\r\n" | b"") {
                return Ok(());
            }
        }
    }

    fn take(&mut self, from: &mut impl BufRead, len: u64) -> io::Result<()> {
        match from.take(len).read_to_end(&mut self.bytes)? as u64 {
            taken if taken == len => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Returns the head and at most `len` bytes of the body.
    pub(crate) fn upto(&self, len: usize) -> &[u8] {
        &self.bytes[..(self.head_len + len).min(self.bytes.len())]
    }

    /// Returns the first line.
    pub(crate) fn line(&self) -> String {
        self.head().lines().next().unwrap_or_default().to_owned()
    }

    /// True if the other side ends the connection after this message.
    pub(crate) fn is_last(&self) -> bool {
        self.field("connection").is_some_and(|connection| connection == "close")
    }

    /// True for an answer that another answer to the same request follows.
    pub(crate) fn is_interim(&self) -> bool {
        self.line().split(' ').nth(1).is_some_and(|status| status.starts_with('1'))
    }

    fn head(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.head_len]).into_owned()
    }

    /// Returns a header field in lower case.
    fn field(&self, name: &str) -> Option<String> {
        let head = self.head().to_ascii_lowercase();
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| *field == name).map(|(_, value)| value.trim().to_owned())
    }
}
