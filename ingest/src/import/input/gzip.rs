//! Reader of gzip members, one after another, and of the zero padding that tapes and block devices leave behind the
//! last.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Reads every member. Zero bytes behind a member are skipped, as `gzip -dc` does. Anything else is an error, because
/// nobody can tell if it was meant as data.
pub(super) struct GzipMembers<R> {
    state: State<R>,
}

enum State<R> {
    Member(Box<GzDecoder<R>>),
    /// Between two members, while a state is replaced.
    Between,
    Ended,
}

impl<R: BufRead> GzipMembers<R> {
    pub(super) fn new(packed: R) -> Self {
        Self { state: State::Member(Box::new(GzDecoder::new(packed))) }
    }

    /// Skips zeros; a member or the end follows.
    fn next_member(mut packed: R) -> io::Result<State<R>> {
        loop {
            let bytes = packed.fill_buf()?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            match bytes.get(zeros) {
                None if bytes.is_empty() => return Ok(State::Ended),
                None => packed.consume(zeros),
                Some(0x1f) => {
                    packed.consume(zeros);
                    return Ok(State::Member(Box::new(GzDecoder::new(packed))));
                }
                Some(_) => {
                    let text = "the gzip data ends, and what follows is neither gzip nor zero padding; cut it off";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
            }
        }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let State::Member(member) = &mut self.state else { return Ok(0) };
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let State::Member(member) = std::mem::replace(&mut self.state, State::Between) else { return Ok(0) };
            self.state = Self::next_member(member.into_inner())?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    fn member(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    }

    fn unpacked(packed: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        // A small buffer puts members and padding across its ends.
        GzipMembers::new(io::BufReader::with_capacity(7, packed)).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn members_join_and_zeros_behind_them_are_padding() {
        let zeros = [0; 1000];
        let packed = [member("a"), member("bc"), zeros.to_vec(), member("d"), zeros.to_vec()].concat();
        assert_eq!(unpacked(&packed).expect("gzip"), "abcd");
    }

    #[test]
    fn a_cut_member_and_other_bytes_behind_one_are_errors() {
        let whole = member("some text");
        for len in 1..whole.len() {
            assert!(unpacked(&whole[..len]).is_err(), "{len} bytes of {}", whole.len());
        }
        let error = unpacked(&[&whole[..], b"\0\0x"].concat()).expect_err("no gzip");
        assert!(error.to_string().contains("zero padding"), "{error}");
    }
}
