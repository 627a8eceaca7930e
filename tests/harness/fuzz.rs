//! What must hold of any bytes: one function for each reader of bytes that others wrote. Called by the fuzz targets and,
//! over the committed seeds, by `cargo test`. None of them may panic but over a broken promise.

use format::column::ColumnDecoder;
use format::frame::{FrameDecoder, Frames, find_frame};
use format::manifest::Manifest;
use format::part::{Block, PartFooter, PartKind, RollupColumns, Tail, read_tail};
use format::payload::PayloadReader;
use model::Columns;
use model::limits::{PAYLOAD_BYTES_MAX, PAYLOAD_POINTS_MAX};
use prost::Message;

/// A segment: its frames and bad stretches join from its start to its end.
pub fn frames(mut bytes: &[u8]) {
    let size = bytes.len() as u64;
    // Wherever a reader starts to look, what it finds lies where it looked.
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

/// The content of a frame: what our reader makes of it, prost makes of it too.
pub fn payload(bytes: &[u8]) {
    let mut reader = PayloadReader::default();
    let Ok(ours) = reader.read(bytes) else { return };
    let theirs = proto::v1::Payload::decode(bytes).expect("prost reads what we read");
    assert_eq!((ours.key.org.0, ours.key.metric.0), (theirs.org_id, theirs.metric_id));
    assert!(ours.timestamps().eq(theirs.timestamps), "the timestamps are those that prost reads");
    assert!(ours.values().map(f64::to_bits).eq(theirs.values.into_iter().map(f64::to_bits)), "and the values");
    assert_eq!(ours.metadata, &theirs.metadata[..]);
}

/// A part: every block of it is read or refused.
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

/// A manifest: one that is read is written again as itself, but for white space that another writer may have chosen.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::from_bytes("fuzz", bytes) else { return };
    let again = Manifest::from_bytes("fuzz", &manifest.to_bytes()).expect("what this build writes it reads");
    assert_eq!(again, manifest);
}

/// A shard map.
pub fn shard_map(bytes: &[u8]) {
    shard_config::fuzz(bytes);
}
