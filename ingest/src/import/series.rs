//! Every series that an import has seen, over all its files, and its points that wait for their payload to fill.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use model::limits::IMPORT_SERIES_MAX;
use model::{OrgId, SeriesKey, ShardId, TimestampMs};

use super::{ImportError, SeriesIdentity};

/// A series and its points that wait. The metadata stays with it: it is in every payload.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) key: SeriesKey,
    pub(super) shard: ShardId,
    pub(super) metadata: Vec<u8>,
    pub(super) timestamps: Vec<TimestampMs>,
    pub(super) values: Vec<f64>,
    span: Span,
}

impl Waiting {
    /// Forgets the points that wait, and gives their memory back.
    pub(super) fn shrink(&mut self) {
        self.timestamps = Vec::new();
        self.values = Vec::new();
    }
}

/// The times of a series so far. A point outside of `earliest..=latest` is at a time of its own; one inside may not be, so
/// the series is looked through once the import has ended.
#[derive(Debug, Clone, Copy)]
struct Span {
    earliest: TimestampMs,
    latest: TimestampMs,
    points: u64,
    is_suspect: bool,
}

impl Span {
    const EMPTY: Self = Self { earliest: TimestampMs::MAX, latest: TimestampMs::MIN, points: 0, is_suspect: false };

    #[inline]
    fn add(&mut self, timestamp: TimestampMs) {
        let is_outside = timestamp > self.latest || timestamp < self.earliest;
        self.is_suspect |= !is_outside & (self.points > 0);
        self.latest = self.latest.max(timestamp);
        self.earliest = self.earliest.min(timestamp);
        self.points += 1;
    }
}

/// Handle of a series in an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SeriesHandle(usize);

/// Every series that an import has seen, over all its files.
#[derive(Debug, Default)]
pub(super) struct SeriesSeen {
    handles: HashMap<SeriesKey, SeriesHandle>,
    series: Vec<Waiting>,
}

impl SeriesSeen {
    /// Series that have a point.
    pub(super) fn count(&self) -> u64 {
        self.series.iter().filter(|series| series.span.points > 0).count() as u64
    }

    pub(super) fn handles(&self) -> impl Iterator<Item = SeriesHandle> + use<> {
        (0..self.series.len()).map(SeriesHandle)
    }

    pub(super) fn waiting(&mut self, series: SeriesHandle) -> &mut Waiting {
        &mut self.series[series.0]
    }

    /// Takes a point; returns how many wait.
    #[inline]
    pub(super) fn take(&mut self, series: SeriesHandle, timestamp: TimestampMs, value: f64) -> usize {
        let waiting = &mut self.series[series.0];
        waiting.span.add(timestamp);
        waiting.timestamps.push(timestamp);
        waiting.values.push(value);
        waiting.values.len()
    }

    /// Series that may have two points at one time, and how many points they have together.
    pub(super) fn suspects(&self) -> (Vec<SeriesKey>, u64) {
        let suspects = || self.series.iter().filter(|series| series.span.is_suspect);
        (suspects().map(|series| series.key).collect(), suspects().map(|series| series.span.points).sum())
    }

    /// The name that a series has in messages.
    pub(super) fn title(&self, key: SeriesKey) -> String {
        let metadata = self.handles.get(&key).map_or(&b""[..], |handle| &self.series[handle.0].metadata);
        if metadata.is_empty() { format!("metric {}", key.metric) } else { text(metadata) }
    }

    /// The handle of a series of `org`, which is new or known.
    pub(super) fn intern(
        &mut self,
        org: OrgId,
        shard: ShardId,
        identity: SeriesIdentity,
    ) -> Result<SeriesHandle, ImportError> {
        let Self { handles, series } = self;
        let key = SeriesKey { org, metric: identity.metric };
        match handles.entry(key) {
            Entry::Vacant(entry) => {
                let handle = SeriesHandle(series.len());
                if series.len() >= IMPORT_SERIES_MAX {
                    return Err(ImportError::TooManySeries { series: IMPORT_SERIES_MAX });
                }
                entry.insert(handle);
                let (timestamps, values) = (Vec::new(), Vec::new());
                series.push(Waiting { key, shard, metadata: identity.metadata, timestamps, values, span: Span::EMPTY });
                Ok(handle)
            }
            Entry::Occupied(entry) => {
                let handle = *entry.get();
                let known = &series[handle.0].metadata;
                if *known == identity.metadata {
                    return Ok(handle);
                }
                Err(ImportError::Collision { metric: key.metric, first: text(known), second: text(&identity.metadata) })
            }
        }
    }
}

fn text(metadata: &[u8]) -> String {
    String::from_utf8_lossy(metadata).into_owned()
}
