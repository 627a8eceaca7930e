//! Counts the increments of `tailor_invariant_violations_total` that the product makes on this thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use model::Invariant;

/// Counter of each invariant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted(Arc<Mutex<BTreeMap<&'static str, Arc<Count>>>>);

#[derive(Debug, Default)]
struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    fn absolute(&self, _: u64) {}
}

impl Counted {
    /// Returns the counts so far, and starts anew.
    pub(crate) fn take(&self) -> Vec<(Invariant, u64)> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let times =
            |invariant: Invariant| counts.get(invariant.id()).map_or(0, |count| count.0.load(Ordering::Relaxed));
        Invariant::ALL.into_iter().map(|it| (it, times(it))).filter(|(_, times)| *times > 0).collect()
    }

    fn counter(&self, key: &Key) -> Option<Arc<Count>> {
        let label = key.labels().find(|label| label.key() == "id").filter(|_| key.name() == coordinator::VIOLATIONS)?;
        let invariant = Invariant::ALL.into_iter().find(|invariant| invariant.id() == label.value())?;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(counts.entry(invariant.id()).or_default()))
    }
}

impl Recorder for Counted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.counter(key).map_or_else(Counter::noop, Counter::from_arc)
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

thread_local! {
    /// A recorder must live as long as its thread, so there is a single one per thread.
    static RECORDER: RefCell<Option<&'static Counted>> = const { RefCell::new(None) };
}

/// Counts on this thread for as long as the returned guard is kept.
pub(crate) fn count() -> (metrics::LocalRecorderGuard<'static>, Counted) {
    let recorder = RECORDER.with_borrow_mut(|recorder| *recorder.get_or_insert_with(|| Box::leak(Box::default())));
    drop(recorder.take());
    (metrics::set_default_local_recorder(recorder), recorder.clone())
}
