//! Full disks and missing permissions: the job fails with the path and the cause, leaves no manifest and no scratch,
//! and the next run works.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tests::Place;
use tests::tailor::{Ended, Tailor, code, tailor};

/// Options for some 9 MB of segments, most of them in one shard.
const DATA: &str = "--points 1000000 --orgs 2 --partitions 2 --big-share 0 --kinds noisy";

/// Job options that need scratch, and let every worker write.
const OPTIONS: &str = "-o json --rollup 5m --workers 2";

/// Shell command for a process that may write files of at most 512 KiB, and gets an error beyond.
const SMALL_FILES: &str = "trap '' XFSZ; ulimit -f 512";

/// Asserts that a job without room left nothing but what the collector finds, and that the next run works.
fn assert_failed_cleanly(place: &Place, ended: Ended, words: &[&str]) {
    let ended = ended.expect_one_of(&[code::JOB_FAILED, code::FAILED]).says(words);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    place.assert_nothing_committed();
    place.run("--rollup 5m").done();
    place.dataset_verb("verify", "--level rows").done();
}

/// Asserts that the tmpfs could be mounted, and says what the test needs.
fn mounted(ended: Ended) -> Ended {
    assert_ne!(
        ended.code,
        Some(125),
        "a tmpfs could not be mounted: this test needs root, or user namespaces (`unshare --mount --map-root-user`)\n{}",
        ended.stderr
    );
    ended
}

#[test]
fn a_file_size_limit_in_scratch_fails_the_job_with_path_and_cause() {
    let place = Place::generated(DATA);
    let scratch = place.path().join("scratch");
    let job = place.job("run", &format!("{OPTIONS} --scratch {}", scratch.display()));
    let ended = job.after_shell(SMALL_FILES).run();
    assert_failed_cleanly(&place, ended, &["scratch", "runs/", "File too large"]);
    assert_eq!(place.files("scratch"), [""; 0], "scratch is cleaned");
}

#[test]
fn a_full_scratch_disk_fails_the_job_with_path_and_cause() {
    let place = Place::generated(DATA);
    let scratch = place.path().join("scratch");
    fs::create_dir(&scratch).expect("make it");
    let job = place.job("run", &format!("{OPTIONS} --scratch {}", scratch.display()));
    let list = format!("find '{}' -type f", scratch.display());
    let ended = mounted(job.on_small_disk(&scratch, "2m", &list).run());
    let report_end = ended.stdout.rfind('}').map_or(0, |end| end + 1);
    assert_eq!(ended.stdout[report_end..].trim(), "", "scratch is cleaned");
    assert_failed_cleanly(&place, ended, &["scratch", "No space left on device"]);
}

#[test]
fn a_full_dataset_disk_fails_the_job_with_path_and_cause() {
    let place = Place::generated(DATA);
    fs::create_dir(place.dataset()).expect("make it");
    let scratch = place.path().join("scratch");
    let job = place.job("run", &format!("{OPTIONS} --scratch {}", scratch.display()));
    let list = format!("find '{}' -path '*/manifests/*' -type f", place.dataset().display());
    let ended = mounted(job.on_small_disk(&place.dataset(), "2m", &list).run());
    let committed: Vec<_> = ended.stdout.lines().filter(|line| line.contains("/manifests/")).collect();
    assert_eq!(committed, [""; 0], "no manifest");
    assert_eq!(place.files("scratch"), [""; 0], "scratch is cleaned");
    assert_failed_cleanly(&place, ended, &["data/", "No space left on device"]);
}

#[test]
fn a_dataset_disk_without_room_for_a_plan_fails_the_job_with_path_and_cause() {
    let place = Place::generated("--points 1000 --orgs 1 --partitions 1 --big-share 0");
    fs::create_dir(place.dataset()).expect("make it");
    let scratch = place.path().join("scratch");
    let job = place.job("run", &format!("{OPTIONS} --scratch {}", scratch.display()));
    let ended = mounted(job.on_small_disk(&place.dataset(), "4k,nr_inodes=4", "true").run());
    assert_failed_cleanly(&place, ended, &["dataset", "jobs/"]);
}

#[test]
fn a_read_only_dataset_fails_the_job_with_path_and_cause() {
    let place = Place::generated(DATA);
    fs::create_dir(place.dataset()).expect("make it");
    let job = place.job("run", OPTIONS);
    let ended = mounted(job.on_small_disk(&place.dataset(), "2m,ro", "true").run());
    assert_failed_cleanly(&place, ended, &[&place.dataset().display().to_string(), "Read-only file system"]);
}

