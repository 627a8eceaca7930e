//! Runs imports into memory and reads their segments back.

use std::collections::BTreeMap;
use std::sync::Arc;

use format::frame::{FrameDecoder, Frames};
use format::payload::PayloadReader;
use storage::Root;

use crate::segment::SegmentOutput;

/// Content of the segments that an import wrote.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Keys of the segments.
    pub(super) keys: Vec<String>,
    /// Timestamps and value bits of each series, by metadata, in source order.
    pub(super) series: BTreeMap<String, Vec<(i64, u64)>>,
}

/// Runs `import` into memory.
pub(super) fn imported<T>(import: impl FnOnce(&SegmentOutput) -> T) -> (T, Read) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let store = Arc::new(object_store::memory::InMemory::new());
    let output = SegmentOutput::new(Root::of_store("memory://", store), runtime.handle().clone());
    let outcome = import(&output);
    let mut read = Read::default();
    for object in output.wait(output.root().list("")).expect("a listing") {
        if !object.location.as_ref().ends_with(".seg") {
            continue; // a receipt
        }
        let segment = output.wait(output.root().read(object.location.as_ref())).expect("an object");
        read_segment(&segment, &mut read.series);
        read.keys.push(object.location.to_string());
    }
    (outcome, read)
}

fn read_segment(mut segment: &[u8], series: &mut BTreeMap<String, Vec<(i64, u64)>>) {
    let size = segment.len() as u64;
    let (mut decoder, mut reader) = (FrameDecoder::default(), PayloadReader::default());
    let mut frames = Frames::new(&mut segment, 0, size);
    while let Some(frame) = frames.next().expect("memory") {
        let content = decoder.decode(frame.body.expect("a frame")).expect("a zstd frame");
        let payload = reader.read(content).expect("a payload");
        let metadata = String::from_utf8(payload.metadata.to_vec()).expect("JSON");
        let points = payload.timestamps().zip(payload.values().map(f64::to_bits));
        series.entry(metadata).or_default().extend(points);
    }
}
