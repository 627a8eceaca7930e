//! Real servers, and a network with faults.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::Client;
use futures::StreamExt;
use storage::meta::{EtcdSettings, EtcdStore, MetaStore, Revision, Watch, WatchEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Returns the endpoint of the shared server.
pub(crate) fn shared() -> String {
    const NAME: &str = "TAILOR_TEST_ETCD_ENDPOINTS";
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/servers/etcd.env");
    let from_file = || {
        let text = std::fs::read_to_string(file).ok()?;
        text.lines().find_map(|line| line.strip_prefix(NAME)?.strip_prefix('=').map(str::to_owned))
    };
    let endpoint = std::env::var(NAME).ok().or_else(from_file);
    endpoint.expect("this test needs etcd: run scripts/servers.sh start (or set TAILOR_TEST_ETCD_ENDPOINTS)")
}

/// Returns a namespace that no other test uses.
pub(crate) fn namespace() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let seed = tempfile::Builder::new().tempdir().expect("a folder").path().display().to_string();
    format!("/test{}-{}/", seed.replace('/', "-"), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Settings with short waits, because tests make servers vanish.
pub(crate) fn settings(endpoint: &str, namespace: &str) -> EtcdSettings {
    EtcdSettings {
        namespace: namespace.to_owned(),
        connect_timeout: Duration::from_secs(1),
        call_timeout: Duration::from_secs(2),
        ..EtcdSettings::of([endpoint])
    }
}

pub(crate) async fn store(endpoint: &str, namespace: &str) -> Arc<dyn MetaStore> {
    Arc::new(EtcdStore::connect(&settings(endpoint, namespace)).await.expect("settings"))
}

pub(crate) async fn next(watch: &mut Watch) -> WatchEvent {
    let event = tokio::time::timeout(Duration::from_secs(20), watch.next()).await.expect("an event in time");
    event.expect("a watch does not end").expect("a watch without a fault")
}

pub(crate) async fn raw(endpoint: &str) -> Client {
    Client::connect([endpoint], None).await.expect("a client")
}

pub(crate) async fn compact(endpoint: String, up_to: Revision) {
    raw(&endpoint).await.kv_client().compact(up_to.0 as i64, None).await.expect("compacted");
}

/// Server that only this test uses, and may kill.
pub(crate) struct OwnEtcd {
    home: tempfile::TempDir,
    ports: [u16; 2],
    extra: Vec<String>,
    child: Option<Child>,
}

impl OwnEtcd {
    pub(crate) async fn start(extra: &[&str]) -> Self {
        let ports = free_ports();
        let extra = extra.iter().map(|&flag| flag.to_owned()).collect();
        let mut etcd = Self { home: tempfile::tempdir().expect("a folder"), ports, extra, child: None };
        etcd.restart().await;
        etcd
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("kill -9");
        }
    }

    /// A copy of the data, as a backup has it. The server must not run.
    pub(crate) fn saved(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a folder");
        self.copy_data(&self.home.path().join("data"), &copy.path().join("data"));
        copy
    }

    /// Replaces the data by those of a backup, or by none. The server must not run.
    pub(crate) fn put_back(&self, backup: Option<&tempfile::TempDir>) {
        let data = self.home.path().join("data");
        std::fs::remove_dir_all(&data).expect("the data of a server that ran");
        if let Some(backup) = backup {
            self.copy_data(&backup.path().join("data"), &data);
        }
    }

    fn copy_data(&self, from: &Path, to: &Path) {
        assert!(self.child.is_none(), "a copy of a running server's data is torn");
        let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
        assert!(copied.success(), "{} is not copied", from.display());
    }

    pub(crate) async fn restart(&mut self) {
        let [client, peer] = self.ports.map(|port| format!("http://127.0.0.1:{port}"));
        let log = std::fs::File::create(self.home.path().join("log")).expect("a log");
        let data: PathBuf = self.home.path().join("data");
        let child = Command::new("etcd")
            .args(["--name", "own", "--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("own={peer}")])
            .arg("--data-dir")
            .arg(data)
            .args(&self.extra)
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("this test needs the etcd program: run scripts/servers.sh start, which installs it");
        self.child = Some(child);
        let up = async {
            while TcpStream::connect(("127.0.0.1", self.ports[0])).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), up).await.expect("etcd comes up");
    }
}

/// Finds ports below the range from which the kernel serves connections: a port of that range could be taken before
/// the server binds it. Each test process begins at another port.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let start = u64::from(std::process::id()) * 7919;
    let candidates = (0..12_000).map(|step| 20_000 + ((start + step * 37) % 12_000) as u16);
    let mut held = candidates.filter_map(|port| Some((port, std::net::TcpListener::bind(("127.0.0.1", port)).ok()?)));
    let ports = [(); N].map(|()| held.next().expect("some port is free"));
    ports.map(|(port, _held)| port)
}

/// Behaviour of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// The network works without faults.
    Fine,
    /// Requests get through, but answers are dropped, and then the connection breaks.
    LosesResponses,
    /// Every connection is closed at once.
    Cut,
    /// Connections are accepted and stay open, but nothing gets through.
    Hangs,
    /// Every message is delayed for longer than the clients' patience.
    Slow,
}

/// Delay of a message on a slow network.
const SLOW: Duration = Duration::from_millis(700);

/// Network between a client and a server.
pub(crate) struct Proxy {
    port: u16,
    network: Arc<watch::Sender<Network>>,
}

impl Proxy {
    pub(crate) async fn before(endpoint: &str) -> Self {
        let server = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let network = Arc::new(watch::Sender::new(Network::Fine));
        let state = Arc::clone(&network);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), state.subscribe()));
            }
        });
        Self { port, network }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

/// Time for which answers are dropped before the connection breaks: longer than any transaction takes.
const DEAF: Duration = Duration::from_millis(500);

/// Delays a message as the network demands.
async fn hold(mut network: watch::Receiver<Network>) {
    let weather = *network.borrow();
    match weather {
        Network::Hangs => drop(network.wait_for(|network| *network != Network::Hangs).await),
        Network::Slow => tokio::time::sleep(SLOW).await,
        Network::Fine | Network::LosesResponses | Network::Cut => {}
    }
}

async fn pass(mut client: TcpStream, server: String, mut network: watch::Receiver<Network>) {
    if *network.borrow() == Network::Cut {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut requests, mut responses) = ([0; 16 << 10], [0; 16 << 10]);
    let state = network.clone();
    let mut breaks_at = None;
    loop {
        tokio::select! {
            read = client.read(&mut requests) => match read {
                Ok(count) if count > 0 => {
                    hold(state.clone()).await;
                    if server.write_all(&requests[..count]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            read = server.read(&mut responses) => match read {
                Ok(count) if count > 0 => {
                    hold(state.clone()).await;
                    if *state.borrow() == Network::LosesResponses {
                        breaks_at.get_or_insert_with(|| tokio::time::Instant::now() + DEAF);
                    }
                    if breaks_at.is_none() && client.write_all(&responses[..count]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            _ = async { network.wait_for(|network| *network == Network::Cut).await.is_ok() } => return,
            () = tokio::time::sleep_until(breaks_at.unwrap_or_else(|| tokio::time::Instant::now() + DEAF)) => {
                if breaks_at.is_some() {
                    return;
                }
            }
        }
    }
}
