use format::frame::{FrameDecoder, Frames};
use format::payload::PayloadReader;
use model::{DuplicateRule, OnBadFrame, SegmentRef};
use proptest::prelude::*;
use prost::Message;
use proto::v1::Payload;

use super::segment::Frame;
use super::*;
use crate::fixture::{Fixture, Output, frame};
use crate::verify::{Level, Verification, VerifyOptions, verify};

async fn oracle(fixture: &Fixture, memory_bytes: u64) -> Verification {
    let oracle = Some(OracleOptions { input: fixture.input.clone(), memory_bytes });
    let options = VerifyOptions { level: Level::Oracle, oracle, ..VerifyOptions::default() };
    verify(&fixture.catalog, &options).await.expect("a folder does not fail")
}

/// Changes the output of a job so that it stays consistent with itself; returns the classes that the oracle finds.
async fn classes(bend: impl FnOnce(&mut Output)) -> Vec<(Class, u64)> {
    let fixture = Fixture::new();
    let mut output = fixture.output().await;
    bend(&mut output);
    fixture.commit(&output).await;
    oracle(&fixture, 1 << 20).await.differences.by_class.into_iter().collect()
}

const KEY: SeriesKey = SeriesKey::new(7, 1);

fn points(output: &mut Output) -> &mut model::Columns {
    &mut output.series.get_mut(&KEY).expect("a series of the fixture").1
}

#[tokio::test]
async fn slices_find_the_same_as_one_pass() {
    let (fixture, mut output, _) = Fixture::committed().await;
    assert!(oracle(&fixture, 1).await.is_clean());
    points(&mut output).values[3] += 1.0;
    output.version = 2;
    fixture.commit(&output).await;
    let (sliced, whole) = (oracle(&fixture, 1).await, oracle(&fixture, 1 << 30).await);
    assert_eq!(sliced.differences, whole.differences);
    assert!(!whole.is_clean());
}

#[tokio::test]
async fn a_missing_point_is_found() {
    let found = classes(|output| {
        let points = points(output);
        points.timestamps.remove(2);
        points.values.remove(2);
    });
    // The rollup of the bucket differs too, and the books were made to agree with the part.
    assert_eq!(found.await, [(Class::Books, 2), (Class::Rollup, 1), (Class::Missing, 1)]);
}

#[tokio::test]
async fn an_extra_point_and_an_extra_series_are_found() {
    let found = classes(|output| points(output).push(599_999, 1.0));
    assert_eq!(found.await, [(Class::Books, 2), (Class::Rollup, 1), (Class::Extra, 1)]);
    let found = classes(|output| {
        let (mut metadata_and_points, key) = (output.series[&KEY].clone(), SeriesKey::new(7, 99));
        metadata_and_points.1.timestamps.truncate(2);
        metadata_and_points.1.values.truncate(2);
        output.series.insert(key, metadata_and_points);
    });
    assert_eq!(found.await, [(Class::Books, 4), (Class::Rollup, 1), (Class::Extra, 2)]);
}

#[tokio::test]
async fn a_changed_value_is_found_bit_for_bit() {
    let found = classes(|output| points(output).values[0] = f64::from_bits(points(output).values[0].to_bits() ^ 1));
    let found = found.await;
    assert_eq!(found.iter().find(|(class, _)| *class == Class::Changed), Some(&(Class::Changed, 1)));
}

#[tokio::test]
async fn another_metadata_is_found() {
    let bend = |output: &mut Output| output.series.get_mut(&KEY).expect("a series").0 = b"old".to_vec();
    assert_eq!(classes(bend).await, [(Class::Metadata, 1)]);
}

#[tokio::test]
async fn wrong_books_that_balance_are_found() {
    let found = classes(|output| {
        output.map.points_early += 1;
        output.map.points_late -= 1;
    });
    assert_eq!(found.await, [(Class::Books, 2)]);
}

/// Reads one series from given frames; returns the points that the oracle expects under a rule.
async fn expected(rule: DuplicateRule, payloads: &[Payload]) -> Vec<(i64, f64)> {
    let fixture = Fixture::new();
    let frames: Vec<_> = payloads.iter().map(frame).collect();
    let segment = fixture.put_segment("shard=org-mod-07/1.seg", &frames).await;
    let mut expected = Expected::default();
    let mut segment = Segment::new(&fixture.input, &segment);
    while let Some(frame) = segment.next().await.expect("it was just written") {
        expected.add(frame, crate::fixture::WINDOW, |_| true);
    }
    expected.resolve(rule);
    let mut rows = Vec::new();
    for (key, series) in &expected.series {
        for chunk in series.chunks(*key) {
            let Rows::Points(points) = chunk.rows else { continue };
            rows.extend(points.timestamps.into_iter().zip(points.values));
        }
    }
    rows
}

#[tokio::test]
async fn duplicates_are_settled_in_source_order() {
    let payload = |timestamps: &[i64], values: &[f64]| Payload {
        org_id: 7,
        metric_id: 1,
        timestamps: timestamps.to_vec(),
        values: values.to_vec(),
        metadata: Vec::new().into(),
    };
    let payloads = [payload(&[9, 5, 5], &[1.0, 2.0, 3.0]), payload(&[5, 1], &[-4.0, 5.0])];
    let cases = [
        (DuplicateRule::Last, vec![-4.0]),
        (DuplicateRule::First, vec![2.0]),
        (DuplicateRule::Max, vec![3.0]),
        (DuplicateRule::Min, vec![-4.0]),
        (DuplicateRule::Sum, vec![1.0]),
        (DuplicateRule::Keep, vec![2.0, 3.0, -4.0]),
    ];
    for (rule, at_five) in cases {
        let mut wanted = vec![(1, 5.0)];
        wanted.extend(at_five.into_iter().map(|value| (5, value)));
        wanted.push((9, 1.0));
        assert_eq!(expected(rule, &payloads).await, wanted, "{rule}");
    }
}

