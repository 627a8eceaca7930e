use format::frame::{FrameDecoder, Frames};
use model::SeriesKey;
use object_store::ObjectStoreExt;
use proptest::prelude::*;
use prost::Message;
use storage::Root;

use super::*;

/// Decodes the contents of a segment's frames.
fn contents(segment: &[u8]) -> Vec<Vec<u8>> {
    let (mut source, mut decoder, mut contents) = (segment, FrameDecoder::default(), Vec::new());
    let mut frames = Frames::new(&mut source, 0, segment.len() as u64);
    while let Some(frame) = frames.next().expect("memory") {
        contents.push(decoder.decode(frame.body.expect("a frame")).expect("a zstd frame").to_vec());
    }
    contents
}

proptest! {
    #[test]
    fn a_payload_is_encoded_as_prost_encodes_it(
        org_id: u64, metric_id: u64, timestamps: Vec<i64>, bits: Vec<u64>, metadata: Vec<u8>
    ) {
        let values: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
        let mut segment = Vec::new();
        let mut encoder = FrameEncoder::new(FrameEncoder::LEVEL);
        encoder.payload(SeriesKey::new(org_id, metric_id), &timestamps, &values, &metadata, &mut segment);
        let message = proto::v1::Payload { org_id, metric_id, timestamps, values, metadata: metadata.into() };
        prop_assert_eq!(contents(&segment), [message.encode_to_vec()]);
    }
}

/// Runs `test` with an output in memory.
fn with_output(test: impl FnOnce(&SegmentOutput)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let store = std::sync::Arc::new(object_store::memory::InMemory::new());
    test(&SegmentOutput::new(Root::of_store("memory://", store), runtime.handle().clone()));
}

#[test]
fn a_segment_of_any_size_appears_whole_and_only_when_finished() {
    with_output(|output| {
        for (key, chunks) in [("none.seg", 0usize), ("small.seg", 3), ("large.seg", 21)] {
            let mut writer = SegmentWriter::new(output, key.to_owned());
            let expected: Vec<u8> = (0..chunks).flat_map(|i| vec![i as u8; 1 << 20]).collect();
            expected.chunks(1 << 20).for_each(|chunk| writer.append(chunk).expect("memory takes it"));
            let path = object_store::path::Path::from(key);
            assert!(output.wait(output.root().store().head(&path)).is_err(), "{key} is not there yet");
            assert_eq!(writer.finish().expect("memory takes it"), expected.len() as u64);
            assert_eq!(output.wait(output.root().read(key)).expect("it is there"), expected);
        }
    });
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    with_output(|output| {
        let mut writer = SegmentWriter::new(output, "half.seg".to_owned());
        writer.append(&vec![1; 20 << 20]).expect("memory takes it");
        drop(writer);
        assert!(output.wait(output.root().list("")).expect("a listing").is_empty());
    });
}
