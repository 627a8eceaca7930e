//! Timeout of stores in operators' requests: shorter than the client's own, so that the answer can name the store
//! that hangs.

use std::time::Duration;

use proto::ApiError;
use storage::StorageError;

use model::error::chain;

/// Longest wait for the stores behind one request: half of the default timeout of a command.
pub(crate) const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// Waits for `asked`, but only up to the timeout of the store at `place` (such as `the dataset`) named `uri`.
///
/// # Errors
/// `Away`, with the store's name; or the error of [`refused`].
pub(crate) async fn in_time<T>(
    place: &str,
    uri: &str,
    asked: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, ApiError> {
    match tokio::time::timeout(STORE_PATIENCE, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(refused(place, uri, &error)),
        Err(_) => {
            let store = storage::store_of(uri);
            let seconds = STORE_PATIENCE.as_secs();
            let reason = format!("{place} {uri} cannot be asked: {store} has not answered within {seconds} s");
            Err(ApiError::Away { reason })
        }
    }
}

/// Converts an error of a store for the caller: `Away` if another try may help, else `Refused`.
pub(crate) fn refused(place: &str, uri: &str, error: &StorageError) -> ApiError {
    let reason = format!("{place} {uri} cannot be used: {}", chain(error));
    if error.is_lasting() { ApiError::Refused { reason } } else { ApiError::Away { reason } }
}
