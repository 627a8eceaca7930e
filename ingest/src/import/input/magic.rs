//! Formats that are recognised by their first bytes.

/// Number of bytes that the checks need: a tar header ends with its magic.
pub(super) const MAGIC_BYTES: usize = 512;

/// Compression of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    /// Returns the compression of a file that starts with `start`.
    pub(super) fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame or a skippable frame (RFC 8878 3.1.2); pzstd and seekable writers begin with the latter.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// First bytes, the format, and the next step.
const FOREIGN: [(&[u8], &str); 14] = [
    (b"BZh", "compressed by bzip2; unpack it first (bunzip2)"),
    (b"\xfd7zXZ\0", "compressed by xz; unpack it first (unxz)"),
    (b"\x04\x22\x4d\x18", "compressed by lz4; unpack it first (unlz4)"),
    (b"\xff\x06\0\0sNaPpY", "compressed by snappy; unpack it first"),
    (b"\x1f\x9d", "compressed by compress (.Z); unpack it first (uncompress)"),
    (b"LZIP", "compressed by lzip; unpack it first (lzip -d)"),
    (b"PK\x03\x04", "a zip archive or a workbook (.xlsx); unpack it first, or save the sheet as CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook of old Excel (.xls); save the sheet as CSV"),
    (b"PAR1", "a Parquet file; convert it to CSV first"),
    (b"ARROW1", "an Arrow file; convert it to CSV first"),
    (b"SQLite format 3\0", "a SQLite database; export its table as CSV first"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file; convert it to CSV first"),
    (b"%PDF-", "a PDF document"),
];

/// Returns the format of a content that starts with `start` and that no import reads, with the next step.
pub(super) fn foreign(start: &[u8]) -> Option<&'static str> {
    let tar = start.get(257..262) == Some(b"ustar");
    let known = FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, what)| *what);
    known.or(tar.then_some("a tar archive; unpack it first (tar -x)"))
}
