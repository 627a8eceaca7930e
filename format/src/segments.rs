//! Segment lists of plans and manifests: inline if they are short, else as an object of their own that is named by
//! key, digest and count, so that plans and manifests stay small.
//!
//! The object consists of [`MAGIC`] and the bytes of [`SegmentList::encoded`]. A document that names the object also
//! carries its digest.

use std::fmt;

use model::limits::SEGMENTS_INLINE_MAX;
use model::{Digest, ObjectEntry, SegmentList, SegmentListError};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digester;

/// First bytes of the object.
pub const MAGIC: &[u8; 8] = b"TLRSEGS1";

/// Segments of a plan or a manifest, ordered by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Inputs {
    /// Every segment, as an array.
    Inline(SegmentList),
    /// Reference to the object that holds them.
    Listed(ListedSegments),
}

/// Reference to an object that holds the segments of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedSegments {
    /// Key, size and digest of the object in the dataset.
    pub object: ObjectEntry,
    /// Number of listed segments.
    pub segments: u64,
    /// Sum of their segment bytes.
    pub bytes: u64,
}

impl Inputs {
    /// Creates a document's reference to these segments; `key` makes the object's key from its digest. Writes
    /// nothing.
    pub fn of(segments: &SegmentList, key: impl FnOnce(Digest) -> String) -> Self {
        if segments.len() <= SEGMENTS_INLINE_MAX {
            return Self::Inline(segments.clone());
        }
        let mut digester = Digester::new();
        digester.update(MAGIC);
        digester.update(segments.encoded());
        let (digest, size) = (digester.finish(), (MAGIC.len() + segments.encoded().len()) as u64);
        Self::Listed(ListedSegments {
            object: ObjectEntry { key: key(digest), size, digest },
            segments: segments.len() as u64,
            bytes: segments.total_bytes(),
        })
    }

    /// Returns the object that holds the segments, unless they are inline.
    pub const fn object(&self) -> Option<&ObjectEntry> {
        match self {
            Self::Inline(_) => None,
            Self::Listed(listed) => Some(&listed.object),
        }
    }

