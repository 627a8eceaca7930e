//! Random inputs, settings, and ways to run them.

use std::collections::BTreeMap;

use format::keys;
use model::{
    ByteSize, DuplicateRule, Encoding, JobSettings, LossMax, OnBadFrame, RollupStep, SeriesKey, ShardId, TimestampMs,
    Window,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use storage::segment::SegmentAccess;
use tests::segments::{Flaw, Message, Sent, SentSegment, decoy_frames};
use worker::SlotLimits;

/// Input, with the settings that shape the output.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) segments: Vec<SentSegment>,
    pub(super) settings: JobSettings,
}

impl Case {
    /// Groups the segments by shard.
    pub(super) fn by_shard(&self) -> BTreeMap<ShardId, Vec<&SentSegment>> {
        let mut shards: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for segment in &self.segments {
            let shard = keys::segment_shard(&segment.key).expect("a shard's name").expect("a segment's key");
            shards.entry(shard).or_default().push(segment);
        }
        shards
    }

    /// Counts the bad frames of a shard that is done all the same.
    pub(super) fn bad_frames_allowed(&self) -> u64 {
        match self.settings.on_bad_frame {
            OnBadFrame::Fail => 0,
            OnBadFrame::Quarantine => self.settings.bad_frames_max,
        }
    }
}

/// Way to run a case, which must not show in the output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) split_bytes: u64,
    pub(super) access: SegmentAccess,
    /// Number of attempts at once.
    pub(super) workers: usize,
    /// Limits of each attempt.
    pub(super) limits: SlotLimits,
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    (segments(), settings()).prop_map(|(segments, settings)| Case { segments, settings })
}

pub(super) fn run() -> impl Strategy<Value = Run> {
    // The sizes range from a byte to more than any segment here.
    let split_bytes = prop_oneof![1u64..64, 64u64..1024, 1024u64..16_384, Just(1 << 30)];
    let access = select(vec![SegmentAccess::Auto, SegmentAccess::Ranged]);
    (split_bytes, access, 1usize..5, limits()).prop_map(|(split_bytes, access, workers, limits)| Run {
        split_bytes,
        access,
        workers,
        limits,
    })
}

/// Limits from a spill after every frame to none at all.
fn limits() -> impl Strategy<Value = SlotLimits> {
    let memory_bytes = prop_oneof![1u64..4096, 4096u64..1 << 20, Just(32 << 20)];
    let map_batch_bytes = prop_oneof![Just(1usize), 1usize..10_000, Just(128 << 10)];
    let overlap_points_max = prop_oneof![1usize..50, Just(1 << 18)];
    let merge_fan_in_max = prop_oneof![2usize..6, Just(256)];
    let reduce_batch_points = prop_oneof![1usize..100, Just(16 << 10)];
    (memory_bytes, map_batch_bytes, overlap_points_max, merge_fan_in_max, reduce_batch_points).prop_map(
        |(memory_bytes, map_batch_bytes, overlap_points_max, merge_fan_in_max, reduce_batch_points)| SlotLimits {
            memory_bytes,
            map_batch_bytes,
            overlap_points_max,
            merge_fan_in_max,
            reduce_batch_points,
        },
    )
}

fn settings() -> impl Strategy<Value = JobSettings> {
    let window = prop_oneof![
        2 => Just(Window::ALL),
        1 => (-50i64..50, 1i64..100).prop_map(|(start_ms, length)| Window::of(start_ms, start_ms + length)),
        1 => Just(Window::of(i64::MIN, 0)),
        1 => Just(Window::of(0, i64::MAX)),
    ];
    let duplicates = select(DuplicateRule::ALL.map(|(_, rule)| rule).to_vec());
    let steps = ["1ms", "20ms", "1s", "5m", "24h"].map(|step| step.parse::<RollupStep>().expect("a step")).to_vec();
    let on_bad_frame = prop_oneof![1 => Just(OnBadFrame::Fail), 4 => Just(OnBadFrame::Quarantine)];
    let bad_frames_max = prop_oneof![1 => 0u64..4, 4 => Just(1000)];
    let bad_bytes_max = prop_oneof![
        1 => Just(LossMax::default()),
        1 => (0u64..200).prop_map(|bytes| LossMax::Bytes(ByteSize(bytes))),
        1 => (0u32..1_000_000).prop_map(|ppm| LossMax::Share { ppm }),
        6 => Just(LossMax::ALL),
    ];
    let bad_max = (bad_frames_max, bad_bytes_max);
    let encoding = select(vec![Encoding::Packed, Encoding::Pco]);
    let partition_bytes = prop_oneof![50u64..5000, Just(32 << 20)];
    let rollups = proptest::sample::subsequence(steps, 0..=3);
    (window, duplicates, rollups, on_bad_frame, bad_max, encoding, partition_bytes).prop_map(
        |(window, duplicates, rollups, on_bad_frame, (bad_frames_max, bad_bytes_max), encoding, partition_bytes)| {
            JobSettings {
                window,
                duplicates,
                rollups,
                on_bad_frame,
                bad_frames_max,
                bad_bytes_max,
                encoding,
                partition_bytes: ByteSize(partition_bytes),
                ..JobSettings::default()
            }
        },
    )
}

