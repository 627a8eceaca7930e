//! Logs through a store that is away, slow, and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, PutOptions, PutPayload, PutResult, Result};
use storage::bent::{Bend, Bent};

use super::*;

/// Store that can be away; it then refuses every write.
#[derive(Debug, Default)]
struct Moody {
    store: InMemory,
    is_away: AtomicBool,
}

#[async_trait]
impl Bend for Moody {
    fn inner(&self) -> &dyn ObjectStore {
        &self.store
    }

    async fn put(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        // A write takes a while, so that lines come meanwhile.
        tokio::task::yield_now().await;
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(object_store::Error::Generic { store: "moody", source: "away".into() }),
            false => self.store.put_opts(location, payload, options).await,
        }
    }
}

fn leader() -> LeaderId {
    LeaderId { revision: 7, term: model::Term::drawn(1) }
}

struct Fixture {
    store: Arc<Bent<Moody>>,
    dataset: Root,
    log: EventLog,
}

fn fixture() -> Fixture {
    let store = Arc::new(Bent(Moody::default()));
    let dataset = Root::of_store("moody", Arc::clone(&store) as Arc<dyn ObjectStore>);
    Fixture { store, dataset, log: EventLog::new("j".parse().expect("a job name"), leader()) }
}

impl Fixture {
    fn be_away(&self, is_away: bool) {
        self.store.0.is_away.store(is_away, Ordering::Relaxed);
    }

    fn note(&self, ordinal: usize, bytes: usize) {
        self.log.note(5, "happened", json!({ "ordinal": ordinal, "text": "x".repeat(bytes) }));
    }

    /// Reads all lines in key order.
    async fn lines(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        for object in self.dataset.list("jobs/j/events").await.expect("a listing") {
            let bytes = self.dataset.read(object.location.as_ref()).await.expect("it is there");
            let text = String::from_utf8(bytes.to_vec()).expect("text");
            lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON")));
        }
        lines
    }

    async fn ordinals(&self) -> Vec<u64> {
        self.lines().await.iter().filter_map(|line| line["ordinal"].as_u64()).collect()
    }

    async fn objects(&self) -> usize {
        self.dataset.list("jobs/j/events").await.expect("a listing").len()
    }
}

#[tokio::test]
async fn a_log_that_is_written_now_and_then_takes_objects_by_its_size_alone() {
    let fixture = fixture();
    for ordinal in 0..1000 {
        fixture.note(ordinal, 1000);
        fixture.log.flush(&fixture.dataset).await.expect("it is written");
    }
    assert_eq!(fixture.ordinals().await, (0..1000).collect::<Vec<_>>());
    assert_eq!(fixture.objects().await, 5, "a million bytes in pieces of 256 KiB");
}

#[tokio::test]
async fn what_happens_while_the_store_is_away_is_written_once_it_is_back() {
    let fixture = fixture();
    for ordinal in 0..300 {
        fixture.be_away((100..200).contains(&ordinal));
        fixture.note(ordinal, 1000);
        // A line that comes during the write does not belong to the request in flight.
        let flush = fixture.log.flush(&fixture.dataset);
        let note = async { fixture.note(1000 + ordinal, 10) };
        let (flushed, ()) = tokio::join!(flush, note);
        assert_eq!(flushed.is_err(), (100..200).contains(&ordinal), "{ordinal}");
    }
    fixture.log.flush_all(&fixture.dataset).await.expect("the store is back");
    let all = (0..300).flat_map(|ordinal| [ordinal, 1000 + ordinal]).collect::<Vec<_>>();
    assert_eq!(fixture.ordinals().await, all, "each once, in order");
    assert!(fixture.objects().await <= 5, "a failed write costs at most one object more: {}", fixture.objects().await);
}

#[tokio::test]
async fn a_piece_whose_write_failed_never_grows() {
    let fixture = fixture();
    fixture.be_away(true);
    fixture.note(0, 10);
    fixture.log.flush(&fixture.dataset).await.expect_err("it is away");
    fixture.note(1, 10);
    fixture.be_away(false);
    fixture.log.flush(&fixture.dataset).await.expect("it is back");
    let first = keys::events(&"j".parse().expect("a job name"), leader(), 0);
    let first = fixture.dataset.read(&first).await.expect("it is there");
    assert_eq!(first.iter().filter(|byte| **byte == b'\n').count(), 1, "as long as what may still arrive");
    assert_eq!(fixture.ordinals().await, [0, 1]);
}

