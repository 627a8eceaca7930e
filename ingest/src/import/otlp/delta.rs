//! Sum of the delta points of one millisecond. Each delta is the change since the one before, so of two at one time
//! neither may be dropped.
//!
//! The latest [`WINDOW`] milliseconds of each delta series wait here, for points that arrive slightly out of order. A
//! point with the interval (start and end, in nanoseconds) and value of one that was added is a second delivery of
//! it; with the same interval and another value, it contradicts that point. Points of other intervals are added, also
//! if they end together.

use std::collections::BTreeMap;

use crate::import::series::SeriesHandle;
use crate::import::sink::Sink;
use crate::import::{ImportBooks, ImportError};

/// Number of latest milliseconds of a series that wait.
const WINDOW: usize = 8;

const NS_PER_MS: u64 = 1_000_000;

/// Reason in the books: the value is in the sum that was written.
const ADDED: &str = "added to another of its millisecond";

/// Reason in the books: the same delta came before.
const REPEATED: &str = "delta delivered twice";

/// Waiting points, in the order in which series were first seen, so that the same input gives the same segments.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    waiting: BTreeMap<SeriesHandle, BTreeMap<u64, Sum>>,
}

/// Interval of a delta point, in nanoseconds; `start` is 0 if the producer does not send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
}

/// The points of one millisecond.
#[derive(Debug)]
struct Sum {
    value: f64,
    /// Interval, and bits of the value.
    parts: Vec<(Interval, u64)>,
}

impl Deltas {
    /// Adds a point of a delta series.
    pub(super) fn add(
        &mut self,
        series: SeriesHandle,
        interval: Interval,
        value: f64,
        (sink, books): (&mut Sink<'_>, &mut ImportBooks),
    ) -> Result<(), ImportError> {
        let window = self.waiting.entry(series).or_default();
        let ms = interval.end_ns / NS_PER_MS;
        let part = (interval, value.to_bits());
        let fresh = || Sum { value, parts: vec![part] };
        match window.get_mut(&ms) {
            Some(sum) if sum.parts.contains(&part) => books.values.skip(REPEATED, 1),
            // Another value for the same interval is a contradiction; the import reports it as points of one time.
            Some(sum) if sum.parts.iter().any(|(known, _)| *known == interval) => {
                let earlier = std::mem::replace(sum, fresh());
                sink.push(series, ms as i64, earlier.value)?;
            }
            Some(sum) => {
                sum.value += value;
                sum.parts.push(part);
                books.values.skip(ADDED, 1);
            }
            None => drop(window.insert(ms, fresh())),
        }
        if window.len() > WINDOW
            && let Some((ms, sum)) = window.pop_first()
        {
            sink.push(series, ms as i64, sum.value)?;
        }
        Ok(())
    }

    /// Writes all waiting points, at the end of the file.
    pub(super) fn finish(self, sink: &mut Sink<'_>) -> Result<(), ImportError> {
        for (series, window) in self.waiting {
            for (ms, sum) in window {
                sink.push(series, ms as i64, sum.value)?;
            }
        }
        Ok(())
    }
}