    /// Returns the number of segments.
    pub const fn count(&self) -> u64 {
        match self {
            Self::Inline(segments) => segments.len() as u64,
            Self::Listed(listed) => listed.segments,
        }
    }
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Inputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of segments, or the object that holds them")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Inputs, A::Error> {
                SegmentList::deserialize(SeqAccessDeserializer::new(array)).map(Inputs::Inline)
            }

            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Inputs, A::Error> {
                ListedSegments::deserialize(MapAccessDeserializer::new(object)).map(Inputs::Listed)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Error of an object that does not hold the segments that a document names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListedSegmentsError {
    /// The object is another one, or is damaged.
    #[error("it has the digest {found}, {expected} was written")]
    Digest {
        /// Digest of the object's bytes.
        found: Digest,
        /// Digest that the document names.
        expected: Digest,
    },
    /// The object does not begin with [`MAGIC`].
    #[error("it does not begin like a list of segments; it may have been written by a newer Tailor")]
    Magic,
    /// The content of the object is damaged.
    #[error(transparent)]
    List(#[from] SegmentListError),
    /// The object holds more or fewer segments, or bytes, than the document says.
    #[error("it lists {found} segments, its document says {expected}")]
    Count {
        /// Count in the object.
        found: u64,
        /// Count in the document.
        expected: u64,
    },
}

impl ListedSegments {
    /// Serialises the object.
    pub fn to_bytes(segments: &SegmentList) -> Vec<u8> {
        [MAGIC, segments.encoded()].concat()
    }

    /// Checks and parses the object's bytes.
    ///
    /// # Errors
    /// See [`ListedSegmentsError`].
    pub fn read(&self, bytes: &[u8]) -> Result<SegmentList, ListedSegmentsError> {
        let (found, expected) = (Digest::of(bytes), self.object.digest);
        if found != expected {
            return Err(ListedSegmentsError::Digest { found, expected });
        }
        let encoded = bytes.strip_prefix(MAGIC).ok_or(ListedSegmentsError::Magic)?;
        let segments = SegmentList::from_encoded(encoded.to_vec())?;
        if (segments.len() as u64, segments.total_bytes()) != (self.segments, self.bytes) {
            return Err(ListedSegmentsError::Count { found: segments.len() as u64, expected: self.segments });
        }
        Ok(segments)
    }
}

#[cfg(test)]
mod tests {
    use model::SegmentRef;

    use super::*;

    fn list(count: usize) -> SegmentList {
        let segment = |at| SegmentRef { key: format!("shard=org-1/{at:06}.seg"), size: at as u64, etag: None };
        (0..count).map(segment).collect()
    }

    #[test]
    fn few_segments_are_inline_and_many_an_object_and_both_read_back() {
        for count in [0, 1, SEGMENTS_INLINE_MAX, SEGMENTS_INLINE_MAX + 1, 5000] {
            let list = list(count);
            let inputs = Inputs::of(&list, |digest| format!("jobs/j/segments/{digest}"));
            assert_eq!((inputs.count(), inputs.object().is_some()), (count as u64, count > SEGMENTS_INLINE_MAX));
            let json = serde_json::to_string(&inputs).expect("plain values");
            assert_eq!(serde_json::from_str::<Inputs>(&json).expect("it reads back"), inputs);
            match inputs {
                Inputs::Inline(inline) => assert_eq!(inline, list),
                Inputs::Listed(listed) => {
                    assert!(json.len() < 300, "{json}");
                    let bytes = ListedSegments::to_bytes(&list);
                    assert_eq!(listed.object.size, bytes.len() as u64);
                    assert_eq!(listed.read(&bytes), Ok(list));
                }
            }
        }
    }

    #[test]
    fn a_golden_list_of_version_1_is_read_and_written_again() {
        let etag = |at: u64| match at % 3 {
            0 => None,
            1 => Some(format!("\"{:032x}\"", u128::from(at) << 64)),
            _ => Some(format!("{at:x}-6473a5-ü")),
        };
        let segment = |at: u64| SegmentRef {
            key: format!("a{}/shard=org-mod-07/ü-{at:04}.seg", at / 50),
            size: at * at * 1_000_003,
            etag: etag(at),
        };
        let sample: SegmentList = (0..150).map(segment).collect();
        let bytes = ListedSegments::to_bytes(&sample);
        let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/v1/sample.segments");
        if std::env::var_os("WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &bytes).expect("write golden list");
        }
        let golden = std::fs::read(&path).expect("read golden list");
        let object = ObjectEntry { key: "k".to_owned(), size: golden.len() as u64, digest: Digest::of(&golden) };
        let listed = ListedSegments { object, segments: 150, bytes: sample.total_bytes() };
        assert_eq!(listed.read(&golden), Ok(sample));
        assert!(golden == bytes, "today's writer gives other bytes for the same list");
    }

    #[test]
    fn another_object_in_its_place_is_refused() {
        let many = list(2000);
        let Inputs::Listed(listed) = Inputs::of(&many, |_| "k".to_owned()) else { panic!("many segments") };
        for cut in [0, 7, 8, 100] {
            let bytes = &ListedSegments::to_bytes(&many)[..cut];
            assert!(matches!(listed.read(bytes), Err(ListedSegmentsError::Digest { .. })));
            let object = ObjectEntry { digest: Digest::of(bytes), ..listed.object.clone() };
            listed_elsewhere(&listed, object).read(bytes).expect_err("it is cut");
        }
        let other = ListedSegments::to_bytes(&list(1999));
        let object = ObjectEntry { digest: Digest::of(&other), ..listed.object.clone() };
        let error = listed_elsewhere(&listed, object).read(&other).expect_err("one is missing");
        assert_eq!(error, ListedSegmentsError::Count { found: 1999, expected: 2000 });
    }

    fn listed_elsewhere(listed: &ListedSegments, object: ObjectEntry) -> ListedSegments {
        ListedSegments { object, ..listed.clone() }
    }
}
