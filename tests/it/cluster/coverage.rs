//! Coverage of a dataset: the leader's answer is that of the dataset alone, whatever happened.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::SegmentBuilder;
use tests::cluster::job::STATE_LIMIT;
use tests::cluster::{Cluster, ClusterOptions, until};
use tests::tailor::{Ended, code};

/// Windows of the test: the first two hours of 1970.
const FIRST: &str = "0-3600000";
const SECOND: &str = "3600000-7200000";

/// Cluster with two windows of input: three shards each, one of them of organisation 7 alone.
struct Place {
    cluster: Cluster,
    folder: PathBuf,
}

impl Place {
    fn new() -> Self {
        let cluster = Cluster::start(ClusterOptions { coordinators: 2, workers: 0, ..ClusterOptions::default() });
        let folder = cluster.path().join("coverage");
        std::fs::create_dir(&folder).expect("a folder");
        let map = "version = 1\nshared_shards = 64\n[[dedicated]]\norg = 7\nreason = \"large\"\n";
        std::fs::write(folder.join("shards.toml"), map).expect("a shard map");
        let place = Self { cluster, folder };
        for (window, start) in [(FIRST, 0), (SECOND, 3_600_000)] {
            for (shard, org) in [("org-mod-01", 1), ("org-mod-02", 2), ("org-7", 7)] {
                let segment = place.segment(window, shard);
                std::fs::create_dir_all(segment.parent().expect("it has a folder")).expect("a folder");
                std::fs::write(segment, good_segment(org, start)).expect("a segment");
            }
        }
        place
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn segment(&self, window: &str, shard: &str) -> PathBuf {
        self.folder.join(window).join(format!("shard={shard}")).join("a.seg")
    }

    fn run(&self, words: &str) -> Ended {
        self.cluster.operator.tailor(words).run()
    }

    fn submit(&self, job: &str, window: &str, options: &str) {
        let (input, dataset, map) = (self.path(window), self.path("dataset"), self.path("shards.toml"));
        let places = format!("--input {input} --dataset {dataset} --shard-config {map}");
        self.run(&format!("job submit --job {job} --window {window} {places} {options}")).done();
    }

    fn wait(&self, job: &str, ended: i32) {
        drop(self.run(&format!("job wait {job} --timeout 150s")).expect(ended));
    }

    fn coverage(&self, options: &str) -> Ended {
        self.run(&format!("dataset coverage {} -o json {options}", self.path("dataset")))
    }

    /// Waits until the cluster's answer has this code; the dataset alone must tell the same windows. The leader may
    /// use facts that are a second old.
    #[track_caller]
    fn expect(&self, options: &str, code: i32) -> Value {
        let ask = || Some(self.coverage(options)).filter(|asked| asked.code == Some(code));
        let told = until(&format!("coverage {options} ends with {code}"), STATE_LIMIT, ask).json();
        assert_eq!(told["source"], "cluster", "{told:#}");
        let alone = self.coverage(&format!("{options} --offline")).expect(code).json();
        assert_eq!(alone["source"], "dataset", "{alone:#}");
        assert_eq!(told["windows"], alone["windows"]);
        assert_eq!(told["answer"], alone["answer"]);
        told
    }
}

/// Builds a segment of ten frames of one organisation.
fn good_segment(org: u64, start_ms: i64) -> Vec<u8> {
    let frames = 0..10;
    let segment = frames.fold(SegmentBuilder::new(), |segment, frame| {
        let points: Vec<_> = (0..100).map(|at| (start_ms + frame * 100 + at, (at * at) as f64)).collect();
        segment.points((org, 1), &points)
    });
    segment.build()
}

/// Damages the content of the first frame, behind its length and its header.
fn poison(segment: &Path) {
    let mut bytes = std::fs::read(segment).expect("read the segment");
    bytes[12..24].fill(0xff);
    std::fs::write(segment, bytes).expect("poison it");
}

fn heal(segment: &Path, org: u64, start_ms: i64) {
    std::fs::write(segment, good_segment(org, start_ms)).expect("heal it");
}

fn states(coverage: &Value) -> Vec<String> {
    let shards = coverage["windows"][0]["shards"].as_array().expect("shards");
    let shown = |shard: &Value| format!("{} {}", shard["shard"], shard["state"]).replace('"', "");
    shards.iter().map(shown).collect()
}

#[test]
fn a_window_is_judged_alike_by_the_leader_the_next_leader_and_the_dataset_alone() {
    let mut place = Place::new();
    poison(&place.segment(FIRST, "org-mod-02"));
    poison(&place.segment(SECOND, "org-mod-02"));
    assert_eq!(place.coverage(&format!("--window {FIRST}")).code, Some(code::NOT_FOUND), "there is no dataset yet");
    place.submit("first", FIRST, "");
    place.submit("second", SECOND, "--on-bad-frame quarantine --bad-bytes-max 100%");

    // No worker is there yet.
    let first = format!("--window {FIRST}");
    let running = until("the first window runs", STATE_LIMIT, || {
        let told = place.coverage(&first);
        (told.code == Some(code::PARTLY))
            .then(|| told.json())
            .filter(|told| told["windows"][0]["shards"][2].is_object())
    });
    assert_eq!(states(&running), ["org-mod-01 running", "org-mod-02 running", "org-7 running"], "{running:#}");
    let alone = place.coverage(&format!("{first} --offline")).expect(code::PARTLY).json();
    assert_eq!(states(&alone), states(&running), "marks tell it too: {alone:#}");
    place.cluster.add_worker();
    place.cluster.add_worker();
    place.wait("first", code::PARTLY);
    place.wait("second", code::DONE);

    // By shard, and by organisation.
    let told = place.expect(&first, code::PARTLY);
    assert_eq!(states(&told), ["org-mod-01 complete", "org-mod-02 failed", "org-7 complete"], "{told:#}");
    let second = format!("--window {SECOND}");
    let told = place.expect(&second, code::PARTLY);
    assert_eq!(states(&told), ["org-mod-01 complete", "org-mod-02 holes", "org-7 complete"], "{told:#}");
    assert_eq!(told["windows"][0]["shards"][1]["frames_quarantined"], 1, "{told:#}");
    for (org, ended) in [(7, code::DONE), (1, code::DONE), (65, code::DONE), (2, code::PARTLY)] {
        place.expect(&format!("{first} --org {org}"), ended);
        place.expect(&format!("{second} --org {org}"), ended);
    }
    let own = place.expect(&format!("{first} --org 7"), code::DONE);
    assert_eq!(states(&own), ["org-7 complete"], "{own:#}");
    let absent = place.expect(&format!("{first} --org 9"), code::DONE);
    assert_eq!(states(&absent), ["org-mod-09 empty"], "the plan found no segment of it: {absent:#}");
    let both = place.expect("", code::PARTLY);
    assert!(both["answer"].as_str().expect("an answer").starts_with("0 of 2 windows are complete"), "{both:#}");

    // A retry and a replay heal.
    heal(&place.segment(FIRST, "org-mod-02"), 2, 0);
    place.run("job retry first --reason healed").done();
    place.wait("first", code::DONE);
    place.expect(&first, code::DONE);

    // The next leader begins with no index, and tells the same.
    let before = place.expect("", code::PARTLY);
    let leader = place.cluster.operator.wait_leader();
    place.cluster.coordinators[leader].kill();
    let after = place.expect("", code::PARTLY);
    assert_eq!(before["windows"], after["windows"]);

    heal(&place.segment(SECOND, "org-mod-02"), 2, 3_600_000);
    place.run("shard replay org-mod-02 --job second --reason healed --wait --yes").done();
    place.expect("", code::DONE);

    // A rollback brings the holes of its version back, and is not a call of the cluster.
    let rollback = format!("dataset rollback {} --shard org-mod-02 {second} --to 1 --yes", place.path("dataset"));
    place.run(&rollback).done();
    let told = place.expect(&second, code::PARTLY);
    let shard = &told["windows"][0]["shards"][1];
    assert_eq!((&shard["version"], &shard["state"]), (&3.into(), &"holes".into()), "{told:#}");
}
