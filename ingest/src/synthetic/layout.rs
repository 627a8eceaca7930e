//! Distribution of series over organisations, and of organisations over segments.
//!
//! A [`Stream`] is the series of one shard that share a shape, and the segments that their payloads are scattered over:
//! the regular series of each shard, the hot series, and the tiny series of each shard.

use model::{OrgId, ShardId};

use super::random::{derive, mix};
use super::settings::{BIG_ORG, GenSettings};

/// Most segments of a topic; a stream with more segments has several topics.
const PARTITIONS_PER_TOPIC: u32 = 4;

/// Role of the series of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Regular,
    Hot,
    Tiny,
}

/// Number of points in each series of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeriesPoints {
    Exactly(u64),
    /// One to three points, drawn for each series.
    OneToThree,
}

impl SeriesPoints {
    pub(super) fn most(self) -> u64 {
        match self {
            Self::Exactly(points) => points,
            Self::OneToThree => 3,
        }
    }
}

/// Series of one shard, and the segments that their payloads are scattered over.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) shard: ShardId,
    pub(super) role: Role,
    /// Seed of the stream; distinct for each stream of a run.
    pub(super) seed: u64,
    /// Owners in order, each with the index of its first series.
    owners: Vec<(OrgId, u64)>,
    pub(super) series: u64,
    pub(super) points: SeriesPoints,
    pub(super) interval_ms: u64,
    pub(super) segments: u32,
}

impl Stream {
    fn new(settings: &GenSettings, shard: ShardId, role: Role, points: SeriesPoints) -> Self {
        let ordinal = match shard {
            ShardId::Shared(remainder) => u64::from(remainder),
            ShardId::Dedicated(org) => mix(org.0),
        };
        let seed = derive(derive(settings.seed, ordinal), role as u64);
        let segments = if shard == BIG_SHARD { settings.big_partitions } else { settings.partitions };
        Self { shard, role, seed, owners: Vec::new(), series: 0, points, interval_ms: settings.interval_ms, segments }
    }

    fn add(&mut self, org: OrgId, series: u64) {
        if series > 0 {
            self.owners.push((org, self.series));
            self.series += series;
        }
    }

    /// Returns the owner of the series at `index`, and the ordinal of the series within that owner.
    pub(super) fn owner(&self, index: u64) -> (OrgId, u64) {
        let after = self.owners.partition_point(|(_, first)| *first <= index);
        let (org, first) = self.owners[after - 1];
        (org, index - first)
    }

    /// Returns the key of a segment: a spreading prefix, then a topic, a partition and an offset, as a Kafka consumer
    /// would name them.
    pub(super) fn segment_key(&self, segment: u32) -> String {
        let spread = derive(self.seed, u64::from(segment)) as u16;
        let topic = match self.role {
            Role::Regular => format!("topic-{}", 1 + segment / PARTITIONS_PER_TOPIC),
            Role::Hot => "topic-hot".to_owned(),
            Role::Tiny => "topic-tiny".to_owned(),
        };
        let partition = match self.role {
            Role::Regular => segment % PARTITIONS_PER_TOPIC,
            Role::Hot | Role::Tiny => segment,
        };
        format!("{spread:04x}/shard={}/{topic}/partition-{partition}/{segment:08}.seg", self.shard)
    }
}

const BIG_SHARD: ShardId = ShardId::Dedicated(OrgId(BIG_ORG));

/// Lists every stream that has series.
pub(super) fn streams(settings: &GenSettings) -> Vec<Stream> {
    let regular = settings.regular_series();
    let big = (regular as f64 * settings.big_share).round() as u64;
    let mut streams = shared_streams(settings, Role::Regular, regular - big);
    let points = SeriesPoints::Exactly(settings.regular_points());
    let mut big_stream = Stream::new(settings, BIG_SHARD, Role::Regular, points);
    big_stream.add(OrgId(BIG_ORG), big);
    streams.push(big_stream);
    streams.extend(hot_stream(settings));
    streams.extend(shared_streams(settings, Role::Tiny, settings.tiny_series));
    streams.retain(|stream| stream.series > 0);
    streams
}

