//! etcd of a single test, which may lose what it has.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::ports::free_port;
use super::server::{CommandLine, Server};
use super::until;

/// Longest wait for its first answer.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Single member of etcd.
#[derive(Debug)]
pub struct OwnEtcd {
    /// Process of the member.
    pub server: Server,
    port: u16,
    data: PathBuf,
}

impl OwnEtcd {
    /// Starts a member whose data and log lie in `folder`.
    ///
    /// # Panics
    /// The program is missing, or does not come up.
    pub fn start(folder: &Path, flags: &[&str]) -> Self {
        let is_there = Command::new("etcd").arg("--version").stdout(Stdio::null()).status().is_ok();
        assert!(is_there, "this test needs the program etcd: `scripts/servers.sh start` installs it (etcd-server)");
        let (port, peer_port) = (free_port(), free_port());
        let [client, peer] = [port, peer_port].map(|port| format!("http://127.0.0.1:{port}"));
        let data_folder = folder.join("etcd");
        let data = data_folder.display().to_string();
        let cluster = format!("own={peer}");
        let mut args = vec!["--name", "own", "--listen-client-urls", &client, "--advertise-client-urls", &client];
        args.extend(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        args.extend(["--initial-cluster", &cluster, "--data-dir", &data]);
        args.extend(flags);
        let args = args.into_iter().map(str::to_owned).collect();
        let line = CommandLine { program: "etcd".into(), args, environment: Vec::new() };
        let etcd = Self { server: Server::start("etcd", line, folder), port, data: data_folder };
        etcd.wait_up();
        etcd
    }

    /// Returns the address for clients.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills the member and removes its data; it comes back empty, at the same address.
    ///
    /// # Panics
    /// If its folder cannot be removed.
    pub fn lose(&mut self) {
        self.server.kill();
        std::fs::remove_dir_all(&self.data).expect("remove what etcd had");
        self.server.restart();
        self.wait_up();
    }

    fn wait_up(&self) {
        let is_up = || TcpStream::connect(("127.0.0.1", self.port)).is_ok().then_some(());
        until("etcd answers", START_LIMIT, is_up);
    }
}
