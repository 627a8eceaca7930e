//! Connections that a server accepts, with or without TLS.
//!
//! ```text
//! accept --room?--> handshake, at most HANDSHAKE_MAX --> Accepted --> gRPC or HTTP
//!            |            | refused: closed, counted
//!            | none: closed at once, counted
//! ```
//!
//! Handshakes run beside each other, so that a client that says nothing holds up nobody. A connection counts from the
//! moment it is accepted, so that such clients cannot take more than the bound either.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::budget::LineBudget;
use crate::tls::{PeerCertificate, Tls};

/// Longest handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Pause after an error of the listener, such as too many open files.
const ERROR_PAUSE: Duration = Duration::from_millis(100);
/// Accepted connections that wait for the server to take them.
const WAITING_MAX: usize = 16;

/// Lines on handshakes that failed.
static LINES: LineBudget = LineBudget::new(30);

/// Client of a connection.
#[derive(Debug, Clone)]
pub struct PeerAddress {
    /// Address of the client.
    pub address: SocketAddr,
    /// Certificate that the client has shown, and the authority has verified; none if it has shown none.
    pub certificate: Option<Arc<PeerCertificate>>,
}

/// Connection that is being served.
#[derive(Debug)]
pub struct Accepted {
    stream: Stream,
    peer: PeerAddress,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Protocol of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Calls of gRPC: a client may show a certificate.
    Calls,
    /// Probes over HTTP: no client shows a certificate.
    Probes,
    /// Probes, and pages for people over HTTP: a browser may show a certificate.
    Pages,
}

/// Connections of one listener, until this is dropped.
#[derive(Debug)]
pub struct Incoming {
    accepted: mpsc::Receiver<Accepted>,
    local: SocketAddr,
}

impl Incoming {
    /// Accepts at most `connections_max` connections at once on `listener`, under `tls` if there is any with a
    /// certificate.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn new(listener: TcpListener, tls: Option<Tls>, purpose: Purpose, connections_max: usize) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let (sender, accepted) = mpsc::channel(WAITING_MAX);
        let tls = tls.filter(Tls::has_certificate);
        tokio::spawn(accept(listener, tls, purpose, Arc::new(Semaphore::new(connections_max)), sender));
        Ok(Self { accepted, local })
    }

    /// Returns the next connection.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Accepted>> {
        self.accepted.poll_recv(context)
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<Tls>,
    purpose: Purpose,
    room: Arc<Semaphore>,
    sender: mpsc::Sender<Accepted>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sender.closed() => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "failed to accept a connection");
                tokio::time::sleep(ERROR_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            metrics::counter!("tailor_connections_shed_total").increment(1);
            tracing::debug!("connection closed: there are as many as are served at once");
            continue;
        };
        let config = tls.as_ref().and_then(|tls| match purpose {
            Purpose::Calls => tls.for_calls(),
            Purpose::Probes => tls.for_probes(),
            Purpose::Pages => tls.for_pages(),
        });
        let sender = sender.clone();
        tokio::spawn(async move {
            let shaken = tokio::time::timeout(HANDSHAKE_MAX, shake_hands(stream, config)).await;
            let shaken = shaken.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)));
            match shaken {
                Ok((stream, certificate)) => {
                    let peer = PeerAddress { address, certificate: certificate.map(Arc::new) };
                    // The server may have ended meanwhile.
                    let _ = sender.send(Accepted { stream, peer, _permit: permit }).await;
                }
                Err(error) => refused(address, &error),
            }
        });
    }
}

async fn shake_hands(
    stream: TcpStream,
    config: Option<Arc<ServerConfig>>,
) -> io::Result<(Stream, Option<PeerCertificate>)> {
    // Without it, a small answer would wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    let Some(config) = config else { return Ok((Stream::Plain(stream), None)) };
    let stream = TlsAcceptor::from(config).accept(stream).await?;
    let certificate = PeerCertificate::of_client(stream.get_ref().1);
    Ok((Stream::Tls(Box::new(stream)), certificate))
}

/// Tells of a handshake that failed: a certificate that has expired, another authority, a client without TLS.
fn refused(address: SocketAddr, error: &io::Error) {
    metrics::counter!("tailor_handshakes_refused_total").increment(1);
    if let Some(left_out) = LINES.line() {
        tracing::info!(%address, %error, left_out, "TLS handshake failed; the connection was closed");
    }
}

impl Accepted {
    /// Client of the connection.
    pub fn peer(&self) -> &PeerAddress {
        &self.peer
    }
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

impl axum::serve::Listener for Incoming {
    type Io = Accepted;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Accepted, SocketAddr) {
        match self.accepted.recv().await {
            Some(accepted) => {
                let address = accepted.peer.address;
                (accepted, address)
            }
            // The runtime is shutting down, and has dropped the task that accepts.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, Incoming>> for PeerAddress {
    fn connect_info(stream: axum::serve::IncomingStream<'_, Incoming>) -> Self {
        stream.io().peer().clone()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn next(incoming: &mut Incoming) -> Accepted {
        std::future::poll_fn(|context| incoming.poll_next(context)).await.expect("it accepts")
    }

    #[tokio::test]
    async fn a_connection_beyond_the_bound_is_closed_and_room_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let mut incoming = Incoming::new(listener, None, Purpose::Calls, 1).expect("an address");
        let _first = TcpStream::connect(address).await.expect("it listens");
        let first = next(&mut incoming).await;
        let mut second = TcpStream::connect(address).await.expect("it listens");
        let closed = second.read(&mut [0; 1]).await;
        assert!(matches!(closed, Ok(0) | Err(_)), "closed: {closed:?}");
        drop(first);
        let _third = TcpStream::connect(address).await.expect("it listens");
        next(&mut incoming).await;
        drop(incoming);
        // The listener ends with its server.
        for _ in 0..100 {
            if TcpStream::connect(address).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it still listens");
    }
}
