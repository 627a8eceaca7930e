//! What was made: the totals that a job over it must arrive at, and every damage with what a reader must make of it.
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

/// Counts over some segments. Damages are in none of them but `segments` and `bytes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Distinct keys.
    pub series: u64,
    /// Distinct (key, timestamp): what a job writes.
    pub points_unique: u64,
    /// Points in all payloads: what a job reads.
    pub points_emitted: u64,
    /// Points among them that correct an earlier or later one.
    pub corrections: u64,
    /// Payloads, those sent again included.
    pub payloads: u64,
    /// Payloads that were sent a second time.
    pub payloads_again: u64,
    /// Segments.
    pub segments: u64,
    /// Their size.
    pub bytes: u64,
}

impl Totals {
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

/// One damage and where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlantedDamage {
    /// What is wrong.
    pub kind: DamageKind,
    /// Key of the segment.
    pub segment: String,
    /// Where it starts.
    pub offset: u64,
    /// How many bytes of the segment it takes: what a reader that gives it up leaves out.
    pub length: u64,
    /// The name of the fault, or `misplaced`, `early-late` or `empty` where the frame is sound.
    pub expected: &'static str,
    /// Points that a reader finds in it, beside those of the totals.
    pub points: u64,
}

impl PlantedDamage {
    pub(super) fn new(kind: DamageKind, segment: String, offset: u64, length: u64) -> Self {
        Self { kind, segment, offset, length, expected: kind.expected(), points: kind.points() }
    }
}

/// What [`super::generate`] made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenSummary {
    /// Version of this layout.
    pub version: u32,
    /// What was asked for.
    pub settings: GenSettings,
    /// Over all segments.
    pub totals: Totals,
    /// By the name of the shard.
    pub shards: BTreeMap<String, Totals>,
    /// In the order of segments and offsets.
    pub damages: Vec<PlantedDamage>,
}

impl GenSummary {
    pub(super) fn new(settings: &GenSettings) -> Self {
        let settings = settings.clone();
        Self {
            version: SIDECAR_VERSION,
            settings,
            totals: Totals::default(),
            shards: BTreeMap::new(),
            damages: Vec::new(),
        }
    }
}
