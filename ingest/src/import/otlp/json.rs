//! Parser of OTLP/JSON, the JSON mapping of protobuf: 64-bit numbers are text or numbers, enums are numbers or names,
//! and keys are lowerCamelCase. An unknown field is ignored, as the specification requires; a known field of another
//! shape is refused by name.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyKind;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, MetricsData, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::{Map, Value};

type Parsed<T> = Result<T, String>;

/// Parses one document: `MetricsData`, or a request, which has the same shape.
pub(super) fn metrics(document: Value) -> Parsed<MetricsData> {
    let top = object("the document", &document)?;
    if top.0.is_empty() {
        return Ok(MetricsData::default());
    }
    if top.get("resourceMetrics").is_none() {
        let keys: Vec<_> = top.0.keys().take(5).map(String::as_str).collect();
        return Err(format!("it has no resourceMetrics, but {}; import takes OTLP metrics", keys.join(", ")));
    }
    Ok(MetricsData { resource_metrics: top.each("resourceMetrics", resource_metrics)? })
}

/// Fields of an object, by their lowerCamelCase names.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a Map<String, Value>);

fn object<'a>(what: &str, value: &'a Value) -> Parsed<Fields<'a>> {
    value.as_object().map(Fields).ok_or_else(|| format!("{what} is not an object: {}", short(value)))
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(40).collect()
}

impl<'a> Fields<'a> {
    /// Returns a field that is there; null stands for the default.
    fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).or_else(|| self.0.get(&snake(name))).filter(|value| !value.is_null())
    }

    fn each<T>(self, name: &str, read: impl Fn(Fields<'a>) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.list(name, |value| object(name, value).and_then(&read))
    }

    fn list<T>(self, name: &str, read: impl Fn(&'a Value) -> Parsed<T>) -> Parsed<Vec<T>> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => values.iter().map(read).collect(),
            Some(other) => Err(format!("{name} is not an array: {}", short(other))),
        }
    }

    fn one<T>(self, name: &str, read: impl FnOnce(Fields<'a>) -> Parsed<T>) -> Parsed<Option<T>> {
        self.get(name).map(|value| object(name, value).and_then(read)).transpose()
    }

    fn text(self, name: &str) -> Parsed<String> {
        self.get(name).map_or(Ok(String::new()), |value| {
            value.as_str().map(str::to_owned).ok_or_else(|| format!("{name} is not text: {}", short(value)))
        })
    }

    fn flag(self, name: &str) -> Parsed<bool> {
        self.get(name).map_or(Ok(false), |value| {
            value.as_bool().ok_or_else(|| format!("{name} is neither true nor false: {}", short(value)))
        })
    }

    fn unsigned(self, name: &str) -> Parsed<u64> {
        self.get(name).map_or(Ok(0), |value| unsigned(name, value))
    }

    fn double(self, name: &str) -> Parsed<Option<f64>> {
        self.get(name).map(|value| double(name, value)).transpose()
    }

    fn flags(self) -> Parsed<u32> {
        let flags = match self.get("flags").and_then(Value::as_str) {
            Some("DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK") => 1,
            Some("DATA_POINT_FLAGS_DO_NOT_USE") => 0,
            _ => self.unsigned("flags")?,
        };
        u32::try_from(flags).map_err(|_| format!("flags is over 32 bits: {flags}"))
    }

    fn temporality(self) -> Parsed<i32> {
        const NAME: &str = "aggregationTemporality";
        match self.get(NAME) {
            Some(Value::String(text)) if !text.bytes().all(|byte| byte.is_ascii_digit()) => {
                let known = AggregationTemporality::from_str_name(text);
                known.map(|known| known as i32).ok_or_else(|| format!("{NAME} is not known: {text}"))
            }
            _ => i32::try_from(self.unsigned(NAME)?).map_err(|_| format!("{NAME} is not known")),
        }
    }

    fn attributes(self) -> Parsed<Vec<KeyValue>> {
        self.each("attributes", key_value)
    }

    fn exemplars(self) -> Parsed<Vec<Exemplar>> {
        // Exemplars are counted, but not kept.
        self.list("exemplars", |_| Ok(Exemplar::default()))
    }
}

/// Converts `timeUnixNano` to the `time_unix_nano` of protobuf; readers accept both.
fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

fn unsigned(name: &str, value: &Value) -> Parsed<u64> {
    let parsed = match value {
        Value::String(text) => text.parse().ok(),
        // Some writers put 1e18 or 5.0 for an integer.
        Value::Number(number) => number.as_u64().or_else(|| {
            let whole = number.as_f64().filter(|value| value.fract() == 0.0 && (0.0..1.8e19).contains(value));
            whole.map(|value| value as u64)
        }),
        _ => None,
    };
    parsed.ok_or_else(|| format!("{name} is not an unsigned 64-bit integer: {}", short(value)))
}

fn signed(name: &str, value: &Value) -> Parsed<i64> {
    let parsed = match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let whole = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 9.2e18);
            whole.map(|value| value as i64)
        }),
        _ => None,
    };
    parsed.ok_or_else(|| format!("{name} is no 64-bit integer: {}", short(value)))
}

