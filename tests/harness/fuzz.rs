//! What must hold of any bytes: one function for each reader of bytes that others wrote. Called by the fuzz targets and,
//! over the committed seeds, by `cargo test`. None of them may panic but over a broken promise.

use std::collections::BTreeMap;

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

/// A text of rows: lines and books balance, whatever it is, and an import that fails leaves nothing.
pub fn csv(bytes: &[u8]) {
    use ingest::import::csv::reader::{Next, Punctuation, RowReader};

    let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    let is_open = bytes.last().is_some_and(|byte| !matches!(byte, b'\n' | b'\r'));
    let lines = ends.count() as u64 + u64::from(is_open);
    let mut reader = RowReader::new(bytes, Punctuation { comment: Some(b'#'), ..Punctuation::default() });
    let mut accounted = 0;
    loop {
        let line = reader.line();
        assert_eq!(line, accounted + 1, "a reader knows its line");
        accounted += match reader.next().expect("memory does not fail") {
            Next::Row(row) => row.lines,
            Next::BlankLine | Next::Comment | Next::Fault(_) => 1,
            Next::End => break,
        };
    }
    assert_eq!(accounted, lines, "every line is a row's, blank, a comment, or at fault");
    csv_books(bytes);
}

/// Imports a text: what is read is written, blank or skipped, and what is written lies in the segments.
fn csv_books(bytes: &[u8]) {
    use ingest::import::csv::EXTENSIONS;
    use ingest::import::{CsvSettings, OnBadRow, Rerun, Target, find_files, import_csv};
    use ingest::segment::Output;

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.csv");
    std::fs::write(&path, bytes).expect("a file");
    let files = find_files(&[path], &EXTENSIONS).expect("a file").files;
    for (on_bad_row, has_header) in [(OnBadRow::Skip, true), (OnBadRow::Skip, false), (OnBadRow::Fail, true)] {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        let store = std::sync::Arc::new(object_store::memory::InMemory::new());
        let root = storage::Root::of_store("memory://", store);
        let output = Output::new(root.clone(), runtime.handle().clone());
        let settings = CsvSettings { on_bad_row, has_header, ..CsvSettings::default() };
        let target = Target::new(&output, model::OrgId(1));
        let imported = import_csv(&files, &settings, &target, Rerun::Refuse, &mut |_| ());
        let keys: Vec<_> = runtime.block_on(root.list("")).expect("a listing");
        let Ok(summary) = imported else {
            assert!(keys.is_empty(), "an import that fails leaves nothing");
            continue;
        };
        let books = &summary.outcome.books;
        for account in [&books.rows, &books.values] {
            let skipped: u64 = account.skipped.values().sum();
            assert_eq!(account.read, account.written + account.blank + skipped + account.refused, "{books:?}");
        }
        let mut points = BTreeMap::<String, usize>::new();
        for key in keys.iter().map(|object| object.location.as_ref()).filter(|key| key.ends_with(".seg")) {
            let segment = runtime.block_on(root.read(key)).expect("a segment");
            count_points(&segment, &mut points);
        }
        assert_eq!(points.values().sum::<usize>() as u64, books.values.written, "what is written lies in the segments");
        assert_eq!(points.len() as u64, summary.outcome.imported.series, "series are those that have a point");
    }
}

fn count_points(mut segment: &[u8], points: &mut BTreeMap<String, usize>) {
    let size = segment.len() as u64;
    let (mut decoder, mut payloads) = (FrameDecoder::default(), PayloadReader::default());
    let mut frames = Frames::new(&mut segment, 0, size);
    while let Some(frame) = frames.next().expect("memory does not fail") {
        let content = decoder.decode(frame.body.expect("a frame")).expect("a zstd frame");
        let payload = payloads.read(content).expect("a payload");
        *points.entry(payload.key.metric.to_string()).or_default() += payload.len();
    }
}
