//! Input files: found, named, opened, unpacked and decoded.
//!
//! ```text
//! paths -> find (folders, endings) -> name (keys, series) -> open (digest -> unpack -> decode) -> text
//! ```

// Files and folders, and which files of a folder are meant.
mod find;
// What segments and series of a file are called.
mod name;
// A file's content: counted, digested, unpacked.
mod open;
// Packed bytes as what they hold.
mod unpack;
// Members of gzip, and what may stand behind the last.
mod gzip;
// Formats that are told by their first bytes.
mod magic;
// Text in other encodings, as UTF-8.
mod encoding;

pub use encoding::Encoding;
pub use find::{FoundFile, FoundFiles, find_files};

pub(super) use encoding::{decode, looks_like_utf16};
pub(super) use name::{InputFile, name_files};
pub(super) use open::Content;
pub(super) use unpack::unpack;
