//! Properties of imports: for any bytes, books balance, and an import that fails leaves nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use format::frame::{FrameDecoder, Frames};
use format::payload::PayloadReader;
use ingest::import::csv::EXTENSIONS as CSV;
use ingest::import::otlp::EXTENSIONS as OTLP;
use ingest::import::{
    CsvSettings, ImportError, ImportOutcome, OnBadRow, Rerun, Target, find_files, import_csv, import_otlp,
};
use ingest::segment::SegmentOutput;

/// Rows as text: lines and books balance for any text, and an import that fails leaves nothing.
pub fn csv(bytes: &[u8]) {
    use ingest::import::csv::reader::{CsvItem, Punctuation, RowReader};

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
        accounted += match reader.next_row().expect("memory does not fail") {
            CsvItem::Row(row) => row.lines,
            CsvItem::BlankLine | CsvItem::Comment | CsvItem::Fault(_) => 1,
            CsvItem::End => break,
        };
    }
    assert_eq!(accounted, lines, "every line is a row's, blank, a comment, or at fault");
    csv_books(bytes);
}

/// Imports a text, with each reaction to a bad row.
fn csv_books(bytes: &[u8]) {
    for (on_bad_row, has_header) in [(OnBadRow::Skip, true), (OnBadRow::Skip, false), (OnBadRow::Fail, true)] {
        let settings = CsvSettings { on_bad_row, has_header, ..CsvSettings::default() };
        check_books("x.csv", bytes, |path, target| {
            let files = find_files(&[path], &CSV)?.files;
            import_csv(&files, &settings, target, Rerun::Refuse, &mut |_| ()).map(|summary| summary.outcome)
        });
    }
}

/// File of OpenTelemetry's metrics in any of its forms, which is detected from the bytes.
pub fn otlp(bytes: &[u8]) {
    check_books("x.otlp.pb", bytes, |path, target| {
        let files = find_files(&[path], &OTLP)?.files;
        import_otlp(&files, target, Rerun::Refuse, &mut |_| ()).map(|summary| summary.outcome)
    });
}

/// Imports `bytes`, and checks that each value was written, blank or skipped, and that written points are in the
/// segments.
fn check_books(
    name: &str,
    bytes: &[u8],
    import: impl FnOnce(PathBuf, &Target<'_>) -> Result<ImportOutcome, ImportError>,
) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let store = std::sync::Arc::new(object_store::memory::InMemory::new());
    let root = storage::Root::of_store("memory://", store);
    let output = SegmentOutput::new(root.clone(), runtime.handle().clone());
    let imported = import(path, &Target::new(&output, model::OrgId(1)));
    let keys: Vec<_> = runtime.block_on(root.list("")).expect("a listing");
    let ImportOutcome { books, imported, .. } = match imported {
        Ok(outcome) => outcome,
        Err(error) => {
            assert!(!matches!(error, ImportError::Unbalanced { .. }), "{error}");
            assert!(keys.is_empty(), "an import that fails leaves nothing");
            return;
        }
    };
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
    assert_eq!(points.len() as u64, imported.series, "series are those that have a point");
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
