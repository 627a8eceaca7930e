//! Reads objects that can be checked, and reads again if the check fails: the object may have been damaged only on
//! its way.

use std::fmt::Display;

use storage::{Root, StorageError};

/// Most reads of an object that cannot be decoded, before it counts as damaged in the store.
const READS_MAX: usize = 3;

/// Reads and decodes the object at `key`; none if it is gone, or damaged in the store.
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
                tracing::warn!(object = root.object(key), %error, "failed to decode an object; reading it again")
            }
        }
    }
    Ok(None)
}
