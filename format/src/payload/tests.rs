//! Our reader agrees with prost's on every message, and is total on any bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::*;

/// Field as it is written. A message may have each field several times, in any order.
#[derive(Debug, Clone)]
enum Field {
    Org(u64),
    Metric(u64),
    Timestamps(Vec<i64>),
    OneTimestamp(i64),
    Values(Vec<u64>),
    OneValue(u64),
    Metadata(Vec<u8>),
    /// Field of a later version of the message.
    Unknown(u32, Unknown),
}

#[derive(Debug, Clone)]
enum Unknown {
    Varint(u64),
    Fixed64(u64),
    Bytes(Vec<u8>),
    Fixed32(u32),
    /// A group with a number in it, and one more group.
    Group(u64),
}

impl Field {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Org(id) => put_number(1, *id, out),
            Self::Metric(id) => put_number(2, *id, out),
            Self::Timestamps(words) => {
                put_bytes(3, &words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>(), out)
            }
            Self::OneTimestamp(word) => put_word(3, word.cast_unsigned(), out),
            Self::Values(words) => {
                put_bytes(4, &words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>(), out)
            }
            Self::OneValue(word) => put_word(4, *word, out),
            Self::Metadata(bytes) => put_bytes(5, bytes, out),
            Self::Unknown(field, Unknown::Varint(number)) => put_number(*field, *number, out),
            Self::Unknown(field, Unknown::Fixed64(word)) => put_word(*field, *word, out),
            Self::Unknown(field, Unknown::Bytes(bytes)) => put_bytes(*field, bytes, out),
            Self::Unknown(field, Unknown::Group(number)) => {
                encode_key(*field, WireType::StartGroup, out);
                put_number(1, *number, out);
                encode_key(7, WireType::StartGroup, out);
                encode_key(7, WireType::EndGroup, out);
                encode_key(*field, WireType::EndGroup, out);
            }
            Self::Unknown(field, Unknown::Fixed32(word)) => {
                encode_key(*field, WireType::ThirtyTwoBit, out);
                out.extend_from_slice(&word.to_le_bytes());
            }
        }
    }
}

fn put_number(field: u32, number: u64, out: &mut Vec<u8>) {
    encode_key(field, WireType::Varint, out);
    encode_varint(number, out);
}

fn put_word(field: u32, word: u64, out: &mut Vec<u8>) {
    encode_key(field, WireType::SixtyFourBit, out);
    out.extend_from_slice(&word.to_le_bytes());
}

fn put_bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn field() -> impl Strategy<Value = Field> {
    let unknown = prop_oneof![
        any::<u64>().prop_map(Unknown::Varint),
        any::<u64>().prop_map(Unknown::Fixed64),
        vec(any::<u8>(), 0..20).prop_map(Unknown::Bytes),
        any::<u32>().prop_map(Unknown::Fixed32),
        any::<u64>().prop_map(Unknown::Group),
    ];
    prop_oneof![
        2 => any::<u64>().prop_map(Field::Org),
        2 => any::<u64>().prop_map(Field::Metric),
        2 => vec(any::<i64>(), 0..5).prop_map(Field::Timestamps),
        2 => any::<i64>().prop_map(Field::OneTimestamp),
        2 => vec(any::<u64>(), 0..5).prop_map(Field::Values),
        2 => any::<u64>().prop_map(Field::OneValue),
        1 => vec(any::<u8>(), 0..10).prop_map(Field::Metadata),
        1 => (prop_oneof![6u32..20, Just(0x1fff_ffff)], unknown).prop_map(|(field, unknown)| Field::Unknown(field, unknown)),
    ]
}