fn double(name: &str, value: &Value) -> Parsed<f64> {
    let parsed = match value {
        Value::Number(number) => number.as_f64(),
        // `NaN`, `Infinity` and `-Infinity`, or a number.
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    parsed.ok_or_else(|| format!("{name} is not a number: {}", short(value)))
}

fn resource_metrics(fields: Fields<'_>) -> Parsed<ResourceMetrics> {
    let resource = |fields: Fields<'_>| Ok(Resource { attributes: fields.attributes()?, ..Resource::default() });
    Ok(ResourceMetrics {
        resource: fields.one("resource", resource)?,
        scope_metrics: fields.each("scopeMetrics", scope_metrics)?,
        ..ResourceMetrics::default()
    })
}

fn scope_metrics(fields: Fields<'_>) -> Parsed<ScopeMetrics> {
    let scope = |fields: Fields<'_>| {
        let (name, version, attributes) = (fields.text("name")?, fields.text("version")?, fields.attributes()?);
        Ok(InstrumentationScope { name, version, attributes, ..InstrumentationScope::default() })
    };
    let (scope, metrics) = (fields.one("scope", scope)?, fields.each("metrics", metric)?);
    Ok(ScopeMetrics { scope, metrics, ..ScopeMetrics::default() })
}

fn metric(fields: Fields<'_>) -> Parsed<Metric> {
    let (name, unit) = (fields.text("name")?, fields.text("unit")?);
    let data = data(fields).map_err(|cause| format!("metric {name}: {cause}"))?;
    Ok(Metric { name, unit, data, ..Metric::default() })
}

fn data(metric: Fields<'_>) -> Parsed<Option<Data>> {
    const POINTS: &str = "dataPoints";
    if let Some(gauge) = metric.one("gauge", |fields| fields.each(POINTS, number_point))? {
        return Ok(Some(Data::Gauge(Gauge { data_points: gauge })));
    }
    let sum = |fields: Fields<'_>| {
        let (data_points, is_monotonic) = (fields.each(POINTS, number_point)?, fields.flag("isMonotonic")?);
        Ok(Data::Sum(Sum { data_points, aggregation_temporality: fields.temporality()?, is_monotonic }))
    };
    if let Some(sum) = metric.one("sum", sum)? {
        return Ok(Some(sum));
    }
    let histogram = |fields: Fields<'_>| {
        let data_points = fields.each(POINTS, histogram_point)?;
        Ok(Data::Histogram(Histogram { data_points, aggregation_temporality: fields.temporality()? }))
    };
    if let Some(histogram) = metric.one("histogram", histogram)? {
        return Ok(Some(histogram));
    }
    let exponential = |fields: Fields<'_>| {
        let data_points = fields.each(POINTS, exponential_point)?;
        let aggregation_temporality = fields.temporality()?;
        Ok(Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality }))
    };
    if let Some(exponential) = metric.one("exponentialHistogram", exponential)? {
        return Ok(Some(exponential));
    }
    let summary = metric.one("summary", |fields| fields.each(POINTS, summary_point))?;
    Ok(summary.map(|data_points| Data::Summary(Summary { data_points })))
}

fn number_point(fields: Fields<'_>) -> Parsed<NumberDataPoint> {
    let int = fields.get("asInt").map(|value| signed("asInt", value)).transpose()?.map(Number::AsInt);
    Ok(NumberDataPoint {
        attributes: fields.attributes()?,
        start_time_unix_nano: fields.unsigned("startTimeUnixNano")?,
        time_unix_nano: fields.unsigned("timeUnixNano")?,
        value: fields.double("asDouble")?.map(Number::AsDouble).or(int),
        flags: fields.flags()?,
        exemplars: fields.exemplars()?,
    })
}

