//! Tables of verdicts: facts as text in, the answer and the states of shards out.

mod any_history;
mod notation;
mod store;
mod wire;

use expect_test::{Expect, expect};
use model::{OrgId, ShardId};

use super::*;
use notation::{WINDOW, facts};

fn check_for(question: Question, text: &str, expected: &Expect) {
    let judged = judge(WINDOW, &facts(text), question);
    let mut shown = judged.answer(question) + "\n";
    for shard in &judged.shards {
        shown += &format!("{} {}\n", shard.shard, shard.state);
    }
    expected.assert_eq(&shown);
}

fn check(text: &str, expected: &Expect) {
    check_for(Question::All, text, expected);
}

#[test]
fn a_window_is_complete_if_every_planned_shard_is_committed_without_holes() {
    check(
        "job a at 10 whole: org-mod-01 done v1 of 2, org-mod-02 done v1 of 0
         org-mod-01 v1 by a at 11 of 2
         org-mod-02 v1 by a at 11 of 0",
        &expect![[r#"
            window 1970-01-01T00:00:00Z/1970-01-01T00:10:00Z is complete: 2 of 2 shards are complete (1 of them empty) (plan of job a, 1970-01-01T00:00:00.01Z)
            org-mod-01 complete
            org-mod-02 empty
        "#]],
    );
}

#[test]
fn each_reason_for_which_a_shard_is_not_complete_is_a_state_of_its_own() {
    check(
        "job a at 10 whole: org-mod-01 failed of 2, org-mod-02 done v1 of 1, org-mod-03 done v1 of 1, org-mod-04 done v1 of 1, org-mod-05 cancelled of 1
         job b at 20 open: org-mod-06 running of 1
         job c at 30 lost: org-mod-07 lost of ?
         org-mod-02 v1 by a at 11 of 1 bad 3
         org-mod-03 v1 by a at 11 of 1 misplaced 9",
        &expect![[r#"
            window 1970-01-01T00:00:00Z/1970-01-01T00:10:00Z is not complete: 0 of 7 shards are complete, 2 failed (org-mod-01, org-mod-05), 2 missing (org-mod-04, org-mod-07), 1 running (org-mod-06), 2 with holes (org-mod-02, org-mod-03) (plan of job b, 1970-01-01T00:00:00.02Z); job c was lost; submit it again
            org-mod-01 failed
            org-mod-02 holes
            org-mod-03 holes
            org-mod-04 missing
            org-mod-05 failed
            org-mod-06 running
            org-mod-07 missing
        "#]],
    );
}

#[test]
fn a_later_plan_counts_only_if_it_has_more_input_than_the_version() {
    let of =
        |tries: &str| format!("job a at 10 whole: org-mod-01 done v1 of 2\n{tries}\norg-mod-01 v1 by a at 11 of 2");
    let state = |tries: &str| judge(WINDOW, &facts(&of(tries)), Question::All).state;
    let cases = [
        ("job b at 20 whole: org-mod-01 failed of 2", CoverageState::Complete),
        ("job b at 20 whole: org-mod-01 failed of 3", CoverageState::Failed),
        ("job b at 20 whole: org-mod-01 failed of ?", CoverageState::Failed),
        ("job b at 20 whole: org-mod-01 failed of -", CoverageState::Complete),
        ("job b at 20 open: org-mod-01 running of 2", CoverageState::Complete),
        ("job b at 20 open: org-mod-01 running of 3", CoverageState::Running),
        // A job that was submitted before the version's job has no fact about later segments.
        ("job b at 5 whole: org-mod-01 failed of 3", CoverageState::Complete),
        // The last plan decides: segments that it did not find are gone.
        (
            "job b at 20 whole: org-mod-01 failed of 3\njob c at 30 whole: org-mod-01 failed of 2",
            CoverageState::Complete,
        ),
        // The version of b had more, and was rolled back.
        ("job b at 20 whole: org-mod-01 done v2 of 3", CoverageState::Holes),
        ("job b at 20 lost: org-mod-01 lost of ?", CoverageState::Missing),
        // The same job, run again under its name.
        ("job a at 20 open: org-mod-01 running of 3", CoverageState::Running),
    ];
    for (tries, expected) in cases {
        assert_eq!(state(tries), expected, "{tries}");
    }
}

#[test]
fn a_rollback_brings_the_holes_of_its_version_back() {
    let jobs = "job a at 10 whole: org-mod-01 done v1 of 2\njob b at 20 named: org-mod-01 done v2 of 2\n";
    let state = |version: &str| judge(WINDOW, &facts(&format!("{jobs}{version}")), Question::All).state;
    assert_eq!(state("org-mod-01 v1 by a at 11 of 2 bad 1"), CoverageState::Holes);
    assert_eq!(state("org-mod-01 v2 by b at 21 of 2"), CoverageState::Complete);
    assert_eq!(state("org-mod-01 v3 by a at 31 of 2 bad 1"), CoverageState::Holes);
}

#[test]
fn a_window_of_single_shards_is_not_known_as_a_whole() {
    let text = "job a at 10 named: org-mod-01 done v1 of 2
                org-mod-01 v1 by a at 11 of 2";
    check(
        text,
        &expect![[r#"
            whether window 1970-01-01T00:00:00Z/1970-01-01T00:10:00Z is complete is not known: 1 of 1 shards are complete; no job on record has listed its input as a whole, so other shards may have segments
            org-mod-01 complete
        "#]],
    );
    let of_org = |org| judge(WINDOW, &facts(text), Question::Org(OrgId(org))).state;
    assert_eq!((of_org(1), of_org(2)), (CoverageState::Complete, CoverageState::Unknown));
}

#[test]
fn a_plan_that_may_have_more_shards_says_nothing_of_those_that_it_lacks() {
    let of = |job: &str, org| {
        let text = format!("job a at 10 {job}: org-mod-01 lost of ?");
        judge(WINDOW, &facts(&text), Question::Org(OrgId(org))).state
    };
    assert_eq!((of("lost", 1), of("lost", 2)), (CoverageState::Missing, CoverageState::Missing));
    assert_eq!(of("open unrecorded", 2), CoverageState::Running);
    // The plan of a leader's job is whole: no segment of the shard was there.
    assert_eq!(of("open", 2), CoverageState::Empty);
}

#[test]
fn jobs_that_planned_nothing_are_told_and_decide_only_where_there_is_no_plan() {
    let state = |text: &str| judge(WINDOW, &facts(text), Question::All).state;
    assert_eq!(state(""), CoverageState::Unknown);
    assert_eq!(state("job a at 10 open:"), CoverageState::Running);
    assert_eq!(state("job a at 10 whole:"), CoverageState::Failed);
    assert_eq!(state("job a at 10 lost:"), CoverageState::Missing);
    check(
        "job a at 10 whole: org-mod-01 done v1 of 2
         job b at 20 whole:
         org-mod-01 v1 by a at 11 of 2",
        &expect![[r#"
            window 1970-01-01T00:00:00Z/1970-01-01T00:10:00Z is complete: 1 of 1 shards are complete (plan of job a, 1970-01-01T00:00:00.01Z); job b ended before it was planned: it failed
            org-mod-01 complete
        "#]],
    );
}

#[test]
fn an_organisation_is_judged_by_its_shard_misplaced_frames_and_quarantine() {
    let text = "job a at 10 whole own 7: org-7 done v1 of 1, org-mod-01 done v1 of 1, org-mod-02 done v1 of 1, org-mod-03 failed of 1
                org-7 v1 by a at 11 of 1
                org-mod-01 v1 by a at 11 of 1 misplaced 9
                org-mod-02 v1 by a at 11 of 1 bad 2";
    let of = |org| {
        let judged = judge(WINDOW, &facts(text), Question::Org(OrgId(org)));
        let shards: Vec<_> = judged.shards.iter().map(|shard| shard.shard.to_string()).collect();
        (judged.state, shards.join(" "))
    };
    assert_eq!(of(7), (CoverageState::Complete, "org-7".to_owned()), "a shard of its own");
    assert_eq!(of(1), (CoverageState::Complete, "org-mod-01".to_owned()), "frames of others lay there");
    assert_eq!(of(2), (CoverageState::Holes, "org-mod-02".to_owned()), "a bad frame may be of anybody");
    assert_eq!(of(3), (CoverageState::Failed, "org-mod-03".to_owned()));
    assert_eq!(of(9), (CoverageState::Holes, "org-mod-01 org-mod-09".to_owned()), "its frames lay elsewhere");
    assert_eq!(of(64 + 5), (CoverageState::Empty, "org-mod-05".to_owned()), "the plan found no segment of it");
}

#[test]
fn an_organisation_beyond_the_listed_ones_may_lie_among_the_unlisted() {
    let mut read = facts(
        "job a at 10 whole: org-mod-01 done v1 of 1, org-mod-02 done v1 of 1
         org-mod-01 v1 by a at 11 of 1 misplaced 9
         org-mod-02 v1 by a at 11 of 1",
    );
    let Some(FoundVersion::Read(version)) = read.versions.get_mut(&ShardId::Shared(1)) else { panic!("it is there") };
    version.misplaced_unlisted = 4;
    let of = |org| judge(WINDOW, &read, Question::Org(OrgId(org))).state;
    assert_eq!(of(2), CoverageState::Complete, "the smaller ids are listed, and it is not among them");
    assert_eq!(of(66), CoverageState::Holes, "nobody knows");
}

#[test]
fn an_organisation_whose_shard_map_is_lost_is_not_known() {
    let mut read = facts("job a at 10 whole: org-mod-01 done v1 of 2\norg-mod-01 v1 by a at 11 of 2");
    read.jobs.values_mut().for_each(|job| job.map = None);
    assert_eq!(judge(WINDOW, &read, Question::Org(OrgId(1))).state, CoverageState::Unknown);
    assert_eq!(judge(WINDOW, &read, Question::All).state, CoverageState::Complete);
}

#[test]
fn an_organisation_that_moved_is_judged_in_each_shard_whose_job_routed_it_there() {
    // The map changed between the jobs, and the old shard was not run again.
    let text = "job a at 10 whole: org-mod-07 done v1 of 2
                job b at 20 whole own 7: org-7 failed of 1
                org-mod-07 v1 by a at 11 of 2";
    check_for(
        Question::Org(OrgId(7)),
        text,
        &expect![[r#"
            window 1970-01-01T00:00:00Z/1970-01-01T00:10:00Z is not complete for organisation 7: 1 of 2 shards are complete, 1 failed (org-7) (plan of job b, 1970-01-01T00:00:00.02Z)
            org-mod-07 complete
            org-7 failed
        "#]],
    );
    // Once the old shard is committed by the new map, only the own shard counts.
    let text = "job a at 10 whole: org-mod-07 done v1 of 2
                job b at 20 whole own 7: org-7 failed of 1, org-mod-07 done v2 of 2
                org-mod-07 v2 by b at 21 of 2";
    let judged = judge(WINDOW, &facts(text), Question::Org(OrgId(7)));
    assert_eq!(judged.shards.iter().map(|shard| shard.shard).collect::<Vec<_>>(), [ShardId::Dedicated(OrgId(7))]);
}

#[test]
fn a_version_that_cannot_be_read_or_a_record_that_is_gone_makes_the_window_unknown() {
    check_for(
        Question::Shard(ShardId::Shared(1)),
        "job a at 10 whole: org-mod-01 done v1 of 2
         org-mod-01 v1 damaged",
        &expect![[r#"
            whether window 1970-01-01T00:00:00Z/1970-01-01T00:10:00Z is complete for shard org-mod-01 is not known: shard org-mod-01 has v1, state unknown: damaged (plan of job a, 1970-01-01T00:00:00.01Z)
            org-mod-01 unknown
        "#]],
    );
    let mut read = facts("job a at 10 whole: org-mod-01 done v1 of 2\norg-mod-01 v1 by a at 11 of 2");
    read.unread.push("the record of job b is gone".to_owned());
    assert_eq!(judge(WINDOW, &read, Question::All).state, CoverageState::Unknown);
}

#[test]
fn many_windows_are_told_in_one_sentence() {
    let judged = |text: &str| judge(WINDOW, &facts(text), Question::All);
    let complete = "job a at 10 whole: org-mod-01 done v1 of 2\norg-mod-01 v1 by a at 11 of 2";
    let windows = vec![judged(complete), judged("job a at 10 open:"), judged("job a at 10 whole:")];
    let coverage = Coverage::new("d".to_owned(), CoverageSource::Dataset, Question::All, 0, windows);
    expect![
        "1 of 3 windows are complete; not: 1970-01-01T00:00:00Z/1970-01-01T00:10:00Z (running), 1970-01-01T00:00:00Z/1970-01-01T00:10:00Z (failed)"
    ]
    .assert_eq(&coverage.answer);
    assert!(coverage.is_lacking());
    let nothing = Coverage::new("d".to_owned(), CoverageSource::Dataset, Question::All, 0, Vec::new());
    assert_eq!((nothing.state, nothing.is_lacking()), (CoverageState::Unknown, false));
}
