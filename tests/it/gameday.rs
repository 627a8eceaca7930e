//! Game days: the runner's own tests, and the fast scenarios on real processes with a Prometheus beside them.

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

macro_rules! fast_days {
    ($($test:ident: $scenario:literal),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                holds($scenario);
            }
        )*

        #[test]
        fn each_fast_game_day_is_run() {
            let listed = Command::new("chaos/run").args(["--fast", "--list"]).current_dir(repository()).output();
            let listed = String::from_utf8(listed.expect("python3 lists the game days").stdout).expect("text");
            let fast: Vec<_> = listed.lines().filter(|line| !line.starts_with(' ')).collect();
            assert_eq!(fast, [$($scenario),*]);
        }
    };
}

fast_days! {
    a_worker_killed_in_map_holds: "01-worker-killed-in-map",
    a_zombie_that_returns_late_holds: "03-zombie-returns-late",
    an_answer_to_a_manifest_lost_holds: "07-answer-to-a-manifest-lost",
    two_leaders_hold: "08-two-leaders",
    a_leader_killed_while_tasks_run_holds: "10-leader-killed-while-tasks-run",
    an_etcd_without_space_holds: "17-etcd-without-space",
    a_poison_segment_holds: "30-poison-segment",
    a_cluster_without_a_worker_holds: "36-no-worker-left",
    an_etcd_that_is_killed_holds: "47-etcd-killed",
}

/// Asserts that a game day holds on real processes, with a real Prometheus beside them.
#[track_caller]
fn holds(scenario: &str) {
    let store = [("TAILOR_TEST_S3_ENDPOINT", shared::s3()), ("TAILOR_TEST_S3_BUCKET", shared::bucket())];
    run(&mut Command::new("scripts/prometheus.sh"));
    run(Command::new("chaos/run")
        .args([scenario, "--prometheus"])
        .env("TAILOR", binary())
        .envs(store)
        .envs(shared::s3_environment(shared::s3())));
}
