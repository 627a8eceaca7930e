//! Answers of commands about a job that only a history knows, that still runs, or that goes on without them.

use std::thread;
use std::time::Duration;

use serde_json::Value;
use tests::cluster::job::STATE_LIMIT;
use tests::cluster::{Cluster, ClusterOptions, OwnEtcd, until};
use tests::tailor::code;

/// Options for one shard of a few tasks.
const DATA: &str = "--points 20000 --orgs 1 --partitions 1";

#[test]
fn a_job_that_only_a_history_knows_answers_every_verb_and_can_be_retried() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut etcd = OwnEtcd::start(folder.path(), &[]);
    let options = ClusterOptions { etcd: Some(etcd.endpoint()), workers: 0, ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options);
    let job = cluster.job_in_folder(DATA);
    job.submit();
    job.wait_until("it is planned", |job| job["state"] == "running");
    job.verb("cancel", "--yes --reason later").done();
    drop(job.wait().expect(code::JOB_FAILED));
    cluster.coordinators[0].kill();
    etcd.lose();
    cluster.coordinators[0].restart();
    cluster.operator.wait_leader();
    drop(job.verb("get", "").expect(code::NOT_FOUND));

    // From its first submission on, the cluster knows where the history lies.
    let again = job.submit_with("-o json").done().json();
    assert_eq!(again["existed"], true, "{again:#}");
    let told = job.verb("get", "").done().json();
    assert_eq!(told["state"], "cancelled", "{told:#}");
    let listed = cluster.operator.tailor("job list -o json").run().done().json();
    assert_eq!(listed["jobs"][0]["job"], "j", "{listed:#}");
    drop(job.submit_with("--wait --timeout 20s").expect(code::JOB_FAILED));
    drop(job.verb("wait", "--timeout 20s").expect(code::JOB_FAILED));
    drop(job.tailor("job watch j").run().expect(code::JOB_FAILED));
    job.verb("retry", "--reason again").done();
    cluster.add_worker();
    job.wait().done();
    job.verify("");
}

#[test]
fn a_replay_of_a_job_that_still_runs_is_refused_before_it_says_what_would_change() {
    let cluster = Cluster::start(ClusterOptions { workers: 0, ..ClusterOptions::default() });
    let job = cluster.job_in_folder(DATA);
    job.submit();
    let running = job.wait_until("it is planned", |job| job["state"] == "running");
    let shard = running["shards"][0]["shard"].as_str().expect("its name");
    let refused = job.tailor(&format!("shard replay {shard} --job j --reason again --yes")).run().expect(code::FAILED);
    let refused = refused.says(&["job j still runs", "tailor job wait j"]);
    assert!(!refused.stderr.contains("will be run again"), "{}", refused.stderr);
}

#[test]
fn each_of_several_replays_at_once_says_what_it_replaced_and_with_which_content() {
    let cluster = Cluster::start(ClusterOptions::default());
    let job = cluster.job_in_folder(DATA);
    job.submit();
    let ended = job.wait_done();
    let shard = ended["shards"][0]["shard"].as_str().expect("its name").to_owned();
    let replay = || {
        let line = format!("shard replay {shard} --job j --reason again --yes --wait --timeout 120s -o json");
        job.tailor(&line).run().done().json()
    };
    let mut replays: Vec<Value> = thread::scope(|scope| {
        let running: Vec<_> = (0..3).map(|_| scope.spawn(replay)).collect();
        running.into_iter().map(|replay| replay.join().expect("no panic")).collect()
    });
    replays.sort_by_key(|replay| replay["version"].as_u64());
    for (replay, version) in replays.iter().zip(2..) {
        assert_eq!(replay["version"], version, "{replay:#}");
        assert_eq!(replay["replaces"], version - 1, "{replay:#}");
        assert_eq!(replay["same_content"], true, "{replay:#}");
        assert!(replay["replaced_digest"].is_string(), "the same content has a digest: {replay:#}");
        assert_eq!(replay["replaced_digest"], replay["content_digest"], "{replay:#}");
    }
}

#[test]
fn a_command_that_is_interrupted_while_it_waits_says_that_the_job_goes_on() {
    let mut cluster = Cluster::start(ClusterOptions { workers: 0, ..ClusterOptions::default() });
    let job = cluster.job_in_folder(DATA);
    let (input, dataset) = (job.input(), job.dataset());
    let lines = [
        format!("job submit --job j --input {input} --dataset {dataset} --wait"),
        "job wait j".to_owned(),
        "job watch j".to_owned(),
    ];
    for line in lines {
        let waiting = job.tailor(&line).spawn();
        job.wait_until("it is planned", |job| job["state"] == "running");
        tests::tailor::pause(Duration::from_secs(1));
        waiting.signal("INT");
        waiting.wait().expect(code::INTERRUPTED).says(&["job j goes on", "tailor job cancel j"]);
    }
    cluster.add_worker();
    until("it is done", STATE_LIMIT, || job.get().filter(|job| job["state"] == "done"));
}
