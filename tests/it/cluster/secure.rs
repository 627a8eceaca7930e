//! The cluster with TLS and roles: certificates that change and end, callers who may not, places that jobs may not touch.

use std::process::Command;
use std::time::Duration;

use model::{LeaseId, TaskPath};
use proto::client::{CallPolicy, LeaderClient};
use proto::secret::Secret;
use proto::{ApiError, v1};
use tests::cluster::job::total;
use tests::cluster::{Certificates, Cluster, ClusterOptions, until};
use tests::tailor::{code, pause, tailor};

use super::{DATA, slow_s3};

fn secured(certificates: &Certificates, flags: &str) -> ClusterOptions {
    let certificates = Some(certificates.clone());
    ClusterOptions { certificates, coordinator_flags: flags.to_owned(), ..ClusterOptions::default() }
}

/// Reads `path` of a coordinator's HTTP port, as a scraper that has the authority and no certificate.
fn scrape(certificates: &Certificates, port: u16, path: &str) -> String {
    let authority = certificates.file("ca.crt");
    let url = format!("https://127.0.0.1:{port}{path}");
    let read = Command::new("curl").args(["-sS", "--max-time", "5", "--cacert"]).arg(authority).arg(url).output();
    String::from_utf8_lossy(&read.expect("curl runs").stdout).into_owned()
}

#[test]
fn a_job_runs_under_tls_a_viewer_looks_and_changes_nothing_and_the_audit_log_tells() {
    let certificates = Certificates::new();
    let (tokens, token) = (certificates.file("tokens"), certificates.file("token"));
    let line = tailor(&format!("token new --role viewer --name scripts --token-file {}", token.display())).run().done();
    std::fs::write(&tokens, &line.stdout).expect("a writable folder");
    let cluster = Cluster::start(secured(&certificates, &format!("--auth-tokens {}", tokens.display())));
    let job = cluster.job_in_folder(DATA);
    let secret = std::fs::read_to_string(&token).expect("it was made");

    let viewer = cluster.operator.who_is(certificates.client("victor"));
    let mut by_token = certificates.client("");
    by_token.push(("TAILOR_TOKEN_FILE".to_owned(), token.display().to_string()));
    let script = cluster.operator.who_is(by_token);
    let submit = format!("job submit --job j --input {} --dataset {}", job.input(), job.dataset());
    for other in [&viewer, &script] {
        let _refused = other.tailor(&submit).run().expect(code::NOT_ALLOWED).says(&["needs the role operator"]);
    }
    job.submit();
    for other in [&viewer, &script] {
        let shown = other.tailor("job get j -o json").run().done().json();
        assert_eq!(shown["job"], "j", "{shown:#}");
        let cancel = other.tailor("job cancel j --reason curious --yes").run().expect(code::NOT_ALLOWED);
        let _refused = cancel.says(&["may not call CancelJob"]);
    }
    let nobody = cluster.operator.who_is(certificates.client(""));
    let _refused = nobody.tailor("job list").run().expect(code::NOT_ALLOWED).says(&["identity"]);
    let plain = cluster.operator.who_is(Vec::new());
    let _refused = plain.tailor("job list").run().expect(code::USAGE).says(&["--tls-ca"]);
    let worker = cluster.operator.who_is(certificates.client("worker"));
    let _refused = worker.tailor("job list").run().expect(code::NOT_ALLOWED).says(&["worker worker may not"]);
    for place in ["/etc", "s3://elsewhere/in", &format!("{}/../in", job.input())] {
        let elsewhere = format!("job submit --job elsewhere --input {place} --dataset {}", job.dataset());
        let _refused = job.tailor(&elsewhere).run().expect(code::NOT_ALLOWED).says(&[place]);
    }
    job.wait_done();

    let log = cluster.coordinators[0].log();
    let audited =
        |words: &[&str]| log.lines().any(|line| line.contains("audit") && words.iter().all(|word| line.contains(word)));
    assert!(audited(&["SubmitJob", "alice", "operator", "allowed"]), "{log}");
    assert!(audited(&["CancelJob", "victor", "viewer", "refused"]), "{log}");
    assert!(audited(&["SubmitJob", "alice", "/etc", "refused"]), "{log}");
    assert!(!log.contains(secret.trim()), "a token reached the log");
    let kept = std::path::Path::new(&job.dataset()).join("jobs/j/audit");
    let kept: Vec<_> =
        std::fs::read_dir(&kept).expect("it is there").map(|entry| entry.expect("readable").path()).collect();
    let entry = std::fs::read_to_string(&kept[0]).expect("it is there");
    assert!(kept.len() == 1 && entry.contains("\"who\":\"alice\"") && entry.contains("SubmitJob"), "{kept:?} {entry}");
    let printed =
        format!("coordinator {} --auth-tokens {} --print-config", certificates.flags("coordinator"), tokens.display());
    assert!(!tailor(&printed).run().done().stdout.contains(secret.trim()));

    let metrics = scrape(&certificates, cluster.probes[0], "/metrics");
    for metric in [
        "tailor_certificate_expires_timestamp_seconds{certificate=\"own\"}",
        "tailor_calls_refused_total{reason=\"role\"}",
    ] {
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(metric))
            .unwrap_or_else(|| panic!("{metric}:\n{metrics}"));
        assert!(value.trim().parse::<f64>().is_ok_and(|value| value > 1.0), "{metric}{value}");
    }
    let told = job.tailor("doctor").run().done().stdout;
    for check in ["our certificate", "authority", "certificate of https://", "it holds until"] {
        assert!(told.contains(check), "{check}: {told}");
    }
}

