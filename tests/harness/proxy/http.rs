//! Proxy before an S3 server that misbehaves on command.
//!
//! Each request is read completely; then its fate is drawn: the first rule that matches, else the current weather.
//! Every client connection has its own connection to the server, and both are kept for further requests.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::message::Message;
use crate::random::Random;
use crate::tailor::pause;

/// Fault of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server performs the request; the connection ends instead of the answer.
    LoseAnswer,
    /// The server never sees the request, and no answer ever comes.
    Hold,
    /// The server performs the request, but no answer ever comes.
    HoldAnswer,
    /// The server never sees the request; the answer is 503 SlowDown.
    SlowDown,
    /// The server never sees the request, and the connection ends.
    Refuse,
    /// The server never sees it; the answer is 403 ExpiredToken.
    Expired,
}

/// Builds an answer of S3 that is an error.
fn refusal(status: &str, code: &str) -> String {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>as told</Message></Error>"
    );
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The same to a HEAD, which has no body.
fn bare(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
}

#[derive(Debug)]
struct Weather {
    /// Rules: method, part of the target, number of times, fault.
    rules: Vec<(&'static str, &'static str, usize, Fault)>,
    is_down: bool,
    is_expired: bool,
    slow_down_percent: usize,
    delay: Duration,
    random: Random,
    /// First lines of the requests so far, with the fault of each.
    requests: Vec<(String, Option<Fault>)>,
}

/// Running proxy with its faults.
#[derive(Debug)]
pub struct HttpProxy {
    port: u16,
    weather: Arc<Mutex<Weather>>,
}

impl HttpProxy {
    /// Starts a proxy before the server at `endpoint`, with random choices from `seed`.
    ///
    /// # Panics
    /// There is no free port.
    pub fn before(endpoint: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let weather = Weather {
            rules: Vec::new(),
            is_down: false,
            is_expired: false,
            slow_down_percent: 0,
            delay: Duration::ZERO,
            random: Random::new(seed),
            requests: Vec::new(),
        };
        let weather = Arc::new(Mutex::new(weather));
        let (server, shared) = (endpoint.trim_start_matches("http://").to_owned(), Arc::clone(&weather));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, weather) = (server.clone(), Arc::clone(&shared));
                // A side may go away in the middle.
                thread::spawn(move || serve(&client, &server, &weather).ok());
            }
        });
        Self { port, weather }
    }

    /// Returns the address for clients.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends every connection at its next request, until the proxy is up again.
    pub fn set_down(&self, is_down: bool) {
        lock(&self.weather).is_down = is_down;
    }

    /// Answers every request that its credentials have expired, until it is switched off.
    pub fn set_expired(&self, is_expired: bool) {
        lock(&self.weather).is_expired = is_expired;
    }

    /// Answers 503 to `percent` of the requests.
    pub fn set_slow_down(&self, percent: usize) {
        lock(&self.weather).slow_down_percent = percent;
    }

    /// Delays every request.
    pub fn set_delay(&self, delay: Duration) {
        lock(&self.weather).delay = delay;
    }

    /// Injects the fault into the next `times` requests of `method` whose target contains `part`.
    pub fn inject(&self, method: &'static str, part: &'static str, times: usize, fault: Fault) {
        lock(&self.weather).rules.push((method, part, times, fault));
    }

    /// Removes all rules. Requests that are held stay held.
    pub fn clear(&self) {
        lock(&self.weather).rules.clear();
    }

    /// Counts the requests that got `fault` so far.
    pub fn count(&self, fault: Fault) -> usize {
        lock(&self.weather).requests.iter().filter(|(_, met)| *met == Some(fault)).count()
    }

    /// Counts the requests of `method` so far whose target contains `part`.
    pub fn total(&self, method: &str, part: &str) -> u64 {
        let weather = lock(&self.weather);
        let lines = weather.requests.iter().map(|(line, _)| line);
        lines.filter(|line| line.starts_with(method) && line.contains(part)).count() as u64
    }

    /// Lists the first lines of the requests of `method` so far whose target contains `part`, each once.
    pub fn requests(&self, method: &str, part: &str) -> BTreeSet<String> {
        let weather = lock(&self.weather);
        let lines = weather.requests.iter().map(|(line, _)| line);
        lines.filter(|line| line.starts_with(method) && line.contains(part)).cloned().collect()
    }
}

fn lock(weather: &Mutex<Weather>) -> MutexGuard<'_, Weather> {
    weather.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Weather {
    fn fate(&mut self, line: String) -> (Option<Fault>, Duration) {
        let is_met =
            |rule: &&mut (&str, &str, usize, Fault)| rule.2 > 0 && line.starts_with(rule.0) && line.contains(rule.1);
        let fault = match self.rules.iter_mut().find(is_met) {
            Some(rule) => {
                rule.2 -= 1;
                Some(rule.3)
            }
            None if self.is_down => Some(Fault::Refuse),
            None if self.is_expired => Some(Fault::Expired),
            None => self.random.chance(self.slow_down_percent).then_some(Fault::SlowDown),
        };
        self.requests.push((line, fault));
        (fault, self.delay)
    }
}

fn serve(client: &TcpStream, server: &str, weather: &Mutex<Weather>) -> io::Result<()> {
    let mut requests = BufReader::new(client);
    let mut upstream = None;
    let go_on = |head: &str| match head.to_ascii_lowercase().contains("expect: 100-continue") {
        true => (&*client).write_all(b"HTTP/1.1 100 Continue\r\n\r\n"),
        false => Ok(()),
    };
    while let Some(request) = Message::read(&mut requests, true, go_on)? {
        let (fault, delay) = lock(weather).fate(request.line());
        pause(delay);
        match fault {
            Some(Fault::Refuse) => return Ok(()),
            Some(Fault::SlowDown) => (&*client).write_all(refusal("503 Slow Down", "SlowDown").as_bytes())?,
            Some(Fault::Expired) if request.line().starts_with("HEAD ") => {
                (&*client).write_all(bare("403 Forbidden").as_bytes())?;
            }
            Some(Fault::Expired) => (&*client).write_all(refusal("403 Forbidden", "ExpiredToken").as_bytes())?,
            Some(Fault::Hold) => return wait_gone(&mut requests),
            Some(Fault::LoseAnswer) => return forward(&request, server, &mut upstream).map(drop),
            Some(Fault::HoldAnswer) => {
                forward(&request, server, &mut upstream)?;
                return wait_gone(&mut requests);
            }
            None => {
                let answer = forward(&request, server, &mut upstream)?;
                (&*client).write_all(&answer.bytes)?;
                if answer.is_last() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
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
