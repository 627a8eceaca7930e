//! Properties that hold for any bytes: one function for each reader of foreign bytes. They are called by the fuzz
//! targets and, with the committed seeds, by `cargo test`. Each panics only if a property is broken.

mod imports; // what is imported

use format::column::ColumnDecoder;
use format::frame::{FrameDecoder, Frames, find_frame};
use format::manifest::Manifest;
use format::part::{Block, PartFooter, PartKind, RollupColumns, Tail, read_tail};
use format::payload::PayloadReader;
use format::run::{CHUNK_BODY_BYTES_MAX, ChunkHeader, RunIndex, SeriesHeader, TRAILER_BYTES};
use format::state_keys::StateKey;
use format::state_records::{
    AttemptsRecord, ClaimRecord, DatasetRecord, DemandRecord, DoneRecord, DrainRecord, DrainSerial, FormatRecord,
    JobHead, LeaderRecord, ShardRecord, StateRecord, WorkerRecord,
};
use model::admission::is_unprintable;
use model::limits::{CHUNK_POINTS_MAX, METADATA_BYTES_MAX, PAYLOAD_BYTES_MAX, PAYLOAD_POINTS_MAX};
use model::{
    AttemptId, Books, ByteRange, Columns, Failure, FencingToken, Grant, HeldAttempt, JobSettings, JobSpec, MapTask,
    PartitionId, Report, SegmentRef, ShardId, ShardPlan, Split, TaskId, TaskPath,
};
use prost::Message;
use proto::v1;

pub use self::imports::{csv, otlp};

/// Segment: its frames and bad ranges join from start to end.
pub fn frames(mut bytes: &[u8]) {
    let size = bytes.len() as u64;
    // A reader that starts anywhere finds a frame behind its start.
    let guess = find_frame(&mut bytes, size / 2, size).expect("memory does not fail");
    assert!(guess.is_none_or(|guess| (size / 2..size).contains(&guess)));
    let (mut decoder, mut payloads) = (FrameDecoder::default(), PayloadReader::default());
    let mut frames = Frames::new(&mut bytes, 0, size);
    loop {
        let start = frames.position();
        let Some(frame) = frames.next().expect("memory does not fail") else { break };
        assert_eq!(frame.offset, start, "a frame starts where the last one ended");
        let read = frame.body.and_then(|body| {
            let content = decoder.decode(body)?;
            assert!(content.len() <= PAYLOAD_BYTES_MAX, "a bound was passed");
            payloads.read(content).map(|payload| payload.len())
        });
        match read {
            Ok(points) => assert!(points <= PAYLOAD_POINTS_MAX, "a bound was passed"),
            Err(_) => {
                let extent = frames.reject().expect("memory does not fail");
                assert_eq!((extent.start, extent.end), (start, frames.position()), "a bad stretch joins");
            }
        }
        assert!(frames.position() > start, "every stretch takes a byte at least");
    }
    assert_eq!(frames.position(), size, "PL-1");
}

/// Content of a frame: our reader and prost agree.
pub fn payload(bytes: &[u8]) {
    let mut reader = PayloadReader::default();
    let Ok(ours) = reader.read(bytes) else { return };
    let theirs = proto::v1::Payload::decode(bytes).expect("prost reads what we read");
    assert_eq!((ours.key.org.0, ours.key.metric.0), (theirs.org_id, theirs.metric_id));
    assert!(ours.timestamps().eq(theirs.timestamps), "the timestamps are those that prost reads");
    assert!(ours.values().map(f64::to_bits).eq(theirs.values.into_iter().map(f64::to_bits)), "and the values");
    assert_eq!(ours.metadata, &theirs.metadata[..]);
}

