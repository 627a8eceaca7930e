//! Traces of a job in which a worker is killed, taken by a collector of another project.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;

use tests::cluster::job::task_count;
use tests::cluster::{Cluster, ClusterOptions, Special, until};
use tests::collector::{Collector, attribute};

use super::{DATA, slow_s3};

/// Longest wait for spans to arrive: they are sent every five seconds, and handed on.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(30);

/// Spans of a cluster, for questions.
struct Spans(Vec<Span>);

impl Spans {
    fn named(&self, name: &str) -> Vec<&Span> {
        self.0.iter().filter(|span| span.name == name).collect()
    }

    fn one(&self, name: &str) -> &Span {
        let found = self.named(name);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found[0]
    }

    /// Lists the names of the spans below `span`, at any depth, within its trace.
    fn below(&self, span: &Span) -> BTreeSet<&str> {
        let children =
            self.0.iter().filter(|child| child.parent_span_id == span.span_id && child.trace_id == span.trace_id);
        children.flat_map(|child| [BTreeSet::from([child.name.as_str()]), self.below(child)]).flatten().collect()
    }
}

fn links(from: &Span, to: &Span) -> bool {
    from.links.iter().any(|link| link.span_id == to.span_id && link.trace_id == to.trace_id)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_attempt_is_a_trace_from_the_grant_to_the_report_and_links_what_went_before() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let collector = Collector::start(folder.path());
    let flags = collector.flags();
    let slow = slow_s3();
    let options = ClusterOptions {
        workers: 0,
        worker_s3: Some(slow.endpoint()),
        coordinator_flags: flags.clone(),
        ..ClusterOptions::default()
    };
    let mut cluster = Cluster::start(options);
    for _ in 0..2 {
        cluster.add_special(&Special { flags: &flags, ..Special::default() });
    }
    cluster.operator.wait_workers(2);
    let mut victim = cluster.workers.remove(0);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    let lost = job.wait_running("m", &victim.name).remove(0);
    victim.kill();
    slow.set_delay(Duration::ZERO);
    let done = job.wait_done();
    let (shard, task) = lost.task.split_once('/').expect("a shard and a task");
    let told = job.tailor(&format!("task get {task} --shard {shard} --job j -o json")).run().done().json();
    let told: Vec<_> =
        told["attempts"].as_array().expect("a list").iter().map(|entry| entry["trace_id"].clone()).collect();

    let (shards, tasks) = (job.manifests().len(), task_count(&done) as usize);
    let spans = until("all spans have arrived", ARRIVAL_LIMIT, || {
        let spans = Spans(collector.spans());
        let are_all = |name: &str, count| spans.named(name).len() == count;
        let is_all = are_all("shard.commit", shards) && are_all("attempt", tasks) && are_all("attempt.complete", tasks);
        is_all.then_some(spans)
    });
    let submit = spans.one("job.submit");
    let plan = spans.one("job.plan");
    assert_eq!((&plan.parent_span_id, &plan.trace_id), (&submit.span_id, &submit.trace_id));
    assert!(spans.named("shard.commit").iter().all(|commit| links(commit, submit)));

    let assigned = spans.named("attempt.assign");
    assert!(assigned.iter().all(|assign| links(assign, submit) && assign.parent_span_id.is_empty()), "{assigned:?}");
    let traces: BTreeSet<_> = assigned.iter().map(|assign| &assign.trace_id).collect();
    assert_eq!(traces.len(), assigned.len(), "each attempt is a trace");
    let again: BTreeMap<_, _> = assigned
        .iter()
        .filter(|assign| attribute(assign, "tailor.task") == task && attribute(assign, "tailor.shard") == shard)
        .map(|assign| (attribute(assign, "tailor.attempt"), *assign))
        .collect();
    assert_eq!(again.keys().collect::<Vec<_>>(), ["1", "2"], "{again:?}");
    assert!(links(again["2"], again["1"]), "the attempt before is linked: {again:?}");
    let ids: Vec<_> = again.values().map(|assign| hex(&assign.trace_id)).collect();
    assert_eq!(told, ids, "the events name the traces, also of the attempt whose worker was killed");
    assert!(spans.below(again["1"]).is_empty(), "a worker that was killed has sent nothing");

    for attempt in spans.named("attempt") {
        assert_eq!(attribute(attempt, "tailor.outcome"), "counts", "{attempt:?}");
        let is_map = attribute(attempt, "tailor.task").starts_with('m');
        let phases: &[&str] = if is_map { &["read", "write"] } else { &["gather", "merge", "write"] };
        let below = spans.below(attempt);
        for name in phases.iter().chain(&["resolve", "compute", "report", "attempt.complete"]) {
            assert!(below.contains(name), "{name} is missing: {below:?} of {attempt:?}");
        }
        assert!(attempt.attributes.iter().any(|attribute| attribute.key.starts_with("tailor.stage.")), "{attempt:?}");
        let assign = assigned.iter().find(|assign| assign.trace_id == attempt.trace_id).expect("the leader's part");
        assert_eq!(attempt.parent_span_id, assign.span_id);
        let last =
            spans.0.iter().filter(|span| span.parent_span_id == attempt.span_id).map(|span| span.end_time_unix_nano);
        assert!(Some(attempt.end_time_unix_nano) >= last.max(), "an attempt ends after its phases: {attempt:?}");
    }
    let lost = |page: String| {
        let line =
            page.lines().find_map(|line| line.strip_prefix("tailor_trace_spans_dropped_total ")?.parse::<f64>().ok());
        line.expect("the metric is served")
    };
    assert_eq!((lost(cluster.scrape_coordinator(0)), lost(cluster.scrape_worker(1))), (0.0, 0.0));
}
