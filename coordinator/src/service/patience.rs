//! How long an operator's request waits for a store: less than its client waits for the answer, so that the answer can say
//! which store it is.

use std::time::Duration;

use proto::ApiError;
use storage::StorageError;

use crate::error::describe;

/// Longest wait for the stores behind one request: half of what a command waits by default.
pub(crate) const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// What `asked` comes to, unless the store at `place` (`the dataset`) named `uri` does not answer in time.
///
/// # Errors
/// `Away`, with the store's name; or what [`refused`] makes of its answer.
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

/// What a caller hears of a store that failed: `Away` where asking again may help, else what will not change by itself.
pub(crate) fn refused(place: &str, uri: &str, error: &StorageError) -> ApiError {
    let reason = format!("{place} {uri} cannot be used: {}", describe(error));
    if error.is_lasting() { ApiError::Refused { reason } } else { ApiError::Away { reason } }
}
