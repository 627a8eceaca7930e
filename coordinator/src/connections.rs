//! Connections of the gRPC server: those that `daemon::accept` hands over, at most [`CONNECTIONS_MAX`] at once.
//!
//! Further ones are closed at once, so that the client tries another coordinator or comes back; they take no buffer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use daemon::accept::Purpose;
use daemon::{Accepted, Incoming, PeerAddress, Tls};
use futures::Stream;
use model::limits::CONNECTIONS_MAX;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tonic::transport::server::Connected;

/// Streams the connections of a listener, under TLS if there is any, up to the limit.
pub(crate) fn incoming(listener: TcpListener, tls: Option<Tls>) -> io::Result<Connections> {
    Incoming::new(listener, tls, Purpose::Calls, CONNECTIONS_MAX).map(Connections)
}

/// Stream of accepted connections.
#[derive(Debug)]
pub(crate) struct Connections(Incoming);

impl Stream for Connections {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = ready!(self.0.poll_next(context));
        Poll::Ready(accepted.map(|accepted| Ok(Connection(accepted))))
    }
}

/// Connection that is being served.
#[derive(Debug)]
pub(crate) struct Connection(Accepted);

/// Each request of the connection carries the address and the certificate of its client.
impl Connected for Connection {
    type ConnectInfo = PeerAddress;

    fn connect_info(&self) -> PeerAddress {
        self.0.peer().clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
