//! Converts metadata of series for output. It is opaque to the engine; imports write a JSON object.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// Largest integer up to which a double represents every integer.
const EXACT_MAX: u64 = (1 << 53) - 1;

/// Converts metadata to text; most of it is text, which needs no escapes.
pub(crate) fn text_of(metadata: &[u8]) -> String {
    match std::str::from_utf8(metadata) {
        Ok(text) => text.to_owned(),
        Err(_) => metadata.escape_ascii().to_string(),
    }
}

/// Converts metadata to JSON: an object if it is the text of one, else that text. Integers that a reader of doubles
/// would round become text.
pub(crate) fn json_of(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => exact(object),
        _ => text.into(),
    }
}

/// Serialises optional metadata as [`json_of`] does.
pub(crate) fn serialize<S: Serializer>(metadata: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    metadata.as_deref().map(json_of).serialize(serializer)
}

fn exact(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(exact).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, exact(value))).collect(),
        Value::Number(number) => {
            let size = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
            match size.is_some_and(|size| size > EXACT_MAX) {
                true => number.to_string().into(),
                false => Value::Number(number),
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_an_object_and_other_text_is_text() {
        for (metadata, json) in [
            (
                r#"{"name":"cpu","attributes":{"n":9007199254740993}}"#,
                r#"{"attributes":{"n":"9007199254740993"},"name":"cpu"}"#,
            ),
            (r#"{"a":[-9007199254740993,1,0.5,null]}"#, r#"{"a":["-9007199254740993",1,0.5,null]}"#),
            ("[1]", r#""[1]""#),
            ("cpu", r#""cpu""#),
            ("", r#""""#),
            (r#"{"a":1"#, r#""{\"a\":1""#),
        ] {
            assert_eq!(json_of(metadata).to_string(), json);
        }
        assert_eq!(text_of(b"\xffa"), "\\xffa");
    }
}
