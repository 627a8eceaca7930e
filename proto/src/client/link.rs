//! Link: the connection to one coordinator, with the security of its client.
//!
//! | the client has | link |
//! |---|---|
//! | nothing | plain HTTP/2 |
//! | TLS | HTTP/2 over connections that [`Dial`] makes. Once the files of the client have changed, calls go over a new connection; calls under way end on the old one |
//! | a token | a header `authorization` with each call. Without TLS it is sent to this machine alone |

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, StdError, http};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;

use super::endpoints::{self, Address};
use crate::token::Token;

/// Bytes to and from a coordinator.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<W: AsyncRead + AsyncWrite + Send + Unpin> Wire for W {}

/// Connection that is being made.
pub type Dialling = Pin<Box<dyn Future<Output = io::Result<Box<dyn Wire>>> + Send>>;

/// Maker of connections under TLS.
pub trait Dial: Send + Sync + fmt::Debug {
    /// Number of times that certificates or authorities were changed: connections of an earlier one are given up.
    fn generation(&self) -> u64;

    /// Connects to `host`, whose certificate must be valid there.
    fn dial(&self, host: String, port: u16) -> Dialling;
}

/// Source of the token to send; the token may change.
pub trait TokenSource: Send + Sync + fmt::Debug {
    /// Returns the token as it is now.
    fn token(&self) -> Token;
}

/// Security of a client's calls; by default there is none.
#[derive(Debug, Clone, Default)]
pub struct ClientSecurity {
    /// Maker of connections; none for plain connections.
    pub tls: Option<Arc<dyn Dial>>,
    /// Token of this client; none if it has a certificate, or nothing.
    pub token: Option<Arc<dyn TokenSource>>,
}

/// Connection to one coordinator; it connects with its first call.
#[derive(Clone)]
pub struct Link {
    address: Address,
    security: ClientSecurity,
    /// Channel with the generation of the files by which it was made.
    channel: Arc<Mutex<(u64, Channel)>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(address: Address, security: ClientSecurity) -> Self {
        let made = (generation(&security), connect(&address, &security));
        Self { address, security, channel: Arc::new(Mutex::new(made)) }
    }

    /// Returns the channel; a new one if the files have changed.
    fn current(&self) -> Channel {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        let now = generation(&self.security);
        if channel.0 != now {
            *channel = (now, connect(&self.address, &self.security));
        }
        channel.1.clone()
    }

    /// Returns the header with the token.
    fn authorization(&self) -> Result<Option<AsciiMetadataValue>, Status> {
        let Some(source) = &self.security.token else { return Ok(None) };
        if self.security.tls.is_none() && !self.address.is_loopback() {
            let reason = format!("the token is not sent to {} without TLS; name its authority by tls-ca", self.address);
            return Err(Status::unauthenticated(reason));
        }
        let value = format!("Bearer {}", source.token().expose());
        let mut value = AsciiMetadataValue::try_from(value)
            .map_err(|_| Status::unauthenticated("the token has characters that a header cannot carry"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

fn generation(security: &ClientSecurity) -> u64 {
    security.tls.as_ref().map_or(0, |tls| tls.generation())
}

fn connect(address: &Address, security: &ClientSecurity) -> Channel {
    match &security.tls {
        None => endpoints::endpoint(address).connect_lazy(),
        Some(tls) => {
            let dialler = Dialler { address: address.clone(), tls: Arc::clone(tls) };
            endpoints::endpoint(address).connect_with_connector_lazy(dialler)
        }
    }
}

impl Service<http::Request<Body>> for Link {
    type Response = http::Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, StdError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        match self.authorization() {
            Ok(None) => {}
            Ok(Some(value)) => {
                let mut headers = tonic::metadata::MetadataMap::from_headers(std::mem::take(request.headers_mut()));
                headers.insert("authorization", value);
                *request.headers_mut() = headers.into_headers();
            }
            Err(refused) => return Box::pin(async move { Ok(refused.into_http()) }),
        }
        let mut channel = self.current();
        Box::pin(async move {
            poll_fn(|context| channel.poll_ready(context)).await?;
            Ok(channel.call(request).await?)
        })
    }
}

/// Connector of a channel under TLS.
struct Dialler {
    address: Address,
    tls: Arc<dyn Dial>,
}

impl Service<http::Uri> for Dialler {
    type Response = TokioIo<Box<dyn Wire>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: http::Uri) -> Self::Future {
        let dialling = self.tls.dial(self.address.host().to_owned(), self.address.port());
        Box::pin(async move { dialling.await.map(TokioIo::new) })
    }
}
