use proptest::prelude::*;

use super::*;
use crate::ids::{OrgId, ShardId};
use crate::limits::REASON_BYTES_MAX;
use crate::time::RollupStep;

/// Builds a valid spec.
fn sound() -> JobSpec {
    JobSpec {
        job: "nightly".parse().expect("a job name"),
        input: "s3://landed/metrics".to_owned(),
        dataset: "/data/metrics".to_owned(),
        shards: vec![ShardId::Shared(3), ShardId::Dedicated(OrgId(7))],
        settings: JobSettings::default(),
        shard_map: String::new(),
        reason: "run".to_owned(),
        weight: 10,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: "ann@host".to_owned(),
        submitted_at_ms: 0,
    }
}

fn step(text: &str) -> RollupStep {
    text.parse().expect("a step")
}

#[test]
fn every_rule_names_the_field_that_breaks_it() {
    assert_eq!(sound().validate(), Ok(()));
    type Break = Box<dyn Fn(&mut JobSpec)>;
    let broken: Vec<(&str, Break)> = vec![
        ("input", Box::new(|spec| spec.input = " ".to_owned())),
        ("input", Box::new(|spec| spec.input = "s3://a/\u{1b}[31m".to_owned())),
        ("dataset", Box::new(|spec| spec.dataset = "x".repeat(URI_BYTES_MAX + 1))),
        ("shards", Box::new(|spec| spec.shards = vec![ShardId::Shared(1); 2])),
        (
            "shards",
            Box::new(|spec| {
                spec.shards = (0..=SHARDS_PER_JOB_MAX as u64).map(|org| ShardId::Dedicated(OrgId(org))).collect();
            }),
        ),
        ("settings.window", Box::new(|spec| spec.settings.window.end_ms = i64::MIN)),
        ("settings.rollups", Box::new(|spec| spec.settings.rollups = vec![step("5m"), step("5m")])),
        ("settings.rollups", Box::new(|spec| spec.settings.rollups = vec![step("1h"), step("5m")])),
        (
            "settings.rollups",
            Box::new(|spec| {
                let divisors = (1u64..100).filter_map(|ms| RollupStep::try_from(ms).ok());
                spec.settings.rollups = divisors.take(ROLLUPS_MAX + 1).collect();
            }),
        ),
        ("settings.split_bytes", Box::new(|spec| spec.settings.split_bytes = ByteSize(0))),
        ("settings.partition_bytes", Box::new(|spec| spec.settings.partition_bytes = ByteSize(u64::MAX))),
        ("shard_map", Box::new(|spec| spec.shard_map = " ".repeat(SHARD_MAP_BYTES_MAX + 1))),
        ("reason", Box::new(|spec| spec.reason = "x".repeat(REASON_BYTES_MAX + 1))),
        ("reason", Box::new(|spec| spec.reason = "a\nb".to_owned())),
        ("submitted_by", Box::new(|spec| spec.submitted_by = "\u{7f}".to_owned())),
        ("weight", Box::new(|spec| spec.weight = 0)),
        ("weight", Box::new(|spec| spec.weight = WEIGHT_MAX + 1)),
        ("running_max", Box::new(|spec| spec.running_max = Some(0))),
        ("replay_of", Box::new(|spec| spec.replay_of = Some(spec.job.clone()))),
    ];
    for (field, change) in broken {
        let mut spec = sound();
        change(&mut spec);
        let error = spec.validate().expect_err(field);
        assert_eq!(error.field, field, "{error}");
    }
}

#[test]
fn sixty_thousand_shards_are_one_spec() {
    let shards = (0..60_000).map(|org| ShardId::Dedicated(OrgId(org))).collect();
    assert_eq!(JobSpec { shards, ..sound() }.validate(), Ok(()));
}

#[test]
fn a_spec_on_the_wire_and_as_an_object_are_the_same() {
    let spec = sound();
    for bytes in [spec.to_bytes(), spec.to_message()] {
        assert_eq!(JobSpec::from_bytes(&bytes), Ok(spec.clone()));
    }
}

#[test]
fn a_window_that_ends_before_it_starts_cannot_be_read() {
    let text = String::from_utf8(sound().to_message()).expect("JSON");
    let wrong = text.replace(&format!("\"start_ms\":{}", i64::MIN), "\"start_ms\":9223372036854775807");
    assert_ne!(text, wrong, "the test replaces the window");
    let error = JobSpec::from_bytes(wrong.as_bytes()).expect_err("it ends before it starts");
    assert!(error.to_string().contains("window"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_of_specs_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = JobSpec::from_bytes(&bytes);
    }

    #[test]
    fn a_text_is_kept_only_if_a_terminal_shows_every_letter(text in any::<String>()) {
        let is_shown = text.len() <= 64 && !text.chars().any(is_unprintable);
        prop_assert_eq!(check_text("reason", &text, 64).is_ok(), is_shown);
    }
}