#[test]
fn a_dataset_without_permission_fails_the_job_with_path_and_cause() {
    let place = Place::generated(DATA);
    fs::create_dir(place.dataset()).expect("make it");
    let modes = [(place.path().to_owned(), 0o755), (place.dataset(), 0o555)];
    for (path, mode) in modes {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set permissions");
    }
    let ended = as_nobody(place.job("run", OPTIONS)).run();
    fs::set_permissions(place.dataset(), fs::Permissions::from_mode(0o755)).expect("set permissions");
    assert_failed_cleanly(&place, ended, &[&place.dataset().display().to_string(), "Permission denied"]);
}

#[test]
fn a_segment_without_permission_fails_its_shard_and_is_named() {
    let place = Place::generated("--points 1000 --orgs 1 --partitions 1 --big-share 0");
    let segment = place.input().join(place.files("in").iter().find(|key| key.ends_with(".seg")).expect("a segment"));
    let open =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set permissions");
    fs::create_dir(place.dataset()).expect("make it");
    open(place.path(), 0o755);
    open(&place.dataset(), 0o777);
    open(&segment, 0);
    for options in ["", "--read ranged"] {
        let ended = as_nobody(place.job("run", &format!("{OPTIONS} {options}"))).run();
        ended.expect(code::JOB_FAILED).says(&[segment.to_str().expect("text"), "Permission denied"]);
        place.assert_nothing_committed();
    }
    open(&segment, 0o644);
    place.run("").done();
}

/// Runs the job as the user nobody if this is root, because root ignores permissions; otherwise as this user.
fn as_nobody(job: Tailor) -> Tailor {
    let id = Command::new("id").arg("-u").output().expect("run id");
    if String::from_utf8_lossy(&id.stdout).trim() != "0" {
        return job;
    }
    job.with_program("setpriv --reuid 65534 --regid 65534 --clear-groups")
}

#[test]
fn a_dataset_that_is_a_file_is_refused_by_name_and_left_alone() {
    let place = Place::generated("--points 1000 --orgs 1 --partitions 1 --big-share 0");
    let dataset = place.dataset().display().to_string();
    fs::write(place.dataset(), "mine").expect("write a file");
    place.run("").expect(code::FAILED).says(&[&dataset, "it is a file", "name a folder"]);
    assert_eq!(fs::read(place.dataset()).expect("it is still there"), b"mine");
    let below = place.dataset().join("below").display().to_string();
    let ended = tailor(&format!("run --input {} --dataset {below}", place.input().display())).run();
    ended.expect(code::FAILED).says(&[&below, "Not a directory"]);
    fs::remove_file(place.dataset()).expect("remove it");
    place.run("").done();
}

#[test]
fn a_scratch_folder_that_is_a_file_is_refused_by_name() {
    let place = Place::generated("--points 1000 --orgs 1 --partitions 1 --big-share 0");
    let scratch = place.path().join("scratch");
    fs::write(&scratch, "mine").expect("write a file");
    let ended = place.run(&format!("--scratch {}", scratch.display()));
    assert_failed_cleanly(&place, ended, &["make scratch folder", scratch.to_str().expect("text"), "os error"]);
    assert_eq!(fs::read(scratch).expect("it is still there"), b"mine");
}

#[test]
fn a_file_where_the_data_folder_belongs_fails_the_job_with_path_and_cause() {
    let place = Place::generated("--points 1000 --orgs 1 --partitions 1 --big-share 0");
    fs::create_dir(place.dataset()).expect("make it");
    fs::write(place.dataset().join("data"), "mine").expect("write a file");
    let ended = place.run("").expect(code::JOB_FAILED).says(&["data/", "Not a directory"]);
    fs::remove_file(place.dataset().join("data")).expect("remove it");
    assert_failed_cleanly(&place, ended, &[]);
}

#[test]
fn a_job_whose_record_cannot_be_written_is_done_all_the_same_and_says_so() {
    let place = Place::generated("--points 1000 --orgs 1 --partitions 1 --big-share 0");
    fs::create_dir_all(place.dataset().join("jobs/mine")).expect("make a folder");
    fs::write(place.dataset().join("jobs/mine/records"), "in the way").expect("write a file");
    let ended = place.run("--job mine").done().says(&["record", "jobs/mine/records/00001-"]);
    assert_eq!(ended.json()["shards"][0]["state"], "done", "the report is not lost with the record");
    assert_eq!(place.manifest_keys().len(), 1);
}

#[test]
fn a_cause_is_told_once() {
    let place = Place::generated("--points 1000 --orgs 1 --partitions 1 --big-share 0");
    fs::create_dir(place.dataset()).expect("make it");
    fs::write(place.dataset().join("jobs"), "mine").expect("write a file");
    let ended = place.run("").expect(code::FAILED);
    assert_eq!(ended.stderr.matches("Not a directory").count(), 1, "{}", ended.stderr);
}
