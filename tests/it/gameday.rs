//! Game days: the runner's own tests, and the five fast scenarios on real processes with a Prometheus beside them.

use std::process::Command;

use tests::cluster::shared;
use tests::tailor::{binary, repository};

/// Runs a command of the repository, and asserts that it succeeds.
#[track_caller]
fn run(command: &mut Command) {
    let ended = command.current_dir(repository()).output().expect("python3 runs the game days");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ended.status.success(), "{command:?}\n{}\n{}", said(&ended.stdout), said(&ended.stderr));
}

#[test]
fn the_runner_of_game_days_reads_scenarios_injects_faults_and_judges() {
    run(Command::new("python3").args(["-m", "unittest", "discover", "chaos"]));
}

#[test]
fn the_fast_game_days_hold() {
    let store = [("TAILOR_TEST_S3_ENDPOINT", shared::s3()), ("TAILOR_TEST_S3_BUCKET", shared::bucket())];
    let mut fast = Command::new("chaos/run");
    run(&mut Command::new("scripts/prometheus.sh"));
    run(fast
        .args(["--fast", "--prometheus"])
        .env("TAILOR", binary())
        .envs(store)
        .envs(shared::s3_environment(shared::s3())));
}
