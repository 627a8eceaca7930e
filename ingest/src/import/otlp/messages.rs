//! The messages of a file, in each form that collectors write them in.
//!
//! | the content starts with | is |
//! |---|---|
//! | `{`, perhaps behind space | OTLP/JSON: documents one after another, as a rule a line each |
//! | the tag of `resource_metrics` (0x0a) | a request body: one protobuf message without a length before it |
//! | anything else | messages behind a `u32` big-endian length; each protobuf or JSON, plain or compressed by itself |

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use opentelemetry_proto::tonic::metrics::v1::MetricsData;
use prost::Message;

use super::json;
use super::points::MetricsReader;
use crate::import::ImportError;
use crate::import::input::{Content, InputFile, unpack};

/// Longest message, in bytes. Collectors send a few megabytes; a longer one is a wrong length.
const MESSAGE_BYTES_MAX: u32 = 256 << 20;

/// Tag of field 1, with a length: the first byte of a request body. As a length it would mean 160 MiB or more.
const RESOURCE_METRICS_TAG: u8 = 0x0a;

/// Number of bytes that distinguish JSON from protobuf: the tag of a scope or of an attribute's value is among the
/// first bytes of a message.
const JSON_BYTES: usize = 512;

/// Forms that can be read, for the message about a file in another form.
const FORMS: &str =
    "OTLP files are JSON, one protobuf message, or messages that each lie behind a u32 big-endian length";

/// Reads every message of `content`.
pub(super) fn read_messages(
    file: &InputFile,
    content: Content,
    reader: &mut MetricsReader<'_, '_>,
) -> Result<(), ImportError> {
    let Content { start, rest, .. } = content;
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).to_vec();
    match start.first().copied() {
        _ if is_json(&text) => read_json(file, text.as_slice().chain(rest), reader),
        Some(RESOURCE_METRICS_TAG) => read_body(file, start.as_slice().chain(rest), reader),
        _ => read_framed(file, start.as_slice().chain(rest), reader),
    }
}

/// True if the content is JSON, by its first bytes. The tag of `resource_metrics` is a newline too, and the length
/// behind it may be that of a brace. But a protobuf message has tags that are control characters, which JSON never
/// has.
fn is_json(content: &[u8]) -> bool {
    let start = &content[..content.len().min(JSON_BYTES)];
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_text = || !start.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'[')) && (start[0] != RESOURCE_METRICS_TAG || is_text())
}

fn read_json(file: &InputFile, content: impl Read, reader: &mut MetricsReader<'_, '_>) -> Result<(), ImportError> {
    let left = Rc::new(Cell::new(u64::from(MESSAGE_BYTES_MAX)));
    let content = BufReader::new(Bounded { content, left: left.clone() });
    for (ordinal, document) in serde_json::Deserializer::from_reader(content).into_iter().enumerate() {
        let document = document.map_err(|error: serde_json::Error| match error.is_io() {
            true => file.cannot_read(error.into()),
            false => file.malformed(format!("document {} is not JSON: {error}", ordinal + 1)),
        })?;
        let metrics = json::metrics(document);
        reader.read(metrics.map_err(|cause| file.malformed(format!("document {}: {cause}", ordinal + 1)))?)?;
        left.set(u64::from(MESSAGE_BYTES_MAX));
    }
    Ok(())
}

/// Reader that fails if one document exceeds a bound: a document is in memory before it is parsed.
struct Bounded<R> {
    content: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        match self.left.get().checked_sub(count as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::other(format!("a document has more than {MESSAGE_BYTES_MAX} bytes"))),
        }
        Ok(count)
    }
}

fn read_body(file: &InputFile, content: impl Read, reader: &mut MetricsReader<'_, '_>) -> Result<(), ImportError> {
    let mut body = Vec::new();
    let read = content.take(u64::from(MESSAGE_BYTES_MAX) + 1).read_to_end(&mut body);
    read.map_err(|source| file.cannot_read(source))?;
    if body.len() as u64 > u64::from(MESSAGE_BYTES_MAX) {
        let cause = format!("it looks like one message of more than {MESSAGE_BYTES_MAX} bytes; {FORMS}");
        return Err(file.malformed(cause));
    }
    match MetricsData::decode(body.as_slice()) {
        Ok(metrics) => reader.read(metrics),
        Err(error) => Err(file.malformed(format!(
            "it begins as one protobuf message does, and is not MetricsData: {error}; it may be cut, or hold traces or logs. {FORMS}"
        ))),
    }
}

