//! JSON that every reader understands: an integer that does not fit into a double is text.
//!
//! Many readers (JavaScript, jq 1.6, Go's `any`) take every number for a double, and round integers past 2^53: an id that
//! was read back so names another series. So ids are always text, as in the JSON mapping of protobuf, and so is any other
//! integer that a double might not hold. Counts and instants are numbers.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

/// Fields that hold ids of 64 bits, or lists of them.
const IDS: [&str; 7] = ["org", "orgs", "metric", "org_min", "org_max", "metric_min", "metric_max"];

/// Largest integer up to which a double holds every integer.
const EXACT_MAX: u64 = (1 << 53) - 1;

/// Formats a document over several lines.
pub(crate) fn pretty<T: Serialize>(value: &T) -> serde_json::Result<String> {
    written(value, PrettyFormatter::new())
}

/// Formats a document on one line.
pub(crate) fn line<T: Serialize>(value: &T) -> serde_json::Result<String> {
    written(value, CompactFormatter)
}

fn written<T: Serialize>(value: &T, layout: impl Formatter) -> serde_json::Result<String> {
    let mut json = Vec::new();
    let formatter = IdsAsText { layout, field: Vec::new(), in_key: false, depth: 0, metadata: None };
    value.serialize(&mut Serializer::with_formatter(&mut json, formatter))?;
    Ok(String::from_utf8(json).expect("JSON is UTF-8"))
}

/// Formatter that writes ids as text and leaves the layout to another formatter.
struct IdsAsText<F> {
    layout: F,
    /// Name of the field whose value is being written.
    field: Vec<u8>,
    in_key: bool,
    depth: u32,
    /// Depth of the object with the metadata of a series, whose fields have names of their own.
    metadata: Option<u32>,
}

impl<F: Formatter> IdsAsText<F> {
    fn integer<W: ?Sized + Write>(&self, to: &mut W, digits: &str, size: u64) -> io::Result<()> {
        let is_id = || self.metadata.is_none() && IDS.iter().any(|id| id.as_bytes() == self.field);
        // A key is already between quotes.
        if !self.in_key && (size > EXACT_MAX || is_id()) {
            write!(to, "\"{digits}\"")
        } else {
            to.write_all(digits.as_bytes())
        }
    }
}

impl<F: Formatter> Formatter for IdsAsText<F> {
    fn write_u64<W: ?Sized + Write>(&mut self, to: &mut W, value: u64) -> io::Result<()> {
        self.integer(to, &value.to_string(), value)
    }

    fn write_i64<W: ?Sized + Write>(&mut self, to: &mut W, value: i64) -> io::Result<()> {
        self.integer(to, &value.to_string(), value.unsigned_abs())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        if self.in_key {
            self.field.extend_from_slice(fragment.as_bytes());
        }
        to.write_all(fragment.as_bytes())
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, is_first: bool) -> io::Result<()> {
        self.field.clear();
        self.in_key = true;
        self.layout.begin_object_key(to, is_first)
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.in_key = false;
        self.layout.end_object_key(to)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.layout.begin_object_value(to)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.layout.end_object_value(to)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.field == b"metadata" {
            self.metadata.get_or_insert(self.depth);
        }
        self.layout.begin_object(to)
    }

    fn end_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.metadata = self.metadata.filter(|depth| *depth < self.depth);
        self.depth -= 1;
        self.layout.end_object(to)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.layout.begin_array(to)
    }

    fn end_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.layout.end_array(to)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, to: &mut W, is_first: bool) -> io::Result<()> {
        self.layout.begin_array_value(to, is_first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.layout.end_array_value(to)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::SeriesKey;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn ids_are_text_and_other_numbers_only_where_a_double_would_round_them() {
        #[derive(Serialize)]
        struct Document {
            #[serde(flatten)]
            key: SeriesKey,
            points: u64,
            first_ms: i64,
            end_ms: i64,
            by_org: BTreeMap<u64, u64>,
            orgs: Vec<u64>,
            value: f64,
        }
        let document = Document {
            key: SeriesKey::new(1, u64::MAX),
            points: EXACT_MAX,
            first_ms: -(EXACT_MAX as i64),
            end_ms: i64::MIN,
            by_org: [(u64::MAX, 1)].into(),
            orgs: vec![2, 3],
            value: 0.5,
        };
        assert_eq!(
            line(&document).expect("JSON"),
            r#"{"org":"1","metric":"18446744073709551615","points":9007199254740991,"first_ms":-9007199254740991,"#
                .to_owned()
                + r#""end_ms":"-9223372036854775808","by_org":{"18446744073709551615":1},"orgs":["2","3"],"value":0.5}"#
        );
    }

    #[test]
    fn metadata_keeps_what_its_producer_calls_an_org() {
        let row = json!({"metadata": {"attributes": {"org": 1, "x": {"metric": 2}}}, "org": 1});
        let text = r#"{"metadata":{"attributes":{"org":1,"x":{"metric":2}}},"org":"1"}"#;
        assert_eq!(line(&row).expect("JSON"), text);
    }

    #[test]
    fn the_layout_is_that_of_any_json() {
        let document = json!({"a": [], "b": {}, "c": [1, {"d": "\n\"é"}], "metadata": null, "org": "7"});
        assert_eq!(pretty(&document).expect("JSON"), serde_json::to_string_pretty(&document).expect("JSON"));
        assert_eq!(line(&document).expect("JSON"), document.to_string());
    }

    proptest! {
        #[test]
        fn every_integer_reads_back_by_doubles(org: u64, count: u64, at: i64) {
            let text = pretty(&json!({"org": org, "count": count, "at": at})).expect("JSON");
            let read: Value = serde_json::from_str(&text).expect("JSON");
            let exact = |value: &Value| match value {
                Value::String(text) => text.clone(),
                number => format!("{:.0}", number.as_f64().expect("a number")),
            };
            prop_assert_eq!(&read["org"], &Value::from(org.to_string()));
            prop_assert_eq!(exact(&read["count"]), count.to_string());
            prop_assert_eq!(exact(&read["at"]), at.to_string());
        }
    }
}
