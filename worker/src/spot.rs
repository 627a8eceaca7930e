//! Polls for the notice that EC2 gives two minutes before it takes a spot machine back, on a best-effort basis.
//!
//! ```text
//! PUT /latest/api/token                              a token, which every question carries (IMDSv2)
//! GET /latest/meta-data/spot/instance-action   404   no notice
//!                                              200   {"action":"terminate","time":"2026-01-01T00:00:00Z"}
//! ```

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

/// Interval between polls, as EC2 recommends.
const POLL_PAUSE: Duration = Duration::from_secs(5);

/// Longest wait for an answer of the metadata service.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 4096;

/// Lifetime of a token in seconds; each poll takes a new one.
const TOKEN_SECONDS: &str = "60";

/// Body of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Notice {
    action: String,
    time: String,
}

/// Waits for a notice; returns the reason to leave. `endpoint` is `host:port` of the metadata service.
pub(crate) async fn notice(endpoint: String) -> String {
    let mut is_told = false;
    loop {
        match tokio::time::timeout(ANSWER_MAX, poll(&endpoint)).await {
            Ok(Ok(Some(Notice { action, time }))) => return format!("spot notice: {action} at {time}"),
            Ok(Ok(None)) => is_told = false,
            // Logged once: a machine outside EC2 would repeat it for ever.
            trouble if !is_told => {
                let cause = match trouble {
                    Ok(Err(error)) => error.to_string(),
                    _ => format!("no answer within {ANSWER_MAX:?}"),
                };
                tracing::warn!(
                    endpoint,
                    cause,
                    "failed to read spot notices; set spot.endpoint to nothing if this is not a spot machine"
                );
                is_told = true;
            }
            _ => {}
        }
        tokio::time::sleep(POLL_PAUSE).await;
    }
}

async fn poll(endpoint: &str) -> io::Result<Option<Notice>> {
    let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS);
    let (status, token) = ask(endpoint, Method::PUT, "/latest/api/token", ttl).await?;
    if status != StatusCode::OK {
        return Err(io::Error::other(format!("{status} instead of a token")));
    }
    let token = String::from_utf8_lossy(&token).into_owned();
    let with_token = ("x-aws-ec2-metadata-token", token.as_str());
    let (status, body) = ask(endpoint, Method::GET, "/latest/meta-data/spot/instance-action", with_token).await?;
    match status {
        StatusCode::NOT_FOUND => Ok(None),
        StatusCode::OK => Ok(Some(serde_json::from_slice(&body)?)),
        status => Err(io::Error::other(format!("{status} instead of a notice"))),
    }
}

async fn ask(
    endpoint: &str,
    method: Method,
    path: &str,
    (header, value): (&str, &str),
) -> io::Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(endpoint).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::builder().method(method).uri(path).header("host", endpoint).header(header, value);
    let request = request.body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(io::Error::other)?;
        Ok((status, body.to_bytes()))
    };
    // The connection moves the bytes of the answer, and ends with it.
    let driven = async {
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = answer => answer,
        () = driven => unreachable!("it never resolves"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Serves as the metadata service of a machine that is taken back once `is_noticed`.
    async fn serve(listener: TcpListener, is_noticed: Arc<AtomicBool>) {
        loop {
            let (mut stream, _) = listener.accept().await.expect("it listens");
            let mut request = vec![0; 1024];
            let len = stream.read(&mut request).await.expect("a request");
            let request = String::from_utf8_lossy(&request[..len]).to_lowercase();
            let (status, body) = if request.starts_with("put /latest/api/token ") {
                ("200 OK", "secret")
            } else if !request.contains("x-aws-ec2-metadata-token: secret") {
                ("401 Unauthorized", "")
            } else if is_noticed.load(Ordering::Relaxed) {
                ("200 OK", r#"{"action":"terminate","time":"2026-01-01T00:02:00Z"}"#)
            } else {
                ("404 Not Found", "")
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.expect("it reads");
        }
    }

    #[tokio::test]
    async fn a_notice_is_heard_once_there_is_one() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = listener.local_addr().expect("it is bound").to_string();
        let is_noticed = Arc::new(AtomicBool::new(false));
        tokio::spawn(serve(listener, Arc::clone(&is_noticed)));

        assert_eq!(poll(&endpoint).await.expect("it answers"), None);
        is_noticed.store(true, Ordering::Relaxed);
        assert_eq!(notice(endpoint).await, "spot notice: terminate at 2026-01-01T00:02:00Z");
    }
}