/// Spreads `series` over the organisations of the shared shards.
fn shared_streams(settings: &GenSettings, role: Role, series: u64) -> Vec<Stream> {
    let points = match role {
        Role::Tiny => SeriesPoints::OneToThree,
        Role::Regular | Role::Hot => SeriesPoints::Exactly(settings.regular_points()),
    };
    let shards = 0..model::limits::SHARED_SHARDS as u8;
    let mut streams: Vec<_> =
        shards.map(|remainder| Stream::new(settings, ShardId::Shared(remainder), role, points)).collect();
    for (rank, series) in zipf(series, settings.orgs, settings.skew).into_iter().enumerate() {
        let org = org_of_rank(rank as u64);
        streams[usize::from(shared_remainder(org))].add(org, series);
    }
    streams
}

/// Builds the stream of the one hot series, in segments of its own. Its points fill the time of the others at a
/// shorter interval, or, at one point a millisecond, a longer time.
fn hot_stream(settings: &GenSettings) -> Option<Stream> {
    let points = settings.hot_points();
    let org = org_of_rank(0);
    let shard = ShardId::Shared(shared_remainder(org));
    let mut stream = Stream::new(settings, shard, Role::Hot, SeriesPoints::Exactly(points));
    let span_ms = settings.interval_ms.saturating_mul(settings.regular_points().max(1));
    stream.interval_ms = (span_ms / points.max(1)).max(1);
    stream.add(org, 1);
    (points > 0).then_some(stream)
}

fn shared_remainder(org: OrgId) -> u8 {
    (org.0 % model::limits::SHARED_SHARDS) as u8
}

/// Returns the organisation of a rank by size, counted from 0. The step is prime to the number of shared shards, so
/// each shard gets an organisation before any shard gets a second one.
fn org_of_rank(rank: u64) -> OrgId {
    const FIRST: u64 = 7;
    const STEP: u64 = 37;
    let id = FIRST + STEP * rank;
    // The id of the big organisation is skipped: it has a shard of its own.
    OrgId(if id >= BIG_ORG { id + 1 } else { id })
}

/// Splits `total` over `ranks` by the weights `1 / rank^skew`, exactly.
fn zipf(total: u64, ranks: u64, skew: f64) -> Vec<u64> {
    let weight = |rank: u64| ((rank + 1) as f64).powf(-skew);
    let sum: f64 = (0..ranks).map(weight).sum();
    let mut reached = 0.0;
    let mut given = 0;
    let mut shares: Vec<u64> = (0..ranks)
        .map(|rank| {
            reached += weight(rank);
            let until = ((total as f64 * (reached / sum)).round() as u64).clamp(given, total);
            let share = until - given;
            given = until;
            share
        })
        .collect();
    if let Some(last) = shares.last_mut() {
        *last += total - given;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_fall_with_the_rank() {
        for (total, ranks, skew) in [(59_027, 200, 1.0), (3, 10, 1.5), (0, 4, 1.0), (1_000_003, 7, 0.0)] {
            let shares = zipf(total, ranks, skew);
            assert_eq!(shares.iter().sum::<u64>(), total);
            assert!(shares.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{shares:?}");
        }
    }

    #[test]
    fn every_series_has_one_owner_whose_shard_is_the_stream() {
        let settings = GenSettings { points: 200_000, tiny_series: 5000, hot_series_share: 0.1, ..Default::default() };
        for stream in streams(&settings) {
            for index in 0..stream.series {
                let (org, own) = stream.owner(index);
                let remainder = ShardId::Shared((org.0 % 64) as u8);
                assert!(own <= index && (stream.shard == remainder || org.0 == BIG_ORG), "{org} in {}", stream.shard);
            }
        }
    }

    #[test]
    fn the_default_is_the_measured_workload() {
        let streams = streams(&GenSettings::default());
        let series: u64 = streams.iter().map(|stream| stream.series).sum();
        let segments: u32 = streams.iter().map(|stream| stream.segments).sum();
        assert_eq!((streams.len(), series, segments), (65, 69_444, 514));
    }
}