fn segments() -> impl Strategy<Value = Vec<SentSegment>> {
    /// Names whose order differs from that of their numbers or folders, and some that a store may want to escape.
    const KEYS: [&str; 8] = [
        "shard=org-mod-01/10.seg",
        "shard=org-mod-01/9.seg",
        "shard=org-mod-01/a b+c.seg",
        "shard=org-mod-01/_/.seg.seg",
        "0f/shard=org-mod-01/z.seg",
        "shard=org-7/0.seg",
        "z/y/shard=org-7/x/ü.seg",
        "shard=org-mod-63/empty.seg",
    ];
    let keys = proptest::sample::subsequence(KEYS.to_vec(), 1..=5);
    let frames = prop_oneof![4 => vec(sent(), 0..25), 1 => Just(Vec::new())];
    keys.prop_flat_map(move |keys| {
        let count = keys.len();
        (Just(keys), vec(frames.clone(), count), resends())
    })
    .prop_map(|(keys, frames, resends)| {
        let mut segments: Vec<_> =
            keys.iter().zip(frames).map(|(key, sent)| SentSegment { key: (*key).to_owned(), sent }).collect();
        resend(&mut segments, &resends);
        segments
    })
}

/// Frames that are sent again, verbatim, with the segment in which they come.
fn resends() -> impl Strategy<Value = Vec<[proptest::sample::Index; 3]>> {
    vec(any::<[proptest::sample::Index; 3]>(), 0..6)
}

fn resend(segments: &mut [SentSegment], resends: &[[proptest::sample::Index; 3]]) {
    for [from, frame, to] in resends {
        let from = &segments[from.index(segments.len())].sent;
        if !from.is_empty() {
            let again = from[frame.index(from.len())].clone();
            let to = to.index(segments.len());
            segments[to].sent.push(again);
        }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let flaw = select(vec![Flaw::Corrupt, Flaw::NotPayload, Flaw::MissingOrg, Flaw::UnequalArrays, Flaw::Bomb]);
    prop_oneof![
        40 => message().prop_map(Sent::Payload),
        2 => flaw.prop_map(Sent::BadFrame),
        1 => garbage().prop_map(Sent::Garbage),
    ]
}

fn garbage() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 1..40),
        Just(vec![0; 16]),
        Just(vec![0, 0, 0, 9, 0x28, 0xb5, 0x2f, 0xfd]),
        Just(decoy_frames()),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let org = prop_oneof![6 => Just(1u64), 2 => Just(65), 1 => Just(7), 1 => Just(u64::MAX), 1 => 1u64..200];
    let metric = prop_oneof![5 => 1u64..4, 1 => Just(u64::MAX), 1 => 1u64..100];
    let metadata = prop_oneof![
        3 => Just(Vec::new()),
        2 => select(vec![b"host:a".to_vec(), b"host:b".to_vec(), b"x".to_vec()]),
        1 => Just(decoy_frames()),
    ];
    (org, metric, points(), metadata, prop::bool::weighted(0.2)).prop_map(
        |(org, metric, points, metadata, is_stored)| Message {
            key: SeriesKey::new(org, metric),
            points,
            metadata,
            is_stored,
        },
    )
}

fn points() -> impl Strategy<Value = Vec<(TimestampMs, u64)>> {
    let regular = (-100i64..100, 1i64..4, 1usize..30, any::<u8>()).prop_map(|(start, step, count, value)| {
        (0..count as i64).map(|at| (start + at * step, (f64::from(value) + at as f64 / 4.0).to_bits())).collect()
    });
    let long = (-100i64..100, 0i64..3, option::of(0usize..2500)).prop_map(|(start, step, back)| {
        let mut points: Vec<_> = (0..2600).map(|at| (start + at * step, (at as f64).sqrt().to_bits())).collect();
        if let Some(back) = back {
            points.rotate_left(back);
        }
        points
    });
    prop_oneof![
        6 => vec((timestamp(), value()), 1..12),
        6 => regular,
        1 => long,
        1 => Just(Vec::new()),
    ]
}

/// Timestamps from a few values mostly, so that many are equal.
fn timestamp() -> impl Strategy<Value = TimestampMs> {
    prop_oneof![
        10 => -60i64..60,
        2 => Just(1_700_000_000_000),
        1 => select(vec![i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX]),
        1 => any::<i64>(),
    ]
}

fn value() -> impl Strategy<Value = u64> {
    const NAN_WITH_PAYLOAD: u64 = 0x7ff8_0000_dead_beef;
    const SIGNALLING_NAN: u64 = 0xfff0_0000_0000_0001;
    let special =
        [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE / 2.0, f64::MAX].map(f64::to_bits);
    let special = special.into_iter().chain([NAN_WITH_PAYLOAD, SIGNALLING_NAN]).collect::<Vec<_>>();
    prop_oneof![
        5 => (-20i32..20).prop_map(|number| (f64::from(number) / 10.0).to_bits()),
        3 => select(special),
        1 => any::<u64>(),
    ]
}
