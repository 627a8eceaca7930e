use super::*;

/// Begin of the tests' time: 2026-01-01T00:00:00Z.
const BEGIN_MS: i64 = 1_767_225_600_000;

/// Task that a worker did from a second to another.
fn done(task: &str, worker: &str, from_s: i64, to_s: i64) -> TaskSummary {
    let counts = AttemptRecord {
        worker: format!("id-{worker}"),
        worker_name: worker.to_owned(),
        start_ms: BEGIN_MS + from_s * 1000,
        end_ms: BEGIN_MS + to_s * 1000,
        ..AttemptRecord::default()
    };
    TaskSummary { task: task.to_owned(), counts: Some(counts), ..TaskSummary::default() }
}

fn running(task: &str, worker: &str, elapsed_s: u64) -> TaskSummary {
    let (worker_name, worker) = (worker.to_owned(), format!("id-{worker}"));
    let attempt = RunningAttempt { worker, worker_name, elapsed_ms: elapsed_s * 1000, ..RunningAttempt::default() };
    TaskSummary { task: task.to_owned(), running: vec![attempt], ..TaskSummary::default() }
}

fn lanes(stream: &Stream) -> String {
    let span = |span: &Span| format!("{} {}-{}", span.label(), span.start_ms / 1000, span.end_ms / 1000);
    let slot = |slot: &Slot| {
        let spans: Vec<_> = slot.spans.iter().map(span).collect();
        format!("{} #{} {} s: {}", slot.worker_name, slot.slot, slot.busy_ms / 1000, spans.join(" | "))
    };
    stream.slots.iter().map(slot).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_attempt_has_the_first_slot_of_its_worker_that_was_free() {
    let tasks = [
        done("m-00000", "w1", 0, 10),
        done("m-00001", "w1", 0, 4),
        done("m-00002", "w1", 4, 20),
        done("m-00003", "w2", 2, 12),
        running("r-00000", "w1", 9),
        TaskSummary { task: "m-00004".to_owned(), ..TaskSummary::default() },
    ];
    let stream = Stream::of(&tasks, BEGIN_MS + 20_000).expect("attempts");
    expect_test::expect![[r#"
        w1 #1 20 s: m-00001: 4 s 0-4 | m-00002: 16 s 4-20
        w1 #2 19 s: m-00000: 10 s 0-10 | r-00000: 9 s, runs 11-20
        w2 #1 10 s: m-00003: 10 s 2-12"#]]
    .assert_eq(&lanes(&stream));
}

#[test]
fn an_attempt_that_was_wasted_is_drawn_beside_the_one_that_counts() {
    let mut again = done("m-00000", "w1", 5, 9);
    again.ended = vec![done("m-00000", "w1", 0, 4).counts.expect("it is done")];
    let stream = Stream::of(&[again], BEGIN_MS).expect("attempts");
    assert_eq!(lanes(&stream), "w1 #1 8 s: m-00000: 4 s, wasted 0-4 | m-00000: 4 s 5-9");
    assert_eq!(stream.slots[0].spans.iter().map(Span::class).collect::<Vec<_>>(), ["c5", "c1"]);
    assert_eq!(stream.tasks_unknown, 0);
}

#[test]
fn what_an_earlier_leader_saw_is_counted_and_not_drawn() {
    let mut lost = done("m-00001", "w1", 5, 5);
    lost.counts.as_mut().expect("it is done").worker.clear();
    let stream = Stream::of(&[done("m-00000", "w1", 0, 10), lost.clone()], BEGIN_MS).expect("an attempt");
    assert_eq!((stream.slots.len(), stream.slots[0].spans.len(), stream.tasks_unknown), (1, 1, 1));
    assert_eq!(Stream::of(&[lost], BEGIN_MS), None);
}

#[test]
fn ten_thousand_attempts_fit_a_page_and_the_longest_one_is_seen() {
    let attempt = |at: i64| {
        let (worker, round) = (at % 400, at / 400);
        done(&format!("m-{at:05}"), &format!("w{worker:03}"), round * 10, round * 10 + 9)
    };
    let mut tasks: Vec<_> = (0..10_000).map(attempt).collect();
    tasks.push(running("r-00007", "w399", 240));
    let stream = Stream::of(&tasks, BEGIN_MS + 500_000).expect("attempts");
    let blocks: usize = stream.slots.iter().map(|slot| slot.spans.len()).sum();
    let attempts: u64 = stream.slots.iter().flat_map(|slot| &slot.spans).map(|span| span.attempts).sum();
    assert!(blocks <= BLOCKS_MAX && attempts > 900, "{blocks} blocks of {attempts} attempts");
    assert_eq!((stream.slots.len(), stream.slots_left_out), (SLOTS_MAX, 400 - SLOTS_MAX));
    let html = render(&stream).into_string();
    assert!(html.contains("r-00007: 4 min 00 s, runs") && html.len() < 100_000, "{} bytes", html.len());
}
