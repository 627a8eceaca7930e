//! People who watch: fifty open pages cost the leader what one costs, and the coordinator a few milliseconds a second.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tests::cluster::{Cluster, ClusterOptions, until};
use tests::tailor::pause;

use super::{DATA, slow_s3};

/// Length of one measurement.
const SPAN: Duration = Duration::from_secs(5);

/// Viewer: an open stream of a page, read until it ends.
struct Viewer(TcpStream);

impl Viewer {
    fn open(port: u16, path: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the pages are served");
        let request =
            format!("GET /ui/{path}?format=live HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it is open");
        let mut reader = stream.try_clone().expect("a second handle");
        std::thread::spawn(move || {
            let mut buffer = [0; 16 << 10];
            while reader.read(&mut buffer).is_ok_and(|read| read > 0) {}
        });
        Self(stream)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // A stream that has ended is closed already.
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

/// Figures of a second: turns of the leader's loop, and milliseconds of CPU time of its process.
#[derive(Debug, Clone, Copy)]
struct Load {
    turns: f64,
    cpu_ms: f64,
}

fn turns(cluster: &Cluster) -> f64 {
    let metrics = cluster.scrape_coordinator(0);
    let line = metrics.lines().find_map(|line| line.strip_prefix("tailor_leader_loop_seconds_count "));
    line.and_then(|count| count.trim().parse().ok()).expect("the leader counts its turns")
}

/// Reads the CPU time of a process from the system: user and kernel time, in ticks of 10 ms.
fn cpu_ms(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let fields: Vec<_> = fields.split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().expect("a number")).sum();
    ticks * 10.0
}

fn measure(cluster: &Cluster, viewers: usize, path: &str) -> Load {
    let open: Vec<_> = (0..viewers).map(|_| Viewer::open(cluster.probes[0], path)).collect();
    pause(Duration::from_secs(1));
    let (begin, pid) = (Instant::now(), cluster.coordinators[0].pid());
    let (turns_before, cpu_before) = (turns(cluster), cpu_ms(pid));
    pause(SPAN);
    let (turns, cpu_ms) = (turns(cluster) - turns_before, cpu_ms(pid) - cpu_before);
    let seconds = begin.elapsed().as_secs_f64();
    drop(open);
    Load { turns: turns / seconds, cpu_ms: cpu_ms / seconds }
}

#[test]
#[allow(clippy::print_stderr, reason = "the documents tell the figures")]
fn fifty_viewers_of_a_page_cost_the_leader_what_one_costs() {
    let slow = slow_s3();
    // Attempts that do not end meanwhile: the leader's own turns are then the same all the time.
    slow.set_delay(Duration::from_secs(3));
    let options = ClusterOptions { workers: 2, worker_s3: Some(slow.endpoint()), ..ClusterOptions::default() };
    let cluster = Cluster::start(options);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    let shard = until("an attempt runs", Duration::from_secs(60), || job.running("m").pop());
    let shard = shard.task.split_once('/').expect("a shard and a task").0.to_owned();
    for path in ["jobs/j".to_owned(), format!("jobs/j/shards/{shard}")] {
        let [none, one, fifty] = [0, 1, 50].map(|viewers| measure(&cluster, viewers, &path));
        let cpu = [none, one, fifty].map(|load: Load| format!("{:.0}", load.cpu_ms)).join(", ");
        eprintln!("{path}: the leader takes {cpu} ms of a processor a second with nobody, one and fifty viewers");
        assert!(one.turns > none.turns + 0.5, "the page is looked at: {none:?}, {one:?}");
        let (of_one, of_fifty) = (one.turns - none.turns, fifty.turns - none.turns);
        // Beats of the job come and go; fifty looks in place of one would be fifty times as many turns.
        assert!(of_fifty < of_one * 2.0 + 3.0, "nobody {none:?}, one {one:?}, fifty {fifty:?}");
    }
    slow.set_delay(Duration::ZERO);
    job.wait_done();
}
