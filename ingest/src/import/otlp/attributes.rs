//! Attributes of resource, scope and point, as one map.

use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use serde_json::Value;

use crate::import::identity::Attributes;

/// The attributes of a resource.
pub(super) fn of_resource(attributes: Vec<KeyValue>) -> Attributes {
    let mut merged = Attributes::new();
    attributes.into_iter().for_each(|attribute| drop(merged.insert(attribute.key, to_json(attribute.value))));
    merged
}

/// Adds those of a scope.
pub(super) fn with_scope(resource: &Attributes, scope: InstrumentationScope) -> Attributes {
    let mut merged = resource.clone();
    for (key, text) in [("otel.scope.name", scope.name), ("otel.scope.version", scope.version)] {
        if !text.is_empty() {
            put(&mut merged, "resource", key.to_owned(), text.into());
        }
    }
    for attribute in scope.attributes {
        put(&mut merged, "resource", attribute.key, to_json(attribute.value));
    }
    merged
}

/// Adds those of a point.
pub(super) fn with_point(scope: &Attributes, attributes: Vec<KeyValue>) -> Attributes {
    let mut merged = scope.clone();
    for attribute in attributes {
        put(&mut merged, "scope", attribute.key, to_json(attribute.value));
    }
    merged
}

/// Sets an attribute; what it shadows is kept under `outer`, or two series would become one.
fn put(merged: &mut Attributes, outer: &str, key: String, value: Value) {
    let shadowed = merged.insert(key.clone(), value);
    if let Some(shadowed) = shadowed.filter(|shadowed| *shadowed != merged[&key]) {
        merged.insert(format!("{outer}.{key}"), shadowed);
    }
}

/// Bytes become hexadecimal text; a number that JSON does not have becomes its name.
fn to_json(value: Option<opentelemetry_proto::tonic::common::v1::AnyValue>) -> Value {
    match value.and_then(|value| value.value) {
        None => Value::Null,
        Some(AnyValue::StringValue(text)) => text.into(),
        Some(AnyValue::BoolValue(value)) => value.into(),
        Some(AnyValue::IntValue(value)) => value.into(),
        // An index into a table that only profiles have: nothing to look it up in.
        Some(AnyValue::StringValueStrindex(index)) => index.into(),
        Some(AnyValue::DoubleValue(value)) if value.is_finite() => value.into(),
        Some(AnyValue::DoubleValue(value)) => value.to_string().into(),
        Some(AnyValue::ArrayValue(array)) => {
            array.values.into_iter().map(|value| to_json(Some(value))).collect::<Vec<_>>().into()
        }
        Some(AnyValue::KvlistValue(list)) => {
            // Through a sorted map: the order that a producer happened to write is no part of the identity.
            let sorted = of_resource(list.values);
            Value::Object(sorted.into_iter().collect())
        }
        Some(AnyValue::BytesValue(bytes)) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}
