//! Client of the leader: finds the leader, stays with it, and follows when it moves.
//!
//! ```text
//!            answered, or an error that asking again does not change
//!   ask ----------------------------------------------------------------> the caller
//!    ^ |  not the leader, and it names who is: ask that one at once, the first time
//!    | |  not the leader, nobody is; away; no answer within `call_timeout`: the next endpoint, after a pause
//!    | |  too many: the same endpoint, after the pause that it asks for
//!    +-+  until `patience` is used up: then Away, with everything that was asked
//! ```
//!
//! A call whose answer was lost may have been done. Every call of ours may be sent again (the leader answers a
//! repeated one as the first), so asking again is right for all of them. Pauses are drawn from the whole of [0, p),
//! with p doubling from 50 ms to 1 s: clients of a leader that is gone do not come back in step.
//!
//! A stream ends with the coordinator that gave it. Its reader opens it anew by the same call, which finds the next
//! leader.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use model::limits::MESSAGE_BYTES_MAX;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{Body as HttpBody, Bytes, StdError};
use tonic::{Response, Status};

use crate::status::ApiError;
use crate::v1::operator_service_client::OperatorServiceClient;
use crate::v1::worker_service_client::WorkerServiceClient;

mod endpoints; // known coordinators, with a channel to each
mod link; //      connection to one coordinator: TLS, token
#[cfg(test)]
mod tests;

use endpoints::{Address, Endpoints, Scheme};
pub use endpoints::{Connect, EndpointsError};
pub use link::{ClientSecurity, Dial, Dialling, Link, TokenSource, Wire};

/// Connection to a coordinator: HTTP/2, or a substitute in the simulation.
pub trait Connection:
    GrpcService<Body, ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static> + Clone
{
}

impl<C> Connection for C where
    C: GrpcService<Body, ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static> + Clone
{
}

/// Longest first pause.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest pause of all, well below the time that a standby needs to take over.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Timeouts of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallPolicy {
    /// Longest wait for one answer, or for the beginning of a stream. It must be well below `patience`, or one
    /// hanging coordinator leaves no time for the others.
    pub call_timeout: Duration,
    /// Longest search for a leader, from the first try.
    pub patience: Duration,
}

impl Default for CallPolicy {
    /// Waits ten seconds for an answer, and thirty for a leader: three times what a standby needs to follow one that
    /// died.
    fn default() -> Self {
        Self { call_timeout: Duration::from_secs(10), patience: Duration::from_secs(30) }
    }
}

/// Client of the coordinator that leads. Cheap to clone; clones share connections and the last known leader.
pub struct LeaderClient<C = Link> {
    endpoints: Arc<Endpoints<C>>,
    policy: CallPolicy,
}

impl<C> Clone for LeaderClient<C> {
    fn clone(&self) -> Self {
        Self { endpoints: Arc::clone(&self.endpoints), policy: self.policy }
    }
}

impl<C> fmt::Debug for LeaderClient<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaderClient").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl LeaderClient {
    /// Creates a client of the coordinators at `endpoints` (`http://host:port` or `host:port`). Connects with the
    /// first call.
    ///
    /// # Errors
    /// The list is empty, or an entry is not such an address.
    pub fn new(endpoints: Vec<String>) -> Result<Self, EndpointsError> {
        Self::secured(endpoints, ClientSecurity::default())
    }

    /// Creates a client whose calls have this security. Under TLS an address is `https://host:port` or `host:port`.
    ///
    /// # Errors
    /// The list is empty, or an entry is not such an address, or of another scheme.
    pub fn secured(endpoints: Vec<String>, security: ClientSecurity) -> Result<Self, EndpointsError> {
        let scheme = if security.tls.is_some() { Scheme::Https } else { Scheme::Http };
        let connect = move |url: &str| {
            let address = Address::parse(url, scheme).expect("only addresses that were read are kept");
            Link::new(address, security.clone())
        };
        let endpoints = Arc::new(Endpoints::new(endpoints, scheme, Box::new(connect))?);
        Ok(Self { endpoints, policy: CallPolicy::default() })
    }
}

