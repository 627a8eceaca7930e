//! Spans against a collector in this process: which ones arrive, which are kept, and the cost of a collector that
//! fails.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span as Received;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

const WORKER: Traced<'_> = Traced { program: "worker", version: "1.2.3", name: "w0" };

/// Collector that keeps the spans that it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Received>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let groups = request.into_inner().resource_spans.into_iter();
        let spans = groups.flat_map(|group| group.scope_spans).flat_map(|scope| scope.spans);
        self.0.lock().expect("no panic").extend(spans);
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Starts the collector; returns its address.
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        format!("http://{address}")
    }

    fn spans(&self) -> Vec<Received> {
        self.0.lock().expect("no panic").clone()
    }
}

/// Traces to `endpoint`, for this thread.
fn traces(endpoint: &str, sample_ratio: f64) -> (Traces, DefaultGuard) {
    let settings = TraceSettings { endpoint: endpoint.to_owned(), sample_ratio };
    let traces = Traces::new(Some(&settings), WORKER).expect("an address");
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(traces.layer()));
    (traces, guard)
}

fn attempt(number: i64) -> Span {
    tracing::info_span!(target: TARGET, "attempt", "tailor.attempt" = number, "tailor.task" = "m-00001")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_arrives_with_its_phases_its_link_and_the_id_that_others_are_told() {
    let collector = Collector::default();
    let (traces, guard) = traces(&collector.start().await, 1.0);
    let submitted = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let span = attempt(1);
    link(&span, submitted.parse().expect("a position"));
    let told = parent_of(&span).expect("it is traced").to_string();
    span.in_scope(|| {
        drop(tracing::info_span!(target: TARGET, "read").entered());
        drop(tracing::info_span!(target: "h2", "frame").entered());
    });
    drop(span);
    drop(guard);
    traces.end().await;
    let spans = collector.spans();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["read", "attempt"], "and nothing of a library");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let attempt = &spans[1];
    assert_eq!(told, format!("00-{}-{}-01", hex(&attempt.trace_id), hex(&attempt.span_id)));
    assert_eq!((&spans[0].trace_id, &spans[0].parent_span_id), (&attempt.trace_id, &attempt.span_id));
    let links: Vec<_> = attempt.links.iter().map(|link| hex(&link.trace_id)).collect();
    assert_eq!(links, ["0af7651916cd43dd8448eb211c80319c"]);
    assert!(attempt.attributes.iter().any(|attribute| attribute.key == "tailor.task"), "{attempt:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn second_attempts_are_kept_whatever_the_share_is_and_so_are_their_phases() {
    let collector = Collector::default();
    let (traces, guard) = traces(&collector.start().await, 0.0);
    for number in [1, 2] {
        attempt(number).in_scope(|| drop(tracing::info_span!(target: TARGET, "read").entered()));
    }
    drop(guard);
    traces.end().await;
    assert_eq!(collector.spans().len(), 2, "the second attempt and its phase: {:?}", collector.spans());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_blocks_nobody_and_its_spans_are_counted() {
    // The listener accepts connections, and says nothing.
    let hanging = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = hanging.local_addr().expect("it is bound");
    let (traces, guard) = traces(&format!("http://{address}"), 1.0);
    for _ in 0..10_000 {
        drop(attempt(1));
    }
    drop(guard);
    let (waiting, began) = (traces.waiting.clone(), Instant::now());
    traces.end().await;
    assert!(began.elapsed() < END_MAX * 3, "{:?}", began.elapsed());
    assert_eq!(waiting.give_up(), 0, "every span that waited was counted as dropped");
}

#[tokio::test]
async fn without_an_endpoint_there_is_no_layer_and_no_id() {
    let traces = Traces::new(None, WORKER).expect("nothing to refuse");
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(traces.layer()));
    assert!(traces.layer::<tracing_subscriber::Registry>().is_none());
    let span = attempt(2);
    assert_eq!(parent_of(&span), None);
    assert!(span.is_disabled() || !tracing::enabled!(target: TARGET, tracing::Level::TRACE));
    traces.end().await;
}

#[test]
fn a_share_or_an_address_that_is_none_is_refused_by_its_name() {
    let resolve = |name: &str, text: &str| {
        let given = vec![(name.to_owned(), text.to_owned())];
        TraceSettings::resolve(&Layers::load(&[KEYS], None, Vec::new(), given).expect("a known name"))
    };
    assert!(resolve("trace.sample-ratio", "0.5").expect("a share").is_none(), "no endpoint, no traces");
    let settings = resolve("trace.endpoint", "http://127.0.0.1:4317").expect("an address").expect("traces");
    assert_eq!(settings.sample_ratio, 0.01);
    for (name, text) in
        [("trace.sample-ratio", "2"), ("trace.sample-ratio", "few"), ("trace.endpoint", "collector:4317")]
    {
        let error = resolve(name, text).expect_err("not acceptable").to_string();
        assert!(error.contains(name) || error.contains(&name.replace('.', "-")), "{error}");
    }
}
