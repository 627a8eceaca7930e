mod any_bytes;
mod imitations;

use super::*;

/// Builds a frame around `content`.
fn frame(content: &[u8]) -> Vec<u8> {
    let body = zstd::bulk::compress(content, 1).expect("zstd compresses");
    framed(&body)
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

/// Offset of a frame, with its content if it has any.
type Seen = (u64, Option<Vec<u8>>);

/// Reads `[start, end)` of a segment as a map attempt does; `exact` says if the start is known. Returns the frames,
/// the start of the first, and the end of the last.
fn read(segment: &[u8], start: u64, end: u64, exact: bool) -> (Vec<Seen>, Option<u64>, u64) {
    let mut source = segment;
    let first = if exact || start == 0 { Some(start) } else { find_frame(&mut source, start, end).expect("memory") };
    let Some(first) = first else { return (Vec::new(), None, start) };
    let mut decoder = FrameDecoder::default();
    let mut frames = Frames::new(&mut source, first, end);
    let mut out = Vec::new();
    while let Some(frame) = frames.next().expect("memory") {
        let offset = frame.offset;
        match frame.body.and_then(|body| decoder.decode(body).map(<[u8]>::to_vec)) {
            Ok(content) => out.push((offset, Some(content))),
            Err(_) => {
                frames.reject().expect("memory");
                out.push((offset, None));
            }
        }
    }
    (out, Some(first), frames.position())
}

#[test]
fn splitting_at_every_byte_gives_the_same_frames_once_each() {
    let segment: Vec<u8> = (0..12u8).flat_map(|i| frame(&[i; 40])).collect();
    let size = segment.len() as u64;
    let (whole, _, _) = read(&segment, 0, size, true);
    assert_eq!(whole.len(), 12);
    for cut in 0..=size {
        let (mut left, _, left_end) = read(&segment, 0, cut, true);
        let (right, right_first, _) = read(&segment, cut, size, false);
        assert_eq!(right_first.unwrap_or(size), left_end, "the guess at {cut} needs no stitch here");
        left.extend(right);
        assert_eq!(left, whole, "cut at {cut}");
    }
}

#[test]
fn a_payload_that_imitates_frames_fools_the_guess_and_not_the_stitch() {
    // Stored raw in the outer frame: more than four whole frames, byte for byte.
    let decoy: Vec<u8> = (0..20u8).flat_map(|i| frame(&[i ^ 0x5a; 9])).collect();
    let mut stored = Vec::from(ZSTD_MAGIC);
    stored.push(1 << 5 | 1 << 6); // single segment, two-byte content size
    stored.extend_from_slice(&(u16::try_from(decoy.len() - 256).expect("a small decoy")).to_le_bytes());
    let block = (decoy.len() as u32) << 3 | 1; // raw, last
    stored.extend_from_slice(&block.to_le_bytes()[..3]);
    stored.extend_from_slice(&decoy);
    let mut segment = frame(b"before");
    let outer = segment.len() as u64;
    segment.extend(framed(&stored));
    segment.extend((0..6u8).flat_map(|i| frame(&[i; 30])));
    let size = segment.len() as u64;

    let (whole, _, _) = read(&segment, 0, size, true);
    assert!(whole.iter().any(|(offset, content)| *offset == outer && content.as_deref() == Some(decoy.as_slice())));

    let cut = outer + 5;
    let (left, _, left_end) = read(&segment, 0, cut, true);
    let (_, fooled, _) = read(&segment, cut, size, false);
    assert_ne!(fooled, Some(left_end), "the decoy is believed, and the ranges do not join");
    let (right, _, _) = read(&segment, left_end, size, true);
    assert_eq!([left, right].concat(), whole, "the exact start from the neighbour mends it");
}

#[test]
fn a_bad_frame_takes_the_same_bytes_wherever_the_segment_is_cut() {
    let good = |i: u8| frame(&[i; 40]);
    let mut corrupt = good(9);
    corrupt[12] ^= 0xff;
    let mut wrong_length = good(10);
    wrong_length[3] ^= 0x0f;
    let mut segment: Vec<u8> = [good(1), corrupt, good(2), wrong_length].concat();
    segment.extend((3..9).flat_map(good));
    segment.extend([0, 0, 1]); // torn
    let size = segment.len() as u64;
    let (whole, _, _) = read(&segment, 0, size, true);
    assert_eq!(whole.iter().filter(|(_, content)| content.is_none()).count(), 3);
    for cut in 0..=size {
        let (left, _, left_end) = read(&segment, 0, cut, true);
        let (right, _, _) = read(&segment, left_end, size, true);
        assert_eq!([left, right].concat(), whole, "cut at {cut}");
    }
}

#[test]
fn bounds_hold_before_memory_is_taken() {
    let mut decoder = FrameDecoder::default();
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).expect("zstd compresses");
    assert!(matches!(decoder.decode(&bomb), Err(FrameFault::DecodedOverLimit { .. })));
    let mut undeclared = zstd::stream::Encoder::new(Vec::new(), 1).expect("an encoder");
    std::io::Write::write_all(&mut undeclared, &vec![0; 64 << 20]).expect("memory");
    let undeclared = undeclared.finish().expect("memory");
    assert!(matches!(decoder.decode(&undeclared), Err(FrameFault::DecodedOverLimit { .. })));
    let mut wide = undeclared;
    wide[5] = 0xff;
    assert!(matches!(decoder.decode(&wide), Err(FrameFault::WindowOverLimit { .. })));
    assert!(matches!(read_length(&u32::MAX.to_be_bytes(), 1 << 40), Err(FrameFault::LengthOverLimit { .. })));
}

