//! Compares lists with plain vectors, in any order and after any damage.

use proptest::prelude::*;

use super::*;

fn segments() -> impl Strategy<Value = Vec<SegmentRef>> {
    let etag = prop_oneof![
        Just(None),
        any::<u128>().prop_map(|md5| Some(show_md5(md5))),
        "[a-f0-9]{1,6}-[a-f0-9]{1,6}".prop_map(Some),
        Just(Some("\"D41D8CD98F00B204E9800998ECF8427E\"".to_owned())),
        Just(Some("ü".to_owned())),
    ];
    let key = "(a7f3|b|ü|ö)/shard=org-[0-9]/[a-c]{1,3}[0-9]{1,5}.seg";
    prop::collection::btree_map(key, (any::<u64>(), etag), 0..300).prop_map(|segments| {
        segments.into_iter().map(|(key, (size, etag))| SegmentRef { key, size: size >> 8, etag }).collect()
    })
}

#[test]
fn a_segment_of_a_bucket_takes_some_thirty_bytes() {
    let key = |at: u32| format!("a7f3/shard=org-mod-07/2023-11-14/ingester-12/{at:08}.seg");
    let etag = |at: u32| Some(show_md5(u128::from(at).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)));
    let list: SegmentList =
        (0..10_000).map(|at| SegmentRef { key: key(at), size: 100_000 + u64::from(at), etag: etag(at) }).collect();
    let bytes = list.encoded().len() + list.blocks.len() * 8;
    assert!(bytes < 30 * list.len(), "{} bytes a segment", bytes as f64 / list.len() as f64);
}

proptest! {
    #[test]
    fn a_list_gives_back_what_was_put_in_whatever_the_order(segments in segments(), seed: u64) {
        let mut shuffled = segments.clone();
        shuffled.sort_by_key(|segment| crate::Digest::of(format!("{seed}{}", segment.key).as_bytes()));
        let list: SegmentList = shuffled.into();
        prop_assert_eq!(list.iter().collect::<Vec<_>>(), segments.clone());
        prop_assert_eq!(list.len(), segments.len());
        prop_assert_eq!(list.total_bytes(), segments.iter().map(|segment| segment.size).sum::<u64>());
        prop_assert_eq!(list.position_of(""), None);
        prop_assert_eq!(list.position_of("b/shard=org-5/zz"), None);
        for at in 0..=segments.len() {
            prop_assert_eq!(list.get(at), segments.get(at).cloned());
            prop_assert_eq!(segments.get(at).map(|segment| list.position_of(&segment.key)), segments.get(at).map(|_| Some(at)));
            prop_assert_eq!(list.iter_from(at).collect::<Vec<_>>(), &segments[at..]);
        }
        prop_assert_eq!(SegmentList::from_encoded(list.encoded().to_vec()), Ok(list.clone()));
        let json = serde_json::to_string(&segments).expect("plain values");
        prop_assert_eq!(serde_json::to_string(&list).expect("a list"), json.clone());
        prop_assert_eq!(serde_json::from_str::<SegmentList>(&json).expect("an array"), list);
    }

    #[test]
    fn damaged_bytes_are_refused_or_are_another_sound_list(
        segments in segments(), at: prop::sample::Index, bit in 0..8_u32, len: prop::sample::Index,
    ) {
        let list: SegmentList = segments.into();
        let mut bytes = list.encoded().to_vec();
        bytes.truncate(len.index(bytes.len() + 1));
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
        }
        if let Ok(other) = SegmentList::from_encoded(bytes) {
            prop_assert_eq!(other.iter().count(), other.len());
        }
    }
}
