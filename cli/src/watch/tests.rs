use expect_test::{Expect, expect};
use proto::v1::{JobSummary, ShardState, ShardSummary};

use super::lines::Printed;
use super::*;

const MIB: u64 = 1 << 20;

fn shard(name: &str, state: ShardState) -> ShardSummary {
    ShardSummary {
        shard: name.to_owned(),
        state: state.into(),
        bytes: 4 * MIB,
        map_tasks: 4,
        partitions: 2,
        ..ShardSummary::default()
    }
}

fn response(state: JobState, shards: Vec<ShardSummary>) -> GetJobResponse {
    let count = |state: ShardState| shards.iter().filter(|shard| shard.state() == state).count() as u32;
    let job = JobSummary {
        job: "nightly".to_owned(),
        state: state.into(),
        shards: shards.len() as u32,
        shards_done: count(ShardState::Done),
        shards_failed: count(ShardState::Failed),
        bytes: shards.iter().map(|shard| shard.bytes).sum(),
        bytes_read: shards.iter().map(|shard| shard.bytes_read).sum(),
        ..JobSummary::default()
    };
    GetJobResponse { job: Some(job), shards, ..GetJobResponse::default() }
}

fn check(responses: &[GetJobResponse], expected: &Expect) {
    let mut told = Printed::default();
    let looks: Vec<_> = responses.iter().map(|response| told.lines(response).join("\n")).collect();
    expected.assert_eq(&looks.join("\n--\n"));
}

#[test]
fn plain_lines_tell_only_what_changed() {
    let mut begun = shard("org-mod-01", ShardState::Mapping);
    (begun.attempts, begun.running, begun.bytes_read, begun.eta_ms) = (2, 2, MIB, 90_000);
    let mut hardly_on = begun.clone();
    hardly_on.bytes_read += 1;
    let mut failed_once = hardly_on.clone();
    (failed_once.attempts, failed_once.attempts_failed) = (3, 1);
    let mut reducing = shard("org-mod-01", ShardState::Reducing);
    (reducing.bytes_read, reducing.partitions_done, reducing.attempts, reducing.attempts_failed) = (4 * MIB, 1, 6, 1);
    let idle = shard("org-7", ShardState::Mapping);
    let running = |shard: &ShardSummary| response(JobState::Running, vec![shard.clone(), idle.clone()]);
    let mut waiting = running(&reducing);
    waiting.job.as_mut().expect("it has one").waiting_for = "no worker lives".to_owned();
    check(
        &[running(&begun), running(&hardly_on), running(&failed_once), running(&reducing), waiting],
        &expect![[r#"
            shard org-mod-01 mapping, 1MiB of 4MiB read; attempts 2, ETA 1m 30s
            shard org-7 mapping, 0B of 4MiB read; attempts 0
            job nightly running, shards 0/2, 1MiB/8MiB read, ETA 1m 30s
            --

            --
            shard org-mod-01 mapping, 1.0MiB of 4MiB read; attempts 3, 1 failed, ETA 1m 30s
            --
            shard org-mod-01 reducing, 1 of 2 parts written; attempts 6, 1 failed
            job nightly running, shards 0/2, 4MiB/8MiB read
            --
            job nightly running, shards 0/2, 4MiB/8MiB read; waiting for: no worker lives"#]],
    );
}

#[test]
fn the_end_tells_versions_and_causes() {
    let mut done = shard("org-mod-01", ShardState::Done);
    (done.version, done.attempts, done.bytes_read) = (3, 6, 4 * MIB);
    let mut failed = shard("org-7", ShardState::Failed);
    (failed.cause, failed.attempts, failed.attempts_failed) = ("segment in/a.seg: frame at 17 is cut".to_owned(), 2, 2);
    check(
        &[response(JobState::PartlyDone, vec![done, failed])],
        &expect![[r#"
            shard org-mod-01 done, v3; attempts 6
            shard org-7 failed: segment in/a.seg: frame at 17 is cut; attempts 2, 2 failed
            job nightly partly done, shards 1/2, 1 failed, 4MiB/8MiB read"#]],
    );
}

#[test]
fn a_screen_shows_the_worst_shards_first_and_sums_up_the_others() {
    let running = |name: &str, eta_ms| ShardSummary { running: 1, eta_ms, ..shard(name, ShardState::Mapping) };
    let waiting = ShardSummary {
        running: 1,
        waits_for: "a store, which turns it away: 503".to_owned(),
        ..shard("org-3", ShardState::Reducing)
    };
    let shards = vec![
        shard("org-1", ShardState::Done),
        running("org-2", 5_000),
        waiting,
        running("org-4", 90_000),
        shard("org-5", ShardState::Failed),
        shard("org-6", ShardState::Done),
        shard("org-7", ShardState::Committing),
    ];
    let shown = |lines| {
        let (worst, rest) = super::worst::worst(&shards, lines);
        (worst.iter().map(|shard| shard.shard.as_str()).collect::<Vec<_>>(), rest)
    };
    assert_eq!(shown(3), (vec!["org-5", "org-3", "org-4"], "+1 running, 1 committing, 2 done; ".to_owned()));
    assert_eq!(shown(5).0, ["org-5", "org-3", "org-4", "org-2", "org-7"]);
    assert_eq!(shown(100), (vec!["org-5", "org-3", "org-4", "org-2", "org-7", "org-1", "org-6"], String::new()));
    let line = super::lines::shard(&shards[2]);
    assert!(line.ends_with("; waiting for a store, which turns it away: 503"), "{line}");
}
