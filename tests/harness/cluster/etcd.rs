//! etcd of a single test, which may be killed, stopped and filled.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

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

    /// Starts the member again after it was killed, and waits until it answers.
    pub fn restart(&mut self) {
        self.server.restart();
        self.wait_up();
    }

    /// Kills the member and removes its data; it comes back empty, at the same address.
    ///
    /// # Panics
    /// If its folder cannot be removed.
    pub fn lose(&mut self) {
        self.server.kill();
        std::fs::remove_dir_all(&self.data).expect("remove what etcd had");
        self.restart();
    }

    fn wait_up(&self) {
        let is_up = || TcpStream::connect(("127.0.0.1", self.port)).is_ok().then_some(());
        until("etcd answers", START_LIMIT, is_up);
    }

    /// Calls a method of its JSON gateway; returns the answer, or the refusal.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn call(&self, method: &str, request: &Value) -> Result<Value, String> {
        let url = format!("{}/v3/{method}", self.endpoint());
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20", "--data-binary", "@-", &url]);
        let mut curl = curl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("curl");
        let body = curl.stdin.take().expect("it is piped");
        serde_json::to_writer(body, request).expect("curl reads its input");
        let output = curl.wait_with_output().expect("curl ends");
        let error = String::from_utf8_lossy(&output.stderr);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("etcd {method}: {error}"));
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }

    /// Writes until there is no space left.
    ///
    /// # Panics
    /// If there is still space after far more than the quota.
    pub fn fill(&self) {
        // Base64 of a key outside every namespace. Each write is a version, and versions take the space.
        let put = json!({ "key": "YmFsbGFzdA==", "value": "QUFB".repeat(330_000) });
        let error = (0..400).find_map(|_| self.call("kv/put", &put).err()).expect("the quota is reached");
        assert!(error.contains("space exceeded"), "{error}");
    }

    /// Frees the space as an operator would: drops the history, defragments, and disarms the alarm.
    ///
    /// # Panics
    /// If etcd refuses.
    pub fn mend_space(&self) {
        let status = self.call("maintenance/status", &json!({})).expect("a status");
        let revision = &status["header"]["revision"];
        self.call("kv/compaction", &json!({ "revision": revision, "physical": true })).expect("compacted");
        self.call("maintenance/defragment", &json!({})).expect("defragmented");
        let armed = self.call("maintenance/alarm", &json!({ "action": "GET" })).expect("its alarms");
        for alarm in armed["alarms"].as_array().into_iter().flatten() {
            let disarm = json!({ "action": "DEACTIVATE", "memberID": alarm["memberID"], "alarm": alarm["alarm"] });
            self.call("maintenance/alarm", &disarm).expect("disarmed");
        }
        let put = json!({ "key": "YmFsbGFzdA==", "value": "" });
        self.call("kv/put", &put).expect("there is space again");
    }
}