fn histogram_point(fields: Fields<'_>) -> Parsed<HistogramDataPoint> {
    Ok(HistogramDataPoint {
        attributes: fields.attributes()?,
        start_time_unix_nano: fields.unsigned("startTimeUnixNano")?,
        time_unix_nano: fields.unsigned("timeUnixNano")?,
        count: fields.unsigned("count")?,
        sum: fields.double("sum")?,
        bucket_counts: fields.list("bucketCounts", |value| unsigned("bucketCounts", value))?,
        explicit_bounds: fields.list("explicitBounds", |value| double("explicitBounds", value))?,
        min: fields.double("min")?,
        max: fields.double("max")?,
        flags: fields.flags()?,
        exemplars: fields.exemplars()?,
    })
}

fn exponential_point(fields: Fields<'_>) -> Parsed<ExponentialHistogramDataPoint> {
    Ok(ExponentialHistogramDataPoint {
        attributes: fields.attributes()?,
        start_time_unix_nano: fields.unsigned("startTimeUnixNano")?,
        time_unix_nano: fields.unsigned("timeUnixNano")?,
        count: fields.unsigned("count")?,
        sum: fields.double("sum")?,
        min: fields.double("min")?,
        max: fields.double("max")?,
        flags: fields.flags()?,
        exemplars: fields.exemplars()?,
        ..ExponentialHistogramDataPoint::default()
    })
}

fn summary_point(fields: Fields<'_>) -> Parsed<SummaryDataPoint> {
    Ok(SummaryDataPoint {
        attributes: fields.attributes()?,
        start_time_unix_nano: fields.unsigned("startTimeUnixNano")?,
        time_unix_nano: fields.unsigned("timeUnixNano")?,
        count: fields.unsigned("count")?,
        sum: fields.double("sum")?.unwrap_or_default(),
        quantile_values: fields.list("quantileValues", |_| Ok(ValueAtQuantile::default()))?,
        flags: fields.flags()?,
    })
}

fn key_value(fields: Fields<'_>) -> Parsed<KeyValue> {
    let (key, value) = (fields.text("key")?, fields.one("value", any_value)?);
    Ok(KeyValue { key, value, ..KeyValue::default() })
}

fn any_value(fields: Fields<'_>) -> Parsed<AnyValue> {
    let Some((name, value)) = fields.0.iter().find(|(_, value)| !value.is_null()) else {
        return Ok(AnyValue::default());
    };
    let kind = match name.as_str() {
        "stringValue" | "string_value" => AnyKind::StringValue(fields.text("stringValue")?),
        "boolValue" | "bool_value" => AnyKind::BoolValue(fields.flag("boolValue")?),
        "intValue" | "int_value" => AnyKind::IntValue(signed(name, value)?),
        "doubleValue" | "double_value" => AnyKind::DoubleValue(double(name, value)?),
        "arrayValue" | "array_value" => {
            AnyKind::ArrayValue(ArrayValue { values: object(name, value)?.each("values", any_value)? })
        }
        "kvlistValue" | "kvlist_value" => {
            AnyKind::KvlistValue(KeyValueList { values: object(name, value)?.each("values", key_value)? })
        }
        "bytesValue" | "bytes_value" => AnyKind::BytesValue(base64(&fields.text("bytesValue")?)?),
        _ => return Err(format!("an attribute has a value of no known kind: {name}")),
    };
    Ok(AnyValue { value: Some(kind) })
}

/// Decodes base64, which JSON has for bytes: either alphabet, with or without padding.
fn base64(text: &str) -> Parsed<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, config);
    let standard = text.replace('-', "+").replace('_', "/");
    engine.decode(standard).map_err(|error| format!("bytesValue is not base64: {error}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_base64() {
        for (text, bytes) in [("", &b""[..]), ("YQ==", b"a"), ("YWI", b"ab"), ("-_8=", b"\xfb\xff")] {
            assert_eq!(base64(text).expect("base64"), bytes);
        }
        assert!(base64("a*").is_err());
    }

    #[test]
    fn another_shape_is_refused_by_name() {
        let parsed = |text: &str| metrics(serde_json::from_str(text).expect("JSON")).expect_err("another shape");
        assert!(parsed(r#"{"resourceSpans":[]}"#).contains("resourceSpans"));
        assert!(parsed(r#"{"resourceMetrics":{}}"#).contains("resourceMetrics is not an array"));
        let point = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":"x"}]}}]}]}]}"#;
        assert_eq!(parsed(point), r#"metric m: asInt is no 64-bit integer: "x""#);
    }
}
