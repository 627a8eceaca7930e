use std::time::Duration;

use model::books::MapBooks;
use model::{MapReport, StageTimes};

use super::*;

fn line() -> AttemptLine {
    let path = TaskPath {
        job: "nightly".parse().expect("a name"),
        shard: "org-mod-07".parse().expect("a shard"),
        task: TaskId::map(12),
    };
    let attempt = AttemptId { number: 2, token: model::FencingToken(77) };
    AttemptLine::new(1_700_000_000_000, DONE, &path, attempt, LeaseId(5))
}

fn report() -> Report {
    let mut stages = StageTimes::default();
    Stage::ALL.iter().for_each(|stage| stages.add(*stage, Duration::from_secs(3), Duration::from_secs(2)));
    let mut requests = Requests::default();
    RequestKind::ALL.iter().for_each(|kind| requests.add(*kind, 12_345));
    Report::Map(MapReport {
        splits: Vec::new(),
        run: None,
        books: MapBooks { bytes_read: 40 << 20, points_read: 50_000_000, ..MapBooks::default() },
        quarantine: None,
        time_range_ms: None,
        stages,
        spills: 3,
        effort: Some(Effort { wall: Duration::from_secs(40), requests, throttled: Duration::from_millis(1500) }),
    })
}

#[test]
fn a_line_comes_back_as_it_was_and_has_nothing_that_is_not_known() {
    let mut line = line();
    let bare = serde_json::to_string(&line).expect("names and numbers");
    assert_eq!(
        bare,
        r#"{"at_ms":1700000000000,"event":"attempt-done","shard":"org-mod-07","task":"m-00012","attempt":"a-2-000000000000004d","worker":"l-0000000000000005"}"#
    );
    assert_eq!(serde_json::from_str::<AttemptLine>(&bare).expect("a line"), line);
    line.add_report(&report());
    line.outcome = Some(AttemptEnd::Counts);
    let whole = serde_json::to_string(&line).expect("names and numbers");
    let read: AttemptLine = serde_json::from_str(&whole).expect("a line");
    assert_eq!(read, line);
    assert_eq!((read.bytes, read.points, read.spills, read.wall_ms), (40 << 20, 50_000_000, 3, 40_000));
    assert_eq!((read.requests().total(), read.throttled_ms), (8 * 12_345, 1500));
    assert_eq!((read.stages_ms["merge"], read.cpu_ms), (3000, 16_000));
}

#[test]
fn the_line_of_a_usual_attempt_is_below_the_size_for_which_the_log_has_room() {
    let mut line = AttemptLine { name: "tailor-worker-7f9c6d5b8-x2x4z".to_owned(), ..line() };
    line.add_report(&report());
    line.outcome = Some(AttemptEnd::Counts);
    line.start_ms = Some(line.at_ms - 40_000);
    let bytes = serde_json::to_string(&line).expect("names and numbers").len();
    assert!(bytes * 600_000 < model::limits::ATTEMPT_EVENTS_BYTES_MAX, "{bytes} bytes a line");
}
