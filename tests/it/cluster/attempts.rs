//! Attempts, as an operator asks for them: what is tried again, for what it waits, what was lost, and what it cost.

use std::time::Duration;

use serde_json::Value;
use tests::cluster::job::STATE_LIMIT;
use tests::cluster::{Cluster, ClusterJob, ClusterOptions, until};
use tests::tailor::code;

use super::{DATA, slow_s3};

fn list(job: &ClusterJob, options: &str) -> Option<Value> {
    let told = job.tailor(&format!("task list --job j -o json --request-timeout 2s {options}")).run();
    (told.code == Some(code::DONE)).then(|| told.json())
}

fn get(job: &ClusterJob, shard: &str, task: &str) -> Value {
    job.tailor(&format!("task get {task} --shard {shard} --job j -o json")).run().done().json()
}

fn outcomes(task: &Value) -> Vec<String> {
    let attempts = task["attempts"].as_array().expect("a list");
    attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap_or("not known").to_owned()).collect()
}

#[test]
fn tasks_of_a_killed_worker_are_listed_as_retrying_and_later_with_their_attempts() {
    let slow = slow_s3();
    let options = ClusterOptions { workers: 2, worker_s3: Some(slow.endpoint()), ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options);
    let mut victim = cluster.workers.remove(0);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    let lost = job.wait_running("m", &victim.name).remove(0);
    victim.kill();
    let (shard, task) = lost.task.split_once('/').expect("a shard and a task");

    let retrying = until("a task is tried again", STATE_LIMIT, || {
        let listed = list(&job, "--retrying")?;
        (listed["matching"].as_u64()? > 0).then_some(listed)
    });
    let (matching, all) = (retrying["matching"].as_u64(), retrying["all"].as_u64());
    assert!(
        matching < all && retrying["tasks"].as_array().is_some_and(|tasks| tasks.len() as u64 == matching.unwrap())
    );
    let of_worker = list(&job, "--worker w1 --state running").expect("the job runs");
    for entry in of_worker["tasks"].as_array().expect("a list") {
        assert!(entry["running"].as_array().expect("a list").iter().any(|run| run["worker_name"] == "w1"), "{entry:#}");
    }
    let slowest = list(&job, "--slowest 3").expect("the job runs");
    assert!(slowest["tasks"].as_array().expect("a list").len() <= 3 && slowest["matching"].as_u64() == all);
    let open = list(&job, "--state open").expect("the job runs");
    for entry in open["tasks"].as_array().expect("a list") {
        assert!(entry["waits_for"].is_string(), "a task that is open says for what it waits: {entry:#}");
    }

    let so_far = until("the job costs something", STATE_LIMIT, || {
        let told = job.verb("cost", "").done().json();
        (told["cost"].as_f64()? > 0.0).then_some(told)
    });
    assert_eq!((&so_far["so_far"], &so_far["bytes_stored"]), (&true.into(), &Value::Null), "{so_far:#}");
    assert!(so_far["wasted"]["slot_ms"].as_u64().is_some_and(|ms| ms > 0), "{so_far:#}");

    slow.set_delay(Duration::ZERO);
    job.wait_done();
    let ended = list(&job, "--slowest 3").expect("its event log tells it");
    // While the job ran, tasks of shards that had ended were not among them.
    assert!(ended["all"].as_u64() >= all && ended["unknown"] == serde_json::json!([]), "{ended:#}");
    let again = list(&job, "--attempts-min 2").expect("its event log tells it");
    let again = again["tasks"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|entry| (entry["shard"].as_str(), entry["task"].as_str()) == (Some(shard), Some(task)));
    let again = again.expect("the task that was lost");
    assert_eq!((&again["state"], &again["ended"][0]["outcome"]), (&"done".into(), &"worker-lost".into()), "{again:#}");
    let events = job.tailor("job events j -o json").run().done().json();
    let events: Vec<_> =
        events["events"].as_array().expect("a list").iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!((events.first(), events.contains(&"worker-lost")), (Some(&"ended"), true), "{events:?}");
    assert!(events.contains(&"attempt-done") && events.len() < 200, "the lost attempt, and no other: {events:?}");
    let newest = job.tailor("job events j --limit 1").run().done();
    assert!(newest.stdout.lines().count() == 2 && newest.stderr.contains("newest 1 events"), "{}", newest.stderr);
    let told = get(&job, shard, task);
    assert_eq!(outcomes(&told), ["worker-lost", "counts"], "{told:#}");
    assert!(told["now"].is_null() && told["unknown"].as_array().is_some_and(Vec::is_empty), "{told:#}");
    let counts = &told["attempts"][1];
    assert_eq!(counts["worker_name"], "w1");
    for known in ["bytes", "points", "started_at_ms", "ended_at_ms"] {
        assert!(counts[known].as_i64().is_some_and(|value| value > 0), "{known}: {counts:#}");
    }
    assert!(counts["effort"]["requests"]["get"].as_u64().is_some_and(|gets| gets > 0), "{counts:#}");
    let nobody = job.tailor("task get m-09999 --shard org-mod-00 --job j").run();
    assert_eq!(nobody.code, Some(code::NOT_FOUND), "{}", nobody.stderr);

    let cost = job.verb("cost", "").done().json();
    for spent in ["useful", "wasted"] {
        assert!(cost[spent]["slot_ms"].as_u64().is_some_and(|ms| ms > 0), "{spent}: {cost:#}");
    }
    assert!(cost["useful"]["requests"]["put"].as_u64().is_some_and(|puts| puts > 0), "{cost:#}");
    assert!(cost["cost"].as_f64().is_some_and(|cost| cost > 0.0), "{cost:#}");
    let dearer = job.verb("cost", "--put-price 5 --get-price 0.4").done().json();
    let requests = |cost: &Value| cost["useful"]["request_cost"].as_f64().expect("a price");
    assert!((requests(&dearer) / requests(&cost) - 1000.0).abs() < 1e-6, "{dearer:#}");

    let again = job.again("k");
    again.submit();
    again.wait_done();
    let compared = job.tailor("job compare j k -o json").run().done().json();
    assert_eq!(compared["shards_other_content"], 0, "{compared:#}");
    assert_eq!(compared["shards_same_content"].as_u64(), compared["shards"].as_array().map(|all| all.len() as u64));
    let table = job.tailor("job compare j k").run().done().stdout;
    assert!(table.contains("bits a point") && table.contains("content: the same in"), "{table}");
}
