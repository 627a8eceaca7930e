//! Traces of a job's life: each event with the state after it and the effects that it caused.
//!
//! ```text
//! submit | retry | cancel                            requests
//! found [cancelled | unreadable]                     an earlier leader left the job
//! begun | not begun | planned | not planned | recorded SHARDS | head written | opened
//! recovered [planned] | not recovered [lost [gave up]] | abandoned
//! shard ends | shard closed | all ended | archived | not archived
//! after SECONDSs                                     time passes
//! ```

use std::time::Duration;

use expect_test::{Expect, expect};

use crate::life::{JobEffect, JobEvent, Life, step};

fn check(trace: &str, expected: Expect) {
    let (mut life, mut now) = (None, Duration::ZERO);
    let mut lines = Vec::new();
    for text in trace.split('|').map(str::trim) {
        let (next, effects) = step(life, event(text, &mut now), now);
        life = next;
        lines.push((text, shown(life, &effects)));
    }
    let width = lines.iter().map(|(event, _)| event.len()).max().unwrap_or_default();
    expected.assert_eq(&lines.iter().map(|(event, caused)| format!("{event:width$}   {caused}\n")).collect::<String>());
}

fn event(text: &str, now: &mut Duration) -> JobEvent {
    let words: Vec<_> = text.split_whitespace().collect();
    match words[..] {
        ["submit"] => JobEvent::Submitted,
        ["retry"] => JobEvent::Retried,
        ["cancel"] => JobEvent::Cancelled,
        ["found"] => JobEvent::Found { is_cancelled: false },
        ["found", "cancelled"] => JobEvent::Found { is_cancelled: true },
        ["found", "unreadable"] => JobEvent::FoundUnreadable,
        ["begun"] => JobEvent::Begun,
        ["not", "begun"] => JobEvent::NotBegun,
        ["planned"] => JobEvent::Planned,
        ["not", "planned"] => JobEvent::NotPlanned,
        ["recorded", shards] => JobEvent::Recorded { shards: shards.parse().expect("a number") },
        ["head", "written"] => JobEvent::HeadWritten,
        ["opened"] => JobEvent::Opened,
        ["recovered", ref planned @ ..] => JobEvent::Recovered { is_planned: !planned.is_empty() },
        ["not", "recovered", ref why @ ..] => {
            JobEvent::NotRecovered { is_lost: !why.is_empty(), gave_up: why.len() > 1 }
        }
        ["abandoned"] => JobEvent::Abandoned,
        ["shard", "ends"] => JobEvent::ShardEnded,
        ["shard", "closed"] => JobEvent::ShardClosed,
        ["all", "ended"] => JobEvent::ShardsEnded,
        ["archived"] => JobEvent::Archived,
        ["not", "archived"] => JobEvent::NotArchived,
        ["after", seconds] => {
            *now += Duration::from_secs(seconds.trim_end_matches('s').parse().expect("a number"));
            JobEvent::Tick
        }
        _ => panic!("no event: {text}"),
    }
}

fn shown(life: Option<Life>, effects: &[JobEffect]) -> String {
    let state = match life {
        None => "free".to_owned(),
        Some(life) => {
            let text = format!("{life:?}");
            let name = text.split([' ', '(']).next().unwrap_or_default().to_lowercase();
            let left = match life {
                Life::Opening { unrecorded, .. }
                | Life::Running { unrecorded, .. }
                | Life::Closing { unrecorded, .. } => {
                    format!(" {unrecorded}")
                }
                Life::Recovering { tries, .. } => format!(" {tries}"),
                _ => String::new(),
            };
            format!("{name}{left}{}", if life.is_cancelled() { ", cancelled" } else { "" })
        }
    };
    let effects: Vec<_> = effects.iter().map(|effect| format!("{effect:?}")).collect();
    format!("{state:22} {}", effects.join("; ")).trim_end().to_owned()
}

