//! Objects as a worker's thread reads and writes them: by position, and create-only.

mod ahead;
mod reader;
mod writer;

pub use ahead::Ahead;
pub use reader::ObjectReader;
pub use writer::{ObjectWriter, WrittenObject};
