//! Proxy in front of an S3 server that misbehaves on command. Each connection carries one request; requests and
//! answers pass unchanged, so signatures stay valid.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Fault of a request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The server performs the request; the answer is lost.
    LoseAnswer,
    /// The server performs the request; the client gets this answer instead.
    ReplaceAnswer(String),
    /// The server never sees the request; the client gets this answer.
    Answer(String),
    /// The body stops after this many bytes; the connection stays open.
    StallBody(usize),
    /// The connection ends after this many bytes of the body.
    CutBody(usize),
}

/// Builds an HTTP answer as it goes over the wire.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Fault\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// Builds the body of an S3 error.
pub(crate) fn error_body(code: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>as told</Message></Error>")
}

#[derive(Debug, Default)]
struct Plan {
    /// Rules: method, part of the target, number of times, fault.
    rules: Vec<(&'static str, &'static str, usize, Fault)>,
    /// First lines of the requests, in order.
    requests: Vec<String>,
}

/// Running proxy with its plan of faults.
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    plan: Arc<Mutex<Plan>>,
}

impl Proxy {
    pub(crate) async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let plan = Arc::new(Mutex::new(Plan::default()));
        let (server, shared) = (server.trim_start_matches("http://").to_owned(), plan.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, plan) = (server.clone(), shared.clone());
                // A client may go away in the middle.
                tokio::spawn(async move { serve(client, &server, &plan).await.ok() });
            }
        });
        Self { endpoint, plan }
    }

    /// Injects the fault into the next `times` requests of `method` whose target contains `part`.
    pub(crate) fn inject(&self, method: &'static str, part: &'static str, times: usize, fault: Fault) {
        lock(&self.plan).rules.push((method, part, times, fault));
    }

    /// Counts the requests so far of `method` whose target contains `part`.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        lock(&self.plan).requests.iter().filter(|line| line.starts_with(method) && line.contains(part)).count()
    }
}

fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fault(plan: &Mutex<Plan>, line: &str) -> Option<Fault> {
    let mut plan = lock(plan);
    plan.requests.push(line.to_owned());
    let is_met =
        |rule: &&mut (&str, &str, usize, Fault)| rule.2 > 0 && line.starts_with(rule.0) && line.contains(rule.1);
    let rule = plan.rules.iter_mut().find(is_met)?;
    rule.2 -= 1;
    Some(rule.3.clone())
}

async fn serve(mut client: TcpStream, server: &str, plan: &Mutex<Plan>) -> std::io::Result<()> {
    let request = read_request(&mut client).await?;
    let line = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    match fault(plan, &line) {
        None => client.write_all(&forward(&request, server).await?).await?,
        Some(Fault::LoseAnswer) => drop(forward(&request, server).await?),
        Some(Fault::Answer(answer)) => client.write_all(answer.as_bytes()).await?,
        Some(Fault::ReplaceAnswer(answer)) => {
            forward(&request, server).await?;
            client.write_all(answer.as_bytes()).await?;
        }
        Some(Fault::CutBody(len)) => client.write_all(upto(&forward(&request, server).await?, len)).await?,
        Some(Fault::StallBody(len)) => {
            client.write_all(upto(&forward(&request, server).await?, len)).await?;
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
    }
    client.shutdown().await
}

/// Returns the head of an answer and `len` bytes of its body.
fn upto(answer: &[u8], len: usize) -> &[u8] {
    &answer[..(head_len(answer).unwrap_or(0) + len).min(answer.len())]
}

fn head_len(message: &[u8]) -> Option<usize> {
    message.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

async fn read_request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        if let Some(head) = head_len(&request) {
            let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            if request.len() >= head + length.unwrap_or(0) {
                return Ok(request);
            }
        }
        match client.read(&mut piece).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            len => request.extend_from_slice(&piece[..len]),
        }
    }
}

async fn forward(request: &[u8], server: &str) -> std::io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(server).await?;
    let line_end = request.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    upstream.write_all(&request[..line_end]).await?;
    upstream.write_all(b"Connection: close\r\n").await?;
    upstream.write_all(&request[line_end..]).await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    Ok(answer)
}
