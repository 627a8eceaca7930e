//! Job of a cluster, as its operator sees it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{Operator, until};
use crate::tailor::{Ended, Tailor, code};

/// Longest duration of a job, including everything that the test does to it.
pub const JOB_LIMIT: Duration = Duration::from_secs(150);

/// Longest wait for a state.
pub const STATE_LIMIT: Duration = Duration::from_secs(60);

/// Options for many small tasks, and every kind of object.
const OPTIONS: &str = "--split-size 48KiB --partition-size 48KiB --rollup 5m";

/// Job whose input exists, and which may be submitted.
#[derive(Debug)]
pub struct ClusterJob {
    operator: Operator,
    name: String,
    /// URI of input and dataset.
    uri: String,
    /// Folder for this test only.
    folder: PathBuf,
}

/// Attempt that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningTask {
    /// Name of shard and task.
    pub task: String,
    /// Name of the worker.
    pub worker: String,
    /// Number of the attempt.
    pub attempt: u64,
}

impl ClusterJob {
    pub(super) fn generate(operator: Operator, folder: &Path, uri: String, options: &str) -> Self {
        let job = Self { operator, name: "j".to_owned(), uri, folder: folder.to_owned() };
        job.tailor(&format!("gen --out {} --big-share 0 -o json {options}", job.input())).run().done();
        job
    }

    /// Creates another job over the same input, into the same dataset.
    #[must_use]
    pub fn again(&self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            operator: self.operator.clone(),
            uri: self.uri.clone(),
            folder: self.folder.clone(),
        }
    }

    /// Returns the URI of its segments.
    pub fn input(&self) -> String {
        format!("{}/in", self.uri)
    }

    /// Returns the URI of its dataset.
    pub fn dataset(&self) -> String {
        format!("{}/dataset", self.uri)
    }

    /// Submits the job.
    pub fn submit(&self) {
        self.submit_with("").done();
    }

    /// Submits the job with further options.
    pub fn submit_with(&self, options: &str) -> Ended {
        let (name, input, dataset) = (&self.name, self.input(), self.dataset());
        self.tailor(&format!("job submit --job {name} --input {input} --dataset {dataset} {OPTIONS} {options}")).run()
    }

    /// Prepares a command of an operator.
    pub fn tailor(&self, words: &str) -> Tailor {
        self.operator.tailor(words)
    }

    /// Runs `tailor job VERB NAME -o json OPTIONS`.
    pub fn verb(&self, verb: &str, options: &str) -> Ended {
        self.tailor(&format!("job {verb} {} -o json {options}", self.name)).run()
    }

    /// Returns the answer of `job get`; none while there is no leader.
    pub fn get(&self) -> Option<Value> {
        let told = self.verb("get", "--request-timeout 2s");
        (told.code == Some(code::DONE)).then(|| told.json())
    }

    /// Lists its tasks; empty while there is no leader, or once the job has ended.
    pub fn tasks(&self) -> Vec<Value> {
        let told = self.tailor(&format!("task list --job {} -o json --request-timeout 2s", self.name)).run();
        let tasks = (told.code == Some(code::DONE)).then(|| told.json()["tasks"].as_array().cloned()).flatten();
        tasks.unwrap_or_default()
    }

    /// Lists the running attempts at tasks whose name starts with `kind` (`m` or `r`).
    pub fn running(&self, kind: &str) -> Vec<RunningTask> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut found = Vec::new();
        for task in self.tasks() {
            if !text(&task["task"]).starts_with(kind) {
                continue;
            }
            let name = format!("{}/{}", text(&task["shard"]), text(&task["task"]));
            for running in task["running"].as_array().into_iter().flatten() {
                let attempt = running["attempt"].as_u64().unwrap_or(0);
                found.push(RunningTask { task: name.clone(), worker: text(&running["worker_name"]), attempt });
            }
        }
        found
    }

    /// Waits until the worker of that name runs such a task; returns all attempts that it runs by then.
    #[track_caller]
    pub fn wait_running(&self, kind: &str, worker: &str) -> Vec<RunningTask> {
        until(&format!("{worker} runs a task {kind}"), STATE_LIMIT, || {
            let running = self.running(kind).into_iter().filter(|running| running.worker == worker).collect();
            Some(running).filter(|running: &Vec<_>| !running.is_empty())
        })
    }

    /// Waits until the answer of `job get` satisfies `is_so`.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        until(what, STATE_LIMIT, || self.get().filter(&is_so))
    }

    /// Waits until the job has ended in any way.
    #[track_caller]
    pub fn wait(&self) -> Ended {
        let wait = || self.verb("wait", &format!("--timeout {}s", JOB_LIMIT.as_secs()));
        // A wait that nobody answered is tried again.
        until("the job ends", JOB_LIMIT, || Some(wait()).filter(|ended| ended.code != Some(code::TIMED_OUT)))
    }

    /// Waits until the job has ended, and asserts meanwhile that no attempt is charged.
    #[track_caller]
    pub fn wait_uncharged(&self) {
        let has_ended = || {
            for task in self.tasks() {
                assert_eq!(task["charged"], 0, "an attempt is charged: {task:#}");
            }
            self.get().filter(|job| job["ended_at_ms"].is_i64())
        };
        until("the job ends", JOB_LIMIT, has_ended);
    }

    /// Waits until the job is done, and proves it: the oracle finds no difference, and the content equals that of an
    /// undisturbed run.
    #[track_caller]
    pub fn wait_done(&self) -> Value {
        let ended = self.wait().expect(code::DONE).json();
        self.verify("");
        assert_eq!(self.digests(), self.undisturbed(), "the same content as an undisturbed run");
        ended
    }

    /// Compares the dataset with a second, plain reading of the input.
    #[track_caller]
    pub fn verify(&self, options: &str) {
        let (input, dataset) = (self.input(), self.dataset());
        self.tailor(&format!("dataset verify {dataset} --level oracle --input {input} {options}")).run().done();
    }

    /// Returns the manifests in the answer of `dataset manifests`.
    #[track_caller]
    pub fn manifests(&self) -> Vec<Value> {
        let listed = self.tailor(&format!("dataset manifests {} -o json", self.dataset())).run().done().json();
        listed["manifests"].as_array().cloned().expect("a list")
    }

    /// Returns the content digest of each shard's current version.
    #[track_caller]
    pub fn digests(&self) -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let manifests = self.manifests();
        let current = manifests.iter().filter(|manifest| manifest["is_current"] == true);
        current.map(|listed| (text(&listed["manifest"]["shard"]), text(&listed["content_digest"]))).collect()
    }

    /// Returns the content digests of an undisturbed run in one process.
    #[track_caller]
    pub fn undisturbed(&self) -> BTreeMap<String, String> {
        let folder = self.folder.join("undisturbed").display().to_string();
        let run = format!("run --input {} --dataset {folder} {OPTIONS} -o json", self.input());
        let report = self.tailor(&run).run().done().json();
        crate::place::content_digests(&report).into_iter().collect()
    }

    /// Asserts that each shard was committed once: one manifest, version 1.
    #[track_caller]
    pub fn assert_committed_once(&self) {
        for listed in self.manifests() {
            assert_eq!(listed["manifest"]["version"], 1, "committed once: {}", listed["manifest"]["shard"]);
        }
    }
}

/// Sums a count over all shards of a job.
pub fn total(job: &Value, count: &str) -> u64 {
    job["shards"].as_array().into_iter().flatten().filter_map(|shard| shard[count].as_u64()).sum()
}

/// Counts the tasks of a job.
pub fn task_count(job: &Value) -> u64 {
    total(job, "map_tasks") + total(job, "partitions")
}
