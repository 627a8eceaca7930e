//! Workers that are killed, hang, or have no room: only their open tasks run again, and no output counts twice.

use std::time::{Duration, Instant};

use tests::cluster::job::{RunningTask, STATE_LIMIT, task_count, total};
use tests::cluster::{Cluster, ClusterJob, ClusterOptions, Special, WORKER_TTL, until};
use tests::proxy::Fault;
use tests::tailor::pause;

use super::{DATA, assert_within, slow_s3};

/// Longest time beyond the lease until the cluster takes a lost task back.
const REASSIGN_LIMIT: Duration = Duration::from_secs(2);

/// Waits until none of these attempts counts as running.
fn wait_given_up(job: &ClusterJob, lost: &[RunningTask]) {
    let is_gone = || {
        let running = job.running("");
        (!lost.iter().any(|attempt| running.contains(attempt))).then_some(())
    };
    until("lost attempts are given up", STATE_LIMIT, is_gone);
}

/// Kills the first of three workers while it runs a task of this kind.
fn kill_one_in(kind: &str) {
    let slow = slow_s3();
    let options = ClusterOptions { workers: 3, worker_s3: Some(slow.endpoint()), ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options);
    let mut victim = cluster.workers.remove(0);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    let lost = job.wait_running(kind, &victim.name);
    victim.kill();
    let killed = Instant::now();
    wait_given_up(&job, &lost);
    assert_within(WORKER_TTL + REASSIGN_LIMIT, killed, "to give up a dead worker's tasks");

    slow.set_delay(Duration::ZERO);
    let ended = job.wait_done();
    let again = total(&ended, "attempts") - task_count(&ended);
    assert!(again <= lost.len() as u64 + 1, "{again} attempts more than tasks, {} were lost: {ended:#}", lost.len());
    assert_eq!(total(&ended, "attempts_failed"), 0, "a lost worker is nobody's failure: {ended:#}");
    job.assert_committed_once();
}

#[test]
fn a_worker_killed_in_map_costs_only_its_open_tasks() {
    kill_one_in("m");
}

#[test]
fn a_worker_killed_in_reduce_costs_only_its_open_tasks() {
    kill_one_in("r");
}

#[test]
fn a_worker_killed_while_it_uploads_a_part_leaves_nothing_that_counts() {
    let sick = slow_s3();
    sick.inject("PUT", "/data/", usize::MAX, Fault::Hold);
    let mut cluster = Cluster::start(ClusterOptions { workers: 1, ..ClusterOptions::default() });
    cluster.add_special(&Special { s3: Some(&sick.endpoint()), ..Special::default() });
    cluster.operator.wait_workers(2);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    until("a part is being uploaded", STATE_LIMIT, || (sick.count(Fault::Hold) > 0).then_some(()));
    let lost = job.wait_running("r", "w1");
    cluster.workers[1].kill();
    let killed = Instant::now();
    wait_given_up(&job, &lost);
    assert_within(WORKER_TTL + REASSIGN_LIMIT, killed, "to give up a dead worker's tasks");
    job.wait_done();
    job.assert_committed_once();
}