impl<C: Connection> LeaderClient<C> {
    /// Creates a client whose connections are made by `connect`.
    ///
    /// # Errors
    /// The list is empty, or an entry is not such an address.
    pub fn connecting(endpoints: Vec<String>, connect: Connect<C>) -> Result<Self, EndpointsError> {
        let endpoints = Arc::new(Endpoints::new(endpoints, Scheme::Http, connect)?);
        Ok(Self { endpoints, policy: CallPolicy::default() })
    }

    /// Creates the client of a coordinator that asks itself first, by `own`, which needs no network. Another
    /// coordinator that leads is asked over a connection of this security, which `other` wraps.
    pub fn from_within(security: ClientSecurity, own: C, other: impl Fn(Link) -> C + Send + Sync + 'static) -> Self
    where
        C: Send + Sync + 'static,
    {
        let (scheme, own_name) = match security.tls {
            Some(_) => (Scheme::Https, "https://own:1"),
            None => (Scheme::Http, "http://own:1"),
        };
        let connect = move |url: &str| {
            if url == own_name {
                return own.clone();
            }
            let address = Address::parse(url, scheme).expect("only addresses that were read are kept");
            other(Link::new(address, security.clone()))
        };
        let endpoints = Endpoints::new(vec![own_name.to_owned()], scheme, Box::new(connect));
        Self { endpoints: Arc::new(endpoints.expect("the name is an address")), policy: CallPolicy::default() }
    }

    /// Returns the same client with another policy.
    #[must_use]
    pub fn with_policy(&self, policy: CallPolicy) -> Self {
        Self { endpoints: self.endpoints.clone(), policy }
    }

    /// Calls the operators' service: `client.operator(|mut c| { let r = r.clone(); async move { c.get_job(r).await }
    /// })`.
    ///
    /// # Errors
    /// The error that the leader answered, or `Away` if no leader was found in time.
    pub async fn operator<T, F>(&self, call: impl Fn(OperatorServiceClient<C>) -> F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.ask(|channel| {
            let client = OperatorServiceClient::new(channel);
            call(client.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX))
        })
        .await
    }

    /// Calls the workers' service, in the same way.
    ///
    /// # Errors
    /// As [`Self::operator`].
    pub async fn worker<T, F>(&self, call: impl Fn(WorkerServiceClient<C>) -> F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.ask(|channel| {
            let client = WorkerServiceClient::new(channel);
            call(client.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX))
        })
        .await
    }

    async fn ask<T, F>(&self, call: impl Fn(C) -> F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let give_up_at = Instant::now() + self.policy.patience;
        let mut pause_max = PAUSE;
        let mut has_followed = false;
        loop {
            let (endpoint, channel) = self.endpoints.current();
            let error = match tokio::time::timeout(self.policy.call_timeout, call(channel)).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => ApiError::from(status),
                Err(_) => ApiError::Away { reason: format!("no answer within {:?}", self.policy.call_timeout) },
            };
            let pause = match &error {
                // Coordinators may name each other while a leader is elected, so at most one redirect is followed
                // without a pause.
                ApiError::NotLeader { leader, .. } if !has_followed && self.endpoints.follow(&endpoint, leader) => {
                    has_followed = true;
                    continue;
                }
                ApiError::NotLeader { .. } | ApiError::Away { .. } => {
                    self.endpoints.leave(&endpoint);
                    pause_max.mul_f64(fastrand::f64())
                }
                ApiError::TooMany { retry_after, .. } => *retry_after,
                _ => return Err(error),
            };
            if Instant::now() + pause >= give_up_at {
                return Err(self.give_up(&endpoint, error));
            }
            tracing::debug!(%endpoint, %error, ?pause, "asking again");
            tokio::time::sleep(pause).await;
            pause_max = (pause_max * 2).min(PAUSE_MAX);
            has_followed = false;
        }
    }

    /// Returns the error for the caller when `patience` is used up.
    fn give_up(&self, endpoint: &str, last: ApiError) -> ApiError {
        let last = match last {
            ApiError::TooMany { .. } => return last,
            ApiError::Away { reason } => reason,
            other => other.to_string(),
        };
        ApiError::Away {
            reason: format!("{} asked for {:?}; {endpoint}: {last}", self.endpoints, self.policy.patience),
        }
    }
}
