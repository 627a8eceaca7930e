//! Sockets that a server listens on.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// Address that cannot be listened on: it is in use, or this process may not use it.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({setting})")]
pub struct ListenError {
    address: SocketAddr,
    setting: &'static str,
    source: io::Error,
}

/// Binds the address that is set as `setting`.
///
/// # Errors
/// [`ListenError`] names the address, the setting and the error of the operating system.
pub async fn listen(address: SocketAddr, setting: &'static str) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError { address, setting, source })
}
