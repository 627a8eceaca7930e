//! Collector of a cluster beside foreign files: a dataset's URI that points to another folder costs nobody a byte.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tests::cluster::{Cluster, ClusterOptions};
use tests::contents;
use tests::tailor::pause;

use super::DATA;

/// Foreign files that look like the engine's; they are two days old, so that age does not protect them.
const FOREIGN: [&str; 5] = [
    "data/2020/ledger.parquet",
    "scratch/alice/notes.txt",
    "scratch/tailor-1-1/draft.txt",
    "data/0000/window=all/shard=org-mod-01/j/p00000-a-1-0000000000000001.part",
    "manifests/readme.md",
];

fn put_foreign(dataset: &Path) {
    for key in FOREIGN {
        let path = dataset.join(key);
        fs::create_dir_all(path.parent().expect("it is below the dataset")).expect("make a folder");
        fs::write(&path, key).expect("write a file");
        let written = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a file has a time");
        let old = written - Duration::from_secs(48 * 60 * 60);
        fs::File::open(&path).and_then(|file| file.set_modified(old)).expect("make it old");
    }
}

/// Starts a cluster that collects every second.
fn collecting() -> Cluster {
    let coordinator_flags = "--gc-interval 1s --gc-min-age 10m --gc-keep-versions 1".to_owned();
    Cluster::start(ClusterOptions { coordinator_flags, ..Default::default() })
}

#[test]
fn a_dataset_that_is_somebody_elses_folder_loses_nothing_to_a_job_that_fails() {
    let cluster = collecting();
    let (input, dataset) = (cluster.path().join("empty"), cluster.path().join("theirs"));
    fs::create_dir(&input).expect("make a folder");
    put_foreign(&dataset);
    let words = format!("job submit --job j --input {} --dataset {} --wait", input.display(), dataset.display());
    cluster.operator.tailor(&words).run().says(&["no segments"]);
    // This pause spans several collections.
    pause(Duration::from_secs(5));
    for key in FOREIGN {
        assert_eq!(fs::read(dataset.join(key)).expect("it is still there"), key.as_bytes());
    }
    assert!(!dataset.join("tailor.json").exists(), "nothing was ever written here that could be garbage");
    let log = cluster.coordinators[0].log();
    assert!(!log.contains("removed garbage"), "{log}");
}

#[test]
fn files_of_others_stay_while_garbage_goes_and_no_empty_folder_is_left() {
    let cluster = collecting();
    let job = cluster.job_in_folder(DATA);
    let dataset = std::path::PathBuf::from(job.dataset());
    put_foreign(&dataset);
    // A verification, which ends each job here, would report this object as a stray.
    let stray = dataset.join("manifests/readme.md");
    fs::remove_file(&stray).expect("it was just put");
    job.submit();
    job.wait_done();
    let again = job.again("again");
    again.submit();
    again.wait_done();
    fs::write(&stray, "manifests/readme.md").expect("put it back");
    let gc = format!("dataset gc {} --min-age 0s --keep-versions 1 --delete --yes -o json", dataset.display());
    let report = cluster.operator.tailor(&gc).run().done().json();
    assert!(report["objects"].as_u64().is_some_and(|objects| objects > 0), "the first versions: {report:#}");
    assert_eq!(report["jobs_open"], 0, "{report:#}");
    for key in FOREIGN {
        assert_eq!(fs::read(dataset.join(key)).expect("it is still there"), key.as_bytes());
    }
    fs::remove_file(&stray).expect("it was still there");
    again.verify("");
    let before = contents(&dataset);
    cluster.operator.tailor(&gc).run().done();
    assert!(contents(&dataset) == before, "running it twice equals running it once");
    assert!(
        !dataset.join("scratch/j").exists() && !dataset.join("scratch/again").exists(),
        "runs go with their folders"
    );
    assert!(!dataset.join("marks").exists(), "both jobs are swept");
}
