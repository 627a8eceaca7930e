//! Reading is total: any bytes are frames and bad ranges that join, and no body takes more than its bound.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Valid and invalid pieces of segments.
fn any_segment() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => vec(any::<u8>(), 0..40).prop_map(|content| frame(&content)),
        1 => vec(any::<u8>(), 0..40),
        1 => vec(any::<u8>(), 0..40).prop_map(|noise| framed(&[&ZSTD_MAGIC[..], &noise].concat())),
        1 => any::<u32>().prop_map(|length| [&length.to_be_bytes()[..], &ZSTD_MAGIC].concat()),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_frames_and_bad_stretches_that_join_whatever_the_cut(
        segment in any_segment(), cut in any::<prop::sample::Index>()
    ) {
        let size = segment.len() as u64;
        let (whole, _, end) = read(&segment, 0, size, true);
        prop_assert_eq!(end, size, "PL-1");
        prop_assert!(whole.is_sorted_by(|a, b| a.0 < b.0), "every stretch takes a byte at least");
        let cut = cut.index(segment.len() + 1) as u64;
        let (left, _, left_end) = read(&segment, 0, cut, true);
        let (right, _, right_end) = read(&segment, left_end.max(cut), size, true);
        if left_end >= cut {
            prop_assert_eq!([left, right].concat(), whole, "PL-2: cut at {}", cut);
            prop_assert_eq!(right_end.max(left_end), size, "PL-1");
        }
        // Guessing a start is total too, wherever it leads.
        read(&segment, cut, size, false);
    }

    #[test]
    fn decoding_any_body_is_total_and_bounded(
        body in prop_oneof![
            vec(any::<u8>(), 0..60).prop_map(|noise| [&ZSTD_MAGIC[..], &noise].concat()),
            vec(any::<u8>(), 0..60),
        ]
    ) {
        let mut decoder = FrameDecoder::default();
        if let Ok(content) = decoder.decode(&body) {
            prop_assert!(content.len() <= model::limits::PAYLOAD_BYTES_MAX);
        }
        prop_assert!(decoder.used() <= model::limits::PAYLOAD_BYTES_MAX);
    }
}
