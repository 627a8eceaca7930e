//! Input files: found, named, opened, unpacked and decoded.
//!
//! ```text
//! paths -> find (folders, endings) -> name (keys, series) -> open (digest -> unpack -> decode) -> text
//! ```

// Search for files, and for the matching files of folders.
mod find;
// Names of the segments and series of a file.
mod name;
// Content of a file: counted, digested, unpacked.
mod open;
// Decompression.
mod unpack;
// Members of gzip, and padding behind the last.
mod gzip;
// Formats that are recognised by their first bytes.
mod magic;
// Decoder of other encodings to UTF-8.
mod encoding;

pub use encoding::TextEncoding;
pub use find::{FoundFile, FoundFiles, find_files};

pub(super) use encoding::{decode, looks_like_utf16};
pub(super) use name::{InputFile, name_files};
pub(super) use open::Content;
pub(super) use unpack::unpack;
