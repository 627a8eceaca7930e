//! The command line itself: output streams, refusals, and promises to scripts.

use serde_json::Value;
use tests::Place;
use tests::place::number;
use tests::tailor::{code, tailor};

const SMALL: &str = "--points 100000 --orgs 4 --partitions 2 --big-share 0.2";

#[test]
fn a_plan_shows_what_a_run_would_do_and_writes_nothing() {
    let place = Place::generated(SMALL);
    let before = place.files("");
    let plan = place.job("plan", "-o json").run().done().json();
    assert_eq!((plan["api_version"].as_str(), plan["kind"].as_str()), (Some("tailor/v1"), Some("Plan")));
    let table = place.job("plan", "--workers 2 --memory 64MiB").run().done();
    assert!(table.stdout.starts_with("SHARD"), "{}", table.stdout);
    assert_eq!(place.files(""), before, "nothing was written");
    assert!(!place.dataset().exists(), "not even the dataset's folder");

    let report = place.run("").done().json();
    let shards = |document: &Value, list: &str| -> Vec<(Value, u64)> {
        let listed = document[list].as_array().expect("a list");
        listed.iter().map(|shard| (shard["shard"].clone(), number(shard, "/partitions"))).collect()
    };
    assert_eq!(shards(&plan, "plans"), shards(&report, "shards"));
}

#[test]
fn the_report_is_one_json_document_whose_books_balance() {
    let place = Place::generated(SMALL);
    let sidecar: Value = serde_json::from_slice(&std::fs::read(place.input().join("gen.json")).unwrap()).unwrap();
    let report = place.run("--rollup 5m --window 2026-01-01T00:10:00Z/1h").done().json();
    assert_eq!((report["api_version"].as_str(), report["kind"].as_str()), (Some("tailor/v1"), Some("JobReport")));
    let shards = report["shards"].as_array().expect("a list");
    let all = shards.iter().map(|shard| &shard["totals"]["books"]).chain([&report["totals"]["books"]]);
    for books in all {
        let (map, reduce) = (
            |name: &str| number(books, &format!("/map/{name}")),
            |name: &str| number(books, &format!("/reduce/{name}")),
        );
        assert_eq!(map("frames_read"), map("frames_routed") + map("frames_quarantined"));
        let left_out = map("points_early") + map("points_late") + map("points_quarantined");
        assert_eq!(map("points_read"), reduce("points_written") + reduce("points_duplicate") + left_out);
    }
    assert_eq!(number(&report, "/totals/books/map/points_read"), number(&sidecar, "/totals/points_emitted"));
    assert_eq!(number(&report, "/totals/bytes_in"), number(&sidecar, "/totals/bytes"));
    let record: Value =
        serde_json::from_slice(&place.record(report["job"].as_str().expect("a name"))).expect("the record is JSON");
    assert_eq!(record, report, "the dataset keeps the same report");
}

#[test]
fn progress_goes_to_stderr_and_stdout_is_data_alone() {
    let place = Place::generated("--points 4000000 --orgs 4 --partitions 2 --big-share 0.2");
    // A worker with little memory, slowed down, works long enough for a progress line or more.
    let ended = place.job("run", "-o json --workers 1").after_shell("ulimit -t 60").run().done();
    ended.json();
    for line in ended.stderr.lines() {
        assert!(line.starts_with("tailor: ") || line.starts_with("shards "), "{line}");
    }
    let quiet = place.job("run", "-o table").run().done();
    assert!(quiet.stdout.contains("frames  read"), "{}", quiet.stdout);
    assert!(!quiet.stdout.contains("warning"), "{}", quiet.stdout);
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    for words in [
        "",
        "rnu",
        "run --frobnicate",
        "run --input a",
        "run --input a --dataset b --workers 0",
        "run --input a --dataset b --rollup 7m",
        "run --input a --dataset b --window yesterday",
        "run --input a --dataset b --window 2026-01-02T00:00:00Z/2026-01-01T00:00:00Z",
        "run --input a --dataset b --shard org-mod-64",
        "run --input a --dataset b --on-bad-frame ignore",
        "run --input a --dataset b --memory lots",
        "gen --out a --plant nonsense",
        "plan --input a --dataset b --worker 2",
        "dataset cat a --org 1",
        "dataset verify a --level oracle",
        "dataset export a --format csv",
        "import csv a --out b --org 0",
        "shard route",
        "completions tcl",
    ] {
        let ended = tailor(words).run().expect(code::USAGE);
        assert_eq!(ended.stdout, "", "{words}");
        assert!(!ended.stderr.is_empty(), "{words}");
    }
}

