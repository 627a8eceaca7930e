use model::{Digest, OrgId, ShardId, TaskId, TaskKind, TraceParent};
use proptest::option;
use proptest::prelude::*;

use super::*;

fn paths() -> impl Strategy<Value = TaskPath> {
    let shards =
        prop_oneof![(0u8..64).prop_map(ShardId::Shared), any::<u64>().prop_map(|org| ShardId::Dedicated(OrgId(org)))];
    let kinds = prop_oneof![Just(TaskKind::Map), Just(TaskKind::Reduce)];
    ("[a-z0-9][a-z0-9_-]{0,20}", shards, kinds, any::<u32>()).prop_map(|(job, shard, kind, ordinal)| TaskPath {
        job: job.parse().expect("the pattern of job names"),
        shard,
        task: TaskId { kind, ordinal },
    })
}

fn attempts() -> impl Strategy<Value = AttemptId> {
    (1..=u32::MAX, any::<u64>()).prop_map(|(number, token)| AttemptId { number, token: FencingToken(token) })
}

fn digests() -> impl Strategy<Value = Digest> {
    any::<u128>().prop_map(Digest)
}

fn grants() -> impl Strategy<Value = Grant> {
    let objects = (digests(), digests(), option::of(digests()));
    let traces = (any::<u128>(), any::<u64>(), any::<bool>());
    let traces = traces.prop_map(|(trace, span, is_sampled)| TraceParent::new(trace, span, is_sampled));
    (paths(), attempts(), ".{0,20}", objects, option::of(any::<u64>()), traces).prop_map(
        |(task, attempt, uri, (spec, plan, runs), exact_start, trace)| Grant {
            task,
            attempt,
            dataset: uri.as_str().into(),
            scratch: uri.into(),
            spec,
            plan,
            exact_start,
            runs,
            trace,
        },
    )
}

fn classes() -> impl Strategy<Value = FailureClass> {
    prop_oneof![
        Just(FailureClass::Transient),
        Just(FailureClass::Throttled),
        Just(FailureClass::Resource),
        option::of(any::<u64>()).prop_map(|guessed| FailureClass::Input { guessed }),
        any::<u32>().prop_map(|map_task| FailureClass::RunLost { map_task }),
        Just(FailureClass::Cancelled),
        Just(FailureClass::Bug),
    ]
}

fn efforts() -> impl Strategy<Value = Effort> {
    (any::<u32>(), proptest::array::uniform8(any::<u64>()), any::<u32>()).prop_map(|(wall_ms, counts, throttled_ms)| {
        let mut requests = Requests::default();
        for (kind, count) in model::RequestKind::ALL.into_iter().zip(counts) {
            requests.add(kind, count);
        }
        let (wall, throttled) = (Duration::from_millis(wall_ms.into()), Duration::from_millis(throttled_ms.into()));
        Effort { wall, requests, throttled }
    })
}

proptest! {
    #[test]
    fn what_goes_over_the_wire_comes_back_as_it_was(
        task in paths(), attempt in attempts(), grant in grants(), class in classes(), message: String,
        violates in option::of(proptest::sample::select(&model::Invariant::ALL[..])), effort in efforts()
    ) {
        let held = HeldAttempt { task, attempt };
        prop_assert_eq!(HeldAttempt::try_from(v1::HeldAttempt::from(&held)), Ok(held));
        prop_assert_eq!(Grant::try_from(v1::Grant::from(&grant)), Ok(grant));
        prop_assert_eq!(Effort::from(v1::Effort::from(&effort)), effort);
        let failure = model::Failure { class, message, violates };
        prop_assert_eq!(model::Failure::try_from(v1::Failure::from(&failure)), Ok(failure));
    }
}

#[test]
fn a_field_that_does_not_hold_is_named_by_its_path_with_what_it_holds() {
    let path = v1::TaskPath { job: "nightly".into(), shard: "org-mod-7".into(), task: "m-00001".into() };
    let held = v1::HeldAttempt { task: Some(path), attempt: Some(v1::Attempt { number: 1, token: 7 }) };
    let error = HeldAttempt::try_from(held.clone()).expect_err("a second spelling of a shard");
    assert_eq!(error.to_string(), "task.shard: 'org-mod-7' is not a shard (org-mod-00 to org-mod-63, or org-N)");

    let error = required::<_, HeldAttempt>("held", Some(v1::HeldAttempt { task: None, ..held })).expect_err("no task");
    assert_eq!(error.to_string(), "held.task: is missing");
    let error = AttemptId::try_from(v1::Attempt { number: 0, token: 7 }).expect_err("no attempt has number 0");
    assert_eq!(error.field, "number");
}

#[test]
fn an_invariant_that_is_not_known_or_not_sent_is_none() {
    let sent = |violates: Option<&str>| {
        let class = v1::FailureClass::Bug.into();
        let wire = v1::Failure { class, violates: violates.map(str::to_owned), ..Default::default() };
        model::Failure::try_from(wire).expect("a known class").violates
    };
    assert_eq!(sent(Some("DT-2")), Some(model::Invariant::Dt2));
    assert_eq!([sent(None), sent(Some("DT-99")), sent(Some(""))], [None; 3]);
}

#[test]
fn a_failure_of_no_known_class_is_refused_rather_than_guessed() {
    for class in [0, 99] {
        let error = model::Failure::try_from(v1::Failure { class, ..Default::default() }).expect_err("no such class");
        assert_eq!(error, FieldError::new("class", format!("{class} is not a class of failure that is known here")));
    }
    let lost = v1::Failure { class: v1::FailureClass::RunLost.into(), ..Default::default() };
    assert_eq!(model::Failure::try_from(lost).expect_err("which run?").field, "map_task");
}
