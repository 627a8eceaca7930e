//! Operator of a cluster: `tailor` with the coordinators in its environment, for any leader.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::shared;
use crate::tailor::{Tailor, code, pause, tailor};

/// Longest wait until a cluster is ready.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Operator of one cluster.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// URLs of the coordinators, in the order of their names.
    urls: Vec<String>,
    /// Variables that say who the operator is; empty if the cluster does not ask.
    identity: Vec<(String, String)>,
}

impl Operator {
    /// Creates an operator with an identity, who knows no coordinator yet.
    pub(super) fn with(identity: Vec<(String, String)>) -> Self {
        Self { urls: Vec::new(), identity }
    }

    /// Returns another person at the same cluster.
    #[must_use]
    pub fn who_is(&self, identity: Vec<(String, String)>) -> Self {
        Self { urls: self.urls.clone(), identity }
    }

    pub(super) fn add(&mut self, url: String) {
        self.urls.push(url);
    }

    /// Returns the coordinators as a flag takes them.
    pub fn urls(&self) -> String {
        self.urls.join(",")
    }

    /// Prepares `tailor` with the arguments in `words`.
    pub fn tailor(&self, words: &str) -> Tailor {
        let variables = shared::s3_environment(shared::s3());
        let cluster = [("TAILOR_COORDINATORS".to_owned(), self.urls())];
        tailor(words).envs(variables).envs(cluster).envs(self.identity.iter().cloned())
    }

    /// Returns the answer of `worker list`; empty while there is no leader.
    pub fn workers(&self) -> Vec<Value> {
        let listed = self.tailor("worker list -o json --request-timeout 2s").run();
        let workers = (listed.code == Some(code::DONE)).then(|| listed.json()["workers"].as_array().cloned()).flatten();
        workers.unwrap_or_default()
    }

    /// Lists the names of workers that take work, in order; empty while there is no leader.
    pub fn active_workers(&self) -> Vec<String> {
        let is_active = |worker: &&Value| worker["state"] == "active";
        let workers = self.workers();
        let mut names: Vec<_> =
            workers.iter().filter(is_active).filter_map(|worker| worker["name"].as_str().map(str::to_owned)).collect();
        names.sort();
        names
    }

    /// Waits until `count` workers take work.
    #[track_caller]
    pub fn wait_workers(&self, count: usize) {
        let are_there = || (self.active_workers().len() == count).then_some(());
        until(&format!("{count} workers are active"), READY_LIMIT, are_there);
    }

    /// Returns the number of the coordinator that leads; none while there is no leader.
    pub fn leader(&self) -> Option<usize> {
        let told = self.tailor("doctor -o json --request-timeout 2s").run();
        let checks: Value = serde_json::from_str(&told.stdout).ok()?;
        let (name, _) = checks["checks"][0]["found"].as_str()?.split_once(" at ")?;
        name.strip_prefix('c')?.parse().ok()
    }

    /// Waits until a coordinator leads; returns its number.
    #[track_caller]
    pub fn wait_leader(&self) -> usize {
        until("somebody leads", READY_LIMIT, || self.leader())
    }
}

/// Calls `ask` again and again until it returns an answer.
///
/// # Panics
/// No answer came in time.
#[track_caller]
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < limit, "{what}: not within {limit:?}");
        pause(Duration::from_millis(20));
    }
}