#[test]
fn a_worker_stopped_past_its_lease_is_refused_and_goes_on_with_new_work() {
    let slow = slow_s3();
    let options = ClusterOptions { worker_s3: Some(slow.endpoint()), ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    let lost = job.wait_running("r", "w0");
    cluster.workers[0].signal("STOP");
    slow.set_delay(Duration::ZERO);
    job.wait_done();
    cluster.workers[0].signal("CONT");
    for attempt in &lost {
        assert_another_counts(&job, attempt);
    }
    cluster.operator.wait_workers(2);

    cluster.workers.truncate(1);
    let next = job.again("next");
    next.submit_with("--reason next").done();
    next.wait_done();
}

/// Asserts that a partition's part in the first manifest comes from another attempt than this one.
fn assert_another_counts(job: &ClusterJob, lost: &RunningTask) {
    let (shard, task) = lost.task.split_once('/').expect("SHARD/TASK");
    let manifests = job.manifests();
    let is_meant = |listed: &&serde_json::Value| listed["manifest"]["shard"] == shard;
    let manifest = manifests.iter().find(is_meant).unwrap_or_else(|| panic!("no manifest of {shard}"));
    let partitions = manifest["manifest"]["partitions"].as_array().expect("a list");
    let number = task.trim_start_matches(|letter: char| !letter.is_ascii_digit()).parse::<usize>();
    let partition = &partitions[number.expect("a task's number is its partition's")];
    let stale = format!("a-{}-", lost.attempt);
    let counts = partition["attempt"].as_str().expect("an attempt");
    assert!(!counts.starts_with(&stale), "{counts} of {} counts, and its worker was given up", lost.task);
}

#[test]
fn a_worker_stopped_for_less_than_its_successors_run_makes_no_second_completion() {
    let (first, second) = (slow_s3(), slow_s3());
    let mut cluster = Cluster::start(ClusterOptions { workers: 0, ..ClusterOptions::default() });
    for store in [&first, &second] {
        cluster.add_special(&Special { s3: Some(&store.endpoint()), ..Special::default() });
    }
    cluster.operator.wait_workers(2);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    let lost = job.wait_running("m", "w0");
    cluster.workers[0].signal("STOP");
    second.set_delay(Duration::from_secs(2));
    wait_given_up(&job, &lost);
    let is_taken = || job.running("m").into_iter().find(|running| running.task == lost[0].task);
    until("another worker has its task", STATE_LIMIT, is_taken);
    cluster.workers[0].signal("CONT");
    second.set_delay(Duration::ZERO);
    first.set_delay(Duration::ZERO);
    let ended = job.wait_done();
    assert_eq!(total(&ended, "attempts_failed"), 0, "{ended:#}");
    job.assert_committed_once();
}

#[test]
fn a_job_whose_workers_are_all_gone_waits_for_new_ones() {
    let slow = slow_s3();
    let options = ClusterOptions { worker_s3: Some(slow.endpoint()), ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_running("m", "w0");
    cluster.workers.iter_mut().for_each(tests::cluster::Server::kill);
    let says_so = |job: &serde_json::Value| job["waiting_for"].as_str().is_some_and(|text| text.contains("worker"));
    job.wait_until("the job says that it waits for workers", says_so);
    pause(2 * WORKER_TTL);
    assert_eq!(job.get().expect("somebody leads")["state"], "running");
    slow.set_delay(Duration::ZERO);
    cluster.add_worker();
    let ended = job.wait_done();
    assert_eq!(total(&ended, "attempts_failed"), 0, "{ended:#}");
    job.assert_committed_once();
}

#[test]
fn a_worker_whose_scratch_disk_is_full_leaves_the_rotation_with_a_reason() {
    let slow = slow_s3();
    let options = ClusterOptions { workers: 1, worker_s3: Some(slow.endpoint()), ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options);
    cluster.add_special(&Special { flags: "--scratch-free-min 32MiB", disk: Some("64m"), ..Special::default() });
    cluster.operator.wait_workers(2);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_running("m", "w1");
    // Only this process sees the disk, so it is reached through the process's root.
    let scratch = cluster.path().join("w1-scratch");
    let seen_by_it = format!("/proc/{}/root{}/ballast", cluster.workers[1].pid(), scratch.display());
    std::fs::write(&seen_by_it, vec![1; 48 << 20]).expect("fill its disk");
    let told = until("the worker is unfit", STATE_LIMIT, || {
        cluster.operator.workers().into_iter().find(|worker| worker["name"] == "w1" && worker["state"] == "unfit")
    });
    let reason = told["reason"].as_str().expect("a reason");
    assert!(reason.contains("scratch") && reason.contains("are needed"), "{reason}");
    slow.set_delay(Duration::ZERO);
    job.wait_done();

    std::fs::remove_file(seen_by_it).expect("make room");
    cluster.operator.wait_workers(2);
}
