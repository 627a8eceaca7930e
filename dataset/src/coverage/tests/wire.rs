//! Verdicts survive the wire.

use proto::v1;

use super::notation::{WINDOW, facts};
use crate::coverage::*;

#[test]
fn a_window_is_the_same_behind_the_wire_and_its_answer_goes_along() {
    let text = "job a at 10 whole: org-mod-01 done v1 of 2, org-mod-02 failed of 2, org-mod-03 done v1 of 1
                job b at 20 whole: org-mod-01 failed of 3
                org-mod-01 v1 by a at 11 of 2 bad 3 misplaced 9
                org-mod-03 v1 damaged";
    let judged = judge(WINDOW, &facts(text), Question::All);
    let wire = judged.to_wire(Question::All);
    assert_eq!(wire.answer, judged.answer(Question::All));
    assert_eq!(WindowCoverage::try_from(wire.clone()), Ok(judged));

    let mut wrong = wire;
    wrong.shards[0].shard = "shard-1".to_owned();
    let error = WindowCoverage::try_from(wrong).expect_err("it is not a shard");
    assert_eq!(error.field, "shards.shard");
}

#[test]
fn every_state_has_one_of_the_wire_and_an_unknown_one_stays_unknown() {
    for state in CoverageState::ALL {
        let window = WindowCoverage { window: WINDOW, state, plan: None, shards: Vec::new(), notes: Vec::new() };
        let wire = window.to_wire(Question::All);
        assert_ne!(wire.state(), v1::CoverageState::Unspecified);
        assert_eq!(WindowCoverage::try_from(wire).expect("it is whole").state, state);
    }
    let later = v1::WindowCoverage { window: "all".to_owned(), state: 99, ..v1::WindowCoverage::default() };
    assert_eq!(WindowCoverage::try_from(later).expect("it is whole").state, CoverageState::Unknown);
}

#[test]
fn causes_are_cut_so_that_a_window_of_failed_shards_fits_a_message() {
    let mut read = WindowFacts::default();
    let tried = |cause: &str| ShardTry {
        outcome: TryOutcome::Failed { cause: cause.repeat(5000) },
        input: TryInput::Planned(InputSize::default()),
    };
    read.add_job(JobFacts {
        job: "a".parse().expect("a name"),
        submitted_at_ms: 1,
        round: 1,
        stage: JobStage::Ended,
        is_whole: true,
        is_plan_known: true,
        map: None,
        shards: (0..65_000).map(|org| (model::ShardId::Dedicated(model::OrgId(org)), tried("ä"))).collect(),
        cause: None,
    });
    let wire = judge(WINDOW, &read, Question::All).to_wire(Question::All);
    assert!(proto::message_bytes(&wire) < model::limits::MESSAGE_BYTES_MAX / 2, "{}", proto::message_bytes(&wire));
    assert_eq!(wire.shards.len(), 65_000);
    assert!(wire.shards[0].cause.len() > 1000 && wire.shards[64_999].cause.is_empty());
}
