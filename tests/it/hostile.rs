//! Hostile clients of a coordinator: impossible specs, endless reasons, floods, forged reports, calls in another
//! worker's name. The coordinator stays up, names the field that it refuses, and trusts nothing.

mod peer; // client that can send any message

use std::time::Duration;

use model::limits::{PLANS_AT_ONCE_MAX, REASON_BYTES_MAX, SHARDS_PER_JOB_MAX};
use proto::{ApiError, v1};
use serde_json::{Value, json};
use tests::cluster::job::STATE_LIMIT;
use tests::cluster::{Cluster, ClusterJob, ClusterOptions, until};

use peer::Peer;

/// Options for one shard of a few tasks.
const DATA: &str = "--points 20000 --orgs 1 --partitions 1";

fn cluster(workers: usize) -> Cluster {
    let cluster = Cluster::start(ClusterOptions { workers, ..ClusterOptions::default() });
    cluster.operator.wait_leader();
    cluster
}

/// Returns the field for which a request was refused.
#[track_caller]
fn refused_field<T: std::fmt::Debug>(answer: Result<T, ApiError>) -> String {
    match answer {
        Err(ApiError::Invalid { field, .. }) => field,
        other => panic!("it is refused for a field: {other:?}"),
    }
}

/// Returns a valid spec as JSON.
fn spec(job: &ClusterJob) -> Value {
    let spec = model::JobSpec {
        job: "h".parse().expect("a job name"),
        input: job.input(),
        dataset: job.dataset(),
        shards: Vec::new(),
        settings: model::JobSettings::default(),
        shard_map: String::new(),
        reason: "run".to_owned(),
        weight: 10,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: "test".to_owned(),
        submitted_at_ms: 0,
    };
    serde_json::from_slice(&spec.to_message()).expect("a spec is JSON")
}

#[test]
fn what_cannot_be_is_refused_by_the_name_of_its_field() {
    let cluster = cluster(0);
    let peer = Peer::of(&cluster);
    let job = cluster.job_in_folder(DATA);
    let many: Vec<_> = (0..=SHARDS_PER_JOB_MAX).map(|org| format!("org-{org}")).collect();
    let broken = [
        ("/settings/window", json!({ "start_ms": 10, "end_ms": 5 }), "spec"),
        ("/settings/rollups", json!([300_000, 300_000]), "spec.settings.rollups"),
        ("/settings/split_bytes", json!(0), "spec.settings.split_bytes"),
        ("/shards", json!(many), "spec.shards"),
        ("/reason", json!("x".repeat(REASON_BYTES_MAX + 1)), "spec.reason"),
        ("/reason", json!("\u{1b}[31mred"), "spec.reason"),
        ("/dataset", json!(""), "spec.dataset"),
        ("/running_max", json!(0), "spec.running_max"),
        ("/job", json!("../up"), "spec"),
    ];
    for (place, value, field) in broken {
        let mut spec = spec(&job);
        *spec.pointer_mut(place).expect("the spec has it") = value;
        let bytes = serde_json::to_vec(&spec).expect("JSON");
        assert_eq!(refused_field(peer.submit(bytes.clone())), field, "{place}");
        assert_eq!(refused_field(peer.plan(bytes)), field, "{place}");
    }
    // A request beyond the size limit is refused before it is read.
    let large = vec![b' '; 4 << 20];
    assert_eq!(refused_field(peer.submit(large)), "request");
    let endless = "x".repeat(70_000);
    assert_eq!(refused_field(peer.cancel("j", &endless)), "reason");
    assert_eq!(refused_field(peer.drain("w0", "\u{9b}31m")), "reason");
    assert_eq!(refused_field(peer.get("x".repeat(65).as_str())), "job");
    peer.cluster().expect("it serves on");
    job.submit();
    let mut cluster = cluster;
    cluster.add_worker();
    job.wait_done();
}

