//! Which coordinators there are, a channel to each, and which one led last.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

/// Makes the way to a coordinator, which is connected once it is used.
pub type Connect<C> = Box<dyn Fn(&str) -> C + Send + Sync>;

/// A host that is gone answers nothing: what it takes to find that out must leave time for the others.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A ping after so long without one, also while no call is open; and how long its answer may take.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Addresses that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointsError {
    /// None is known.
    #[error("no coordinator is known; name one as http://host:port")]
    None,
    /// One cannot be read.
    #[error("'{text}' is no address of a coordinator; write http://host:port")]
    Malformed {
        /// What was given.
        text: String,
    },
}

/// The coordinators.
pub(super) struct Endpoints<C> {
    known: Vec<String>,
    connect: Connect<C>,
    state: Mutex<State<C>>,
}

struct State<C> {
    /// The one to ask: one of those known, or one that was named as the leader.
    current: String,
    /// Where to go on if it is away: an index into those known.
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

    /// The one to ask, and the channel to it, which connects when it is used.
    pub(super) fn current(&self) -> (String, C) {
        let mut state = self.lock();
        let current = state.current.clone();
        let channel = state.channels.entry(current.clone()).or_insert_with(|| (self.connect)(&current)).clone();
        (current, channel)
    }

    /// Asks `leader` from now on, which `asked` has named; not if it is that one itself, or no address.
    pub(super) fn follow(&self, asked: &str, leader: &str) -> bool {
        let Some(leader) = normal(leader).filter(|leader| leader != asked) else { return false };
        self.move_from(asked, |_| leader);
        true
    }

    /// Asks the next one known from now on.
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

    /// Another call may have moved on meanwhile; then what it found is kept.
    fn move_from(&self, asked: &str, to: impl FnOnce(&mut State<C>) -> String) {
        let mut state = self.lock();
        if state.current == asked {
            let to = to(&mut state);
            state.channels.retain(|endpoint, _| *endpoint == to || self.known.contains(endpoint));
            state.current = to;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // Each change is one assignment, so what a panic left behind is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> fmt::Display for Endpoints<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.known.join(", "))
    }
}

/// `http://host:port`, if the text is that or `host:port`.
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