#[test]
fn too_little_memory_is_a_usage_error_that_says_how_much_is_needed() {
    let place = Place::generated(SMALL);
    place.run("--workers 2 --memory 1MiB").expect(code::USAGE).says(&["--memory 1MiB", "2 workers", "32MiB"]);
    place.assert_nothing_committed();
}

#[test]
fn a_route_tells_the_shard_and_why() {
    let route = |options: &str| tailor(&format!("shard route -o json {options}")).run().done().json();
    let shared = route("--org 71");
    assert_eq!((shared["shard"].as_str(), shared["rule"].as_str()), (Some("org-mod-07"), Some("remainder")));
    assert!(shared["why"].as_str().is_some_and(|why| why.contains("64")), "{shared}");
    let table = tailor("shard route --org 71").run().done();
    assert!(table.stdout.contains("org-mod-07"), "{}", table.stdout);
    let gone = tailor("shard route --org 71 --shard-config /nowhere/map.toml").run();
    gone.expect(code::NOT_FOUND).says(&["/nowhere/map.toml", "does not exist"]);
}

#[test]
fn completions_and_versions_print() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = tailor(&format!("completions {shell}")).run().done();
        assert!(ended.stdout.contains("dataset") && ended.stderr.is_empty(), "{shell}");
    }
    assert!(tailor("--version").run().done().stdout.starts_with("tailor "));
}

#[test]
fn what_is_not_there_is_not_found() {
    let place = Place::generated(SMALL);
    place.run("").done();
    for (verb, options) in [
        ("cat", "--org 1 --metric 1"),
        ("verify", "--shard org-mod-62"),
        ("manifests", "--shard org-mod-62"),
        ("cat", "--org 1 --metric 1 --window 2026-01-01T00:00:00Z/1h"),
    ] {
        let ended = place.dataset_verb(verb, options);
        assert!(ended.code == Some(code::NOT_FOUND) || verb == "manifests", "{verb} {options}: {ended:?}");
    }
    tailor("dataset verify /nowhere").run().expect(code::NOT_FOUND).says(&["/nowhere"]);
}

#[test]
fn a_rollback_asks_first_and_then_names_the_old_parts_again() {
    let place = Place::generated("--points 20000 --orgs 1 --partitions 1 --big-share 0");
    place.run("").done();
    place.run("--window 2026-01-01T00:00:00Z/1h").done();
    place.run("--duplicates first").done();
    let rollback = "--to 1 --window all --shard org-mod-07";
    place.dataset_verb("rollback", rollback).expect(code::NEEDS_YES).says(&["--yes"]);
    let count = place.manifest_keys().len();
    place.dataset_verb("rollback", &format!("{rollback} --yes --reason mistake")).done();
    assert_eq!(place.manifest_keys().len(), count + 1);
    let folder = "manifests/window=all/shard=org-mod-07";
    let manifest = |version: u32| -> Value {
        serde_json::from_slice(&place.object(&format!("{folder}/v{version:05}.json"))).expect("a manifest")
    };
    assert_ne!(manifest(2)["partitions"], manifest(1)["partitions"]);
    assert_eq!(manifest(3)["partitions"], manifest(1)["partitions"]);
    assert!(manifest(3)["reason"].as_str().is_some_and(|reason| reason.contains("mistake")));
    place.dataset_verb("verify", "--level rows").done();
}
