//! Identity of a series: the metric id, and the metadata that it is the hash of.
//!
//! The metadata is compact JSON, with keys in the order of their bytes:
//! `{"name":"cpu.user","attributes":{"core":1,"host":"a"}}`. The metric id is XXH3-64 of these bytes; 0, which no
//! payload may have, becomes 1. So the id can be recomputed from the metadata that is stored with the series, and two
//! imports of one series get the same id. OpenTelemetry's streams have more fields after these two. **Frozen**: a
//! change would split every series in two.

use std::collections::BTreeMap;

use model::MetricId;
use serde::Serialize;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

/// Attributes in the order in which they are written.
pub type Attributes = BTreeMap<String, Value>;

/// A series as its producer names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesIdentity {
    /// Metric id within the organisation.
    pub metric: MetricId,
    /// Name and attributes, as JSON.
    pub metadata: Vec<u8>,
}

impl SeriesIdentity {
    /// Derives the identity from a name and attributes.
    pub fn new(name: &str, attributes: &Attributes) -> Self {
        #[derive(Serialize)]
        struct Metadata<'a> {
            name: &'a str,
            attributes: &'a Attributes,
        }
        Self::of_metadata(serde_json::to_vec(&Metadata { name, attributes }).expect("text keys and plain values"))
    }

    /// Derives the identity from metadata as it is stored.
    pub(super) fn of_metadata(metadata: Vec<u8>) -> Self {
        Self { metric: MetricId(xxh3_64(&metadata).max(1)), metadata }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_frozen() {
        let attributes = |pairs: Value| serde_json::from_value::<Attributes>(pairs).expect("an object");
        let cases = [
            ("cpu", json!({}), r#"{"name":"cpu","attributes":{}}"#, 0xa89c_85b2_1110_69f9),
            (
                "cpu.user",
                json!({"host": "a", "core": 1}),
                r#"{"name":"cpu.user","attributes":{"core":1,"host":"a"}}"#,
                0x39c0_235d_c101_7947,
            ),
            (
                "é\"\n",
                json!({"x": [true, 0.5]}),
                r#"{"name":"é\"\n","attributes":{"x":[true,0.5]}}"#,
                0xa3de_9b8c_8695_26be,
            ),
        ];
        for (name, pairs, metadata, id) in cases {
            let identity = SeriesIdentity::new(name, &attributes(pairs));
            assert_eq!((String::from_utf8_lossy(&identity.metadata).as_ref(), identity.metric.0), (metadata, id));
        }
    }
}
