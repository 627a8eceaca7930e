//! Objects as a worker's thread reads and writes them: by position, and create-only.

mod ahead;
mod reader;
mod writer;

use std::io;

use model::RequestKind;
use tokio::runtime::Handle;

pub use ahead::Ahead;
pub use reader::ObjectReader;
pub use writer::{ObjectWriter, UPLOAD_PART_BYTES, WrittenObject};

use crate::requests::RequestEnd;
use crate::wait::wait;
use crate::{Root, StorageError};

/// Removes the object at `key` under `root`; succeeds if it is already gone. A file is removed on this thread, as it
/// is read and written here: a thread of `runtime` would answer at a time of its own, which no simulation could
/// repeat.
///
/// # Errors
/// See [`StorageError`].
pub fn remove(root: &Root, key: &str, runtime: &Handle) -> Result<(), StorageError> {
    let Some(folder) = root.local_folder() else { return wait(runtime, root.remove(key)) };
    let removed = std::fs::remove_file(folder.join(key));
    root.meter().count(RequestKind::Delete, RequestEnd::of_file(&removed));
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &root.object(key), error)),
        _ => Ok(()),
    }
}

fn failed(operation: &'static str, object: &str, error: io::Error) -> StorageError {
    StorageError::Failed { operation, object: object.to_owned(), source: Box::new(error) }
}
