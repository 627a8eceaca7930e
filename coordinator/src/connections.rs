//! Accepts at most [`CONNECTIONS_MAX`] connections at once. Further ones are closed at once, so that the client tries
//! another coordinator or comes back; they take no descriptor and no buffer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt as _};
use model::limits::CONNECTIONS_MAX;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// Streams the connections of a listener, up to the limit.
pub(crate) fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<Connection>> {
    bounded(TcpListenerStream::new(listener), Arc::new(Semaphore::new(CONNECTIONS_MAX)))
}

fn bounded<S>(accepted: S, room: Arc<Semaphore>) -> impl Stream<Item = io::Result<Connection>>
where
    S: Stream<Item = io::Result<TcpStream>>,
{
    accepted.filter_map(move |accepted| {
        let room = Arc::clone(&room);
        async move {
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) => return Some(Err(error)),
            };
            let Ok(permit) = room.try_acquire_owned() else {
                metrics::counter!("tailor_connections_shed_total").increment(1);
                tracing::debug!("connection closed: there are as many as are served at once");
                return None;
            };
            Some(Ok(Connection { stream, _permit: permit }))
        }
    })
}

/// Connection that is being served.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_connection_beyond_the_bound_is_closed_and_room_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let served = bounded(TcpListenerStream::new(listener), Arc::new(Semaphore::new(1)));
        let mut served = std::pin::pin!(served);
        let _first = TcpStream::connect(address).await.expect("it listens");
        let first = served.next().await.expect("it is served").expect("it is accepted");
        let mut second = TcpStream::connect(address).await.expect("it listens");
        let mut byte = [0; 1];
        let closed = tokio::select! {
            closed = second.read(&mut byte) => closed,
            _ = served.next() => panic!("there is no room"),
        };
        assert!(matches!(closed, Ok(0) | Err(_)), "closed: {closed:?}");
        drop(first);
        let _third = TcpStream::connect(address).await.expect("it listens");
        served.next().await.expect("it is served").expect("there is room again");
    }
}