#[test]
fn a_job_runs_from_its_submission_to_its_record() {
    check(
        "submit | begun | planned | recorded 2 | head written | opened | shard ends | shard closed | shard ends \
         | all ended | shard closed | archived",
        expect![[r#"
            submit         beginning              Begin
            begun          planning               Plan
            planned        recording              RecordPlans
            recorded 2     releasing              WriteHead(Release)
            head written   opening 0              OpenShards
            opened         running 0
            shard ends     running 1
            shard closed   running 0
            shard ends     running 1
            all ended      closing 1              Ended
            shard closed   archiving              Archive
            archived       free                   Forget
        "#]],
    );
}

#[test]
fn a_job_without_a_shard_ends_at_once() {
    check(
        "submit | begun | planned | recorded 0 | archived",
        expect![[r#"
        submit       beginning              Begin
        begun        planning               Plan
        planned      recording              RecordPlans
        recorded 0   archiving              Ended; Archive
        archived     free                   Forget
    "#]],
    );
}

#[test]
fn a_second_submission_while_the_head_is_being_written_is_turned_down() {
    check(
        "submit | submit | retry | cancel | begun | submit",
        expect![[r#"
        submit   beginning              Begin
        submit   beginning              Refuse(JustBegun)
        retry    beginning              Refuse(JustBegun)
        cancel   beginning              Refuse(JustBegun)
        begun    planning               Plan
        submit   planning               Refuse(Open)
    "#]],
    );
}

#[test]
fn a_name_is_free_again_after_a_submission_that_began_nothing() {
    check(
        "submit | not begun | cancel | submit",
        expect![[r#"
        submit      beginning              Begin
        not begun   free
        cancel      free                   Refuse(Unknown)
        submit      beginning              Begin
    "#]],
    );
}

#[test]
fn a_cancel_before_there_are_plans_ends_the_job_once_they_would_be_there() {
    check(
        "submit | begun | cancel | cancel | head written | planned | archived",
        expect![[r#"
        submit         beginning              Begin
        begun          planning               Plan
        cancel         planning, cancelled    WriteHead(Cancel)
        cancel         planning, cancelled    WriteHead(None)
        head written   planning, cancelled
        planned        archiving, cancelled   Ended; Archive
        archived       free                   Forget
    "#]],
    );
    check(
        "submit | begun | cancel | not planned | archived",
        expect![[r#"
        submit        beginning              Begin
        begun         planning               Plan
        cancel        planning, cancelled    WriteHead(Cancel)
        not planned   archiving, cancelled   Ended; Archive
        archived      free                   Forget
    "#]],
    );
}

#[test]
fn a_cancel_while_plans_are_being_recorded_opens_the_shards_and_stops_them() {
    check(
        "submit | begun | planned | cancel | head written | recorded 2 | opened | shard ends | shard ends | all ended \
         | shard closed | shard closed | archived",
        expect![[r#"
            submit         beginning              Begin
            begun          planning               Plan
            planned        recording              RecordPlans
            cancel         recording, cancelled   WriteHead(Cancel)
            head written   recording, cancelled
            recorded 2     opening 0, cancelled   WriteHead(Count); OpenShards
            opened         running 0, cancelled   StopShards
            shard ends     running 1, cancelled
            shard ends     running 2, cancelled
            all ended      closing 2, cancelled   Ended
            shard closed   closing 1, cancelled
            shard closed   archiving, cancelled   Archive
            archived       free                   Forget
        "#]],
    );
}

#[test]
fn a_cancel_while_the_head_is_being_written_that_lets_shards_run_waits_for_it() {
    check(
        "submit | begun | planned | recorded 1 | cancel | head written | opened | head written",
        expect![[r#"
        submit         beginning              Begin
        begun          planning               Plan
        planned        recording              RecordPlans
        recorded 1     releasing              WriteHead(Release)
        cancel         releasing, cancelled   WriteHead(Cancel)
        head written   opening 0, cancelled   OpenShards
        opened         running 0, cancelled   StopShards
        head written   running 0, cancelled
    "#]],
    );
}

#[test]
fn a_cancel_of_a_running_job_stops_it_and_one_of_an_ended_job_is_refused() {
    check(
        "submit | begun | planned | recorded 1 | head written | opened | cancel | cancel",
        expect![[r#"
        submit         beginning              Begin
        begun          planning               Plan
        planned        recording              RecordPlans
        recorded 1     releasing              WriteHead(Release)
        head written   opening 0              OpenShards
        opened         running 0
        cancel         running 0, cancelled   WriteHead(Cancel); StopShards
        cancel         running 0, cancelled   WriteHead(None)
    "#]],
    );
    check(
        "submit | begun | planned | recorded 1 | head written | opened | shard ends | all ended | cancel | shard closed \
         | cancel",
        expect![[r#"
            submit         beginning              Begin
            begun          planning               Plan
            planned        recording              RecordPlans
            recorded 1     releasing              WriteHead(Release)
            head written   opening 0              OpenShards
            opened         running 0
            shard ends     running 1
            all ended      closing 1              Ended
            cancel         closing 1              Refuse(Ended)
            shard closed   archiving              Archive
            cancel         archiving              Refuse(Ended)
        "#]],
    );
}

#[test]
fn a_job_that_cannot_be_planned_ends_with_its_cause_on_record() {
    check(
        "submit | begun | not planned | head written | archived",
        expect![[r#"
        submit         beginning              Begin
        begun          planning               Plan
        not planned    archiving              WriteHead(FailPlanning); Ended; Archive
        head written   archiving
        archived       free                   Forget
    "#]],
    );
}

#[test]
fn a_record_that_cannot_be_written_is_tried_again_and_bars_a_retry() {
    check(
        "submit | begun | planned | recorded 0 | not archived | after 2s | retry | after 3s | archived | retry | begun",
        expect![[r#"
            submit         beginning              Begin
            begun          planning               Plan
            planned        recording              RecordPlans
            recorded 0     archiving              Ended; Archive
            not archived   paused
            after 2s       paused
            retry          paused                 Refuse(Open)
            after 3s       archiving              Archive
            archived       free                   Forget
            retry          beginning              Begin
            begun          planning               Plan
        "#]],
    );
}

#[test]
fn a_job_is_taken_over_in_the_state_in_which_it_was_left() {
    check(
        "found | recovered | planned",
        expect![[r#"
        found       recovering 0           Read { again: false, gives_up: false }
        recovered   planning               Plan
        planned     recording              RecordPlans
    "#]],
    );
    check(
        "found | recovered planned | shard ends | opened | shard closed | all ended",
        expect![[r#"
        found               recovering 0           Read { again: false, gives_up: false }
        recovered planned   opening 0              OpenShards
        shard ends          opening 1
        opened              running 1
        shard closed        running 0
        all ended           archiving              Ended; Archive
    "#]],
    );
    check(
        "found cancelled | recovered planned | opened",
        expect![[r#"
        found cancelled     recovering 0, cancelled Read { again: false, gives_up: false }
        recovered planned   opening 0, cancelled   OpenShards
        opened              running 0, cancelled   StopShards
    "#]],
    );
    check(
        "found unreadable | submit | cancel | recovered",
        expect![[r#"
        found unreadable   unreadable
        submit             unreadable             Refuse(Recovering)
        cancel             unreadable             Refuse(Unreadable)
        recovered          unreadable
    "#]],
    );
}

#[test]
fn a_job_that_is_being_taken_over_can_be_cancelled() {
    check(
        "found | not recovered | cancel | head written | recovered | opened | all ended",
        expect![[r#"
        found           recovering 0           Read { again: false, gives_up: false }
        not recovered   recovering 0           Read { again: true, gives_up: false }
        cancel          recovering 0, cancelled WriteHead(Cancel)
        head written    recovering 0, cancelled
        recovered       opening 0, cancelled   OpenShards
        opened          running 0, cancelled   StopShards
        all ended       archiving, cancelled   Ended; Archive
    "#]],
    );
    check(
        "found | not recovered lost | cancel | not recovered lost | not recovered lost gave up | abandoned",
        expect![[r#"
        found                        recovering 0           Read { again: false, gives_up: false }
        not recovered lost           recovering 1           Read { again: true, gives_up: false }
        cancel                       recovering 1, cancelled WriteHead(Cancel)
        not recovered lost           recovering 2, cancelled Read { again: true, gives_up: true }
        not recovered lost gave up   abandoning, cancelled  Abandon
        abandoned                    free
    "#]],
    );
}

#[test]
fn answers_that_come_late_change_nothing() {
    check(
        "planned | recorded 1 | head written | opened | shard closed | archived | abandoned",
        expect![[r#"
        planned        free
        recorded 1     free
        head written   free
        opened         free
        shard closed   free
        archived       free
        abandoned      free
    "#]],
    );
    check(
        "submit | begun | recorded 1 | opened | archived | shard closed | begun | planned | planned",
        expect![[r#"
        submit         beginning              Begin
        begun          planning               Plan
        recorded 1     planning
        opened         planning
        archived       planning
        shard closed   planning
        begun          planning
        planned        recording              RecordPlans
        planned        recording
    "#]],
    );
}
