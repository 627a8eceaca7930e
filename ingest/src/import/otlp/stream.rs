//! Series of a data point: everything that distinguishes two streams is in the metadata, and therefore in the id.
//!
//! The flat `attributes` are for people and queries. The fields after them hold the rest, each left out if empty:
//! unit, type, temporality, monotonicity, and which attributes came from the resource and from the scope. The stream
//! can be reconstructed from them, so two streams never have the same metadata.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use serde::Serialize;
use serde_json::Value;

use crate::import::SeriesIdentity;
use crate::import::identity::Attributes;

/// Keys under which the scope's own name and version are found.
const SCOPE_KEYS: [&str; 2] = ["otel.scope.name", "otel.scope.version"];

/// Attributes of resource and scope, separately.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    resource: Attributes,
    scope: Attributes,
    /// Name and version of the scope.
    scope_names: Attributes,
}

impl Origin {
    pub(super) fn of_resource(attributes: Vec<KeyValue>) -> Self {
        Self { resource: to_map(attributes), ..Self::default() }
    }

    pub(super) fn with_scope(&self, scope: InstrumentationScope) -> Self {
        let names = SCOPE_KEYS.into_iter().zip([scope.name, scope.version]);
        let scope_names = names.filter(|(_, text)| !text.is_empty());
        Self {
            resource: self.resource.clone(),
            scope: to_map(scope.attributes),
            scope_names: scope_names.map(|(key, text)| (key.to_owned(), text.into())).collect(),
        }
    }
}

/// Properties of a metric that are part of its identity.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kind<'a> {
    pub(super) unit: &'a str,
    /// Name of the kind; empty for a gauge.
    pub(super) name: &'static str,
    /// Temporality; empty if the producer sends none.
    pub(super) temporality: &'static str,
    pub(super) is_monotonic: bool,
}

impl Kind<'_> {
    pub(super) fn is_delta(&self) -> bool {
        self.temporality == "delta"
    }
}

/// Attributes of a series in one map, with their origin.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    attributes: Attributes,
    resource: Vec<String>,
    scope: Vec<String>,
    /// Keys that were renamed, each with the producer's key.
    renamed: BTreeMap<String, String>,
}

impl Labels {
    /// Joins the attributes of a point with those around it. If two share a key, the inner one keeps it, and the
    /// outer one becomes `scope.<key>` or `resource.<key>`. `own` is a key that we add: a point's attribute of that
    /// name becomes `point.<key>`.
    pub(super) fn new(origin: &Origin, point: &Attributes, own: Option<&str>) -> Self {
        let mut labels = Self::default();
        if let Some(own) = own {
            labels.set(own, "".into());
        }
        for (key, value) in point {
            labels.place("point", key, value);
        }
        for (key, value) in &origin.scope_names {
            let key = labels.place("scope", key, value);
            labels.scope.push(key);
        }
        for (key, value) in &origin.scope {
            let key = if SCOPE_KEYS.contains(&key.as_str()) {
                // Always renamed; otherwise it would be read as the name of a scope that has none.
                let renamed = labels.place("scope", &format!("scope.attributes.{key}"), value);
                labels.renamed.insert(renamed.clone(), key.clone());
                renamed
            } else {
                labels.place("scope", key, value)
            };
            labels.scope.push(key);
        }
        for (key, value) in &origin.resource {
            let key = labels.place("resource", key, value);
            labels.resource.push(key);
        }
        labels
    }

    /// Sets the value of one of our own keys.
    pub(super) fn set(&mut self, key: &str, value: Value) {
        self.attributes.insert(key.to_owned(), value);
    }

    /// Adds an attribute, under a name with prefixes if its own is taken; returns the name.
    fn place(&mut self, prefix: &str, key: &str, value: &Value) -> String {
        let mut placed = key.to_owned();
        while self.attributes.contains_key(&placed) {
            placed = format!("{prefix}.{placed}");
        }
        if placed != key {
            self.renamed.insert(placed.clone(), key.to_owned());
        }
        self.attributes.insert(placed.clone(), value.clone());
        placed
    }

    /// Returns the series of a metric with these labels.
    pub(super) fn identity(&self, name: &str, kind: &Kind<'_>) -> SeriesIdentity {
        let Self { attributes, resource, scope, renamed } = self;
        let Kind { unit, name: kind, temporality, is_monotonic } = *kind;
        let metadata = Metadata {
            name,
            attributes,
            unit,
            kind,
            temporality,
            monotonic: is_monotonic.then_some(true),
            resource,
            scope,
            renamed,
        };
        SeriesIdentity::of_metadata(serde_json::to_vec(&metadata).expect("text keys and plain values"))
    }
}

