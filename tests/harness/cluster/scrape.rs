//! Scrapes the metrics of a server over plain HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// Returns the metrics that the server at a port of this machine serves.
///
/// # Panics
/// The server does not answer with its metrics.
pub(super) fn metrics(port: u16) -> String {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().unwrap_or_else(|error| panic!("scrape port {port}: {error}"));
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains(" 200 "), "{head}");
    body.to_owned()
}
