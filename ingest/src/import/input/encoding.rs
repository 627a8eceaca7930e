//! Decoder of other encodings to UTF-8.
//!
//! A byte-order mark decides where there is one; then the option; else the text is UTF-8 and passes through as it is: the
//! reader of rows checks the fields that it uses. Bytes that the encoding does not have are an error, never a
//! replacement character.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE};

/// Encoding of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEncoding(&'static encoding_rs::Encoding);

impl Default for TextEncoding {
    fn default() -> Self {
        Self(UTF_8)
    }
}

impl fmt::Display for TextEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name().to_lowercase())
    }
}

/// Parses the labels of the WHATWG encoding standard. There `latin1` is Windows-1252, as in every browser; the two
/// differ only in control characters that no text has.
impl FromStr for TextEncoding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let label = match text.to_ascii_lowercase().as_str() {
            "utf16" | "utf-16" => "utf-16le".to_owned(), // a byte-order mark says otherwise
            "cp1252" => "windows-1252".to_owned(),
            label => label.to_owned(),
        };
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()).map(Self).ok_or_else(|| {
            format!("'{text}' is not an encoding: give utf-8, utf-16le, utf-16be, latin1, windows-1252, shift_jis ...")
        })
    }
}

/// Decodes `content`, which starts with `start`, to UTF-8 without a byte-order mark; returns it with its encoding.
///
/// # Errors
/// Says that UTF-32 is not read.
pub(crate) fn decode(
    mut start: Vec<u8>,
    rest: Box<dyn Read>,
    asked: TextEncoding,
) -> Result<(Box<dyn Read>, TextEncoding), String> {
    if start.starts_with(&[0xff, 0xfe, 0, 0]) || start.starts_with(&[0, 0, 0xfe, 0xff]) {
        return Err("it is UTF-32; convert it first (iconv -f UTF-32 -t UTF-8)".to_owned());
    }
    let (encoding, mark_bytes) = encoding_rs::Encoding::for_bom(&start).unwrap_or((asked.0, 0));
    start.drain(..mark_bytes);
    let content = Box::new(io::Cursor::new(start).chain(rest));
    if encoding == UTF_8 {
        return Ok((content, TextEncoding(encoding)));
    }
    Ok((Box::new(Decoded::new(content, encoding)), TextEncoding(encoding)))
}

/// Returns the encoding of a text that looks like UTF-16 without a byte-order mark: every other byte is zero.
pub(crate) fn looks_like_utf16(start: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let zeros = |offset: usize| start.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let half = start.len() / 2;
    match (zeros(0), zeros(1)) {
        _ if half < 4 || encoding_rs::Encoding::for_bom(start).is_some() => None,
        (even, odd) if odd * 2 > half && even == 0 => Some(UTF_16LE),
        (even, odd) if even * 2 > half && odd == 0 => Some(UTF_16BE),
        _ => None,
    }
}

/// Number of bytes that are decoded at once.
const CHUNK_BYTES: usize = 64 << 10;

struct Decoded {
    encoded: Box<dyn Read>,
    encoding: &'static encoding_rs::Encoding,
    decoder: Decoder,
    /// Bytes that were read but not yet decoded: `input[from..to]`.
    input: Vec<u8>,
    from: usize,
    to: usize,
    /// Text that was decoded but not yet returned: `output[given..made]`.
    output: Vec<u8>,
    given: usize,
    made: usize,
    is_ended: bool,
    position: u64,
}

impl Decoded {
    fn new(encoded: Box<dyn Read>, encoding: &'static encoding_rs::Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        let (input, output) = (vec![0; CHUNK_BYTES], vec![0; 3 * CHUNK_BYTES]);
        let counts = (0, 0, 0, 0);
        let (from, to, given, made) = counts;
        Self { encoded, encoding, decoder, input, from, to, output, given, made, is_ended: false, position: 0 }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.from == self.to && !self.is_ended {
            (self.from, self.to) = (0, self.encoded.read(&mut self.input)?);
            self.is_ended = self.to == 0;
        }
        let input = &self.input[self.from..self.to];
        let (result, read, made) =
            self.decoder.decode_to_utf8_without_replacement(input, &mut self.output, self.is_ended);
        (self.given, self.made) = (0, made);
        self.from += read;
        self.position += read as u64;
        if let DecoderResult::Malformed(..) = result {
            let text = format!("the bytes before offset {} are not {}", self.position, self.encoding.name());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.made {
            if self.is_ended && self.from == self.to {
                return Ok(0);
            }
            self.fill()?;
        }
        let count = buffer.len().min(self.made - self.given);
        buffer[..count].copy_from_slice(&self.output[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], asked: &str) -> Result<String, String> {
        let asked = asked.parse().expect("an encoding");
        let (start, rest) = bytes.split_at(bytes.len().min(4));
        let (mut content, _) = decode(start.to_vec(), Box::new(io::Cursor::new(rest.to_vec())), asked)?;
        let mut text = String::new();
        content.read_to_string(&mut text).map_err(|error| error.to_string()).map(|_| text)
    }

    #[test]
    fn a_byte_order_mark_decides_before_the_option_does() {
        let utf16 = |text: &str, to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
        let text = "a,é,\u{1f600}\n".repeat(20_000);
        for (mark, asked) in [("\u{feff}", "latin1"), ("\u{feff}", "utf-8"), ("", "utf-16")] {
            let marked = format!("{mark}{text}");
            assert_eq!(read(&utf16(&marked, u16::to_le_bytes), asked).as_deref(), Ok(text.as_str()));
        }
        assert_eq!(read(&utf16(&text, u16::to_be_bytes), "utf-16be").as_deref(), Ok(text.as_str()));
        assert_eq!(read(format!("\u{feff}{text}").as_bytes(), "utf-8").as_deref(), Ok(text.as_str()));
        assert_eq!(read(b"temp \xb0C", "latin1").as_deref(), Ok("temp °C"));
    }

    #[test]
    fn bytes_that_an_encoding_does_not_have_are_an_error() {
        assert!(read(&[0xff, 0xfe, b'a', 0, b'b'], "utf-8").expect_err("half a unit").contains("UTF-16LE"));
        assert!(read(&[0xff, 0xfe, 0x00, 0xd8, b'b', 0], "utf-8").is_err(), "half a pair");
        assert!(read(&[0xff, 0xfe, 0, 0], "utf-8").expect_err("not read").contains("UTF-32"));
        assert!("utf-7".parse::<TextEncoding>().is_err());
    }
}
