//! Compares one job in a cluster with `tailor run`: the same segments from the same S3 server, and the same output,
//! in turn.
//!
//! A cluster's CPU is that of its coordinator and its two workers. etcd and the S3 server are not part of Tailor, and
//! serve both sides alike. `tailor run` from a local folder is shown beside it, to show the cost of S3 itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::child;
use crate::figure::Figure;
use crate::process::{Server, port};

/// Largest ratio of the cluster's CPU to that of `tailor run`.
const RATIO_MAX: f64 = 1.35;
/// Longest time until the processes know each other.
const READY_MAX: Duration = Duration::from_secs(30);

/// Options of `bench cluster`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Points of the job
    #[arg(long, default_value_t = 100_000_000)]
    points: u64,
    /// Number of turns of each side
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Binary of Tailor to measure
    #[arg(long, default_value = "target/release/tailor")]
    tailor: PathBuf,
    /// Print the figures without a verdict: with few points, most of the time is start-up
    #[arg(long)]
    quick: bool,
}

/// CPU and wall time of one side.
struct Turn {
    cpu: Duration,
    wall: Duration,
}

/// Measures, and prints the table.
pub(crate) fn run(options: &Options) -> Result<()> {
    let cluster = Cluster::start(&options.tailor)?;
    let points = options.points.to_string();
    let (bucket, local) = (cluster.bucket("segments"), cluster.folder.path().join("segments"));
    for out in [bucket.as_str(), local.to_str().context("a temporary folder's path is UTF-8")?] {
        cluster.tailor(&["gen", "--points", &points, "--out", out])?;
    }
    let mut turns = Vec::new();
    for round in 0..options.rounds {
        eprintln!("bench: round {} of {}", round + 1, options.rounds);
        let local = cluster.embedded(&local, &cluster.folder.path().join(format!("out-{round}")))?;
        let embedded = cluster.embedded(bucket.as_ref(), cluster.bucket(&format!("embedded-{round}")).as_ref())?;
        turns.push((local, embedded, cluster.job(round, &bucket)?));
    }
    let ratio = |of: fn(&Turn) -> Duration| turns.iter().map(move |(_, run, job)| of(job).div_duration_f64(of(run)));
    let seconds = |of: fn(&(Turn, Turn, Turn)) -> Duration| turns.iter().map(move |turn| of(turn).as_secs_f64());
    let figures = [
        Figure::new("CPU of a cluster over tailor run, both through S3", ratio(|turn| turn.cpu)).at_most(RATIO_MAX),
        Figure::new("wall time, the same", ratio(|turn| turn.wall)),
        Figure::new("CPU of tailor run, local", seconds(|turn| turn.0.cpu)).unit("s"),
        Figure::new("CPU of tailor run, through S3", seconds(|turn| turn.1.cpu)).unit("s"),
        Figure::new("CPU of the cluster", seconds(|turn| turn.2.cpu)).unit("s"),
        Figure::new("peak memory of a worker", cluster.worker_peaks()?).unit("MiB"),
    ];
    println!("| figure | target | n | min | median | max | |\n|---|---|---|---|---|---|---|");
    figures.iter().for_each(|figure| println!("{figure}"));
    ensure!(options.quick || figures.iter().all(Figure::passes), "a figure is over its target");
    Ok(())
}

/// Cluster of etcd, an S3 server, a coordinator and two workers.
struct Cluster {
    tailor: PathBuf,
    variables: BTreeMap<String, String>,
    servers: Vec<Server>,
    backends: Backends,
    folder: tempfile::TempDir,
}

impl Cluster {
    fn start(tailor: &Path) -> Result<Self> {
        ensure!(tailor.exists(), "{} is not there; `make build` makes it", tailor.display());
        let folder = tempfile::tempdir()?;
        let (backends, mut variables) = Backends::start(folder.path())?;
        let address = format!("http://127.0.0.1:{}", port()?);
        variables.insert("TAILOR_COORDINATORS".to_owned(), address.clone());
        let mut cluster = Self { tailor: tailor.to_owned(), variables, servers: Vec::new(), backends, folder };
        let listen = address.trim_start_matches("http://");
        cluster.serve("coordinator", &["coordinator", "--grpc-listen", listen, "--grpc-advertise", &address])?;
        for name in ["w1", "w2"] {
            let scratch = cluster.folder.path().join(name).display().to_string();
            std::fs::create_dir(&scratch)?;
            cluster.serve(name, &["worker", "--name", name, "--slots", "1", "--scratch-dir", &scratch])?;
        }
        let started = Instant::now();
        while cluster.workers().unwrap_or_default() < 2 {
            ensure!(started.elapsed() < READY_MAX, "the cluster does not come up; its logs were in its folder");
            std::thread::park_timeout(Duration::from_millis(100));
        }
        Ok(cluster)
    }

