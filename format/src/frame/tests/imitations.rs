//! Values that imitate frames cost no additional reads, and change no result.

use model::limits::{FRAME_BYTES_MIN, RESYNC_CHAIN_FRAMES};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Segment that counts the bytes that a reader fetches; bytes of the last answer are free.
struct Counted<'a> {
    segment: &'a [u8],
    held: std::ops::Range<u64>,
    read: u64,
}

impl<'a> Counted<'a> {
    fn new(segment: &'a [u8]) -> Self {
        Self { segment, held: 0..0, read: 0 }
    }
}

impl SegmentBytes for Counted<'_> {
    type Error = std::convert::Infallible;

    fn size(&self) -> u64 {
        self.segment.len() as u64
    }

    fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], Self::Error> {
        let end = (offset + len as u64).min(self.size());
        if offset < self.held.start || end > self.held.end {
            self.read += end - if self.held.contains(&offset) { self.held.end } else { offset.min(end) };
            self.held = offset..end;
        }
        Ok(&self.segment[offset.min(end) as usize..end as usize])
    }
}

/// Bytes that zstd cannot compress, among them a plausible length and the magic every `spacing` bytes.
fn imitations(len: usize, spacing: usize, length_max: u32, random: &mut fastrand::Rng) -> Vec<u8> {
    let mut content: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
    for at in (0..len.saturating_sub(8)).step_by(spacing) {
        content[at..at + 4].copy_from_slice(&random.u32(FRAME_BYTES_MIN..length_max).to_be_bytes());
        content[at + 4..at + 8].copy_from_slice(&ZSTD_MAGIC);
    }
    content
}

/// Small frames, then one large frame full of imitations, then small frames.
fn segment(content: &[u8], level: i32) -> Vec<u8> {
    let body = zstd::bulk::compress(content, level).expect("zstd compresses");
    let survived = body.windows(4).filter(|window| *window == ZSTD_MAGIC).count();
    assert!(survived > 3, "zstd at level {level} leaves {survived} imitations");
    let small = |i: u8| frame(&[i; 20]);
    [(0..6).flat_map(small).collect(), framed(&body), (6..12).flat_map(small).collect::<Vec<u8>>()].concat()
}

/// Plain version of the rule: the first offset from which frames chain.
fn find_plainly(segment: &[u8], from: u64, until: u64) -> Option<u64> {
    let end_of = |at: u64| {
        let header = segment.get(at as usize..at as usize + 8)?;
        let length = read_length(header, segment.len() as u64 - at).ok().filter(|length| *length >= FRAME_BYTES_MIN)?;
        (header[4..] == ZSTD_MAGIC).then(|| at + 4 + u64::from(length))
    };
    (from..until.min(segment.len() as u64)).find(|origin| {
        let mut at = *origin;
        for _ in 0..RESYNC_CHAIN_FRAMES {
            let Some(end) = end_of(at) else { return false };
            at = end;
            if at == segment.len() as u64 {
                break;
            }
        }
        true
    })
}

/// Reads the frames that start in `[cut, size)` as a map attempt does; returns the bytes that this fetched.
fn bytes_read_from(segment: &[u8], cut: u64) -> u64 {
    let mut source = Counted::new(segment);
    let mut decoder = FrameDecoder::default();
    let size = source.size();
    if let Some(mut frames) = Frames::seek(&mut source, cut, size).expect("memory") {
        while let Some(frame) = frames.next().expect("memory") {
            if frame.body.and_then(|body| decoder.decode(body).map(drop)).is_err() {
                frames.reject().expect("memory");
            }
        }
    }
    source.read
}

#[test]
fn a_split_is_read_twice_at_most_wherever_it_begins() {
    let mut random = fastrand::Rng::with_seed(9);
    for (level, spacing) in [(1, 64), (3, 256), (9, 256), (19, 512)] {
        let segment = segment(&imitations(5000, spacing, 4000, &mut random), level);
        let size = segment.len() as u64;
        for cut in 1..size {
            let found = find_frame(&mut segment.as_slice(), cut, size).expect("memory");
            assert_eq!(found, find_plainly(&segment, cut, size), "level {level}, cut {cut}");
            let read = bytes_read_from(&segment, cut);
            assert!(read <= 2 * (size - cut) + 8, "level {level}, cut {cut}: {read} of {} bytes", size - cut);
        }
    }
}

#[test]
fn a_large_frame_full_of_imitations_is_read_twice_at_most() {
    let mut random = fastrand::Rng::with_seed(10);
    let segment = segment(&imitations(2 << 20, 256, 1 << 20, &mut random), 3);
    let size = segment.len() as u64;
    for cut in (1..size).step_by(size as usize / 7) {
        let read = bytes_read_from(&segment, cut);
        // A header that lies across two windows is read twice, once with each.
        assert!(read <= 2 * (size - cut) + 1024, "cut {cut}: {read} of {} bytes", size - cut);
    }
}

#[test]
fn a_split_inside_one_frame_is_not_read_beyond_its_end() {
    let mut random = fastrand::Rng::with_seed(11);
    let segment = segment(&imitations(3 << 20, 4096, 40, &mut random), 3);
    let mut source = Counted::new(&segment);
    let (from, until) = (100_000, 200_000);
    assert_eq!(find_frame(&mut source, from, until).expect("memory"), None);
    assert!(source.read <= 2 * (256 << 10), "{} bytes", source.read);
}

#[test]
fn bad_stretches_one_after_another_are_scanned_once() {
    // Each imitation leads far ahead, and must be followed there before the frames behind it are accepted.
    let mut random = fastrand::Rng::with_seed(12);
    let mut segment = Vec::new();
    while segment.len() < 3 << 20 {
        segment.extend(imitations(40, 40, 1 << 20, &mut random));
        segment.extend((0..5u8).flat_map(|i| frame(&[i; 20])));
    }
    let mut search = FrameSearch::default();
    let size = segment.len() as u64;
    let mut counted = Counted::new(&segment);
    let mut from = 1;
    while let Some(found) = search.find(&mut counted, from, size).expect("memory") {
        from = found + 50_000;
    }
    assert!(counted.read <= size + size / 100, "{} of {size} bytes", counted.read);
    assert!(from > size / 2, "frames are found all the way");
}

/// Headers that chain, headers that lead nowhere, and noise.
fn any_headers() -> impl Strategy<Value = Vec<u8>> {
    let header = |length: u32| [&length.to_be_bytes()[..], &ZSTD_MAGIC].concat();
    let piece = prop_oneof![
        4 => (9u32..120).prop_map(header),
        2 => vec(any::<u8>(), 0..12),
        2 => vec(any::<u8>(), 0..12).prop_map(|content| frame(&content)),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn one_pass_finds_what_the_rule_says(segment in any_headers(), bounds in any::<[prop::sample::Index; 2]>()) {
        let [from, until] = bounds.map(|index| index.index(segment.len() + 1) as u64);
        let found = find_frame(&mut segment.as_slice(), from, until).expect("memory");
        prop_assert_eq!(found, find_plainly(&segment, from, until));
        // A search that reuses an earlier scan must give the same result.
        let mut search = FrameSearch::default();
        let size = segment.len() as u64;
        for from in (0..size).step_by(7) {
            let found = search.find(&mut segment.as_slice(), from, size).expect("memory");
            prop_assert_eq!(found, find_plainly(&segment, from, size));
        }
    }
}
