//! Seeds that must hold: a few of all kinds, and those that once failed.

use sim::{Mode, Options, RunVerdict, run};

fn simulate(seed: u64, mode: Mode) -> RunVerdict {
    run(seed, Options { mode, planted: None, is_traced: false })
}

#[track_caller]
fn hold(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        holds(seed, if seed.is_multiple_of(2) { Mode::Safety } else { Mode::Liveness });
    }
}

#[track_caller]
fn holds(seed: u64, mode: Mode) {
    let verdict = simulate(seed, mode);
    assert!(verdict.held(), "{verdict}");
}

#[test]
fn seeds_up_to_30_hold() {
    hold(1..30);
}

#[test]
fn seeds_from_30_to_60_hold() {
    hold(30..60);
}

#[test]
fn seeds_from_60_to_90_hold() {
    hold(60..90);
}

#[test]
fn seeds_from_90_to_120_hold() {
    hold(90..120);
}

#[test]
fn seeds_of_wider_worlds_hold() {
    hold(2001..2041);
}

#[test]
fn more_seeds_of_wider_worlds_hold() {
    hold(2041..2081);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for (seed, mode) in
        [(2002, Mode::Safety), (2, Mode::Safety), (8, Mode::Safety), (11, Mode::Liveness), (74, Mode::Safety)]
    {
        let [first, second] = [(); 2].map(|()| run(seed, Options { mode, planted: None, is_traced: true }));
        assert!(!first.trace.is_empty());
        let differing = first.trace.iter().zip(&second.trace).find(|(one, other)| one != other);
        assert_eq!(differing, None, "seed {seed}");
        assert_eq!(first.events, second.events, "seed {seed}");
    }
}

#[test]
fn another_seed_gives_another_trace() {
    assert_ne!(simulate(1, Mode::Safety).events, simulate(2, Mode::Safety).events);
}

// Past failures, by the seed that found them.

#[test]
fn a_series_whose_only_point_in_a_batch_is_kept_back_is_counted() {
    holds(32, Mode::Safety);
}

#[test]
fn a_claim_that_comes_after_its_shard_has_ended_leaves_nothing_behind() {
    for (seed, mode) in [(74, Mode::Safety), (147, Mode::Liveness), (4, Mode::Safety)] {
        holds(seed, mode);
    }
}

#[test]
fn a_task_that_a_takeover_opens_again_stays_open_however_often_the_job_is_read() {
    holds(82, Mode::Safety);
}

#[test]
fn a_shard_without_a_run_has_a_list_of_its_own_in_every_job_and_round() {
    holds(142, Mode::Safety);
}

#[test]
fn a_submission_that_was_held_up_does_not_run_a_job_that_has_ended_meanwhile() {
    holds(390, Mode::Safety);
}

#[test]
fn a_manifest_that_is_torn_on_its_way_is_read_again_before_another_is_written() {
    holds(603, Mode::Liveness);
}

#[test]
fn the_runs_of_a_round_outlive_the_cleaning_of_the_round_before() {
    holds(304, Mode::Safety);
}

#[test]
fn a_job_that_is_archived_while_its_head_is_written_leaves_no_key_behind() {
    holds(270, Mode::Safety);
}

#[test]
fn an_attempt_whose_worker_has_forgotten_it_is_taken_back_soon() {
    for (seed, mode) in [(34, Mode::Safety), (37, Mode::Liveness), (29, Mode::Liveness), (7, Mode::Liveness)] {
        holds(seed, mode);
    }
}

#[test]
fn a_late_copy_of_a_shards_first_record_leaves_nothing_behind() {
    for seed in [456, 632] {
        holds(seed, Mode::Liveness);
    }
}

#[test]
fn runs_of_a_job_stay_while_a_leader_with_another_clock_takes_it_over() {
    holds(269, Mode::Safety);
}

#[test]
fn a_report_torn_on_its_way_is_read_again_before_its_task_is_opened() {
    holds(743, Mode::Safety);
    holds(743, Mode::Liveness);
}

#[test]
fn a_completion_that_is_answered_in_the_next_round_does_not_count_there() {
    holds(1035, Mode::Safety);
}

#[test]
fn a_field_of_a_newer_version_stays_in_a_shards_record_whoever_writes_it_next() {
    holds(2042, Mode::Safety);
    // Planned anew, over a record that is there.
    holds(2289, Mode::Liveness);
}

#[test]
fn a_leader_goes_on_with_nothing_that_it_knew_of_a_state_that_was_restored() {
    holds(2001, Mode::Liveness);
    holds(2382, Mode::Safety);
}

#[test]
fn a_version_that_a_pin_keeps_leaves_no_gap_above_it() {
    holds(2628, Mode::Safety);
}

#[test]
fn a_job_that_was_running_when_etcd_went_back_may_commit_again_and_loses_nothing() {
    holds(2655, Mode::Liveness);
}

#[test]
fn a_slow_reduce_has_no_second_attempt_while_a_map_task_is_open_again() {
    holds(13173, Mode::Liveness);
}

#[test]
fn a_completion_that_is_told_twice_does_not_close_a_task_that_was_opened_again() {
    holds(3208, Mode::Safety);
}

#[test]
fn a_task_does_not_wait_for_a_worker_that_is_turned_away_again_and_again() {
    holds(23422, Mode::Safety);
}

#[test]
fn a_job_that_was_given_up_or_whose_history_was_lost_runs_anew_under_its_name() {
    for (seed, mode) in [(3151, Mode::Liveness), (3129, Mode::Liveness), (13273, Mode::Liveness), (13684, Mode::Safety)]
    {
        holds(seed, mode);
    }
}

#[test]
fn a_spec_that_is_damaged_on_its_way_to_the_next_leader_is_read_again() {
    holds(33210, Mode::Safety);
}

#[test]
fn jobs_of_two_windows_and_of_a_restored_state_keep_what_is_theirs() {
    holds(33294, Mode::Safety);
    holds(33501, Mode::Liveness);
}

#[test]
fn a_job_that_a_restore_brought_back_without_its_spec_is_given_up() {
    holds(70089, Mode::Liveness);
}

#[test]
fn a_completion_that_takes_effect_after_it_was_refused_is_found_by_the_next_claim() {
    holds(80267, Mode::Liveness);
}

#[test]
fn a_job_whose_shards_were_lost_with_a_restored_state_is_planned_anew() {
    holds(106_598, Mode::Safety);
}

#[test]
fn a_replay_of_a_job_whose_spec_is_lost_is_refused_for_good() {
    holds(115_049, Mode::Liveness);
}

#[test]
fn a_claim_that_was_held_up_in_one_round_of_its_job_takes_no_number_of_the_next() {
    holds(200_032, Mode::Safety);
}
