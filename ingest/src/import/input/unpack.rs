//! Decompression of a file, or of one message in it.

use std::io::{self, BufRead, Read};

use super::gzip::GzipMembers;
use super::magic::Packing;

/// Decompresses `packed`: all zstd frames or gzip members, one after another, if the first bytes are those of one.
pub(crate) fn unpack<'a>(mut packed: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match Packing::of(packed.fill_buf()?) {
        Packing::Gzip => Box::new(GzipMembers::new(packed)),
        Packing::Zstd => Box::new(ZstdFrames(zstd::stream::read::Decoder::with_buffer(packed)?)),
        Packing::Plain => Box::new(packed),
    })
}

/// Reader of zstd frames, whose errors name the next step.
struct ZstdFrames<R>(R);

impl<R: Read> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let text = error.to_string();
            let named = FAULTS.iter().find(|(part, _)| text.contains(part)).map(|(_, name)| *name);
            named.map_or(error, |name| io::Error::new(io::ErrorKind::InvalidData, format!("{name} ({text})")))
        })
    }
}

/// Messages of zstd, and their meaning here.
const FAULTS: [(&str, &str); 4] = [
    ("incomplete frame", "the last zstd frame is cut: the file is not whole"),
    ("Dictionary mismatch", "it was compressed with a dictionary; unpack it first (zstd -d -D DICTIONARY)"),
    ("requires too much memory", "its zstd window is over 128 MiB; unpack it first (zstd -d --long=31)"),
    ("Unknown frame descriptor", "a zstd frame ends, and what follows is not zstd; cut it off"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const SKIPPABLE: &[u8] = &[0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9];

    fn frame(text: &str) -> Vec<u8> {
        zstd::stream::encode_all(text.as_bytes(), 1).expect("memory")
    }

    fn unpacked(packed: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        unpack(packed)?.read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn frames_join_and_skippable_ones_are_passed_over_wherever_they_stand() {
        let frames = [SKIPPABLE, &frame("a"), SKIPPABLE, SKIPPABLE, &frame(""), &frame("bc"), SKIPPABLE].concat();
        assert_eq!(unpacked(&frames).expect("zstd"), "abc");
        assert_eq!(unpacked(SKIPPABLE).expect("zstd"), "");
        assert_eq!(unpacked(b"plain").expect("text"), "plain");
        assert_eq!(unpacked(b"").expect("nothing"), "");
    }

    #[test]
    fn what_zstd_cannot_read_is_named() {
        let said = |packed: &[u8]| unpacked(packed).expect_err("no content").to_string();
        let whole = frame("some text that is long enough to be cut");
        for len in 5..whole.len() {
            assert!(said(&whole[..len]).contains("is cut"), "{len}: {}", said(&whole[..len]));
        }
        assert!(said(&[&whole[..], b"time,value\n"].concat()).contains("what follows is not zstd"));
        assert!(said(&[&whole[..], &[0; 9]].concat()).contains("what follows is not zstd"));
        let mut wide = whole.clone();
        wide[5] = 0xff;
        assert!(said(&wide).contains("window is over 128 MiB"), "{}", said(&wide));
        let mut dictionary = zstd::bulk::compress(b"sample", 1).expect("memory");
        dictionary[4] |= 1;
        dictionary.insert(5, 7);
        assert!(said(&dictionary).contains("dictionary; unpack it first"), "{}", said(&dictionary));
    }
}
