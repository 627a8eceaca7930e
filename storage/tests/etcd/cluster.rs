//! Cluster of three etcd members, each of which can be frozen, killed and replaced.

use std::process::Stdio;
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, MemberAddOptions};
use tokio::process::{Child, Command};

use crate::support::free_ports;

/// Longest start of a member on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Three members, which elect a leader among themselves.
pub(crate) struct Cluster {
    home: tempfile::TempDir,
    members: Vec<Member>,
}

struct Member {
    name: String,
    client_url: String,
    peer_url: String,
    child: Option<Child>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let ports = free_ports::<6>();
        let member = |at: usize| Member {
            name: format!("m{at}"),
            client_url: format!("http://127.0.0.1:{}", ports[2 * at]),
            peer_url: format!("http://127.0.0.1:{}", ports[2 * at + 1]),
            child: None,
        };
        let home = tempfile::tempdir().expect("a folder");
        let mut cluster = Self { home, members: (0..3).map(member).collect() };
        (0..3).for_each(|at| cluster.spawn(at, "new"));
        for at in 0..3 {
            cluster.answers(at).await;
        }
        cluster
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| member.client_url.clone()).collect()
    }

    /// Returns the member that leads, and one that follows.
    pub(crate) async fn leader_and_follower(&self) -> (usize, usize) {
        let mut leader = None;
        for at in 0..3 {
            let status = self.client(at).await.status().await.expect("it answers");
            let own = status.header().expect("every answer has one").member_id();
            if status.leader() == own {
                leader = Some(at);
            }
        }
        let leader = leader.expect("one leads");
        (leader, (leader + 1) % 3)
    }

    /// Sends a signal by its name, such as `STOP`.
    pub(crate) async fn signal(&self, at: usize, signal: &str) {
        let pid = self.members[at].child.as_ref().and_then(Child::id).expect("it runs").to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().await.expect("kill");
        assert!(sent.success(), "signal {signal} to {pid}");
    }

    pub(crate) async fn kill(&mut self, at: usize) {
        if let Some(mut child) = self.members[at].child.take() {
            child.kill().await.expect("kill -9");
        }
    }

    pub(crate) async fn restart(&mut self, at: usize) {
        self.spawn(at, "existing");
        self.answers(at).await;
    }

    /// Removes a killed member from the cluster, and adds a new one with its address and an empty disk.
    pub(crate) async fn replace(&mut self, at: usize) {
        // If the killed member led, etcd drops requests until there is another leader.
        self.answers((at + 1) % 3).await;
        let mut other = self.client((at + 1) % 3).await;
        let listed = other.member_list().await.expect("a quorum");
        let gone = listed.members().iter().find(|member| member.name() == self.members[at].name).expect("a member");
        other.member_remove(gone.id()).await.expect("removed");
        self.members[at].name += "-new";
        // A member that was just removed counts as unhealthy for some seconds; only then can the next be added.
        let url = self.members[at].peer_url.clone();
        while let Err(error) = other.member_add([&url], Some(MemberAddOptions::new())).await {
            assert!(error.to_string().contains("unhealthy"), "{error}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        self.restart(at).await;
    }

    async fn client(&self, at: usize) -> Client {
        let options = ConnectOptions::new().with_timeout(Duration::from_secs(2));
        Client::connect([&self.members[at].client_url], Some(options)).await.expect("a client")
    }

    fn spawn(&mut self, at: usize, state: &str) {
        let peers: Vec<_> = self.members.iter().map(|member| format!("{}={}", member.name, member.peer_url)).collect();
        let member = &self.members[at];
        let log = std::fs::File::create(self.home.path().join(format!("{}.log", member.name))).expect("a log");
        let program = std::env::var("TAILOR_TEST_ETCD").unwrap_or_else(|_| "etcd".to_owned());
        let child = Command::new(program)
            .args(["--name", &member.name, "--initial-cluster-state", state])
            .args(["--listen-client-urls", &member.client_url, "--advertise-client-urls", &member.client_url])
            .args(["--listen-peer-urls", &member.peer_url, "--initial-advertise-peer-urls", &member.peer_url])
            .args(["--initial-cluster", &peers.join(",")])
            .arg("--data-dir")
            .arg(self.home.path().join(&member.name))
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("this test needs the etcd program: run scripts/servers.sh start, which installs it");
        self.members[at].child = Some(child);
    }

    /// Waits until a member answers a read that needs the quorum.
    async fn answers(&self, at: usize) {
        let answered = async {
            while self.client(at).await.kv_client().get("any", None).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(START_LIMIT, answered).await.expect("a member comes up");
    }
}