#[tokio::test]
async fn memory_is_bounded_and_what_is_dropped_is_counted_in_the_log() {
    let fixture = fixture();
    fixture.be_away(true);
    let lines = 2 * EVENTS_UNWRITTEN_BYTES_MAX / 1000;
    for ordinal in 0..lines {
        fixture.note(ordinal, 1000);
    }
    let held: usize = fixture.log.pieces().waiting.iter().map(|piece| piece.bytes.len()).sum();
    assert!(held <= EVENTS_UNWRITTEN_BYTES_MAX + 100, "{held} bytes are held");
    fixture.be_away(false);
    fixture.log.flush(&fixture.dataset).await.expect("it is back");
    fixture.note(lines, 10);
    fixture.log.finish(&fixture.dataset).await;
    let (kept, all) = (fixture.ordinals().await, fixture.lines().await);
    let left_out: Vec<_> = all.iter().filter(|line| line["event"] == "left-out").collect();
    assert_eq!(left_out.len(), 1);
    assert_eq!(left_out[0]["lines"], lines as u64 + 1 - kept.len() as u64);
    assert_eq!(kept.last(), Some(&(lines as u64)));
}

#[tokio::test]
async fn ends_of_the_attempts_of_300_000_tasks_are_kept_and_crowd_nothing_out() {
    const TASKS: usize = 300_000;
    let fixture = fixture();
    let line = |event: &str, bytes| json!({ "event": event, "text": "x".repeat(bytes) });
    let (begin, end) = (line("attempt-assigned", 200), line("attempt-done", 600));
    for task in 0..TASKS {
        fixture.log.note_attempt(LineRank::Begin, &begin);
        fixture.log.note_attempt(LineRank::End, &end);
        if task % 1000 == 0 {
            fixture.log.flush(&fixture.dataset).await.expect("it is written");
        }
    }
    fixture.note(1, 10);
    fixture.log.finish(&fixture.dataset).await;
    let (mut ends, mut left_out, mut last) = (0, 0, Value::Null);
    for line in fixture.lines().await {
        ends += usize::from(line["event"] == "attempt-done");
        left_out += line["lines"].as_u64().unwrap_or_default();
        last = line;
    }
    assert_eq!(ends, TASKS);
    assert!(left_out > 0 && left_out < TASKS as u64, "begins alone are left out, and counted: {left_out}");
    assert_eq!(last["ordinal"], 1);
}

#[tokio::test]
async fn begins_of_attempts_are_dropped_before_their_ends_and_those_before_other_events() {
    let fixture = fixture();
    fixture.be_away(true);
    let line = json!({ "event": "attempt", "text": "x".repeat(1000) });
    let held = || fixture.log.pieces().waiting.iter().map(|piece| piece.bytes.len()).sum::<usize>();
    let mut before = 0;
    for rank in [LineRank::Begin, LineRank::End, LineRank::Event] {
        (0..EVENTS_UNWRITTEN_BYTES_MAX / 1000).for_each(|_| fixture.log.note_attempt(rank, &line));
        assert!(held() > before && held() <= rank.unwritten_bytes_max() + 200, "{rank:?}: {}", held());
        before = held();
    }
}

#[tokio::test]
async fn a_log_has_a_bounded_number_of_objects_and_says_what_it_left_out() {
    let fixture = fixture();
    let lines = 70;
    for ordinal in 0..lines {
        fixture.note(ordinal, 1 << 20);
        fixture.log.flush(&fixture.dataset).await.expect("it is written");
    }
    fixture.log.finish(&fixture.dataset).await;
    let all = fixture.lines().await;
    let last = all.last().expect("a line");
    assert_eq!(last["event"], "left-out");
    assert_eq!(last["lines"], (lines + 1 - all.len()) as u64);
    assert!(fixture.objects().await <= EVENTS_BYTES_MAX / EVENT_PIECE_BYTES_MAX);
}
