//! Known coordinators, with a channel to each, and the one that led last.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

/// Function that makes the connection to a coordinator; it connects on first use.
pub type Connect<C> = Box<dyn Fn(&str) -> C + Send + Sync>;

/// Longest wait for a connection, short enough to leave time for the other coordinators: a host that is gone answers
/// nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval between pings, also without an open call, and longest wait for the answer to a ping.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Error in the addresses of coordinators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointsError {
    /// The list is empty.
    #[error("no coordinator is known; name one as http://host:port")]
    None,
    /// An address cannot be parsed.
    #[error("'{text}' is not the address of a coordinator; write http://host:port")]
    Malformed {
        /// Text that was given.
        text: String,
    },
}

/// Known coordinators, and the current one.
pub(super) struct Endpoints<C> {
    known: Vec<String>,
    connect: Connect<C>,
    state: Mutex<State<C>>,
}

struct State<C> {
    /// Coordinator to call: a known one, or one that was named as the leader.
    current: String,
    /// Index of the known coordinator to try if the current one is away.
    next: usize,
    channels: HashMap<String, C>,
}

impl<C: Clone> Endpoints<C> {
    pub(super) fn new(texts: Vec<String>, connect: Connect<C>) -> Result<Self, EndpointsError> {
        let malformed = |text: &String| EndpointsError::Malformed { text: text.clone() };
        let known: Vec<_> =
            texts.iter().map(|text| normal(text).ok_or_else(|| malformed(text))).collect::<Result<_, _>>()?;
        let current = known.first().ok_or(EndpointsError::None)?.clone();
        let next = 1 % known.len();
        Ok(Self { known, connect, state: Mutex::new(State { current, next, channels: HashMap::new() }) })
    }

    /// Returns the current coordinator with its channel, which connects on first use.
    pub(super) fn current(&self) -> (String, C) {
        let mut state = self.lock();
        let current = state.current.clone();
        let channel = state.channels.entry(current.clone()).or_insert_with(|| (self.connect)(&current)).clone();
        (current, channel)
    }

    /// Switches to `leader`, which `asked` has named. Returns false if they are the same, or `leader` is not an
    /// address.
    pub(super) fn follow(&self, asked: &str, leader: &str) -> bool {
        let Some(leader) = normal(leader).filter(|leader| leader != asked) else { return false };
        self.move_from(asked, |_| leader);
        true
    }

    /// Switches to the next known coordinator.
    pub(super) fn leave(&self, asked: &str) {
        self.move_from(asked, |state| {
            let mut take = || {
                let next = state.next;
                state.next = (next + 1) % self.known.len();
                self.known[next].clone()
            };
            let next = take();
            if next == asked { take() } else { next }
        });
    }

    /// Switches unless another call has already moved away from `asked`; the result of that call is then kept.
    fn move_from(&self, asked: &str, to: impl FnOnce(&mut State<C>) -> String) {
        let mut state = self.lock();
        if state.current == asked {
            let to = to(&mut state);
            state.channels.retain(|endpoint, _| *endpoint == to || self.known.contains(endpoint));
            state.current = to;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // Each change is one assignment, so the state is consistent even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> fmt::Display for Endpoints<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.known.join(", "))
    }
}

/// Normalises `http://host:port` or `host:port` to the former; none for other texts.
fn normal(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('/');
    let authority = text.strip_prefix("http://").unwrap_or(text);
    let (host, port) = authority.rsplit_once(':')?;
    let is_whole = !host.is_empty() && !host.contains(['/', '@']) && port.parse::<u16>().is_ok();
    let normal = format!("http://{authority}");
    (is_whole && Endpoint::from_shared(normal.clone()).is_ok()).then_some(normal)
}

pub(super) fn connect_lazy(endpoint: &str) -> Channel {
    Endpoint::from_shared(endpoint.to_owned())
        .expect("only addresses that were read are kept")
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
        .connect_lazy()
}
