use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::accept::{Accepted, Incoming, Purpose};

/// Makes certificates in `folder`, of its own authority, for owners `PART/NAME`.
fn make(folder: &Path, owners: &[&str], until: Option<&str>) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/certificates.sh");
    let mut command = Command::new(script);
    command.arg(folder).arg("trial").args(owners).env("UNTIL", until.unwrap_or_default());
    let made = command.output().expect("the script runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn authority(owners: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    make(folder.path(), owners, None);
    folder
}

fn named(folder: &Path, name: &str, setting: &'static str) -> NamedFile {
    NamedFile { setting, path: folder.join(name) }
}

/// Names the files of an owner whose peers are checked by the authority in `trusted`.
fn files(folder: &Path, owner: Option<&str>, trusted: &Path) -> TlsFiles {
    let own = owner.map(|owner| {
        let [cert, key] = ["crt", "key"].map(|kind| format!("{owner}.{kind}"));
        (named(folder, &cert, "tls.cert"), named(folder, &key, "tls.key"))
    });
    TlsFiles { own, authority: Some(named(trusted, "ca.crt", "tls.ca")) }
}

fn load(files: &TlsFiles) -> Tls {
    Tls::load(files).expect("they fit together").expect("there are files")
}

/// Server of gRPC at a port of its own on `host`.
async fn serve(tls: &Tls, host: &str) -> (Incoming, u16) {
    let listener = TcpListener::bind((host, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    (Incoming::new(listener, Some(tls.clone()), Purpose::Calls, 8).expect("an address"), port)
}

async fn next(incoming: &mut Incoming) -> Accepted {
    std::future::poll_fn(|context| incoming.poll_next(context)).await.expect("it accepts")
}

/// Connects and sends a byte, which the server must receive; returns the names that the server has seen.
async fn meet(client: &Tls, incoming: &mut Incoming, host: &str, port: u16) -> io::Result<Vec<String>> {
    let calling = async {
        let mut stream = client.dial(host, port).await?;
        stream.write_all(b"x").await?;
        stream.flush().await?;
        // A server that refuses a certificate of TLS 1.3 says so after the client's handshake.
        stream.read_exact(&mut [0; 1]).await
    };
    let answering = async {
        let mut accepted = next(incoming).await;
        accepted.read_exact(&mut [0; 1]).await?;
        accepted.write_all(b"y").await?;
        accepted.flush().await?;
        let certificate = accepted.peer().certificate.clone();
        io::Result::Ok(certificate.map(|certificate| certificate.uris.clone()).unwrap_or_default())
    };
    tokio::pin!(calling, answering);
    tokio::select! {
        called = &mut calling => { called?; answering.await }
        answered = &mut answering => { let names = answered?; calling.await?; Ok(names) }
    }
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate_or_is_nobody_and_strangers_are_refused() {
    let ours = authority(&["coordinator/c0", "operator/alice"]);
    let theirs = authority(&["operator/alice"]);
    let server = load(&files(ours.path(), Some("c0"), ours.path()));
    let (mut incoming, port) = serve(&server, "127.0.0.1").await;
    let alice = load(&files(ours.path(), Some("alice"), ours.path()));
    let seen = meet(&alice, &mut incoming, "127.0.0.1", port).await.expect("both are of one authority");
    assert_eq!(seen, ["tailor://trial/operator/alice"]);
    let nobody = load(&files(ours.path(), None, ours.path()));
    assert_eq!(meet(&nobody, &mut incoming, "localhost", port).await.expect("a token may follow"), [""; 0]);
    let stranger = load(&files(theirs.path(), Some("alice"), ours.path()));
    meet(&stranger, &mut incoming, "127.0.0.1", port).await.expect_err("another authority signed it");
    let misled = load(&files(ours.path(), Some("alice"), theirs.path()));
    let error = misled.dial("127.0.0.1", port).await.expect_err("another authority signed the server's");
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
}

#[tokio::test]
async fn a_coordinator_is_believed_at_any_address_and_a_worker_only_at_its_own() {
    let folder = authority(&["coordinator/c0", "worker/w0", "operator/alice"]);
    let alice = load(&files(folder.path(), Some("alice"), folder.path()));
    // The certificates name 127.0.0.1 and localhost, not this address.
    for (owner, is_believed) in [("c0", true), ("w0", false), ("alice", false)] {
        let server = load(&files(folder.path(), Some(owner), folder.path()));
        let (_incoming, port) = serve(&server, "127.0.0.2").await;
        let dialled = alice.dial("127.0.0.2", port).await;
        assert_eq!(dialled.is_ok(), is_believed, "{owner}: {dialled:?}");
    }
}

#[tokio::test]
async fn a_rotated_certificate_is_used_by_new_connections_and_a_half_rotated_one_is_not() {
    let folder = authority(&["coordinator/c0", "operator/alice"]);
    let server = load(&files(folder.path(), Some("c0"), folder.path()));
    let (mut incoming, port) = serve(&server, "127.0.0.1").await;
    let alice = load(&files(folder.path(), Some("alice"), folder.path()));
    let before = alice.inspect("127.0.0.1", port).await.expect("it serves").until_ms;
    drop(next(&mut incoming).await);
    assert_eq!((before, alice.generation()), (server.ends().own_ms, 0));

    let key = std::fs::read(folder.path().join("c0.key")).expect("it is there");
    make(folder.path(), &["coordinator/c0"], Some("491231235959Z"));
    let new_key = std::fs::read(folder.path().join("c0.key")).expect("it is there");
    std::fs::write(folder.path().join("c0.key"), key).expect("the folder can be written");
    server.files.reload().expect_err("a certificate with the key of its predecessor");
    meet(&alice, &mut incoming, "127.0.0.1", port).await.expect("the earlier certificate is in use");
    std::fs::write(folder.path().join("c0.key"), new_key).expect("the folder can be written");
    assert!(server.files.reload().expect("they fit together") && server.generation() == 1);
    let after = alice.inspect("127.0.0.1", port).await.expect("it serves");
    assert_eq!(after, Inspected { until_ms: Some(2_524_607_999_000), verdict: Ok(()) });
    assert_ne!(before, after.until_ms);
}

#[tokio::test]
async fn an_expired_certificate_is_refused_at_the_start_at_rotation_and_by_peers() {
    let folder = authority(&["coordinator/c0", "operator/alice"]);
    let server = load(&files(folder.path(), Some("c0"), folder.path()));
    make(folder.path(), &["coordinator/c0"], Some("210101000000Z"));
    let error = Tls::load(&files(folder.path(), Some("c0"), folder.path())).expect_err("it has expired");
    assert!(model::error::chain(&error).contains("expired"), "{error}");
    server.files.reload().expect_err("it has expired; the earlier one stays");

    // Certificates of a server and of a client that end while both run.
    let ends = Command::new("date").args(["-u", "-d", "3 seconds", "+%y%m%d%H%M%SZ"]).output().expect("date runs");
    let ends = String::from_utf8(ends.stdout).expect("digits");
    make(folder.path(), &["coordinator/c1", "operator/bob"], Some(ends.trim()));
    let short = load(&files(folder.path(), Some("c1"), folder.path()));
    let bob = load(&files(folder.path(), Some("bob"), folder.path()));
    let alice = load(&files(folder.path(), Some("alice"), folder.path()));
    let (mut incoming, port) = serve(&server, "127.0.0.1").await;
    let (mut short_lived, short_port) = serve(&short, "127.0.0.1").await;
    meet(&bob, &mut incoming, "127.0.0.1", port).await.expect("it holds for seconds");
    meet(&alice, &mut short_lived, "127.0.0.1", short_port).await.expect("it holds for seconds");
    tokio::time::sleep(Duration::from_secs(4)).await;
    meet(&bob, &mut incoming, "127.0.0.1", port).await.expect_err("it has expired");
    let error = alice.dial("127.0.0.1", short_port).await.expect_err("it has expired");
    assert!(error.to_string().contains("xpired"), "{error}");
    let inspected = alice.inspect("127.0.0.1", short_port).await.expect("it serves");
    assert!(inspected.verdict.is_err() && inspected.until_ms == short.ends().own_ms, "{inspected:?}");
}

#[test]
fn files_that_do_not_fit_together_are_refused_by_the_name_of_their_setting() {
    let folder = authority(&["coordinator/c0", "coordinator/c1"]);
    let whole = files(folder.path(), Some("c0"), folder.path());
    let (cert, key) = whole.own.clone().expect("both are there");
    let swapped = TlsFiles { own: Some((key.clone(), cert.clone())), ..whole.clone() };
    let other = TlsFiles { own: Some((cert.clone(), named(folder.path(), "c1.key", "tls.key"))), ..whole.clone() };
    let missing = TlsFiles { authority: Some(named(folder.path(), "missing.crt", "tls.ca")), ..whole.clone() };
    let no_ca = TlsFiles { authority: Some(NamedFile { setting: "tls.ca", ..key }), ..whole };
    for (files, setting) in [(swapped, "tls.key"), (other, "tls.key"), (missing, "tls.ca"), (no_ca, "tls.ca")] {
        let error = Tls::load(&files).expect_err("they do not fit together");
        assert!(model::error::chain(&error).contains(setting), "{error}: {files:?}");
    }
    assert!(Tls::load(&TlsFiles::default()).expect("nothing is set").is_none());
}
