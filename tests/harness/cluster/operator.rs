//! Who asks the cluster: `tailor` with its coordinators in the environment, whichever of them leads.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::shared;
use crate::tailor::{Tailor, code, pause, tailor};

/// How long a cluster may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// An operator of one cluster.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// Of the coordinators, in the order of their names.
    urls: Vec<String>,
}

impl Operator {
    pub(super) fn add(&mut self, url: String) {
        self.urls.push(url);
    }

    /// The coordinators, as flags name them.
    pub fn urls(&self) -> String {
        self.urls.join(",")
    }

    /// `tailor` with the arguments in `words`.
    pub fn tailor(&self, words: &str) -> Tailor {
        let variables = shared::s3_environment(shared::s3());
        tailor(words).envs(variables).envs([("TAILOR_COORDINATORS".to_owned(), self.urls())])
    }

    /// What `worker list` tells; nothing while nobody leads.
    pub fn workers(&self) -> Vec<Value> {
        let listed = self.tailor("worker list -o json --request-timeout 2s").run();
        let workers = (listed.code == Some(code::DONE)).then(|| listed.json()["workers"].as_array().cloned()).flatten();
        workers.unwrap_or_default()
    }

    /// Names of the workers that take work, in order; none while nobody leads.
    pub fn active_workers(&self) -> Vec<String> {
        let is_active = |worker: &&Value| worker["state"] == "active";
        let workers = self.workers();
        let mut names: Vec<_> =
            workers.iter().filter(is_active).filter_map(|worker| worker["name"].as_str().map(str::to_owned)).collect();
        names.sort();
        names
    }

    /// Waits until so many workers take work.
    #[track_caller]
    pub fn wait_workers(&self, count: usize) {
        let are_there = || (self.active_workers().len() == count).then_some(());
        until(&format!("{count} workers are active"), READY_LIMIT, are_there);
    }

    /// Which coordinator leads, by its number; none while nobody does.
    pub fn leader(&self) -> Option<usize> {
        let told = self.tailor("doctor -o json --request-timeout 2s").run();
        let checks: Value = serde_json::from_str(&told.stdout).ok()?;
        let (name, _) = checks["checks"][0]["found"].as_str()?.split_once(" at ")?;
        name.strip_prefix('c')?.parse().ok()
    }

    /// Waits for a leader.
    #[track_caller]
    pub fn wait_leader(&self) -> usize {
        until("somebody leads", READY_LIMIT, || self.leader())
    }
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// If there is none in time.
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