#[test]
fn certificates_are_replaced_under_load_and_the_job_goes_on() {
    let life = Duration::from_secs(40);
    let certificates = Certificates::holding(life);
    let began = std::time::Instant::now();
    let store = slow_s3();
    let options = ClusterOptions { worker_s3: Some(store.endpoint()), ..secured(&certificates, "") };
    let cluster = Cluster::start(options);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_until("some tasks are done", |job| total(job, "map_tasks_done") > 2);
    let pids: Vec<_> = cluster.coordinators.iter().chain(&cluster.workers).map(tests::cluster::Server::pid).collect();
    assert!(began.elapsed() < life, "the certificates ended before they were replaced: {:?}", began.elapsed());
    certificates.rotate();
    // Every connection of before has a certificate that ends now.
    pause(life.saturating_sub(began.elapsed()) + Duration::from_secs(2));
    store.set_delay(Duration::ZERO);
    job.wait_uncharged();
    job.wait_done();
    job.assert_committed_once();
    let now: Vec<_> = cluster.coordinators.iter().chain(&cluster.workers).map(tests::cluster::Server::pid).collect();
    assert_eq!(pids, now, "nobody was started again");
    assert!(cluster.coordinators[0].log().contains("files changed and were read again"));
    job.tailor("doctor").run().done();
}

#[test]
fn an_expired_certificate_stops_a_start_and_the_doctor_reports_its_end() {
    let certificates = Certificates::new();
    certificates.make(&["coordinator/late", "worker/late"], "210101000000Z");
    for server in ["coordinator --grpc-listen 127.0.0.1:0", "worker --coordinators https://127.0.0.1:1"] {
        let line = format!("{server} --http-listen 127.0.0.1:0 {}", certificates.flags("late"));
        let _refused = tailor(&line).run().expect(code::FAILED).says(&["tls.cert", "expired"]);
    }
    let short = Certificates::holding(Duration::from_secs(30));
    let cluster = Cluster::start(ClusterOptions { workers: 0, ..secured(&short, "") });
    cluster.operator.wait_leader();
    let checks = || cluster.operator.tailor("doctor --request-timeout 2s").run();
    // A certificate that ends soon is a problem already, although it still holds.
    assert!(checks().expect(code::FAILED).stdout.contains("it expires at"));
    short.make(&["operator/alice"], "");
    until("the coordinator's certificate ends", Duration::from_secs(60), || {
        let told = checks();
        told.stdout.contains("it expired at").then_some(())
    });
    short.rotate();
    until("the coordinator reads its new certificate", Duration::from_secs(30), || {
        checks().stdout.contains("it holds until").then(|| cluster.operator.leader()).flatten()
    });
}