/// Part: every block is read or refused.
pub fn part(bytes: &[u8]) {
    let Some(footer) = footer(bytes) else { return };
    let mut decoder = ColumnDecoder::new();
    for (ordinal, info) in footer.blocks().iter().enumerate() {
        let Some(block) = bytes.get(info.range.start as usize..info.range.end as usize) else { continue };
        let Ok(block) = Block::open(&footer, ordinal, block) else { continue };
        for index in 0..block.series().len() {
            let (mut points, mut rows) = (Columns::default(), RollupColumns::default());
            let read = match footer.kind() {
                PartKind::Raw => block.points(index, &mut decoder, &mut points),
                PartKind::Rollup(_) => block.rollups(index, &mut decoder, &mut rows),
            };
            if read.is_ok() {
                assert_eq!(points.timestamps.len(), points.values.len(), "columns pair up");
                assert_eq!(rows.bucket_start_ms.len(), rows.last.len(), "columns pair up");
            }
        }
    }
}

fn footer(bytes: &[u8]) -> Option<PartFooter> {
    match read_tail(bytes, bytes.len() as u64).ok()? {
        Tail::Footer(footer) => Some(footer),
        Tail::NeedBytes(_) => None,
    }
}

/// Manifest: one that parses is written again unchanged, except for white space of another writer.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::from_bytes("fuzz", bytes) else { return };
    let again = Manifest::from_bytes("fuzz", &manifest.to_bytes()).expect("what this build writes it reads");
    assert_eq!(again, manifest);
}

/// Spec: one that is admitted is the same on the wire and as an object, and every field keeps the rules.
pub fn spec(bytes: &[u8]) {
    let Ok(spec) = JobSpec::from_bytes(bytes) else { return };
    for written in [spec.to_bytes(), spec.to_message()] {
        assert_eq!(JobSpec::from_bytes(&written).as_ref(), Ok(&spec), "what is admitted once is admitted again");
    }
    let window = spec.settings.window;
    assert_eq!(window.to_string().parse(), Ok(window), "a reader finds what lies under the window's key");
    assert!(!spec.reason.chars().any(is_unprintable), "it reaches terminals");
}

/// Report: one that is accepted for an attempt names only that attempt's objects, and its counts add up.
pub fn report(bytes: &[u8]) {
    let Ok(report) = Report::from_bytes(bytes) else { return };
    // Reports contain no floating point, so the same report gives the same bytes.
    assert_eq!(Report::from_bytes(&report.to_bytes()).expect("what this build writes it reads"), report);
    let (plan, attempt) = (small_plan(), AttemptId { number: 1, token: FencingToken(0xab) });
    for task in [TaskId::map(0), TaskId::reduce(PartitionId(0))] {
        let task = TaskPath { job: plan.job.clone(), shard: plan.shard, task };
        if coordinator::check_report(&plan, &task, attempt, &report).is_err() {
            continue;
        }
        let mut books = Books::default();
        let objects: Vec<_> = match &report {
            Report::Map(report) => {
                books.map += &report.books;
                report.run.iter().chain(report.quarantine.iter().map(|aside| &aside.object)).collect()
            }
            Report::Reduce(report) => {
                books.reduce += &report.books;
                report.raw.iter().chain(report.rollups.iter().map(|rollup| &rollup.object)).collect()
            }
        };
        assert!(objects.iter().all(|object| object.key.contains("a-1-00000000000000ab")), "LS-3");
    }
}

/// Plan against which reports are checked: one segment of 1,000 bytes, one task, one partition.
pub fn small_plan() -> ShardPlan {
    let splits = vec![Split { segment: 0, range: ByteRange::new(0, 1000) }];
    ShardPlan {
        job: "fuzz".parse().expect("a job name"),
        shard: ShardId::Shared(1),
        settings: JobSettings { rollups: vec!["5m".parse().expect("a step")], ..JobSettings::default() },
        segments: vec![SegmentRef { key: "shard=org-mod-01/a.seg".to_owned(), size: 1000, etag: None }].into(),
        map_tasks: vec![MapTask::of(splits)],
        partitions: 1,
    }
}

