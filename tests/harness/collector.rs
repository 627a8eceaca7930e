//! Collector of traces: rotel as a process, which hands on what it took, and a receiver in this process for the spans.

use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::cluster::ports::free_port;
use crate::cluster::server::{CommandLine, Server};
use crate::cluster::until;
use crate::python::package_folder;

/// Longest wait for the collector's port.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Spans that the collector has handed on.
type Spans = Arc<Mutex<Vec<Span>>>;

/// Takes a batch of the collector: OTLP over HTTP, compressed.
async fn receive(State(spans): State<Spans>, batch: Bytes) {
    let mut message = Vec::new();
    GzDecoder::new(&batch[..]).read_to_end(&mut message).expect("a batch is compressed by gzip");
    let batch = ExportTraceServiceRequest::decode(&message[..]).expect("a batch of spans");
    let scopes = batch.resource_spans.into_iter().flat_map(|group| group.scope_spans);
    spans.lock().expect("no panic").extend(scopes.flat_map(|scope| scope.spans));
}

/// Collector with the receiver behind it.
#[derive(Debug)]
pub struct Collector {
    spans: Spans,
    port: u16,
    _rotel: Server,
    _runtime: Runtime,
}

impl Collector {
    /// Starts both; their logs lie in `folder`.
    ///
    /// # Panics
    /// The package rotel is missing, or a port is not served.
    pub fn start(folder: &Path) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let spans = Spans::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let behind = listener.local_addr().expect("it is bound");
        let routes = Router::new().route("/v1/traces", post(receive)).with_state(Arc::clone(&spans));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        let [port, http] = [free_port(), free_port()];
        let pid_file = folder.join("rotel.pid");
        let args = format!(
            "start --pid-file {} --otlp-grpc-endpoint 127.0.0.1:{port} --otlp-http-endpoint 127.0.0.1:{http} \
             --exporter otlp --otlp-exporter-protocol http --otlp-exporter-endpoint http://{behind}",
            pid_file.display()
        );
        let line = CommandLine {
            program: package_folder("rotel").join("rotel-agent"),
            args: args.split_whitespace().map(str::to_owned).collect(),
            environment: Vec::new(),
        };
        let rotel = Server::start("rotel", line, folder);
        until("rotel listens", START_LIMIT, || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { spans, port, _rotel: rotel, _runtime: runtime }
    }

    /// Returns the flags by which a server sends all its traces here.
    pub fn flags(&self) -> String {
        format!("--trace-endpoint http://127.0.0.1:{} --trace-sample-ratio 1", self.port)
    }

    /// Returns the spans that have arrived.
    ///
    /// # Panics
    /// The receiver has panicked.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("no panic").clone()
    }
}

/// Returns the attribute `key` of a span as text; empty if it has none.
pub fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(value)) => value.to_string(),
        _ => String::new(),
    }
}
