//! Metrics: the page for operators, the code, and what the servers of a cluster serve name the same ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tests::cluster::{Cluster, ClusterOptions};

/// Crates whose programs serve metrics.
const SERVED_BY: [&str; 4] = ["coordinator", "worker", "storage", "daemon"];

/// Documented metrics that a cluster without TLS serves only once they have a value.
const LATER: [&str; 1] = ["tailor_certificate_expires_timestamp_seconds"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace").to_owned()
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter == '_'
}

/// Extracts the names of metrics that stand after `mark`.
fn names(text: &str, mark: char) -> BTreeSet<String> {
    let begins = text.match_indices("tailor_").filter(|(at, _)| text[..*at].ends_with(mark));
    let name = |at: usize| text[at..].split(|letter| !is_of_name(letter)).next().unwrap_or_default().to_owned();
    begins.map(|(at, _)| name(at)).collect()
}

/// Reads the rows of the table of metrics.
fn documented() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/operations.md")).expect("the page for operators");
    let (_, table) = page.split_once("| metric | meaning |").expect("the table of metrics");
    let cells = table.lines().skip(1).take_while(|line| line.starts_with('|')).filter_map(|row| row.split('|').nth(1));
    cells.flat_map(|cell| names(cell, '`')).collect()
}

/// Reads the source of a folder, without its tests.
fn source(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of source") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            source(&path, text);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let code = fs::read_to_string(&path).expect("readable source");
            text.push_str(code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
        }
    }
}

#[test]
fn each_metric_of_the_code_is_documented_and_each_documented_one_is_in_the_code() {
    let mut text = String::new();
    SERVED_BY.iter().for_each(|folder| source(&root().join(folder).join("src"), &mut text));
    let (code, page) = (names(&text, '"'), documented());
    assert!(code.len() > 40, "the search lost its way: {code:?}");
    assert_eq!(code.difference(&page).collect::<Vec<_>>(), Vec::<&String>::new(), "not in docs/operations.md");
    assert_eq!(page.difference(&code).collect::<Vec<_>>(), Vec::<&String>::new(), "in docs/operations.md alone");
}

/// Reads the families that a server serves, with the sum of their values.
fn families(text: &str) -> BTreeMap<String, f64> {
    let mut families: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(|name| (name.to_owned(), 0.0))
        .collect();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(|letter| !is_of_name(letter)).next().unwrap_or_default();
        let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        let family =
            ["", "_sum"].iter().find_map(|ending| name.strip_suffix(ending).filter(|f| families.contains_key(*f)));
        if let (Some(family), Some(value)) = (family.map(str::to_owned), value) {
            *families.entry(family).or_default() += value;
        }
    }
    families
}

#[test]
fn a_cluster_serves_the_documented_metrics_and_counts_requests_of_a_job() {
    let cluster = Cluster::start(ClusterOptions { workers: 1, ..ClusterOptions::default() });
    let job = cluster.job_in_bucket("--points 20000 --orgs 2 --partitions 2");
    job.submit();
    job.wait_done();
    let (leader, worker) = (families(&cluster.scrape_coordinator(0)), families(&cluster.scrape_worker(0)));
    let served: BTreeSet<String> = leader.keys().chain(worker.keys()).cloned().collect();
    let mut page = documented();
    for name in LATER.iter().filter(|name| !served.contains(**name)) {
        page.remove(*name);
    }
    assert_eq!(served.difference(&page).collect::<Vec<_>>(), Vec::<&String>::new(), "served, not documented");
    assert_eq!(page.difference(&served).collect::<Vec<_>>(), Vec::<&String>::new(), "documented, not served");
    for (server, name) in [
        (&leader, "tailor_store_requests_total"),
        (&leader, "tailor_tasks_done_total"),
        (&leader, "tailor_commit_seconds"),
        (&leader, "tailor_leader_loop_seconds"),
        (&leader, "tailor_state_request_seconds"),
        (&leader, "tailor_workers_slots"),
        (&worker, "tailor_store_requests_total"),
        (&worker, "tailor_store_request_seconds"),
        (&worker, "tailor_worker_slots"),
        (&worker, "tailor_worker_memory_bytes"),
        (&worker, "tailor_worker_last_leader_contact_timestamp_seconds"),
    ] {
        assert!(server.get(name).is_some_and(|value| *value > 0.0), "{name}: {server:?}");
    }
}