/// Key of the cluster's state and, behind a line end, its value.
pub fn state_record(bytes: &[u8]) {
    fn reads_back<R: StateRecord + PartialEq + std::fmt::Debug>(value: &[u8]) {
        let Ok(record) = R::decode(value) else { return };
        let Ok(written) = record.encode() else { return };
        assert_eq!(R::decode(&written).expect("what this build writes it reads"), record);
    }
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (key, value) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let Some(key) = std::str::from_utf8(key).ok().and_then(|key| key.parse::<StateKey>().ok()) else { return };
    assert_eq!(String::from(key.clone()).parse().as_ref(), Ok(&key), "a key parses back");
    match key {
        StateKey::Format => reads_back::<FormatRecord>(value),
        StateKey::Leader => reads_back::<LeaderRecord>(value),
        StateKey::Worker(_) => reads_back::<WorkerRecord>(value),
        StateKey::Dataset(_) => reads_back::<DatasetRecord>(value),
        StateKey::Drain(_) => reads_back::<DrainRecord>(value),
        StateKey::DrainSerial => reads_back::<DrainSerial>(value),
        StateKey::Demand(_) => reads_back::<DemandRecord>(value),
        StateKey::Job(_) => reads_back::<JobHead>(value),
        StateKey::Shard(..) => reads_back::<ShardRecord>(value),
        StateKey::Attempts(_) => reads_back::<AttemptsRecord>(value),
        StateKey::Claim(..) => reads_back::<ClaimRecord>(value),
        StateKey::Done(_) => reads_back::<DoneRecord>(value),
    }
}

/// Message of the wire, selected by its first byte: one that parses is written again unchanged.
pub fn wire(bytes: &[u8]) {
    fn converts<W: Message + Default, T>(bytes: &[u8], back: impl Fn(&T) -> W)
    where
        T: TryFrom<W> + PartialEq + std::fmt::Debug,
        T::Error: std::fmt::Debug,
    {
        let Ok(value) = W::decode(bytes).map_err(drop).and_then(|wire| T::try_from(wire).map_err(drop)) else { return };
        assert_eq!(T::try_from(back(&value)).expect("what was understood is understood again"), value);
    }
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 6 {
        0 => converts::<v1::TaskPath, TaskPath>(bytes, |path| path.into()),
        1 => converts::<v1::Attempt, AttemptId>(bytes, |attempt| (*attempt).into()),
        2 => converts::<v1::HeldAttempt, HeldAttempt>(bytes, |held| held.into()),
        3 => converts::<v1::Grant, Grant>(bytes, |grant| grant.into()),
        4 => converts::<v1::Failure, Failure>(bytes, |failure| failure.into()),
        _ => {
            let details = bytes::Bytes::copy_from_slice(bytes);
            let status = tonic::Status::with_details(tonic::Code::from(i32::from(*kind) % 17), "fuzz", details);
            let error = proto::ApiError::from(status);
            assert!(!proto::ApiError::from(tonic::Status::from(error)).to_string().is_empty(), "it says something");
        }
    }
}

/// Run: its index, and the bytes before it as a slice.
pub fn run(bytes: &[u8]) {
    if let Ok(index) = RunIndex::from_bytes(bytes) {
        assert_eq!(RunIndex::from_bytes(&index.to_bytes()).as_ref(), Ok(&index));
        assert_eq!(RunIndex::len_in(bytes).expect("its trailer was read"), bytes.len() - TRAILER_BYTES);
        for slice in index.slices() {
            let of_partition = index.of_partition(slice.partition);
            assert!(of_partition.iter().all(|other| other.partition == slice.partition));
        }
    }
    let mut slice = bytes;
    while let Ok(series) = SeriesHeader::read(&mut slice) {
        assert!(series.metadata_len <= METADATA_BYTES_MAX, "a bound was passed");
        let Some(chunks) = slice.get(series.metadata_len..) else { return };
        slice = chunks;
        while let Ok(Some(chunk)) = ChunkHeader::read(&mut slice) {
            assert!(chunk.points <= CHUNK_POINTS_MAX && chunk.body_len <= CHUNK_BODY_BYTES_MAX, "a bound was passed");
            let Some(rest) = slice.get(chunk.body_len..) else { return };
            slice = rest;
        }
    }
}

/// Shard map, parsed from any text.
pub fn shard_map(bytes: &[u8]) {
    shard_config::fuzz(bytes);
}
