//! Every series that an import has seen, over all its files, with its points that wait for a full payload.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use model::limits::IMPORT_SERIES_MAX;
use model::{OrgId, SeriesKey, ShardId, TimestampMs};

use super::{ImportError, SeriesIdentity};

/// Series with its waiting points. The metadata stays with the series because every payload contains it.
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
    /// Drops the waiting points, and frees their memory.
    pub(super) fn shrink(&mut self) {
        self.timestamps = Vec::new();
        self.values = Vec::new();
    }
}

/// Range of the times of a series so far. A point outside `earliest..=latest` has a time of its own. A point inside
/// may share its time with another, so the series is searched once the import has ended.
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
    /// Returns the number of series that have a point.
    pub(super) fn count(&self) -> u64 {
        self.series.iter().filter(|series| series.span.points > 0).count() as u64
    }

    pub(super) fn handles(&self) -> impl Iterator<Item = SeriesHandle> + use<> {
        (0..self.series.len()).map(SeriesHandle)
    }

    pub(super) fn waiting(&mut self, series: SeriesHandle) -> &mut Waiting {
        &mut self.series[series.0]
    }

    /// Adds a point; returns the number of points that wait.
    #[inline]
    pub(super) fn add_point(&mut self, series: SeriesHandle, timestamp: TimestampMs, value: f64) -> usize {
        let waiting = &mut self.series[series.0];
        waiting.span.add(timestamp);
        waiting.timestamps.push(timestamp);
        waiting.values.push(value);
        waiting.values.len()
    }

    /// Returns the series that may have two points at one time, and the number of points that they have together.
    pub(super) fn suspects(&self) -> (Vec<SeriesKey>, u64) {
        let suspects = || self.series.iter().filter(|series| series.span.is_suspect);
        (suspects().map(|series| series.key).collect(), suspects().map(|series| series.span.points).sum())
    }

    /// Returns the name of a series for messages.
    pub(super) fn title(&self, key: SeriesKey) -> String {
        let metadata = self.handles.get(&key).map_or(&b""[..], |handle| &self.series[handle.0].metadata);
        if metadata.is_empty() { format!("metric {}", key.metric) } else { text(metadata) }
    }

    /// Returns the handle of a series of `org`, which is new or known.
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