#[test]
fn a_server_that_others_could_reach_has_tls_and_roles_or_says_that_it_is_insecure() {
    let certificates = Certificates::new();
    let cert_alone =
        format!("--tls-cert {0}/coordinator.crt --tls-key {0}/coordinator.key", certificates.path().display());
    for line in [
        "coordinator --grpc-listen 0.0.0.0:0 --print-config".to_owned(),
        "coordinator --http-listen 0.0.0.0:0 --print-config".to_owned(),
        "worker --http-listen 0.0.0.0:0 --print-config".to_owned(),
        format!("coordinator --grpc-listen 0.0.0.0:0 {cert_alone} --print-config"),
        format!(
            "coordinator --grpc-listen 0.0.0.0:0 --auth-tokens {}/none --print-config",
            certificates.path().display()
        ),
    ] {
        let _refused = tailor(&line).run().expect(code::USAGE).says(&["insecure"]);
        let said = tailor(&format!("{line} --insecure")).run().done().stdout;
        assert!(said.contains("insecure = \"true\""), "{said}");
    }
    let whole = certificates.flags("coordinator");
    tailor(&format!("coordinator --grpc-listen 0.0.0.0:0 --http-listen 0.0.0.0:0 {whole} --print-config")).run().done();
    let cluster = Cluster::start(ClusterOptions { workers: 0, ..ClusterOptions::default() });
    cluster.operator.wait_leader();
    assert!(cluster.coordinators[0].log().contains("listening without TLS or roles"), "it is said at each start");
}

#[test]
fn a_worker_cannot_speak_for_the_lease_of_another() {
    let certificates = Certificates::new();
    let store = slow_s3();
    let options = ClusterOptions { workers: 1, worker_s3: Some(store.endpoint()), ..secured(&certificates, "") };
    let cluster = Cluster::start(options);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    let running = job.wait_running("m", "w0");
    let lease = cluster.operator.workers()[0]["worker"].as_str().expect("its id").to_owned();
    let lease: LeaseId = lease.parse().expect("a lease");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for thief in ["other", "worker"] {
            let policy = CallPolicy { call_timeout: Duration::from_secs(5), patience: Duration::from_secs(5) };
            let urls = vec![cluster.operator.urls()];
            let client = LeaderClient::secured(urls, certificates.identity(thief).security()).expect("an address");
            let client = client.with_policy(policy);
            let secret = Secret::draw().expect("a system with randomness").to_bytes();
            let (shard, task) = running[0].task.split_once('/').expect("a shard and a task");
            let path = TaskPath {
                job: "j".parse().expect("a job's name"),
                shard: shard.parse().expect("a shard"),
                task: task.parse().expect("a task"),
            };
            let attempt = v1::Attempt::from(model::AttemptId { number: 1, token: model::FencingToken(1) });
            let held = v1::HeldAttempt { task: Some((&path).into()), attempt: Some(attempt) };
            let request = v1::HandBackRequest {
                worker: lease.to_string(),
                attempts: vec![held],
                reason: "theft".to_owned(),
                secret: secret.into(),
            };
            let stolen = client.worker(|mut worker| {
                let request = request.clone();
                async move { worker.hand_back(request).await }
            });
            let refused = stolen.await.expect_err("the lease is another worker's");
            assert!(matches!(refused, ApiError::Refused { .. }), "{thief}: {refused:?}");
        }
    });
    store.set_delay(Duration::ZERO);
    job.wait_uncharged();
    job.wait_done();
}
