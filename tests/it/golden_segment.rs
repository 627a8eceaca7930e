//! Golden segment of version 1, which must stay readable. Its bytes are not written again, because a later zstd may
//! choose others.

use std::fmt::Write as _;
use std::path::Path;

use expect_test::expect;
use format::frame::{FrameDecoder, Frames};
use format::payload::PayloadReader;
use model::SeriesKey;
use tests::segments::{Flaw, Message, Sent, SentSegment};

fn sample() -> SentSegment {
    let message = |org, metric, points: &[(i64, f64)], metadata: &[u8], is_stored| {
        let points = points.iter().map(|(at, value)| (*at, value.to_bits())).collect();
        Sent::Payload(Message { key: SeriesKey::new(org, metric), points, metadata: metadata.to_vec(), is_stored })
    };
    let special = [(i64::MIN, f64::NAN), (-1, -0.0), (0, f64::INFINITY), (i64::MAX, f64::MIN_POSITIVE)];
    SentSegment {
        key: "shard=org-mod-01/golden.seg".to_owned(),
        sent: vec![
            message(1, 1, &[(1_700_000_000_000, 0.5), (1_700_000_010_000, 0.75)], b"host:a,env:prod", false),
            message(65, u64::MAX, &special, b"", false),
            Sent::BadFrame(Flaw::UnequalArrays),
            message(1, 2, &[], b"no points", false),
            message(1, 1, &[(1_700_000_005_000, 1.0)], b"", true),
            Sent::BadFrame(Flaw::Corrupt),
            Sent::Garbage(vec![0, 0, 1]),
        ],
    }
}

fn listed(segment: &[u8]) -> String {
    let (mut source, mut decoder, mut reader) = (segment, FrameDecoder::default(), PayloadReader::default());
    let mut frames = Frames::new(&mut source, 0, segment.len() as u64);
    let mut listing = String::new();
    while let Some(frame) = frames.next().expect("memory does not fail") {
        let offset = frame.offset;
        let read = frame.body.and_then(|body| {
            let payload = reader.read(decoder.decode(body)?)?;
            let points: Vec<_> = payload.timestamps().zip(payload.values()).collect();
            let metadata = String::from_utf8_lossy(payload.metadata).into_owned();
            Ok(format!("{} {points:?} {metadata:?}", payload.key))
        });
        let line = match read {
            Ok(line) => line,
            Err(fault) => {
                let extent = frames.reject().expect("memory does not fail");
                format!("bad, {} bytes: {fault}", extent.len())
            }
        };
        writeln!(listing, "{offset}: {line}").expect("a string takes it");
    }
    listing
}

#[test]
fn a_golden_segment_of_version_1_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../format/golden/v1/sample.seg");
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(&path, sample().bytes()).expect("write golden segment");
    }
    let golden = std::fs::read(&path).expect("read golden segment");
    expect![[r#"
        0: org 1 metric 1 [(1700000000000, 0.5), (1700000010000, 0.75)] "host:a,env:prod"
        65: org 65 metric 18446744073709551615 [(-9223372036854775808, NaN), (-1, -0.0), (0, inf), (9223372036854775807, 2.2250738585072014e-308)] ""
        123: bad, 42 bytes: the payload has 1 timestamps and 2 values
        165: org 1 metric 2 [] "no points"
        193: org 1 metric 1 [(1700000005000, 1.0)] ""
        233: bad, 18 bytes: the zstd frame is corrupt or truncated: Data corruption detected
    "#]].assert_eq(&listed(&golden));
}
