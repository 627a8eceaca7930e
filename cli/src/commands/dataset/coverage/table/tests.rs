use std::collections::BTreeMap;

use dataset::coverage::{
    CoverageSource, FoundVersion, InputSize, JobFacts, JobStage, Question, ShardTry, ShardVersion, TryInput,
    TryOutcome, WindowFacts, judge,
};
use expect_test::{Expect, expect};
use model::{OrgId, TimestampMs, Window};

use super::*;

/// First instant of 2026.
const START_MS: TimestampMs = 1_767_225_600_000;

/// Judges a window of shards, of which one failed and one has bad frames.
fn window(hour: i64, failed: Option<u8>, bad: Option<u8>, shards: u8, question: Question) -> WindowCoverage {
    let window = Window::of(START_MS + hour * 3_600_000, START_MS + (hour + 1) * 3_600_000);
    let input = InputSize { segments: 2, bytes: 2048 };
    let job: model::JobId = "nightly".parse().expect("a name");
    let mut facts = WindowFacts::default();
    let mut tries = BTreeMap::new();
    for ordinal in 0..shards {
        let shard = ShardId::Shared(ordinal);
        let outcome = if failed == Some(ordinal) {
            TryOutcome::Failed { cause: "segment a.seg, offset 7: corrupt".to_owned() }
        } else {
            let version = ShardVersion {
                version: 1,
                job: job.clone(),
                committed_at_ms: window.end_ms + 60_000,
                input,
                frames_quarantined: u64::from(bad == Some(ordinal)),
                bytes_quarantined: 100 * u64::from(bad == Some(ordinal)),
                misplaced: BTreeMap::new(),
                misplaced_unlisted: 0,
            };
            facts.versions.insert(shard, FoundVersion::Read(version));
            TryOutcome::Done { version: 1 }
        };
        tries.insert(shard, ShardTry { outcome, input: TryInput::Planned(input) });
    }
    facts.add_job(JobFacts {
        job,
        submitted_at_ms: window.end_ms,
        round: 1,
        stage: JobStage::Ended,
        is_whole: true,
        is_plan_known: true,
        map: Some(std::sync::Arc::default()),
        shards: tries,
        cause: None,
    });
    judge(window, &facts, question)
}

fn check(windows: Vec<WindowCoverage>, question: Question, expected: &Expect) {
    let coverage = Coverage::new("d".to_owned(), CoverageSource::Dataset, question, 0, windows);
    expected.assert_eq(&shown(&coverage));
}

#[test]
fn one_window_tells_its_shards_and_sums_up_those_that_are_complete() {
    check(
        vec![window(0, Some(3), Some(5), 64, Question::All)],
        Question::All,
        &expect![[r#"
        window 2026-01-01T00:00:00Z/2026-01-01T01:00:00Z is not complete: 62 of 64 shards are complete, 1 failed (org-mod-03), 1 with holes (org-mod-05) (plan of job nightly, 2026-01-01T01:00:00Z)

        SHARD       STATE   VERSION  JOB      COMMITTED             SEGMENTS  HOLES                      LATER           CAUSE
        org-mod-03  failed        -  -        -                            0                             nightly failed  segment a.seg, offset 7: corrupt
        org-mod-05  holes        v1  nightly  2026-01-01T01:01:00Z         2  1 bad frames of 100 bytes
        62 more shards are complete

        segments that arrived after a plan are not known here: `tailor plan` lists the input as it is now
    "#]],
    );
}

#[test]
fn an_organisation_is_told_in_one_line() {
    let question = Question::Org(OrgId(3));
    check(
        vec![window(0, Some(3), None, 64, question)],
        question,
        &expect![[r#"
        window 2026-01-01T00:00:00Z/2026-01-01T01:00:00Z is not complete for organisation 3: shard org-mod-03 has no version, state failed: segment a.seg, offset 7: corrupt (plan of job nightly, 2026-01-01T01:00:00Z)

        SHARD       STATE   VERSION  JOB  COMMITTED  SEGMENTS  HOLES  LATER           CAUSE
        org-mod-03  failed        -  -    -                 0         nightly failed  segment a.seg, offset 7: corrupt

        segments that arrived after a plan are not known here: `tailor plan` lists the input as it is now
    "#]],
    );
}

#[test]
fn many_windows_are_a_matrix_with_columns_for_the_shards_that_lack_something() {
    let windows = vec![
        window(2, None, None, 64, Question::All),
        window(1, Some(3), None, 64, Question::All),
        window(0, None, Some(5), 64, Question::All),
    ];
    check(
        windows,
        Question::All,
        &expect![[r#"
        1 of 3 windows are complete; not: 2026-01-01T01:00:00Z/2026-01-01T02:00:00Z (failed), 2026-01-01T00:00:00Z/2026-01-01T01:00:00Z (holes)

        WINDOW                                     STATE     org-mod-03  org-mod-05  OTHERS  NOT COMPLETE
        2026-01-01T02:00:00Z/2026-01-01T03:00:00Z  complete          v1          v1   62/62
        2026-01-01T01:00:00Z/2026-01-01T02:00:00Z  failed        failed          v1   62/62
        2026-01-01T00:00:00Z/2026-01-01T01:00:00Z  holes             v1    v1 holes   62/62

        segments that arrived after a plan are not known here: `tailor plan` lists the input as it is now
    "#]],
    );
}

#[test]
fn a_matrix_has_room_for_a_few_columns_and_counts_the_rest() {
    let windows = (0..9).map(|at| window(9 - i64::from(at), Some(at), Some(at + 10), 30, Question::All)).collect();
    check(
        windows,
        Question::All,
        &expect![[r#"
        0 of 9 windows are complete; not: 2026-01-01T09:00:00Z/2026-01-01T10:00:00Z (failed), 2026-01-01T08:00:00Z/2026-01-01T09:00:00Z (failed), 2026-01-01T07:00:00Z/2026-01-01T08:00:00Z (failed) and 6 more

        WINDOW                                     STATE   org-mod-00  org-mod-01  org-mod-02  org-mod-03  org-mod-04  org-mod-05  OTHERS  NOT COMPLETE
        2026-01-01T09:00:00Z/2026-01-01T10:00:00Z  failed      failed          v1          v1          v1          v1          v1   23/24  1 holes
        2026-01-01T08:00:00Z/2026-01-01T09:00:00Z  failed          v1      failed          v1          v1          v1          v1   23/24  1 holes
        2026-01-01T07:00:00Z/2026-01-01T08:00:00Z  failed          v1          v1      failed          v1          v1          v1   23/24  1 holes
        2026-01-01T06:00:00Z/2026-01-01T07:00:00Z  failed          v1          v1          v1      failed          v1          v1   23/24  1 holes
        2026-01-01T05:00:00Z/2026-01-01T06:00:00Z  failed          v1          v1          v1          v1      failed          v1   23/24  1 holes
        2026-01-01T04:00:00Z/2026-01-01T05:00:00Z  failed          v1          v1          v1          v1          v1      failed   23/24  1 holes
        2026-01-01T03:00:00Z/2026-01-01T04:00:00Z  failed          v1          v1          v1          v1          v1          v1   22/24  1 failed, 1 holes
        2026-01-01T02:00:00Z/2026-01-01T03:00:00Z  failed          v1          v1          v1          v1          v1          v1   22/24  1 failed, 1 holes
        2026-01-01T01:00:00Z/2026-01-01T02:00:00Z  failed          v1          v1          v1          v1          v1          v1   22/24  1 failed, 1 holes

        segments that arrived after a plan are not known here: `tailor plan` lists the input as it is now
    "#]],
    );
}
