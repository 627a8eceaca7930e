//! Summary of generated data: the totals that a job over it must reach, and every damage with the expected result of
//! a reader.
//!
//! The same is written beside the segments as `SIDECAR`, so that a check needs neither the generator nor its settings.

use std::collections::BTreeMap;

use serde::Serialize;

use super::damage::DamageKind;
use super::settings::GenSettings;

/// Key of the summary, under the output's root.
pub const SIDECAR: &str = "gen.json";

/// Version of the sidecar's layout.
const SIDECAR_VERSION: u32 = 1;

/// Counts over some segments. Damages count only in `segments` and `bytes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct GenTotals {
    /// Number of distinct keys.
    pub series: u64,
    /// Number of distinct (key, timestamp) pairs, which a job writes.
    pub points_unique: u64,
    /// Number of points in all payloads, which a job reads.
    pub points_emitted: u64,
    /// Number of these points that correct another point.
    pub corrections: u64,
    /// Number of payloads, repeated ones included.
    pub payloads: u64,
    /// Number of payloads that were written a second time.
    pub payloads_again: u64,
    /// Number of segments.
    pub segments: u64,
    /// Size of the segments in bytes.
    pub bytes: u64,
}

impl GenTotals {
    /// Adds the counts of other segments.
    pub fn add(&mut self, other: &Self) {
        self.series += other.series;
        self.points_unique += other.points_unique;
        self.points_emitted += other.points_emitted;
        self.corrections += other.corrections;
        self.payloads += other.payloads;
        self.payloads_again += other.payloads_again;
        self.segments += other.segments;
        self.bytes += other.bytes;
    }
}

/// Damage and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlantedDamage {
    /// Kind of damage.
    pub kind: DamageKind,
    /// Key of the segment.
    pub segment: String,
    /// Offset of the first bad byte.
    pub offset: u64,
    /// Length in bytes: a reader that gives the damage up leaves out this many.
    pub length: u64,
    /// Name of the fault, or `misplaced`, `early-late` or `empty` if the frame is sound.
    pub expected: &'static str,
    /// Number of points that a reader finds in the damage, beyond those of the totals.
    pub points: u64,
}

impl PlantedDamage {
    pub(super) fn new(kind: DamageKind, segment: String, offset: u64, length: u64) -> Self {
        Self { kind, segment, offset, length, expected: kind.expected(), points: kind.points() }
    }
}

/// Summary of the data that [`super::generate`] wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenSummary {
    /// Version of this layout.
    pub version: u32,
    /// Settings of the generation.
    pub settings: GenSettings,
    /// Totals over all segments.
    pub totals: GenTotals,
    /// Totals of each shard, by its name.
    pub shards: BTreeMap<String, GenTotals>,
    /// Damages in the order of segments and offsets.
    pub damages: Vec<PlantedDamage>,
}

impl GenSummary {
    pub(super) fn new(settings: &GenSettings) -> Self {
        let settings = settings.clone();
        Self {
            version: SIDECAR_VERSION,
            settings,
            totals: GenTotals::default(),
            shards: BTreeMap::new(),
            damages: Vec::new(),
        }
    }
}
