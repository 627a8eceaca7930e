//! Passes every request to a store: paced by prefix, and repeated if that helps.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use model::RequestKind;
use tokio::time::Instant;

use super::client::Connection;
use super::failure::Failure;
use super::pace::Pace;
use crate::metrics::{self, Again};
use crate::requests::{Meter, RequestEnd};
use crate::retry::{Retriability, RetryBudget, RetryPolicy};

/// Failures of one request, about two seconds in all, after which a warning is logged.
const FAILURES_UNTIL_WARNING: u32 = 5;

/// State that the requests of one store share.
#[derive(Debug)]
pub(super) struct Calls {
    policy: RetryPolicy,
    pace: Pace,
    since: Instant,
    shared: Mutex<Shared>,
}

#[derive(Debug)]
struct Shared {
    budget: RetryBudget,
    jitter: fastrand::Rng,
}

impl Calls {
    pub(super) fn new(policy: RetryPolicy, jitter: fastrand::Rng) -> Self {
        let shared = Mutex::new(Shared { budget: RetryBudget::default(), jitter });
        Self { policy, pace: Pace::default(), since: Instant::now(), shared }
    }

    /// Starts the attempts of one request on `key`.
    pub(super) fn begin<'a>(
        &'a self,
        operation: &'static str,
        connection: &'a Connection,
        key: &str,
        meter: &'a Meter,
    ) -> Attempts<'a> {
        Attempts { calls: self, operation, connection, meter, prefix: prefix(key).to_owned(), failed: 0 }
    }

    /// Returns a fresh id, different with each call and in each process.
    pub(super) fn fresh_id(&self) -> String {
        format!("{:032x}", self.shared().jitter.u128(..))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Request that is tried until it is done or given up.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    calls: &'a Calls,
    operation: &'static str,
    connection: &'a Connection,
    meter: &'a Meter,
    prefix: String,
    failed: u32,
}

impl Attempts<'_> {
    /// Makes one attempt, once the pace allows it.
    pub(super) async fn run<T, E>(
        &mut self,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let waits = Instant::now();
        let entry = self.calls.pace.enter(&self.prefix).await;
        self.meter.throttled(waits.elapsed());
        let counted = self.meter.begin(kind_of(self.operation));
        match request.await {
            Ok(answer) => {
                counted.end(RequestEnd::Ok);
                entry.succeeded();
                self.calls.shared().budget.deposit();
                Ok(answer)
            }
            Err(error) => {
                let failure = Failure::of(self.operation, &self.connection.endpoint, error);
                counted.end(failure.end());
                if let Some(credentials) = self.connection.credentials.as_ref().filter(|_| failure.is_refusal()) {
                    credentials.refused();
                }
                if matches!(failure.retriability, Retriability::Throttled { .. }) {
                    entry.throttled();
                }
                Err(failure)
            }
        }
    }

    /// Waits before the next attempt; returns the failure if there is none.
    pub(super) async fn back_off(&mut self, failure: Failure) -> Result<(), Failure> {
        self.failed += 1;
        let delay = {
            let mut shared = self.calls.shared();
            let Some(delay) = self.calls.policy.delay(self.failed, failure.retriability, &mut shared.jitter) else {
                return Err(failure);
            };
            if !shared.budget.withdraw(self.calls.since.elapsed()) {
                tracing::warn!(error = %failure, "gave up a request because too many failed at once");
                return Err(failure);
            }
            delay
        };
        metrics::asked_again(match failure.retriability {
            Retriability::Throttled { .. } => Again::Throttled,
            Retriability::Transient | Retriability::Permanent => Again::Failed,
        });
        match self.failed {
            FAILURES_UNTIL_WARNING => tracing::warn!(error = %failure, "a request failed several times; trying again"),
            attempt => tracing::debug!(error = %failure, attempt, ?delay, "try again"),
        }
        tokio::time::sleep(delay).await;
        if matches!(failure.retriability, Retriability::Throttled { .. }) {
            self.meter.throttled(delay);
        }
        Ok(())
    }

    /// Tries until the request is done. Only for requests that may be done twice.
    pub(super) async fn until_done<T, E, F>(mut self, mut request: impl FnMut() -> F) -> Result<T, Failure>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        loop {
            match self.run(request()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.back_off(failure).await?,
            }
        }
    }
}

/// Returns the kind of an operation of S3, as it is counted and priced.
fn kind_of(operation: &str) -> RequestKind {
    match operation {
        "GetObject" => RequestKind::Get,
        "HeadObject" => RequestKind::Head,
        "PutObject" => RequestKind::Put,
        "CopyObject" => RequestKind::Copy,
        "ListObjectsV2" | "ListMultipartUploads" => RequestKind::List,
        "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => RequestKind::Multipart,
        "DeleteObject" | "DeleteObjects" | "AbortMultipartUpload" => RequestKind::Delete,
        _ => RequestKind::Other,
    }
}

/// Part of the key space for which a pace is kept: the first folder, and the beginning of the next (the hash that
/// spreads our parts). There are few of them, so that there are never many lanes.
fn prefix(key: &str) -> &str {
    let folder = key.find('/').map_or(0, |at| at + 1);
    let end = key[folder..].chars().next().map_or(folder, |next| folder + next.len_utf8());
    &key[..end]
}
