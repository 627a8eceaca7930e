//! Credentials that are loaded anew once a store refuses them, even before their stated expiry.
//!
//! Mounted secret files change, tokens are revoked, a session may end before its time. The SDK keeps its credentials
//! until they expire, and reads a profile once; so this cache sits in front of the SDK's chain of usual places.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_s3::config::Credentials;
use futures::future::BoxFuture;
use model::{Clock as _, SystemClock};
use tokio::time::Instant;

/// Credentials that expire sooner are replaced, because a request signed with them must still arrive.
const EXPIRY_ROOM: Duration = Duration::from_secs(60);

/// Longest time for loading credentials.
const LOAD_MAX: Duration = Duration::from_secs(10);

/// Shortest time between two loads after refusals: a refusal may have other reasons, and a role's service is shared.
const REFRESH_PAUSE: Duration = Duration::from_secs(5);

/// Creates a provider that reads the usual places anew, files included.
pub(super) type Places = dyn Fn() -> BoxFuture<'static, Option<SharedCredentialsProvider>> + Send + Sync;

/// Credentials of one store, as its client asks for them. Clones share them.
#[derive(Clone)]
pub(super) struct Refreshing {
    places: Arc<Places>,
    current: Arc<tokio::sync::Mutex<Option<Credentials>>>,
    refusal: Arc<Mutex<Refusal>>,
}

/// State of a refusal.
#[derive(Debug, Default)]
struct Refusal {
    is_pending: bool,
    refreshed_at: Option<Instant>,
}

impl fmt::Debug for Refreshing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refreshing")
    }
}

impl Refreshing {
    /// Creates credentials from these places; nothing is read before the first request.
    pub(super) fn new(places: Arc<Places>) -> Self {
        Self { places, current: Arc::default(), refusal: Arc::default() }
    }

    /// Notes that a store refused the credentials: the next request loads them anew.
    pub(super) fn refused(&self) {
        let mut refusal = self.refusal();
        refusal.is_pending |= refusal.refreshed_at.is_none_or(|at| at.elapsed() >= REFRESH_PAUSE);
    }

    fn refusal(&self) -> std::sync::MutexGuard<'_, Refusal> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn current(&self) -> Result<Credentials, CredentialsError> {
        // Requests that come together share one load.
        let mut current = self.current.lock().await;
        let is_refused = {
            let mut refusal = self.refusal();
            if refusal.is_pending {
                refusal.refreshed_at = Some(Instant::now());
            }
            std::mem::take(&mut refusal.is_pending)
        };
        if let Some(held) = current.as_ref().filter(|held| !is_refused && lasts(held, EXPIRY_ROOM)) {
            return Ok(held.clone());
        }
        match self.load().await {
            Ok(loaded) => {
                if is_refused {
                    tracing::info!("AWS credentials were read again because the store refused the old ones");
                }
                Ok(current.insert(loaded).clone())
            }
            // The old credentials may have been refused for another reason, and may still work.
            Err(error) => current.clone().filter(|held| lasts(held, Duration::ZERO)).ok_or(error),
        }
    }

    async fn load(&self) -> Result<Credentials, CredentialsError> {
        let load = async {
            let chain = (self.places)().await;
            let chain = chain.ok_or_else(|| CredentialsError::not_loaded("no credentials found in chain"))?;
            chain.provide_credentials().await
        };
        tokio::time::timeout(LOAD_MAX, load)
            .await
            .unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(LOAD_MAX)))
    }
}

impl ProvideCredentials for Refreshing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}

/// True if credentials last for longer than `room`.
fn lasts(held: &Credentials, room: Duration) -> bool {
    let now: SystemTime = UNIX_EPOCH + Duration::from_millis(SystemClock.now_ms().unsigned_abs());
    held.expiry().is_none_or(|expiry| expiry > now + room)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Creates places whose key is the number of the load, with the counter of loads.
    fn numbered(lifetime: Option<Duration>) -> (Refreshing, Arc<AtomicU32>) {
        let looks = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&looks);
        let places = move || -> BoxFuture<'static, Option<SharedCredentialsProvider>> {
            let look = counted.fetch_add(1, Ordering::Relaxed) + 1;
            let now = UNIX_EPOCH + Duration::from_millis(SystemClock.now_ms().unsigned_abs());
            let expiry = lifetime.map(|lifetime| now + lifetime);
            let found = Credentials::new(format!("key-{look}"), "secret", None, expiry, "test");
            Box::pin(async move { Some(SharedCredentialsProvider::new(found)) })
        };
        (Refreshing::new(Arc::new(places)), looks)
    }

    async fn key(credentials: &Refreshing) -> String {
        credentials.provide_credentials().await.expect("they are there").access_key_id().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_are_kept_until_a_store_refuses_them() {
        let (credentials, looks) = numbered(None);
        for _ in 0..3 {
            assert_eq!(key(&credentials).await, "key-1");
        }
        credentials.refused();
        assert_eq!(key(&credentials).await, "key-2");
        credentials.refused();
        assert_eq!(key(&credentials).await, "key-2", "they were read a moment ago");
        tokio::time::advance(REFRESH_PAUSE).await;
        credentials.refused();
        assert_eq!(key(&credentials).await, "key-3");
        assert_eq!(looks.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn credentials_that_are_about_to_expire_are_replaced() {
        let (credentials, _) = numbered(Some(EXPIRY_ROOM / 2));
        assert_eq!((key(&credentials).await, key(&credentials).await), ("key-1".to_owned(), "key-2".to_owned()));
        let (credentials, _) = numbered(Some(EXPIRY_ROOM * 2));
        assert_eq!((key(&credentials).await, key(&credentials).await), ("key-1".to_owned(), "key-1".to_owned()));
    }
}