#[tokio::test]
async fn quarantined_frames_are_counted_as_the_engine_does() {
    let fixture = Fixture::new();
    let mut output = fixture.output().await;
    output.settings.on_bad_frame = OnBadFrame::Quarantine;
    let bad = Payload { org_id: 7, metric_id: 1, timestamps: vec![1], ..Payload::default() };
    let empty = Payload { org_id: 7, metric_id: 1, ..Payload::default() };
    let segment = fixture.put_segment("c/shard=org-mod-07/3.seg", &[frame(&bad), frame(&empty), vec![0, 0]]).await;
    output.inputs.push(segment);
    output.map.frames_read += 3;
    output.map.frames_quarantined += 2;
    output.map.frames_routed += 1;
    output.map.frames_empty += 1;
    fixture.commit(&output).await;
    let verification = oracle(&fixture, 1 << 20).await;
    assert!(verification.is_clean(), "{:#?}", verification.differences);
}

#[tokio::test]
async fn an_input_that_is_not_what_was_read_stops_the_oracle_or_is_told() {
    let (fixture, output, _) = Fixture::committed().await;
    fixture.put_segment("d/shard=org-mod-07/9.seg", &[]).await;
    let warnings = oracle(&fixture, 1 << 20).await.warnings;
    assert!(warnings[0].contains("1 segments of org-mod-07 are not in the input"), "{warnings:?}");
    let path = fixture.path("input").join(&output.inputs[0].key);
    let bytes = std::fs::read(&path).expect("it is there");
    std::fs::write(&path, &bytes[1..]).expect("the folder is ours");
    let oracle = Some(OracleOptions { input: fixture.input.clone(), memory_bytes: 1 });
    let options = VerifyOptions { level: Level::Oracle, oracle, ..VerifyOptions::default() };
    let error = verify(&fixture.catalog, &options).await.expect_err("a byte is gone");
    assert!(matches!(error, DatasetError::InputChanged { .. }), "{error}");
}

/// Walks a segment with the engine's code; returns the payload's metric of each good frame, none for each bad one.
fn engine_walk(mut segment: &[u8]) -> Vec<Option<u64>> {
    let size = segment.len() as u64;
    let (mut decoder, mut reader, mut seen) = (FrameDecoder::default(), PayloadReader::default(), Vec::new());
    let mut frames = Frames::new(&mut segment, 0, size);
    while let Some(frame) = frames.next().expect("memory does not fail") {
        let content = frame.body.and_then(|body| decoder.decode(body));
        let metric = content.and_then(|content| reader.read(content).map(|payload| payload.key.metric.0)).ok();
        if metric.is_none() {
            frames.reject().expect("memory does not fail");
        }
        seen.push(metric);
    }
    seen
}

async fn oracle_walk(fixture: &Fixture, bytes: &[u8]) -> Vec<Option<u64>> {
    let segment: SegmentRef = fixture.put_segment("shard=org-mod-07/1.seg", &[bytes.to_vec()]).await;
    let (mut segment, mut seen) = (Segment::new(&fixture.input, &segment), Vec::new());
    while let Some(frame) = segment.next().await.expect("it was just written") {
        seen.push(match frame {
            Frame::Good(payload) => Some(payload.metric_id),
            Frame::Bad => None,
        });
    }
    seen
}

/// Generates a frame as its writer made it, or with one fault.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    (0u64..3, 0u64..4, 0usize..4, 0usize..4, any::<bool>()).prop_map(|(org_id, metric_id, times, values, is_sized)| {
        let payload = Payload {
            org_id,
            metric_id,
            timestamps: vec![5; times],
            values: vec![0.5; if values < 3 { times } else { values }],
            metadata: vec![7; times * 3].into(),
        };
        if is_sized {
            return frame(&payload);
        }
        let body = zstd::stream::encode_all(payload.encode_to_vec().as_slice(), 1).expect("memory does not fail");
        [(body.len() as u32).to_be_bytes().as_slice(), &body].concat()
    })
}

proptest! {
    #[test]
    fn two_readings_of_a_damaged_segment_agree(
        frames in prop::collection::vec(any_frame(), 0..12),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        torn in 0usize..12,
        junk in prop::collection::vec(any::<u8>(), 0..20),
        junk_at in any::<prop::sample::Index>(),
    ) {
        let mut frames = frames;
        frames.insert(junk_at.index(frames.len() + 1), junk);
        let mut segment = frames.concat();
        segment.truncate(segment.len().saturating_sub(torn));
        for (at, mask) in flips {
            if !segment.is_empty() {
                let at = at.index(segment.len());
                segment[at] ^= mask;
            }
        }
        let fixture = Fixture::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let walked = runtime.block_on(oracle_walk(&fixture, &segment));
        prop_assert_eq!(walked, engine_walk(&segment));
    }
}