/// Message whose columns have equal length: missing single values are added.
fn message() -> impl Strategy<Value = Vec<u8>> {
    (vec(field(), 0..12), any::<bool>()).prop_map(|(mut fields, is_completed)| {
        let count = |fields: &[Field], of: fn(&Field) -> usize| fields.iter().map(of).sum::<usize>();
        let timestamps = count(&fields, |field| match field {
            Field::Timestamps(words) => words.len(),
            field => usize::from(matches!(field, Field::OneTimestamp(_))),
        });
        let values = count(&fields, |field| match field {
            Field::Values(words) => words.len(),
            field => usize::from(matches!(field, Field::OneValue(_))),
        });
        if is_completed {
            fields.extend((timestamps..values).map(|at| Field::OneTimestamp(at as i64)));
            fields.extend((values..timestamps).map(|at| Field::OneValue(at as u64)));
            fields.extend([Field::Org(7), Field::Metric(9)]);
        }
        let mut out = Vec::new();
        fields.iter().for_each(|field| field.write(&mut out));
        out
    })
}

/// Reads `content` with prost, and checks the result as our reader does; none if prost gives up.
fn by_prost(content: &[u8]) -> Option<Result<proto::v1::Payload, FrameFault>> {
    let payload = proto::v1::Payload::decode(content).ok()?;
    let (timestamps, values) = (payload.timestamps.len(), payload.values.len());
    Some(if payload.org_id == 0 {
        Err(FrameFault::MissingOrg)
    } else if payload.metric_id == 0 {
        Err(FrameFault::MissingMetric)
    } else if timestamps != values {
        Err(FrameFault::UnequalArrays { timestamps, values })
    } else {
        Ok(payload)
    })
}

fn assert_same(ours: &Payload<'_>, theirs: &proto::v1::Payload) {
    assert_eq!(ours.key, SeriesKey::new(theirs.org_id, theirs.metric_id));
    assert!(ours.timestamps().eq(theirs.timestamps.iter().copied()));
    assert!(ours.values().map(f64::to_bits).eq(theirs.values.iter().map(|value| value.to_bits())));
    assert_eq!(ours.metadata, &theirs.metadata[..]);
}

proptest! {
    #[test]
    fn every_message_reads_as_prost_reads_it(messages in vec(message(), 1..4)) {
        // A single batch: the gathered arrays of several payloads lie beside one another.
        let mut reader = PayloadReader::default();
        let layouts: Vec<_> = messages.iter().map(|content| reader.layout(content)).collect();
        for (content, layout) in messages.iter().zip(layouts) {
            match (layout, by_prost(content).expect("a valid message")) {
                (Ok(layout), Ok(theirs)) => assert_same(&reader.payload(&layout, content), &theirs),
                (ours, theirs) => prop_assert_eq!(ours.err(), theirs.err()),
            }
        }
    }

    #[test]
    fn what_reads_at_all_reads_as_prost_reads_it(
        mut content in message(),
        flips in vec((any::<prop::sample::Index>(), 0u8..8), 0..4),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        if !content.is_empty() {
            let len = content.len();
            flips.iter().for_each(|(at, bit)| content[at.index(len)] ^= 1 << bit);
            content.truncate(if is_cut { cut.index(len) } else { len });
        }
        if let Ok(ours) = PayloadReader::default().read(&content) {
            let theirs = by_prost(&content).expect("prost reads it too").expect("and finds no fault");
            assert_same(&ours, &theirs);
        }
    }

    #[test]
    fn the_reader_is_total_on_any_bytes(content in vec(any::<u8>(), 0..200)) {
        if let Ok(ours) = PayloadReader::default().read(&content) {
            assert_same(&ours, &by_prost(&content).expect("prost reads it too").expect("and finds no fault"));
        }
    }
}

#[test]
fn arrays_in_many_pieces_are_gathered_once_each_and_bounded_while_they_are() {
    let alternating = |points: u64| {
        let mut content = Vec::new();
        put_number(1, 7, &mut content);
        put_number(2, 9, &mut content);
        for point in 0..points {
            put_word(3, point, &mut content);
            put_word(4, point, &mut content);
        }
        content
    };
    let mut reader = PayloadReader::default();
    let content = alternating(20_000);
    assert_eq!(reader.read(&content).map(|payload| payload.len()), Ok(20_000));
    assert_eq!((reader.timestamps.len(), reader.values.len()), (20_000 * 8, 20_000 * 8), "each point is copied once");
    let content = alternating(PAYLOAD_POINTS_MAX as u64 + 1);
    assert!(matches!(reader.read(&content), Err(FrameFault::TooManyPoints { .. })));
}