fn read_framed(
    file: &InputFile,
    mut content: impl Read,
    reader: &mut MetricsReader<'_, '_>,
) -> Result<(), ImportError> {
    let mut message = Vec::new();
    let mut offset = 0;
    while let Some(length) = read_message(file, &mut content, offset, &mut message)? {
        let place = |cause: String| file.malformed(format!("the message at byte {offset} {cause}"));
        let unpacked = unpacked(&message).map_err(|error| place(format!("cannot be unpacked: {error}")))?;
        let message = unpacked.as_slice();
        let metrics = match is_json(message) {
            true => serde_json::from_slice(message)
                .map_err(|error| error.to_string())
                .and_then(json::metrics)
                .map_err(|cause| place(format!("is not OTLP/JSON: {cause}")))?,
            false => MetricsData::decode(message)
                .map_err(|error| place(format!("is not MetricsData: {error}; is it of traces or logs? {FORMS}")))?,
        };
        reader.read(metrics)?;
        offset += length;
    }
    Ok(())
}

/// Returns the content of a message, which may be compressed by itself, as the collector's file exporter does.
fn unpacked(message: &[u8]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    unpack(message)?.take(u64::from(MESSAGE_BYTES_MAX) + 1).read_to_end(&mut content)?;
    match content.len() as u64 > u64::from(MESSAGE_BYTES_MAX) {
        true => Err(io::Error::other(format!("it has more than {MESSAGE_BYTES_MAX} bytes"))),
        false => Ok(content),
    }
}

/// Reads the message at `offset` (of the decompressed content); returns its length including the length field.
fn read_message(
    file: &InputFile,
    content: &mut impl Read,
    offset: u64,
    message: &mut Vec<u8>,
) -> Result<Option<u64>, ImportError> {
    let mut header = Vec::new();
    let read = content.by_ref().take(4).read_to_end(&mut header);
    read.map_err(|source| file.cannot_read(source))?;
    if header.is_empty() {
        return Ok(None);
    }
    let cut = |have: usize, length: u64| {
        let what = if offset == 0 { format!(", or is something else: {FORMS}") } else { String::new() };
        file.malformed(format!(
            "it ends inside the message at byte {offset}: {have} of {length} bytes are there; its writer stopped there, or goes on \
             writing{what}"
        ))
    };
    let have = header.len();
    let length = u32::from_be_bytes(header.try_into().map_err(|_| cut(have, 4))?);
    if length > MESSAGE_BYTES_MAX {
        let cause = format!(
            "the message at byte {offset} says that it has {length} bytes, over {MESSAGE_BYTES_MAX}: that cannot be a length. {FORMS}"
        );
        return Err(file.malformed(cause));
    }
    message.clear();
    let read = content.by_ref().take(u64::from(length)).read_to_end(message);
    read.map_err(|source| file.cannot_read(source))?;
    if message.len() < length as usize {
        return Err(cut(message.len(), u64::from(length)));
    }
    Ok(Some(4 + u64::from(length)))
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::KeyValue;
    use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
    use opentelemetry_proto::tonic::resource::v1::Resource;

    use super::*;

    #[test]
    fn protobuf_of_any_length_is_told_from_json() {
        for name in 0..300 {
            let key = KeyValue { key: "k".repeat(name), ..KeyValue::default() };
            let attributes = vec![key, KeyValue { value: Some(Default::default()), ..KeyValue::default() }];
            let resource = Some(Resource { attributes, ..Resource::default() });
            let metrics = vec![Metric { name: "m".repeat(name), ..Metric::default() }];
            let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
            for resource_metrics in [
                ResourceMetrics { resource, ..ResourceMetrics::default() },
                ResourceMetrics { scope_metrics, ..ResourceMetrics::default() },
            ] {
                let message = MetricsData { resource_metrics: vec![resource_metrics] }.encode_to_vec();
                assert!(!is_json(&message), "{name}: {message:?}");
            }
        }
        for text in ["{}", "\n{\n\t\"resourceMetrics\": []}", " {", "\r\n[{}]", "{\"a\":\"\u{e9}\"}"] {
            assert!(is_json(text.as_bytes()), "{text}");
        }
        for content in [&b""[..], b"\n", b"\n\0", b"\0\0\0\x02{}"] {
            assert!(!is_json(content), "{content:?}");
        }
    }
}
