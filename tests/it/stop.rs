//! SIGTERM ends a server in every state, within its bound; a second SIGTERM ends it at once.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use tests::cluster::{Cluster, ClusterOptions, CommandLine, Server, Special, shared, until};
use tests::hang::Hang;
use tests::tailor::{binary, pause};

/// Longest time for a worker with a drain of one second to leave, whatever hangs, on a busy machine.
const LEAVE_LIMIT: Duration = Duration::from_secs(1 + 15 + 5);

/// Longest time for it to leave after a second signal.
const AT_ONCE_LIMIT: Duration = Duration::from_secs(5);

/// Longest wait for a state.
const STATE_LIMIT: Duration = Duration::from_secs(60);

/// Address at which nobody listens.
const NOBODY: &str = "http://127.0.0.1:9";

/// Place of a server under test.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn start(&self, name: &str, flags: &str, etcd: &str, environment: Vec<(String, String)>) -> Server {
        let namespace = self.path().file_name().expect("it has a name").to_string_lossy().into_owned();
        let all = format!(
            "{name} --name {name} --http-listen 127.0.0.1:0 --etcd-endpoints {etcd} --etcd-namespace /{namespace}/ {flags}"
        );
        let args = all.split_whitespace().map(str::to_owned).collect();
        Server::start(name, CommandLine { program: binary().to_owned(), args, environment }, self.path())
    }

    fn worker(&self, etcd: &str, environment: Vec<(String, String)>) -> Server {
        let scratch = self.path().join("scratch");
        let flags = format!(
            "--coordinators {NOBODY} --slots 1 --memory 64MiB --drain-timeout 1s --scratch-dir {}",
            scratch.display()
        );
        self.start("worker", &flags, etcd, environment)
    }

    fn coordinator(&self, etcd: &str) -> Server {
        let flags = "--grpc-listen 127.0.0.1:0 --grpc-advertise http://127.0.0.1:1";
        self.start("coordinator", flags, etcd, Vec::new())
    }
}

/// Waits until the process catches SIGTERM; before that, the system would end it.
fn wait_catches(server: &Server) {
    const SIGTERM_BIT: u64 = 1 << 14;
    until("it catches SIGTERM", STATE_LIMIT, || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).ok()?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).expect("a mask");
        (caught & SIGTERM_BIT != 0).then_some(())
    });
}

/// Starts the server twice, waits each time for its state, and sends SIGTERM: once, and twice.
fn assert_stops(state: &str, leaves_by_itself: bool, mut start: impl FnMut() -> Server) {
    let mut server = start();
    let told = Instant::now();
    server.signal("TERM");
    let code = server.wait(LEAVE_LIMIT);
    assert!(!leaves_by_itself || code == 0, "{state}: exit {code} after {:?}\n{}", told.elapsed(), server.tail());

    let mut server = start();
    server.signal("TERM");
    pause(Duration::from_millis(200));
    // The server may have left by now.
    if !server.has_ended() {
        server.signal("TERM");
    }
    server.wait(AT_ONCE_LIMIT);
}

#[test]
fn a_worker_without_etcd_stops_when_told() {
    let place = Place::new();
    assert_stops("nobody listens", true, || {
        let worker = place.worker(NOBODY, Vec::new());
        wait_catches(&worker);
        worker
    });
    // The listener accepts connections, but never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", silent.local_addr().expect("it is bound"));
    assert_stops("nothing is answered", true, || {
        let worker = place.worker(&endpoint, Vec::new());
        wait_catches(&worker);
        pause(Duration::from_secs(1));
        worker
    });
}

#[test]
fn a_coordinator_without_etcd_stops_when_told() {
    let place = Place::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", silent.local_addr().expect("it is bound"));
    for endpoint in [NOBODY, &endpoint] {
        assert_stops(endpoint, true, || {
            let coordinator = place.coordinator(endpoint);
            wait_catches(&coordinator);
            pause(Duration::from_secs(1));
            coordinator
        });
    }
}

#[test]
fn a_worker_without_a_coordinator_stops_when_told() {
    let place = Place::new();
    assert_stops("no leader", true, || {
        let worker = place.worker(shared::etcd(), Vec::new());
        let scratch = place.path().join("scratch");
        // A worker makes its scratch right before it asks for a lease.
        let is_made = || std::fs::read_dir(&scratch).ok()?.next().map(drop);
        until("it has made its scratch", STATE_LIMIT, is_made);
        pause(Duration::from_secs(1));
        worker
    });
    assert_eq!(std::fs::read_dir(place.path().join("scratch")).expect("the parent").count(), 0, "it leaves no scratch");
}

#[test]
fn a_worker_whose_scratch_hangs_stops_when_told() {
    let place = Place::new();
    let hang = Hang::on("/scratch", place.path());
    assert_stops("scratch hangs", true, || {
        let worker = place.worker(shared::etcd(), hang.environment());
        hang.wait(STATE_LIMIT);
        worker
    });
}

#[test]
fn a_pipe_in_a_shared_scratch_folder_holds_up_nobody() {
    let place = Place::new();
    let foreign = place.path().join("scratch/tailor-1-1");
    std::fs::create_dir_all(&foreign).expect("a folder");
    let made = std::process::Command::new("mkfifo").arg(foreign.join("lock")).status().expect("run mkfifo");
    assert!(made.success());
    let mut worker = place.worker(shared::etcd(), Vec::new());
    let folders = || std::fs::read_dir(place.path().join("scratch")).expect("the parent").count();
    until("it has made its own", STATE_LIMIT, || (folders() == 2).then_some(()));
    worker.signal("TERM");
    assert_eq!(worker.wait(LEAVE_LIMIT), 0, "{}", worker.tail());
    assert!(foreign.exists(), "it is left alone");
}

/// Runs a worker whose only attempt hangs in a call on a path that contains `part`.
fn assert_stops_computing(part: &str) {
    for signals in [1, 2] {
        let mut cluster = Cluster::start(ClusterOptions { workers: 0, ..ClusterOptions::default() });
        let job = cluster.job_in_folder("--points 20000 --orgs 2 --partitions 2");
        let hang = Hang::on(part, cluster.path());
        let special = Special { flags: "--drain-timeout 1s", environment: hang.environment() };
        cluster.add_special(&special);
        job.submit();
        hang.wait(STATE_LIMIT);
        let worker = &mut cluster.workers[0];
        worker.signal("TERM");
        if signals == 2 {
            pause(Duration::from_millis(200));
            worker.signal("TERM");
        }
        let code = worker.wait(if signals == 2 { AT_ONCE_LIMIT } else { LEAVE_LIMIT });
        assert!(signals == 2 || code == 0, "exit {code}\n{}", worker.tail());
        cluster.add_worker();
        job.wait_done();
        job.assert_committed_once();
    }
}

#[test]
fn a_worker_whose_segments_hang_stops_when_told_and_another_does_its_work() {
    assert_stops_computing(".seg");
}
