//! Objects that tell whether they are whole: one that was torn on its way is whole the next time that it is read.

use std::fmt::Display;

use storage::{Root, StorageError};

/// How often an object is read that cannot be made out, before it is taken for damaged where it lies.
const READS_MAX: usize = 3;

/// The object at `key` as `decode` makes it out; none where it is gone, or damaged where it lies.
pub(crate) async fn read_whole<T, E: Display>(
    root: &Root,
    key: &str,
    decode: impl Fn(&[u8]) -> Result<T, E>,
) -> Result<Option<T>, StorageError> {
    for _ in 0..READS_MAX {
        let bytes = match root.read(key).await {
            Ok(bytes) => bytes,
            Err(StorageError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match decode(&bytes) {
            Ok(whole) => return Ok(Some(whole)),
            Err(error) => {
                tracing::warn!(object = root.object(key), %error, "an object cannot be made out; reading it again")
            }
        }
    }
    Ok(None)
}