#[test]
fn a_flood_of_dry_runs_is_shed_and_others_are_served_meanwhile() {
    const FLOOD: usize = 64;
    let cluster = cluster(0);
    let peer = Peer::of(&cluster);
    let job = cluster.job_in_folder(DATA);
    // The listing is long enough that dry runs overlap.
    let folder = cluster.path().join("data/in/shard=org-mod-63");
    std::fs::create_dir_all(&folder).expect("a folder");
    (0..20_000).for_each(|at| std::fs::write(folder.join(format!("{at}.seg")), b"").expect("a file"));
    let bytes = serde_json::to_vec(&spec(&job)).expect("JSON");
    let (answers, served) = peer.flood(FLOOD, &bytes);
    let shed = answers.iter().filter(|answer| matches!(answer, Err(ApiError::TooMany { .. }))).count();
    let planned = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(shed + planned, FLOOD, "each is planned or shed: {answers:?}");
    assert!(planned >= PLANS_AT_ONCE_MAX, "as many as there is room for are planned: {planned}");
    assert!(shed > 0, "{FLOOD} at once are more than there is room for");
    served.expect("an operator's other request is answered meanwhile");
}

#[test]
fn a_forged_report_is_refused_and_the_job_ends_with_the_right_points() {
    let mut cluster = cluster(0);
    let peer = Peer::of(&cluster);
    let forger = peer.register("forger");
    let job = cluster.job_in_folder(DATA);
    job.submit();
    let grant = until("the forger gets a task", STATE_LIMIT, || peer.claim(&forger));
    cluster.add_worker();
    cluster.operator.wait_workers(2);

    let honest = peer.read_plan(&grant, &job);
    for (what, report) in peer::forgeries(&grant, &honest) {
        let answer = peer.complete(&forger, &grant, report);
        let answer = answer.unwrap_or_else(|error| panic!("{what} is answered: {error}"));
        assert!(!answer.counts, "{what} does not count");
        // The first report is charged and ends the attempt; the others no longer hold the task.
    }
    let charged = job.wait_until("the forged attempt is charged", |job| {
        tests::cluster::job::total(job, "attempts_failed") > 0 || job["ended_at_ms"].is_i64()
    });
    assert!(tests::cluster::job::total(&charged, "attempts_failed") > 0, "{charged:#}");
    drop(forger);
    job.wait_done();
    job.assert_committed_once();
}

#[test]
fn nobody_speaks_for_a_worker_but_its_own_process() {
    let cluster = cluster(1);
    let peer = Peer::of(&cluster);
    let job = cluster.job_in_folder(DATA);
    let victim = cluster.operator.workers()[0]["worker"].as_str().expect("its id is no secret").to_owned();
    let stranger = |secret: &[u8]| v1::ClaimRequest {
        worker: victim.clone(),
        slots: 16,
        wait_ms: 100,
        secret: secret.to_vec().into(),
    };
    for secret in [&b""[..], b"0123456789abcdef", victim.as_bytes()] {
        let answer = peer.raw_claim(stranger(secret));
        assert!(matches!(answer, Err(ApiError::Refused { .. })), "a stranger gets no task: {answer:?}");
    }
    job.submit();
    job.wait_done();
}

#[test]
fn a_worker_that_was_lost_is_told_to_leave_again_and_drain_says_that_it_was_lost() {
    let mut cluster = cluster(1);
    let operator = cluster.operator.clone();
    cluster.workers[0].signal("STOP");
    let drained = operator.tailor("worker drain w0 --reason image --yes --wait --timeout 60s").run();
    let drained = drained.expect(tests::tailor::code::FAILED);
    drained.says(&["lost, not drained"]);
    let listed = operator.tailor("worker list -o json").run().done().json();
    assert_eq!(listed["drains"][0]["name"], "w0", "the order stands: {listed:#}");
    assert_eq!(listed["drains"][0]["is_lost"], true);
    cluster.workers[0].signal("CONT");
    assert_eq!(cluster.workers[0].wait(Duration::from_secs(60)), 0, "it comes back, is told again, and leaves");
    let listed = operator.tailor("worker list -o json").run().done().json();
    assert_eq!(listed["drains"], json!([]), "the order is carried out");

    // A new worker of that name works, because an order that was taken back does not reach it.
    cluster.add_worker();
    operator.wait_workers(1);
    cluster.workers[1].signal("STOP");
    operator.tailor("worker drain w1 --reason image --yes").run().done();
    until("its lease ends", STATE_LIMIT, || operator.workers().is_empty().then_some(()));
    operator.tailor("worker drain w1 --reason mistake --cancel").run().done();
    cluster.workers[1].signal("CONT");
    operator.wait_workers(1);
}