/// **Frozen**: a change would split every series in two.
#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    attributes: &'a Attributes,
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'a str,
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    temporality: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    monotonic: Option<bool>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    resource: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scope: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    renamed: &'a BTreeMap<String, String>,
}

/// Sorts attributes: the order in which a producer wrote them is not part of the identity.
pub(super) fn to_map(attributes: Vec<KeyValue>) -> Attributes {
    attributes.into_iter().map(|attribute| (attribute.key, to_json(attribute.value))).collect()
}

/// Converts a value to JSON: bytes become hexadecimal text; a number that JSON does not have becomes its name.
fn to_json(value: Option<opentelemetry_proto::tonic::common::v1::AnyValue>) -> Value {
    match value.and_then(|value| value.value) {
        None => Value::Null,
        Some(AnyValue::StringValue(text)) => text.into(),
        Some(AnyValue::BoolValue(value)) => value.into(),
        Some(AnyValue::IntValue(value)) => value.into(),
        // This index refers to a table that only profiles have, so it cannot be resolved.
        Some(AnyValue::StringValueStrindex(index)) => index.into(),
        Some(AnyValue::DoubleValue(value)) if value.is_finite() => value.into(),
        Some(AnyValue::DoubleValue(value)) => value.to_string().into(),
        Some(AnyValue::ArrayValue(array)) => {
            array.values.into_iter().map(|value| to_json(Some(value))).collect::<Vec<_>>().into()
        }
        Some(AnyValue::KvlistValue(list)) => Value::Object(to_map(list.values).into_iter().collect()),
        Some(AnyValue::BytesValue(bytes)) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Attributes {
        serde_json::from_value(value).expect("an object")
    }

    fn origin(resource: Value, scope: Value, scope_names: Value) -> Origin {
        Origin { resource: map(resource), scope: map(scope), scope_names: map(scope_names) }
    }

    #[test]
    fn streams_that_differ_in_anything_have_metadata_of_their_own() {
        let none = || json!({});
        let streams = [
            (origin(none(), none(), none()), json!({"k": 1})),
            (origin(json!({"k": 1}), none(), none()), none()),
            (origin(none(), json!({"k": 1}), none()), none()),
            (origin(json!({"k": 1}), none(), none()), json!({"k": 1})),
            (origin(json!({"k": 1}), json!({"k": 1}), none()), none()),
            (origin(none(), json!({"k": 1}), none()), json!({"k": 1})),
            (origin(none(), none(), none()), json!({"k": 1, "scope.k": 1})),
            (origin(json!({"scope.k": 1}), none(), none()), json!({"k": 1})),
            (origin(none(), json!({"otel.scope.name": "n"}), none()), none()),
            (origin(none(), none(), json!({"otel.scope.name": "n"})), none()),
            (origin(none(), none(), none()), json!({"otel.scope.name": "n"})),
        ];
        let kinds = [
            Kind::default(),
            Kind { unit: "ms", ..Kind::default() },
            Kind { name: "sum", ..Kind::default() },
            Kind { name: "sum", temporality: "delta", ..Kind::default() },
            Kind { name: "sum", is_monotonic: true, ..Kind::default() },
        ];
        let mut seen = BTreeMap::new();
        for (stream, (origin, point)) in streams.iter().enumerate() {
            let labels = Labels::new(origin, &map(point.clone()), None);
            for kind in kinds {
                let metadata = String::from_utf8(labels.identity("m", &kind).metadata).expect("JSON");
                let before = seen.insert(metadata.clone(), stream);
                assert!(before.is_none(), "{metadata} is stream {before:?} and {stream}");
            }
        }
    }

    #[test]
    fn the_metadata_of_a_stream_is_frozen() {
        let origin = origin(json!({"host": "a"}), json!({"lib": "x"}), json!({"otel.scope.name": "s"}));
        let kind = Kind { unit: "By", name: "sum", temporality: "cumulative", is_monotonic: true };
        let labels = Labels::new(&origin, &map(json!({"host": "b", "le": "own"})), Some("le"));
        let identity = labels.identity("rx", &kind);
        assert_eq!(
            String::from_utf8_lossy(&identity.metadata),
            r#"{"name":"rx","attributes":{"host":"b","le":"","lib":"x","otel.scope.name":"s","point.le":"own","#
                .to_owned()
                + r#""resource.host":"a"},"unit":"By","type":"sum","temporality":"cumulative","monotonic":true,"#
                + r#""resource":["resource.host"],"scope":["otel.scope.name","lib"],"#
                + r#""renamed":{"point.le":"le","resource.host":"host"}}"#
        );
    }
}
