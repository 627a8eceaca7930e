//! Fates of requests. Each request is read completely; then the first rule that matches says what becomes of it.
//!
//! Every client connection has its own connection to the server, and both are kept for further requests until a fault
//! ends them.

use std::io::{self, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::message::Message;

/// Fault of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The server performs the request; the connection ends instead of the answer.
    LoseAnswer,
    /// The server performs the request; the client gets this answer instead.
    ReplaceAnswer(String),
    /// The server never sees the request; the client gets this answer.
    Answer(String),
    /// The answer stops after this many bytes of its body, and the connection stays open.
    StallBody(usize),
    /// The connection ends after this many bytes of the answer's body.
    CutBody(usize),
}

/// Builds an HTTP answer as it goes over the wire; `headers` end in CRLF each.
pub fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Fault\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// Builds the body of an S3 error.
pub fn error_body(code: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>as told</Message></Error>")
}

#[derive(Debug, Default)]
struct Plan {
    /// Rules: method, part of the target, number of times, fault.
    rules: Vec<(&'static str, &'static str, usize, Fault)>,
    delay: Duration,
    /// First lines of the requests, in order.
    requests: Vec<String>,
}

/// Running proxy with its plan of faults; it ends with the process.
#[derive(Debug)]
pub struct FaultProxy {
    endpoint: String,
    plan: Arc<Mutex<Plan>>,
}

impl FaultProxy {
    /// Starts a proxy before the server at `server`, a URL without a path.
    ///
    /// # Panics
    /// There is no free port.
    pub fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let plan = Arc::new(Mutex::new(Plan::default()));
        let (server, shared) = (server.trim_start_matches("http://").to_owned(), Arc::clone(&plan));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, plan) = (server.clone(), Arc::clone(&shared));
                thread::spawn(move || {
                    // A side may go away in the middle, and the client may be gone already.
                    let _ = serve(&client, &server, &plan);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Self { endpoint, plan }
    }

    /// Returns the URL for clients.
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// Delays every request from now on.
    pub fn set_delay(&self, delay: Duration) {
        lock(&self.plan).delay = delay;
    }

    /// Injects the fault into the next `times` requests of `method` whose target contains `part`.
    pub fn inject(&self, method: &'static str, part: &'static str, times: usize, fault: Fault) {
        lock(&self.plan).rules.push((method, part, times, fault));
    }

    /// Counts the requests so far of `method` whose target contains `part`.
    pub fn count(&self, method: &str, part: &str) -> usize {
        lock(&self.plan).requests.iter().filter(|line| line.starts_with(method) && line.contains(part)).count()
    }
}

fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plan {
    fn fate(&mut self, line: String) -> (Option<Fault>, Duration) {
        let is_met =
            |rule: &&mut (&str, &str, usize, Fault)| rule.2 > 0 && line.starts_with(rule.0) && line.contains(rule.1);
        let fault = self.rules.iter_mut().find(is_met).map(|rule| {
            rule.2 -= 1;
            rule.3.clone()
        });
        self.requests.push(line);
        (fault, self.delay)
    }
}

fn serve(mut client: &TcpStream, server: &str, plan: &Mutex<Plan>) -> io::Result<()> {
    let mut requests = BufReader::new(client);
    let mut upstream = None;
    let go_on = |head: &str| match head.to_ascii_lowercase().contains("expect: 100-continue") {
        true => (&*client).write_all(b"HTTP/1.1 100 Continue\r\n\r\n"),
        false => Ok(()),
    };
    while let Some(request) = Message::read(&mut requests, true, go_on)? {
        let (fault, delay) = lock(plan).fate(request.line());
        pause(delay);
        if let Some(Fault::Answer(answer)) = fault {
            return client.write_all(answer.as_bytes());
        }
        let answer = forward(&request, server, &mut upstream)?;
        match fault {
            None => client.write_all(&answer.bytes)?,
            Some(Fault::LoseAnswer) => return Ok(()),
            Some(Fault::ReplaceAnswer(answer) | Fault::Answer(answer)) => return client.write_all(answer.as_bytes()),
            Some(Fault::CutBody(len)) => return client.write_all(answer.upto(len)),
            Some(Fault::StallBody(len)) => {
                client.write_all(answer.upto(len))?;
                return wait_gone(&mut requests);
            }
        }
        if answer.is_last() {
            return Ok(());
        }
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "a thread of the proxy's own waits here, for clients that know real time")]
fn pause(delay: Duration) {
    thread::sleep(delay);
}

/// Waits without an answer until the client gives up.
fn wait_gone(requests: &mut impl io::Read) -> io::Result<()> {
    io::copy(requests, &mut io::sink()).map(drop)
}

fn forward(request: &Message, server: &str, upstream: &mut Option<BufReader<TcpStream>>) -> io::Result<Message> {
    let upstream = match upstream {
        Some(upstream) => upstream,
        None => upstream.insert(BufReader::new(TcpStream::connect(server)?)),
    };
    upstream.get_mut().write_all(&request.bytes)?;
    let has_body = !request.line().starts_with("HEAD ");
    loop {
        let answer = Message::read(upstream, has_body, |_| Ok(()))?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if !answer.is_interim() {
            return Ok(answer);
        }
    }
}