#[test]
fn a_frame_without_a_declared_size_decodes() {
    let content = vec![7; 600 << 10];
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("an encoder");
    std::io::Write::write_all(&mut encoder, &content).expect("memory");
    let body = encoder.finish().expect("memory");
    assert_eq!(FrameDecoder::default().decode(&body), Ok(content.as_slice()));
}

/// Frames of `content` in two halves; the second declares its size if `is_declared`.
fn two_frames(content: &[u8], is_declared: bool) -> Vec<u8> {
    let (first, second) = content.split_at(content.len() / 2);
    let mut body = zstd::bulk::compress(first, 1).expect("zstd compresses");
    let second = match is_declared {
        true => zstd::bulk::compress(second, 1),
        false => zstd::stream::encode_all(second, 1),
    };
    body.extend(second.expect("zstd compresses"));
    body
}

const SKIPPABLE: [u8; 11] = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'a', b'b', b'c'];

#[test]
fn several_frames_in_a_body_are_joined_and_bounded_together() {
    let content: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    let mut decoder = FrameDecoder::default();
    for body in [two_frames(&content, true), two_frames(&content, false)] {
        assert_eq!(decoder.decode(&body), Ok(content.as_slice()));
        let between = [&SKIPPABLE[..], &body, &SKIPPABLE].concat();
        assert_eq!(decoder.decode(&between[SKIPPABLE.len()..]), Ok(content.as_slice()));
    }
    let halves = two_frames(&vec![0; model::limits::PAYLOAD_BYTES_MAX + 2], true);
    assert!(matches!(decoder.decode(&halves), Err(FrameFault::DecodedOverLimit { .. })));
    let mut wide = zstd::bulk::compress(b"first", 1).expect("zstd compresses");
    let second = wide.len();
    wide.extend(zstd::stream::encode_all(&content[..], 1).expect("zstd compresses"));
    wide[second + 5] = 0xff;
    assert!(matches!(decoder.decode(&wide), Err(FrameFault::WindowOverLimit { .. })));
}

#[test]
fn what_is_behind_a_frame_and_no_zstd_is_named() {
    let mut decoder = FrameDecoder::default();
    let whole = two_frames(&[7; 5000], true);
    let first = zstd_safe_len(&whole);
    for len in first + 1..whole.len() {
        assert!(matches!(decoder.decode(&whole[..len]), Err(FrameFault::Corrupt { .. })), "cut at {len}");
    }
    let text = decoder.decode(&[&whole[..], b"\0\0\0"].concat()).expect_err("three zeros").to_string();
    assert!(text.contains("3 bytes behind its last frame are not zstd"), "{text}");
}

/// Bytes of the first frame of a body.
fn zstd_safe_len(body: &[u8]) -> usize {
    zstd::zstd_safe::find_frame_compressed_size(body).expect("a whole frame")
}

#[test]
fn a_skippable_frame_first_and_a_dictionary_are_named() {
    // A header that says so is all that it takes: one byte of dictionary id behind the descriptor (RFC 8878, section
    // 3.1.1.1).
    let mut body = zstd::bulk::compress(b"sample 7 sample 8", 1).expect("zstd compresses");
    body[4] |= 1;
    body.insert(5, 7);
    let joined = [zstd::bulk::compress(b"plain", 1).expect("memory"), body.clone()].concat();
    for body in [body, joined] {
        assert!(matches!(FrameDecoder::default().decode(&body), Err(FrameFault::NeedsDictionary { id: 7 })));
    }
    let segment = framed(&[&SKIPPABLE[..], &zstd::bulk::compress(b"payload", 1).expect("memory")].concat());
    let mut source = segment.as_slice();
    let mut frames = Frames::new(&mut source, 0, segment.len() as u64);
    let frame = frames.next().expect("memory").expect("a frame");
    assert_eq!(frame.body, Err(FrameFault::SkippableFirst));
}
