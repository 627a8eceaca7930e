//! Known coordinators, with a channel to each, and the one that led last.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tonic::transport::Endpoint;

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
    /// An address is plain, but the client has TLS.
    #[error("'{text}' is without TLS, and this client has an authority to check servers by; write https://host:port")]
    Plain {
        /// Text that was given.
        text: String,
    },
    /// An address needs TLS, but the client has none.
    #[error(
        "'{text}' needs TLS; name the authority that its certificate is checked by: --tls-ca, TAILOR_TLS_CA or tls.ca"
    )]
    NoAuthority {
        /// Text that was given.
        text: String,
    },
}

/// Known coordinators, and the current one.
pub(super) struct Endpoints<C> {
    known: Vec<String>,
    scheme: Scheme,
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
    pub(super) fn new(texts: Vec<String>, scheme: Scheme, connect: Connect<C>) -> Result<Self, EndpointsError> {
        let known = texts.iter().map(|text| Address::parse(text, scheme).map(|address| address.to_string()));
        let known: Vec<_> = known.collect::<Result<_, _>>()?;
        let current = known.first().ok_or(EndpointsError::None)?.clone();
        let next = 1 % known.len();
        Ok(Self { known, scheme, connect, state: Mutex::new(State { current, next, channels: HashMap::new() }) })
    }

    /// Returns the current coordinator with its channel, which connects on first use.
    pub(super) fn current(&self) -> (String, C) {
        let mut state = self.lock();
        let current = state.current.clone();
        let channel = state.channels.entry(current.clone()).or_insert_with(|| (self.connect)(&current)).clone();
        (current, channel)
    }

    /// Switches to `leader`, which `asked` has named. Returns false if they are the same, or `leader` is not an
    /// address of the client's scheme: nobody leads a client under TLS to a plain connection.
    pub(super) fn follow(&self, asked: &str, leader: &str) -> bool {
        let leader = Address::parse(leader, self.scheme).map(|leader| leader.to_string());
        let Some(leader) = leader.ok().filter(|leader| leader != asked) else { return false };
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

/// Scheme of a client's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
        }
    }
}

/// Address of a coordinator: `http://host:port` or `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Address {
    /// Parses a URL, or `host:port` with the scheme of the client.
    pub(super) fn parse(text: &str, scheme: Scheme) -> Result<Self, EndpointsError> {
        let whole = text.trim().trim_end_matches('/');
        let authority = match (whole.strip_prefix("http://"), whole.strip_prefix("https://"), scheme) {
            (Some(_), None, Scheme::Https) => return Err(EndpointsError::Plain { text: text.to_owned() }),
            (None, Some(_), Scheme::Http) => return Err(EndpointsError::NoAuthority { text: text.to_owned() }),
            (Some(authority), ..) | (None, Some(authority), _) => authority,
            (None, None, _) => whole,
        };
        let malformed = || EndpointsError::Malformed { text: text.to_owned() };
        let (host, port) = authority.rsplit_once(':').ok_or_else(malformed)?;
        let port = port.parse().map_err(|_| malformed())?;
        let address = Self { scheme, host: host.to_owned(), port };
        let is_whole = !host.is_empty() && !host.contains(['/', '@']);
        let is_valid = is_whole && Endpoint::from_shared(address.to_string()).is_ok();
        if is_valid { Ok(address) } else { Err(malformed()) }
    }

    /// Host to connect to, without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// True if the address is of this machine alone.
    pub(super) fn is_loopback(&self) -> bool {
        let address = self.host().parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:{}", self.scheme.prefix(), self.host, self.port)
    }
}

/// Returns the settings of connections to a coordinator. The URI is plain also under TLS, because the connector of the
/// channel encrypts; servers see the true scheme.
pub(super) fn endpoint(address: &Address) -> Endpoint {
    let plain = Address { scheme: Scheme::Http, ..address.clone() };
    let read = "only addresses that were read are kept";
    Endpoint::from_shared(plain.to_string())
        .expect(read)
        .origin(address.to_string().parse().expect(read))
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
}