    fn serve(&mut self, name: &str, arguments: &[&str]) -> Result<()> {
        let http = format!("127.0.0.1:{}", port()?);
        let mut command = self.command(arguments);
        let log = self.folder.path().join(format!("{name}.log"));
        self.servers.push(Server::start(command.args(["--http-listen", &http]), &log)?);
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.tailor);
        command.args(arguments).envs(&self.variables);
        command
    }

    fn tailor(&self, arguments: &[&str]) -> Result<child::Finished> {
        child::run(&mut self.command(arguments))
    }

    fn workers(&self) -> Result<usize> {
        let listed = self.tailor(&["worker", "list", "-o", "name"])?;
        Ok(listed.stdout.lines().count())
    }

    fn bucket(&self, name: &str) -> String {
        format!("s3://{}/{name}", self.backends.bucket)
    }

    /// Runs `tailor run`, with as many threads as the cluster has workers.
    fn embedded(&self, input: &Path, dataset: &Path) -> Result<Turn> {
        let mut command = self.command(&["run", "--workers", "2", "--rollup", "5m", "--input"]);
        let usage = child::run(command.arg(input).arg("--dataset").arg(dataset))?.usage;
        Ok(Turn { cpu: usage.cpu, wall: usage.wall })
    }

    fn job(&self, round: usize, input: &str) -> Result<Turn> {
        let (job, dataset) = (format!("round-{round}"), self.bucket(&format!("cluster-{round}")));
        let before = self.cpu()?;
        let options = ["--job", &job, "--input", input, "--dataset", &dataset, "--rollup", "5m", "--wait"];
        let usage = self.tailor(&[&["job", "submit"], &options[..]].concat())?.usage;
        Ok(Turn { cpu: self.cpu()? - before + usage.cpu, wall: usage.wall })
    }

    fn cpu(&self) -> Result<Duration> {
        self.servers.iter().map(Server::cpu).sum()
    }

    fn worker_peaks(&self) -> Result<Vec<f64>> {
        let mib = |server: &Server| Ok(server.peak()? as f64 / f64::from(1 << 20));
        self.servers.iter().skip(1).map(mib).collect()
    }
}

/// etcd and the S3 server, started by the scripts of the tests, in a folder of their own.
struct Backends {
    folder: PathBuf,
    bucket: String,
}

impl Backends {
    /// Starts them; returns the variables by which Tailor finds them.
    fn start(folder: &Path) -> Result<(Self, BTreeMap<String, String>)> {
        let folder = folder.join("servers");
        std::fs::create_dir(&folder)?;
        let mut backends = Self { folder, bucket: String::new() };
        backends.all("start")?;
        let mut variables = BTreeMap::new();
        for file in ["etcd.env", "s3.env"] {
            let text = std::fs::read_to_string(backends.folder.join(file))?;
            variables.extend(text.lines().filter_map(|line| line.split_once('=')).map(own));
        }
        for (tailor, server) in [
            ("TAILOR_ETCD_ENDPOINTS", "TAILOR_TEST_ETCD_ENDPOINTS"),
            ("AWS_ENDPOINT_URL_S3", "TAILOR_TEST_S3_ENDPOINT"),
        ] {
            let value = variables.remove(server).with_context(|| format!("the scripts tell {server}"))?;
            variables.insert(tailor.to_owned(), value);
        }
        backends.bucket = variables.remove("TAILOR_TEST_S3_BUCKET").context("the scripts tell the bucket")?;
        Ok((backends, variables))
    }

    fn all(&self, action: &str) -> Result<()> {
        for script in ["scripts/servers/etcd.sh", "scripts/servers/s3.sh"] {
            child::run(Command::new(script).arg(action).env("SERVERS_HOME", &self.folder))?;
        }
        Ok(())
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        if let Err(error) = self.all("stop") {
            eprintln!("bench: the servers in {} may still run: {error:#}", self.folder.display());
        }
    }
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
