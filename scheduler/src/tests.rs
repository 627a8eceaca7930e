//! Traces of the scheduler: each event with the effects that it caused.

mod any_order;
mod find;
mod life;
mod trace;

use expect_test::expect;

use trace::check;

#[test]
fn a_shard_maps_then_reduces_then_commits() {
    check(
        "plan 30/10 into 2 | w1 claims 9 | w1 maps m0 0..12 | w1 maps m2 22..30 | w1 maps m1 12..22 \
         | w1 claims 9 | w1 reduces r1 | w1 reduces r0 | committed | w1 claims",
        expect![[r#"
            plan 30/10 into 2   -
            w1 claims 9         w1 gets m0#1 0..10; w1 gets m1#1 10..20; w1 gets m2#1 20..30
            w1 maps m0 0..12    -
            w1 maps m2 22..30   -
            w1 maps m1 12..22   -
            w1 claims 9         w1 gets r0#1 of 3 runs; w1 gets r1#1 of 3 runs
            w1 reduces r1       -
            w1 reduces r0       commit r0#1 r1#1
            committed           done v1
            w1 claims           -
        "#]],
    );
}

#[test]
fn an_empty_shard_commits_at_once() {
    check(
        "plan 0/10 into 1 | w1 claims | committed",
        expect![[r#"
            plan 0/10 into 1   commit
            w1 claims          -
            committed          done v1
        "#]],
    );
}

#[test]
fn a_wrong_guess_runs_again_from_its_neighbours_end_and_a_right_one_stands() {
    check(
        "plan 30/10 into 1 | w1 claims 3 | w1 maps m1 14..22 | w1 maps m2 22..30 | w1 maps m0 0..12 | w1 claims 9 \
         | w1 maps m1 12..22 | w1 claims",
        expect![[r#"
            plan 30/10 into 1   -
            w1 claims 3         w1 gets m0#1 0..10; w1 gets m1#1 10..20; w1 gets m2#1 20..30
            w1 maps m1 14..22   -
            w1 maps m2 22..30   -
            w1 maps m0 0..12    reopen m1#1 charged 0
            w1 claims 9         w1 gets m1#2 10..20 from 12
            w1 maps m1 12..22   -
            w1 claims           w1 gets r0#1 of 3 runs
        "#]],
    );
}

#[test]
fn a_split_inside_one_frame_owns_nothing_and_its_wrong_guess_is_found_out() {
    check(
        "plan 30/10 into 1 | w1 claims 3 | w1 maps m0 0..25 | w1 maps m1 14..22 | w1 maps m2 25..30 | w1 claims \
         | w1 maps m1 none | w1 claims",
        expect![[r#"
            plan 30/10 into 1   -
            w1 claims 3         w1 gets m0#1 0..10; w1 gets m1#1 10..20; w1 gets m2#1 20..30
            w1 maps m0 0..25    -
            w1 maps m1 14..22   reopen m1#1 charged 0
            w1 maps m2 25..30   -
            w1 claims           w1 gets m1#2 10..20 from 25
            w1 maps m1 none     -
            w1 claims           w1 gets r0#1 of 3 runs
        "#]],
    );
}

#[test]
fn a_bad_frame_behind_a_wrong_guess_costs_a_rerun_and_behind_a_right_one_the_shard() {
    check(
        "plan 20/10 into 1 | w1 claims 2 | w1 fails m1 input from 14 | w1 maps m0 0..12 | w1 claims | w1 maps m1 12..20",
        expect![[r#"
            plan 20/10 into 1           -
            w1 claims 2                 w1 gets m0#1 0..10; w1 gets m1#1 10..20
            w1 fails m1 input from 14   -
            w1 maps m0 0..12            -
            w1 claims                   w1 gets m1#2 10..20 from 12
            w1 maps m1 12..20           -
        "#]],
    );
    check(
        "plan 20/10 into 1 | w1 claims 2 | w1 fails m1 input from 12 | w1 maps m0 0..12",
        expect![[r#"
            plan 20/10 into 1           -
            w1 claims 2                 w1 gets m0#1 0..10; w1 gets m1#1 10..20
            w1 fails m1 input from 12   -
            w1 maps m0 0..12            failed: task m-00001: input
        "#]],
    );
}

#[test]
fn a_bad_frame_behind_a_known_start_fails_the_shard_once_two_workers_met_it() {
    check(
        "plan 20/10 into 1 | w1 claims | w2 claims | w1 fails m0 input | w1 claims | w3 claims | w3 fails m0 input \
         | w2 maps m1 12..20",
        expect![[r#"
            plan 20/10 into 1   -
            w1 claims           w1 gets m0#1 0..10
            w2 claims           w2 gets m1#1 10..20
            w1 fails m0 input   -
            w1 claims           -
            w3 claims           w3 gets m0#2 0..10
            w3 fails m0 input   stop w2 m1#1; failed: task m-00000: input
            w2 maps m1 12..20   refused
        "#]],
    );
}

#[test]
fn a_lost_workers_task_goes_to_another_and_what_the_lost_one_says_is_refused() {
    check(
        "plan 10/10 into 1 | w1 claims | w1 lost | w1 maps m0 0..10 | w2 claims | w1 maps m0 0..10 | w1 fails m0 bug \
         | w2 maps m0 0..10 | w2 maps m0 0..10 | w2 claims",
        expect![[r#"
            plan 10/10 into 1   -
            w1 claims           w1 gets m0#1 0..10
            w1 lost             -
            w1 maps m0 0..10    refused
            w2 claims           w2 gets m0#2 0..10
            w1 maps m0 0..10    refused
            w1 fails m0 bug     refused
            w2 maps m0 0..10    -
            w2 maps m0 0..10    refused
            w2 claims           w2 gets r0#1 of 1 runs
        "#]],
    );
}

#[test]
fn a_claim_of_a_lost_worker_gets_nothing_and_does_not_bring_it_back() {
    // If the claim brought the lost worker back, the input's failure would wait for that worker for ever (LV-1).
    check(
        "plan 10/10 into 1 | w1 claims 0 | w2 claims 0 | w1 lost | w1 claims | w2 claims | w2 fails m0 input",
        expect![[r#"
            plan 10/10 into 1   -
            w1 claims 0         -
            w2 claims 0         -
            w1 lost             -
            w1 claims           -
            w2 claims           w2 gets m0#1 0..10
            w2 fails m0 input   failed: task m-00000: input
        "#]],
    );
}

#[test]
fn four_attempts_end_a_task_and_lost_workers_do_not_count() {
    check(
        "plan 10/10 into 1 | w1 claims | w1 lost | w1 joins | w1 claims | w1 fails m0 transient | w1 claims | after 1s | w1 claims \
         | w1 fails m0 transient | after 1s | w1 claims | w1 fails m0 transient | after 2s | w1 claims \
         | w1 fails m0 transient | w1 claims",
        expect![[r#"
            plan 10/10 into 1       -
            w1 claims               w1 gets m0#1 0..10
            w1 lost                 -
            w1 joins                -
            w1 claims               w1 gets m0#2 0..10
            w1 fails m0 transient   -
            w1 claims               -
            after 1s                -
            w1 claims               w1 gets m0#3 0..10
            w1 fails m0 transient   -
            after 1s                -
            w1 claims               w1 gets m0#4 0..10
            w1 fails m0 transient   -
            after 2s                -
            w1 claims               w1 gets m0#5 0..10
            w1 fails m0 transient   failed: task m-00000: transient (after 5 attempts)
            w1 claims               -
        "#]],
    );
}

#[test]
fn a_worker_without_disk_is_avoided_while_there_is_another() {
    check(
        "plan 10/10 into 1 | w2 claims 0 | w1 claims | w1 fails m0 resource | w1 claims | w2 claims | w2 maps m0 0..10",
        expect![[r#"
            plan 10/10 into 1      -
            w2 claims 0            -
            w1 claims              w1 gets m0#1 0..10
            w1 fails m0 resource   -
            w1 claims              -
            w2 claims              w2 gets m0#2 0..10
            w2 maps m0 0..10       -
        "#]],
    );
    check(
        "plan 10/10 into 1 | w1 claims | w1 fails m0 resource",
        expect![[r#"
            plan 10/10 into 1      -
            w1 claims              w1 gets m0#1 0..10
            w1 fails m0 resource   failed: task m-00000: resource
        "#]],
    );
}

#[test]
fn a_worker_without_disk_tries_again_when_the_others_are_lost() {
    check(
        "plan 10/10 into 1 | w2 claims 0 | w1 claims | w1 fails m0 resource | w2 lost | w1 claims | w1 fails m0 resource",
        expect![[r#"
            plan 10/10 into 1      -
            w2 claims 0            -
            w1 claims              w1 gets m0#1 0..10
            w1 fails m0 resource   -
            w2 lost                -
            w1 claims              w1 gets m0#2 0..10
            w1 fails m0 resource   failed: task m-00000: resource
        "#]],
    );
}

/// The other worker may stay unfit, or drain, for as long as it likes (LV-1).
#[test]
fn a_task_that_failed_on_the_only_worker_that_takes_work_is_tried_there_again() {
    check(
        "plan 10/10 into 1 | w2 claims 0 | w2 rests | w1 claims | w1 fails m0 resource | w1 claims | after 1s | w2 claims \
         | w1 claims | w1 maps m0 0..10",
        expect![[r#"
            plan 10/10 into 1      -
            w2 claims 0            -
            w2 rests               -
            w1 claims              w1 gets m0#1 0..10
            w1 fails m0 resource   -
            w1 claims              -
            after 1s               -
            w2 claims              -
            w1 claims              w1 gets m0#2 0..10
            w1 maps m0 0..10       -
        "#]],
    );
    check(
        "plan 10/10 into 1 | w2 claims 0 | w2 rests | w1 claims | w1 fails m0 bug | after 1s | w1 claims | w1 fails m0 bug",
        expect![[r#"
            plan 10/10 into 1   -
            w2 claims 0         -
            w2 rests            -
            w1 claims           w1 gets m0#1 0..10
            w1 fails m0 bug     -
            after 1s            -
            w1 claims           w1 gets m0#2 0..10
            w1 fails m0 bug     failed: task m-00000: bug
        "#]],
    );
    check(
        "plan 10/10 into 1 | w2 claims 0 | w2 rests | w1 claims | w1 fails m0 bug | w2 works | after 1s | w1 claims | w2 claims \
         | w2 maps m0 0..10",
        expect![[r#"
            plan 10/10 into 1   -
            w2 claims 0         -
            w2 rests            -
            w1 claims           w1 gets m0#1 0..10
            w1 fails m0 bug     -
            w2 works            -
            after 1s            -
            w1 claims           -
            w2 claims           w2 gets m0#2 0..10
            w2 maps m0 0..10    -
        "#]],
    );
}

#[test]
fn a_task_that_lacks_a_resource_on_the_only_worker_waits_a_bounded_time() {
    check(
        "plan 10/10 into 1 | w2 claims 0 | w2 rests | w1 claims | w1 fails m0 resource | after 899s | w1 claims \
         | w1 fails m0 resource | after 30s | w1 claims | w1 fails m0 resource",
        expect![[r#"
            plan 10/10 into 1      -
            w2 claims 0            -
            w2 rests               -
            w1 claims              w1 gets m0#1 0..10
            w1 fails m0 resource   -
            after 899s             -
            w1 claims              w1 gets m0#2 0..10
            w1 fails m0 resource   -
            after 30s              -
            w1 claims              w1 gets m0#3 0..10
            w1 fails m0 resource   failed: task m-00000: resource (for 15 minutes, and no other worker takes work)
        "#]],
    );
    check(
        "plan 10/10 into 1 | w2 claims 0 | w2 rests | w1 claims | w1 fails m0 resource | after 1s | w1 claims \
         | w1 fails m0 transient | after 899s | w1 claims | w1 fails m0 resource | w1 claims | after 1s | w1 claims",
        expect![[r#"
            plan 10/10 into 1       -
            w2 claims 0             -
            w2 rests                -
            w1 claims               w1 gets m0#1 0..10
            w1 fails m0 resource    -
            after 1s                -
            w1 claims               w1 gets m0#2 0..10
            w1 fails m0 transient   -
            after 899s              -
            w1 claims               w1 gets m0#3 0..10
            w1 fails m0 resource    -
            w1 claims               -
            after 1s                -
            w1 claims               -
        "#]],
    );
}

#[test]
fn books_that_do_not_balance_are_not_committed() {
    check(
        "plan 10/10 into 1 | w1 claims | w1 maps m0 0..10 | w1 claims | w1 reduces r0 writing 5",
        expect![[r#"
            plan 10/10 into 1         -
            w1 claims                 w1 gets m0#1 0..10
            w1 maps m0 0..10          -
            w1 claims                 w1 gets r0#1 of 1 runs
            w1 reduces r0 writing 5   violated DT-1; failed: DT-1: the books do not balance: points read 0, accounted for 5 (written 5 + duplicate 0 + early 0 + late 0 + quarantined 0); nothing was committed, run the shard again and report this
        "#]],
    );
}

#[test]
fn splits_that_do_not_cover_their_segment_end_the_shard_and_not_the_leader() {
    check(
        "plan 20/10 into 1 | w1 claims 2 | w1 maps m0 0..12 | w1 maps m1 12..21 | w1 claims",
        expect![[r#"
            plan 20/10 into 1   -
            w1 claims 2         w1 gets m0#1 0..10; w1 gets m1#1 10..20
            w1 maps m0 0..12    -
            w1 maps m1 12..21   violated PL-1; failed: PL-1: segment shard=org-mod-01/0.seg was not read once from end to end: its splits end at 21, it ends at 20; nothing was committed, run the shard again and report this
            w1 claims           -
        "#]],
    );
    check(
        "plan 10/10 into 1 | w1 claims | w1 maps m0 0..8 | w1 claims",
        expect![[r#"
            plan 10/10 into 1   -
            w1 claims           w1 gets m0#1 0..10
            w1 maps m0 0..8     violated PL-1; failed: PL-1: segment shard=org-mod-01/0.seg was not read once from end to end: its splits end at 8, it ends at 10; nothing was committed, run the shard again and report this
            w1 claims           -
        "#]],
    );
}

#[test]
fn more_bad_frames_in_all_tasks_together_than_allowed_fail_the_shard() {
    check(
        "plan 20/10 into 1 | w1 claims 2 | w1 maps m0 0..10 with 600 bad | w1 maps m1 10..20 with 600 bad",
        expect![[r#"
            plan 20/10 into 1                -
            w1 claims 2                      w1 gets m0#1 0..10; w1 gets m1#1 10..20
            w1 maps m0 0..10 with 600 bad    -
            w1 maps m1 10..20 with 600 bad   failed: 1200 bad frames, over the 1000 that a shard may quarantine; raise `--bad-frames-max` if that is acceptable
        "#]],
    );
}

#[test]
fn more_bytes_put_aside_in_all_tasks_together_than_allowed_fail_the_shard() {
    check(
        "plan 2000/1000 into 1 | w1 claims 2 | w1 maps m0 0..1000 with 1 bad of 10 | w1 maps m1 1000..2000 with 1 bad of 11",
        expect![[r#"
            plan 2000/1000 into 1                    -
            w1 claims 2                              w1 gets m0#1 0..1000; w1 gets m1#1 1000..2000
            w1 maps m0 0..1000 with 1 bad of 10      -
            w1 maps m1 1000..2000 with 1 bad of 11   failed: 21 bytes in 2 bad frames (1.05 % of the shard), over the 1% that a shard may quarantine; raise `--bad-bytes-max` if that loss is acceptable
        "#]],
    );
}

#[test]
fn a_cancelled_job_stops_its_attempts_and_takes_nothing_in_any_more() {
    check(
        "plan 20/10 into 1 | w1 claims | cancel | w1 maps m0 0..12 | w1 claims | cancel",
        expect![[r#"
            plan 20/10 into 1   -
            w1 claims           w1 gets m0#1 0..10
            cancel              stop w1 m0#1; cancelled: the operator
            w1 maps m0 0..12    refused
            w1 claims           -
            cancel              -
        "#]],
    );
}

#[test]
fn a_commit_that_fails_fails_the_shard() {
    check(
        "plan 0/10 into 1 | commit fails | committed",
        expect![[r#"
            plan 0/10 into 1   commit
            commit fails       failed: the store
            committed          -
        "#]],
    );
}

#[test]
fn a_store_that_asks_for_time_gets_it_uncharged_and_not_for_ever() {
    check(
        "plan 10/10 into 1 | w1 claims | w1 fails m0 throttled | w1 claims | after 1s | w1 claims | w1 fails m0 throttled \
         | after 899s | w1 claims | w1 fails m0 throttled",
        expect![[r#"
            plan 10/10 into 1       -
            w1 claims               w1 gets m0#1 0..10
            w1 fails m0 throttled   -
            w1 claims               -
            after 1s                -
            w1 claims               w1 gets m0#2 0..10
            w1 fails m0 throttled   -
            after 899s              -
            w1 claims               w1 gets m0#3 0..10
            w1 fails m0 throttled   failed: task m-00000: throttled (for 15 minutes)
        "#]],
    );
}

#[test]
fn a_lost_run_sends_its_map_task_back_and_only_that() {
    check(
        "plan 20/10 into 2 | w1 claims 2 | w1 maps m0 0..12 | w1 maps m1 12..20 | w1 claims 2 | w1 fails r0 run of 1 \
         | w1 fails r1 run of 1 | w1 claims 9 | w1 maps m1 12..20 | w1 claims 9 | w1 reduces r0 | w1 reduces r1",
        expect![[r#"
            plan 20/10 into 2      -
            w1 claims 2            w1 gets m0#1 0..10; w1 gets m1#1 10..20
            w1 maps m0 0..12       -
            w1 maps m1 12..20      -
            w1 claims 2            w1 gets r0#1 of 2 runs; w1 gets r1#1 of 2 runs
            w1 fails r0 run of 1   reopen m1#1 charged 1
            w1 fails r1 run of 1   -
            w1 claims 9            w1 gets m1#2 10..20
            w1 maps m1 12..20      -
            w1 claims 9            w1 gets r0#2 of 2 runs; w1 gets r1#2 of 2 runs
            w1 reduces r0          -
            w1 reduces r1          commit r0#2 r1#2
        "#]],
    );
}

#[test]
fn a_task_that_is_handed_back_is_open_at_once_and_its_old_attempt_is_refused() {
    check(
        "plan 10/10 into 1 | w1 claims | w1 hands back m0 | w1 rests | w1 claims | w2 claims | w1 maps m0 0..10",
        expect![[r#"
            plan 10/10 into 1   -
            w1 claims           w1 gets m0#1 0..10
            w1 hands back m0    -
            w1 rests            -
            w1 claims           -
            w2 claims           w2 gets m0#2 0..10
            w1 maps m0 0..10    refused
        "#]],
    );
}

#[test]
fn slots_are_shared_by_weight_and_the_heaviest_task_goes_first() {
    check(
        "plan 80/10 into 1 as a weighing 20 | plan 80/10 into 1 as b weighing 10 | w1 claims 6",
        expect![[r#"
            plan 80/10 into 1 as a weighing 20   -
            plan 80/10 into 1 as b weighing 10   -
            w1 claims 6                          w1 gets a:m0#1 0..10; w1 gets b:m0#1 0..10; w1 gets a:m1#1 10..20; w1 gets a:m2#1 20..30; w1 gets b:m1#1 10..20; w1 gets a:m3#1 30..40
        "#]],
    );
    check(
        "plan 25/10 into 1 | w1 claims 3",
        expect![[r#"
            plan 25/10 into 1   -
            w1 claims 3         w1 gets m0#1 0..10; w1 gets m1#1 10..20; w1 gets m2#1 20..25
        "#]],
    );
}

#[test]
fn a_slow_attempt_gets_a_second_beside_it_and_the_first_to_finish_wins() {
    check(
        "plan 50/10 into 1 | w1 claims 4 | w2 claims | after 2s | w1 maps m0 0..10 | w1 maps m1 10..20 \
         | w1 maps m2 20..30 | w1 maps m3 30..40 | w1 claims | after 40s | w2 claims | w1 claims | w1 claims \
         | w1 maps m4 40..50 | w2 maps m4 40..50",
        expect![[r#"
            plan 50/10 into 1   -
            w1 claims 4         w1 gets m0#1 0..10; w1 gets m1#1 10..20; w1 gets m2#1 20..30; w1 gets m3#1 30..40
            w2 claims           w2 gets m4#1 40..50
            after 2s            -
            w1 maps m0 0..10    -
            w1 maps m1 10..20   -
            w1 maps m2 20..30   -
            w1 maps m3 30..40   -
            w1 claims           -
            after 40s           -
            w2 claims           -
            w1 claims           w1 gets m4#2 40..50
            w1 claims           -
            w1 maps m4 40..50   stop w2 m4#1
            w2 maps m4 40..50   refused
        "#]],
    );
}

/// A worker repeats a completion that was not answered; the repetition arrives after the run was found to be lost.
#[test]
fn a_completion_that_is_told_twice_does_not_close_a_task_that_was_opened_again() {
    check(
        "plan 10/10 into 1 | w1 claims | w1 maps m0 0..10 | w2 claims | w2 fails r0 run of 0 | w1 repeats m0 0..10 \
         | w2 claims | w2 maps m0 0..10 | w1 repeats m0 0..10 | w2 claims | w2 reduces r0",
        expect![[r#"
            plan 10/10 into 1      -
            w1 claims              w1 gets m0#1 0..10
            w1 maps m0 0..10       -
            w2 claims              w2 gets r0#1 of 1 runs
            w2 fails r0 run of 0   reopen m0#1 charged 1
            w1 repeats m0 0..10    -
            w2 claims              w2 gets m0#2 0..10
            w2 maps m0 0..10       -
            w1 repeats m0 0..10    -
            w2 claims              w2 gets r0#2 of 1 runs
            w2 reduces r0          commit r0#2
        "#]],
    );
}

/// A run list that was made while a map task is open again would lack that task's run, and lose its points.
#[test]
fn a_slow_reduce_gets_no_second_attempt_while_a_map_task_is_open_again() {
    check(
        "plan 20/10 into 7 | w1 claims 2 | w1 maps m0 0..10 | w1 maps m1 10..20 | w1 claims 6 | after 2s \
         | w1 reduces r1 | w1 reduces r2 | w1 reduces r3 | w1 reduces r4 | w1 fails r5 run of 0 | after 40s \
         | w3 claims 3 | w3 maps m0 0..10 | w3 claims 3",
        expect![[r#"
            plan 20/10 into 7      -
            w1 claims 2            w1 gets m0#1 0..10; w1 gets m1#1 10..20
            w1 maps m0 0..10       -
            w1 maps m1 10..20      -
            w1 claims 6            w1 gets r0#1 of 2 runs; w1 gets r1#1 of 2 runs; w1 gets r2#1 of 2 runs; w1 gets r3#1 of 2 runs; w1 gets r4#1 of 2 runs; w1 gets r5#1 of 2 runs
            after 2s               -
            w1 reduces r1          -
            w1 reduces r2          -
            w1 reduces r3          -
            w1 reduces r4          -
            w1 fails r5 run of 0   reopen m0#1 charged 1
            after 40s              -
            w3 claims 3            w3 gets m0#2 0..10
            w3 maps m0 0..10       -
            w3 claims 3            w3 gets r5#2 of 2 runs; w3 gets r6#1 of 2 runs; w3 gets r0#2 of 2 runs
        "#]],
    );
}
