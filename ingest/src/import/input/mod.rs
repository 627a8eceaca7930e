//! Input files: found, named, opened, unpacked and decoded.
//!
//! ```text
//! paths -> find (folders, endings) -> name (keys, series) -> open (digest -> unpack -> decode) -> text
//! ```

mod find; //     search for files, and for the matching files of folders
mod name; //     names of the segments and series of a file
mod open; //     content of a file: counted, digested, unpacked
mod unpack; //   decompression
mod gzip; //     members of gzip, and padding behind the last
mod magic; //    formats that are recognised by their first bytes
mod encoding; // decoder of other encodings to UTF-8

pub use encoding::TextEncoding;
pub use find::{FoundFile, FoundFiles, find_files};

pub(super) use encoding::{decode, looks_like_utf16};
pub(super) use name::{InputFile, name_files};
pub(super) use open::Content;
pub(super) use unpack::unpack;
