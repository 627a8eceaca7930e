//! Proxy for connections of unknown content: gRPC, to etcd and to coordinators.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::tailor::pause;

/// Behaviour of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// The network works.
    Fine,
    /// Requests get through, but answers are dropped, and a little later the connection breaks.
    LosesAnswers,
    /// Every connection is closed at once.
    Cut,
}

/// Time for which answers are dropped before the connection breaks: longer than any transaction takes.
const DEAF: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct State {
    network: Network,
    /// Both ends of every connection, so that they can be closed.
    connections: Vec<TcpStream>,
    /// Connections whose answers were lost.
    lost: usize,
}

/// Running proxy with its network.
#[derive(Debug)]
pub struct TcpProxy {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl TcpProxy {
    /// Starts a proxy before the server at `endpoint`, which may come up later.
    ///
    /// # Panics
    /// There is no free port.
    pub fn before(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(Mutex::new(State { network: Network::Fine, connections: Vec::new(), lost: 0 }));
        let (server, shared) = (endpoint.trim_start_matches("http://").to_owned(), Arc::clone(&state));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if lock(&shared).network != Network::Cut {
                    // If the server is away, the client sees the end of its connection.
                    let _ = connect(client, &server, &shared);
                }
            }
        });
        Self { port, state }
    }

    /// Returns the address for clients.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes the network, also for open connections.
    pub fn set(&self, network: Network) {
        let mut state = lock(&self.state);
        state.network = network;
        if network == Network::Cut {
            state.connections.drain(..).for_each(end);
        }
    }

    /// Counts the connections that have lost answers so far.
    pub fn lost(&self) -> usize {
        lock(&self.state).lost
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end(stream: TcpStream) {
    // The connection may have ended by itself.
    let _ = stream.shutdown(Shutdown::Both);
}

fn connect(client: TcpStream, server: &str, state: &Arc<Mutex<State>>) -> std::io::Result<()> {
    let server = TcpStream::connect(server)?;
    let (requests, answers) = ((client.try_clone()?, server.try_clone()?), (server.try_clone()?, client.try_clone()?));
    lock(state).connections.extend([client, server]);
    thread::spawn(move || pump(requests, |_| true));
    let state = Arc::clone(state);
    thread::spawn(move || {
        pump(answers, |server| {
            let mut state = lock(&state);
            let is_heard = state.network != Network::LosesAnswers;
            if !is_heard {
                state.lost += 1;
                if let Ok(server) = server.try_clone() {
                    thread::spawn(move || {
                        pause(DEAF);
                        end(server);
                    });
                }
            }
            is_heard
        })
    });
    Ok(())
}

/// Passes bytes on until a side ends, or for as long as `is_heard`; drops later bytes.
fn pump((mut from, mut to): (TcpStream, TcpStream), is_heard: impl Fn(&TcpStream) -> bool) {
    let mut bytes = [0; 16 << 10];
    let mut is_passed = true;
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        is_passed = is_passed && is_heard(&from);
        if is_passed && to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    end(from);
    end(to);
}
