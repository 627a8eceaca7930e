//! Each fault, as a client of a plain server meets it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::{Fault, FaultProxy, answer};

/// Answer of the server behind the proxy.
const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npointful";

/// Starts a server that answers every request alike, with a proxy before it.
fn fixture() -> FaultProxy {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut bytes = [0; 1024];
                while client.read(&mut bytes).is_ok_and(|count| count > 0) {
                    client.write_all(GOOD.as_bytes()).expect("the proxy listens");
                }
            });
        }
    });
    FaultProxy::before(&endpoint)
}

/// Connects to the proxy.
fn connect(proxy: &FaultProxy) -> TcpStream {
    TcpStream::connect(proxy.endpoint().trim_start_matches("http://")).expect("it listens")
}

/// Sends one request.
fn ask(client: &mut TcpStream, line: &str) {
    write!(client, "{line} HTTP/1.1\r\n\r\n").expect("it is sent");
}

/// Asserts that `expected` comes back, that nothing follows, and that the connection stays.
#[track_caller]
fn expect(client: &mut TcpStream, expected: &str) {
    let mut told = vec![0; expected.len()];
    client.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    client.read_exact(&mut told).expect("an answer");
    assert_eq!(String::from_utf8_lossy(&told), expected);
    client.set_read_timeout(Some(Duration::from_millis(100))).expect("a limit");
    client.read(&mut [0]).expect_err("neither an end nor more bytes");
}

/// Asserts that a request passes, and that the connection stays.
#[track_caller]
fn assert_passes(client: &mut TcpStream, line: &str) {
    ask(client, line);
    expect(client, GOOD);
}

#[test]
fn requests_pass_and_the_connection_stays() {
    let proxy = fixture();
    let mut client = connect(&proxy);
    assert_passes(&mut client, "GET /a.seg");
    assert_passes(&mut client, "GET /a.seg");
    assert_eq!((proxy.count("GET", ".seg"), proxy.count("PUT", ".seg"), proxy.count("GET", ".run")), (2, 0, 0));
}

#[test]
fn each_fault_meets_the_request_that_it_is_for_and_as_often_as_it_was_told() {
    let denied = answer(403, "", "no");
    let whole = GOOD.len();
    let cases = [
        (Fault::LoseAnswer, String::new(), true),
        (Fault::Answer(denied.clone()), denied.clone(), true),
        (Fault::ReplaceAnswer(denied.clone()), denied, true),
        (Fault::CutBody(5), GOOD[..whole - 3].to_owned(), true),
        (Fault::StallBody(5), GOOD[..whole - 3].to_owned(), false),
    ];
    for (fault, told, has_ended) in cases {
        let proxy = fixture();
        proxy.inject("GET", "/a.seg", 1, fault.clone());
        assert_passes(&mut connect(&proxy), "GET /b.seg");
        let mut client = connect(&proxy);
        ask(&mut client, "GET /a.seg");
        if has_ended {
            client.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
            let mut all = String::new();
            client.read_to_string(&mut all).expect("the connection ends");
            assert_eq!(all, told, "{fault:?}");
        } else {
            expect(&mut client, &told);
        }
        assert_passes(&mut connect(&proxy), "GET /a.seg");
    }
}

#[test]
fn a_delay_holds_each_request_up() {
    let proxy = fixture();
    proxy.set_delay(Duration::from_millis(200));
    let asked = Instant::now();
    assert_passes(&mut connect(&proxy), "GET /a.seg");
    assert!(asked.elapsed() >= Duration::from_millis(200));
}
