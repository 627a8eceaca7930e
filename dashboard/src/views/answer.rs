//! Answers in sentences: is it complete, how far is it, what does it wait for, what to do next.

use proto::v1::{JobState, JobSummary, ShardState, ShardSummary};

use crate::text;

/// Says where a job stands.
pub(crate) fn of_job(job: &JobSummary) -> String {
    let (all, done, failed) = (u64::from(job.shards), u64::from(job.shards_done), u64::from(job.shards_failed));
    let shards = || text::counted(all, "shard");
    let took = || text::span_ms((job.ended_at_ms - job.submitted_at_ms).max(0) as u64);
    match job.state() {
        JobState::Planning => "Planning: the segments are listed and cut into tasks; no shard runs yet.".to_owned(),
        JobState::Running => format!("Running: {}.", progress(job)),
        JobState::Cancelling => format!("Being cancelled: {}; its attempts are being stopped.", progress(job)),
        JobState::Done if all == 0 => "Complete: there was nothing to do.".to_owned(),
        JobState::Done => format!("Complete: {} committed, after {}.", all_of(all), took()),
        JobState::PartlyDone => format!(
            "Not complete: {} of {} are committed, {} failed, {} were cancelled; `tailor job retry {}` runs those again.",
            text::count(done),
            shards(),
            text::count(failed),
            text::count(all.saturating_sub(done + failed)),
            job.job
        ),
        JobState::Failed => format!("Failed after {}: no shard is committed.", took()),
        JobState::Cancelled => format!("Cancelled after {}: no shard is committed.", took()),
        JobState::Unreadable => "Unknown: it has ended, and its record cannot be read.".to_owned(),
        JobState::Unspecified => "Unknown: this dashboard is older than the coordinator.".to_owned(),
    }
}

/// Says how much of a job is done.
fn progress(job: &JobSummary) -> String {
    let mut said =
        format!("{} of {} done", text::count(job.shards_done.into()), text::counted(job.shards.into(), "shard"));
    if job.shards_failed > 0 {
        said.push_str(&format!(", {} failed", text::count(job.shards_failed.into())));
    }
    if let Some(percent) = text::percent(job.bytes_read, job.bytes) {
        said.push_str(&format!("; {percent} % of {} read", text::bytes(job.bytes)));
    }
    said
}

fn all_of(shards: u64) -> String {
    if shards == 1 { "its one shard is".to_owned() } else { format!("all {} are", text::counted(shards, "shard")) }
}

/// Says where a shard stands.
pub(crate) fn of_shard(shard: &ShardSummary) -> String {
    let version = || match shard.version {
        0 => "its version".to_owned(),
        version => format!("version {version}"),
    };
    let took = text::span_ms(shard.elapsed_ms);
    match shard.state() {
        ShardState::Mapping => format!(
            "Mapping: {} of {} map tasks are done, {} run.",
            text::count(shard.map_tasks_done.into()),
            text::count(shard.map_tasks.into()),
            text::count(shard.running.into())
        ),
        ShardState::Reducing => format!(
            "Reducing: {} of {} partitions are done, {} run.",
            text::count(shard.partitions_done.into()),
            text::count(shard.partitions.into()),
            text::count(shard.running.into())
        ),
        ShardState::Committing => "Committing: every task is done, and the manifest is being written.".to_owned(),
        ShardState::Done => match (shard.replaces, shard.same_content) {
            (0, _) => format!("Complete: {} is committed, after {took}.", version()),
            (old, Some(true)) => format!("Complete: {} is committed, with the content of version {old}.", version()),
            (old, _) => {
                format!("Complete: {} is committed, and replaces the other content of version {old}.", version())
            }
        },
        ShardState::Failed => "Failed: nothing of it is visible.".to_owned(),
        ShardState::Cancelled => "Cancelled: nothing of it is visible.".to_owned(),
        ShardState::Unspecified => "Unknown: this dashboard is older than the coordinator.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(state: JobState, shards: u32, done: u32, failed: u32) -> JobSummary {
        JobSummary {
            job: "nightly".to_owned(),
            state: state.into(),
            shards,
            shards_done: done,
            shards_failed: failed,
            bytes: 100 << 20,
            bytes_read: 33 << 20,
            submitted_at_ms: 1_000,
            ended_at_ms: 91_000,
            ..Default::default()
        }
    }

    #[test]
    fn the_first_words_say_whether_the_window_is_complete() {
        let said = [
            of_job(&job(JobState::Done, 65, 65, 0)),
            of_job(&job(JobState::PartlyDone, 65, 60, 3)),
            of_job(&job(JobState::Running, 65, 12, 1)),
            of_job(&job(JobState::Done, 1, 1, 0)),
        ];
        expect_test::expect![[r#"
            Complete: all 65 shards are committed, after 1 min 30 s.
            Not complete: 60 of 65 shards are committed, 3 failed, 2 were cancelled; `tailor job retry nightly` runs those again.
            Running: 12 of 65 shards done, 1 failed; 33 % of 100 MiB read.
            Complete: its one shard is committed, after 1 min 30 s."#]]
        .assert_eq(&said.join("\n"));
    }
}
