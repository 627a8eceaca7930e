//! Small input with every special case: several shards and segments, series scattered over them, points sent twice
//! with other values, points outside the window, metadata that looks like frames, frames that cannot be read.

use ingest::segment::FrameEncoder;
use model::{
    ByteSize, DuplicateRule, Encoding, JobSettings, JobSpec, LossMax, OnBadFrame, OutputFormat, RollupStep, SeriesKey,
    ShardId, Window,
};

/// Root of the segments.
pub(crate) const INPUT: &str = "test://input";
/// Root of the dataset.
pub(crate) const DATASET: &str = "test://dataset";

/// Window of event time of the jobs.
const WINDOW: Window = Window::of(1_700_000_000_000, 1_700_000_600_000);

/// Input, and the settings of the jobs that read it.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    /// Segments by key under the input's root.
    pub(crate) segments: Vec<(String, Vec<u8>)>,
    pub(crate) shards: Vec<ShardId>,
    pub(crate) settings: JobSettings,
}

impl Workload {
    /// Draws an input, with misleading metadata if `misleads`.
    pub(crate) fn draw(random: &mut fastrand::Rng, misleads: bool) -> Self {
        let mut encoder = FrameEncoder::new(FrameEncoder::LEVEL);
        let shards: Vec<ShardId> = (0..random.u8(1..=3)).map(|at| ShardId::Shared(at * 7)).collect();
        let is_damaged = random.f64() < 0.2;
        let mut segments = Vec::new();
        for shard in &shards {
            for ordinal in 0..random.usize(1..=4) {
                let key = format!("{ordinal:02}/shard={shard}/{}.seg", random.u32(..));
                segments.push((key, segment(random, &mut encoder, *shard, (is_damaged, misleads))));
            }
        }
        segments.sort();
        segments.dedup_by(|a, b| a.0 == b.0);
        Self { segments, shards, settings: settings(random) }
    }

    /// Draws a new segment for one of the shards.
    pub(crate) fn late(&self, random: &mut fastrand::Rng) -> (String, Vec<u8>) {
        let shard = self.shards[random.usize(..self.shards.len())];
        let mut encoder = FrameEncoder::new(FrameEncoder::LEVEL);
        (format!("99/shard={shard}/late.seg"), segment(random, &mut encoder, shard, (false, false)))
    }

    /// Estimates the number of tasks of a job over the whole input.
    pub(crate) fn tasks(&self) -> u32 {
        let bytes: u64 = self.segments.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let (split, partition) = (self.settings.split_bytes.0, self.settings.partition_bytes.0);
        (bytes / split + bytes / partition) as u32 + 2 * self.segments.len() as u32
    }

    /// Returns the spec of a job over the whole input.
    pub(crate) fn spec(&self, name: &str) -> JobSpec {
        JobSpec {
            job: name.parse().expect("a job's name"),
            input: INPUT.to_owned(),
            dataset: DATASET.to_owned(),
            shards: Vec::new(),
            settings: self.settings.clone(),
            shard_map: String::new(),
            reason: "run".to_owned(),
            weight: model::spec::WEIGHT_DEFAULT,
            running_max: None,
            force_replace: None,
            replay_of: None,
            submitted_by: "simulation".to_owned(),
            submitted_at_ms: 0,
        }
    }
}

fn settings(random: &mut fastrand::Rng) -> JobSettings {
    let rules = [DuplicateRule::Last, DuplicateRule::First, DuplicateRule::Max, DuplicateRule::Keep];
    let minute = RollupStep::try_from(60_000).expect("a minute divides a day");
    JobSettings {
        window: WINDOW,
        duplicates: rules[random.usize(..rules.len())],
        on_bad_frame: OnBadFrame::Quarantine,
        bad_frames_max: 1000,
        bad_bytes_max: LossMax::ALL,
        rollups: if random.bool() { vec![minute] } else { Vec::new() },
        format: OutputFormat::Part,
        encoding: Encoding::Packed,
        split_bytes: ByteSize([250, 700, 2000, 1 << 20][random.usize(..4)]),
        partition_bytes: ByteSize([400, 1500, 5000, 1 << 20][random.usize(..4)]),
    }
}

fn segment(
    random: &mut fastrand::Rng,
    encoder: &mut FrameEncoder,
    shard: ShardId,
    (is_damaged, misleads): (bool, bool),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.usize(0..=20) {
        if is_damaged && random.f64() < 0.1 {
            // A valid frame whose content is not a payload.
            encoder.content(&[0x0a, 0xff, 1, 2, 3], &mut bytes);
            continue;
        }
        let points = random.usize(1..=12);
        let start = WINDOW.start_ms - 2000 + random.i64(0..610_000);
        let timestamps: Vec<_> = (0..points as i64).map(|at| start + at * random.i64(0..=2) * 1000).collect();
        let values: Vec<_> = (0..points).map(|_| f64::from(random.i32(-500..500)) / 4.0).collect();
        let metadata = if random.f64() < 0.15 { decoy() } else { vec![b'm'; random.usize(0..3)] };
        let key = series(random, shard);
        if misleads && metadata.len() > 2 {
            stored(key, timestamps, values, metadata, &mut bytes);
        } else {
            encoder.payload(key, &timestamps, &values, &metadata, &mut bytes);
        }
    }
    bytes
}

/// Appends a payload that is stored raw in its frame, so that a reader that starts inside finds bytes that look like
/// frames.
fn stored(key: SeriesKey, timestamps: Vec<i64>, values: Vec<f64>, metadata: Vec<u8>, bytes: &mut Vec<u8>) {
    const SINGLE_SEGMENT_WITH_SIZE_OF_4_BYTES: u8 = 0xa0;
    const LAST_BLOCK: u32 = 1;
    let (org_id, metric_id, metadata) = (key.org.0, key.metric.0, metadata.into());
    let payload = proto::v1::Payload { org_id, metric_id, timestamps, values, metadata };
    let content = prost::Message::encode_to_vec(&payload);
    let mut frame = format::frame::ZSTD_MAGIC.to_vec();
    frame.push(SINGLE_SEGMENT_WITH_SIZE_OF_4_BYTES);
    frame.extend_from_slice(&(content.len() as u32).to_le_bytes());
    frame.extend_from_slice(&((content.len() as u32) << 3 | LAST_BLOCK).to_le_bytes()[..3]);
    frame.extend_from_slice(&content);
    bytes.extend_from_slice(&(frame.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&frame);
}

/// Draws one of a few series of the shard, so that points of different segments meet.
fn series(random: &mut fastrand::Rng, shard: ShardId) -> SeriesKey {
    let org = match shard {
        ShardId::Shared(remainder) => u64::from(remainder) + 64 * random.u64(1..=2),
        ShardId::Dedicated(org) => org.0,
    };
    SeriesKey::new(org, random.u64(1..=4))
}

/// Bytes that look like more frames than a reader requires before it accepts a frame's start.
fn decoy() -> Vec<u8> {
    let mut bytes = Vec::new();
    for length in 0..2 * model::limits::RESYNC_CHAIN_FRAMES {
        let body: Vec<u8> = format::frame::ZSTD_MAGIC
            .into_iter()
            .chain((0..9 + length).map(|at| (at * 37 + length * 91) as u8))
            .collect();
        bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&body);
    }
    bytes
}
