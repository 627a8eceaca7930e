//! Verbs of the cluster, from the command line to the exit code, against a fake coordinator.

mod coordinator;

use clap::Parser;
use proto::status::ApiError;
use proto::v1::{JobState, ShardState};

use crate::Tailor;
use crate::exit::Code;
use coordinator::{Coordinator, job};

/// Runs a command line and returns its exit code.
fn exit(coordinator: &Coordinator, line: &str) -> Code {
    let words = ["tailor"].into_iter().chain(line.split_whitespace());
    let words = words.chain(["--coordinators", coordinator.address(), "--request-timeout", "2s", "-o", "name"]);
    let tailor = Tailor::try_parse_from(words).expect("a command line");
    super::run(tailor.command).unwrap_or_else(|error| Code::of(&error))
}

fn away() -> ApiError {
    ApiError::Away { reason: "the leader stepped down".to_owned() }
}

#[test]
fn a_change_of_the_leader_does_not_end_a_wait_and_the_job_tells_its_code() {
    for verb in ["wait", "watch"] {
        for (state, code) in [(JobState::Done, Code::Done), (JobState::PartlyDone, Code::Partly)] {
            let coordinator = Coordinator::start();
            coordinator.will_stream([Ok(job(JobState::Running)), Err(away())]);
            coordinator.will_stream([Ok(job(JobState::Running))]);
            coordinator.will_stream([Ok(job(state))]);
            assert_eq!(exit(&coordinator, &format!("job {verb} nightly")), code, "{verb} {state:?}");
        }
    }
}

#[test]
fn a_job_that_nobody_knows_is_not_found() {
    let coordinator = Coordinator::start();
    let unknown = || ApiError::NotFound { what: "job nightly".to_owned() };
    coordinator.will_stream([Err(unknown())]);
    assert_eq!(exit(&coordinator, "job wait nightly"), Code::NotFound);
    assert_eq!(exit(&coordinator, "job get nightly"), Code::NotFound);
}

#[test]
fn a_wait_that_is_over_before_the_job_is_a_timeout() {
    let coordinator = Coordinator::start();
    coordinator.will_stream([Ok(job(JobState::Running))]);
    assert_eq!(exit(&coordinator, "job wait nightly --timeout 300ms"), Code::TimedOut);
}

#[test]
fn what_destroys_needs_yes_where_nobody_can_be_asked() {
    let coordinator = Coordinator::start();
    let replay = "shard replay --job nightly org-7 --reason repaired";
    coordinator.knows(job(JobState::Done));
    assert_eq!(exit(&coordinator, replay), Code::NeedsYes);
    coordinator.knows(job(JobState::Running));
    assert_eq!(exit(&coordinator, replay), Code::Failed, "what cannot be done is told before anybody is asked");
    assert_eq!(exit(&coordinator, "job cancel nightly --reason wrong"), Code::NeedsYes);
    assert_eq!(coordinator.changes(), [""; 0]);
    assert_eq!(exit(&coordinator, "job cancel nightly --reason wrong --yes"), Code::Done);
    assert_eq!(coordinator.changes(), ["cancel nightly: wrong"]);
}

#[test]
fn a_replay_waits_for_the_job_that_does_it() {
    let coordinator = Coordinator::start();
    coordinator.knows(job(JobState::Done));
    let mut replay = job(JobState::Done);
    replay.shards[0].replaces = 1;
    replay.shards[0].state = ShardState::Done.into();
    coordinator.will_stream([Ok(replay)]);
    assert_eq!(exit(&coordinator, "shard replay --job nightly org-7 --reason repaired --yes --wait"), Code::Done);
    assert_eq!(coordinator.changes(), ["replay nightly org-7: repaired"]);
}

#[test]
fn a_submitted_job_has_the_options_of_run_and_its_own() {
    let coordinator = Coordinator::start();
    let line = "job submit --input s3://b/in --dataset out --rollup 5m --job nightly --weight 20 --running-max 3";
    assert_eq!(exit(&coordinator, line), Code::Done);
    let spec = coordinator.spec();
    assert_eq!((spec.job.as_str(), spec.input.as_str()), ("nightly", "s3://b/in"));
    assert_eq!((spec.weight, spec.running_max, spec.settings.rollups.len()), (20, Some(3), 1));
    assert!(spec.dataset.starts_with('/') && spec.dataset.ends_with("/out"), "{}", spec.dataset);
}

#[test]
fn the_former_name_of_the_weight_is_accepted() {
    let coordinator = Coordinator::start();
    assert_eq!(exit(&coordinator, "job submit --input s3://b/in --dataset s3://b/out --priority 20"), Code::Done);
    assert_eq!(coordinator.spec().weight, 20);
}

#[test]
fn a_worker_that_is_not_there_cannot_be_drained() {
    let coordinator = Coordinator::start();
    assert_eq!(exit(&coordinator, "worker drain spot-5 --reason old --yes"), Code::NotFound);
}
