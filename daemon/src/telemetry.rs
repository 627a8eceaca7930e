//! Logs to stderr, metrics to scrapers. Each is set up once, by `main`.
//!
//! | metric | kind | labels | tells |
//! |---|---|---|---|
//! | `tailor_build_info` | gauge, always 1 | `program`, `version` | what runs here |

use std::io::IsTerminal as _;
use std::str::FromStr;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::trace::Traces;

/// Upper ends of the buckets of every duration, in seconds: from one answer of etcd up to a long attempt.
const SECONDS_BUCKETS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0];

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Plain text, for people.
    Text,
    /// JSON, one object per line, for collectors.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("'{text}' is not a log format; use text or json")),
        }
    }
}

/// Error of a failed setup of logs or metrics.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` cannot be parsed.
    #[error("'{level}' is not a log level; use error, warn, info, debug or trace, or levels by target")]
    Level {
        /// Text that was given.
        level: String,
        /// Error of the parser.
        source: ParseError,
    },
    /// Logs were set up before.
    #[error("cannot set up logs")]
    Logs(#[from] TryInitError),
    /// Metrics were set up before.
    #[error("cannot set up metrics")]
    Metrics(#[from] BuildError),
}

/// Logs to stderr from here on, and sends spans to `traces`. Log lines do not contain spans.
///
/// # Errors
/// The level cannot be parsed, or logs were set up before.
pub fn init_logs(format: LogFormat, level: &str, traces: &Traces) -> Result<(), TelemetryError> {
    let without_spans = format!("{level},{}=off", crate::trace::TARGET);
    let filter = EnvFilter::builder()
        .parse(without_spans)
        .map_err(|source| TelemetryError::Level { level: level.to_owned(), source })?;
    let logs = fmt::layer().with_writer(std::io::stderr);
    let logs = match format {
        LogFormat::Text => logs.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => logs.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(logs.with_filter(filter)).with(traces.layer()).try_init()?;
    Ok(())
}

/// Metrics of this process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

/// Collects metrics from here on.
///
/// # Errors
/// Metrics were set up before.
pub fn init_metrics(program: &'static str, version: &'static str) -> Result<Metrics, TelemetryError> {
    let metrics = Metrics { handle: builder()?.install_recorder()? };
    metrics::describe_gauge!("tailor_build_info", "What runs here; always 1.");
    metrics::gauge!("tailor_build_info", "program" => program, "version" => version).set(1.0);
    Ok(metrics)
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
}

impl Metrics {
    /// Formats the metrics in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Sorts samples into their buckets. Until then they are kept one by one, so call this every few seconds.
    pub fn fold(&self) {
        self.handle.run_upkeep();
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Creates metrics into which no process collects.
#[cfg(test)]
pub(crate) fn for_test() -> Metrics {
    Metrics { handle: builder().expect("buckets").build_recorder().handle() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_buckets_and_the_build_is_told() {
        let metrics = init_metrics("worker", "1.2.3").expect("the first of this process");
        metrics::histogram!("tailor_try_seconds").record(0.3);
        metrics.fold();
        let text = metrics.render();
        assert!(text.contains("tailor_build_info{program=\"worker\",version=\"1.2.3\"} 1"), "{text}");
        assert!(text.contains("tailor_try_seconds_bucket{le=\"0.5\"} 1"), "{text}");
        assert!(text.contains("tailor_try_seconds_bucket{le=\"0.25\"} 0"), "{text}");
    }

    #[test]
    fn a_level_that_is_none_is_refused_before_anything_is_set_up() {
        let error = init_logs(LogFormat::Json, "storage=loud", &Traces::default()).expect_err("no such level");
        assert!(error.to_string().starts_with("'storage=loud' is not a log level"), "{error}");
        assert!("yaml".parse::<LogFormat>().is_err());
    }
}
