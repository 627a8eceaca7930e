//! Chooses ports for servers below the range from which the kernel serves connections: a port of that range could be
//! taken before the server binds it. Each test process begins at another port.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};

/// First port, and number of ports, that are tried.
const PORTS: (u64, u64) = (20_000, 12_000);

/// Returns a port that nobody listens on, and that this process has not returned before.
///
/// # Panics
/// Every port is taken.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let start = u64::from(std::process::id()) * 7919;
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let candidates = (0..PORTS.1).map(|_| {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        u16::try_from(PORTS.0 + (start + step * 37) % PORTS.1).expect("the range lies within all ports")
    });
    candidates.into_iter().find(is_free).expect("some port is free")
}
