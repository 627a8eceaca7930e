//! Pages of the dashboard: of the leader, of a coordinator that follows, under roles, and of a dataset alone.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tests::cluster::{Certificates, Cluster, ClusterOptions, until};
use tests::tailor::{binary, tailor};

use super::DATA;

/// Asks by curl with further arguments; returns the status, and the body.
fn curl(arguments: &[&str], url: &str) -> (u16, String) {
    let asked = Command::new("curl")
        .args(["-sS", "--max-time", "20", "-w", "\n%{http_code}"])
        .args(arguments)
        .arg(url)
        .output();
    let asked = asked.expect("curl runs");
    let text = String::from_utf8_lossy(&asked.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap_or_default();
    (status.parse().unwrap_or_default(), body.to_owned())
}

fn json(url: &str) -> Value {
    let (status, body) = curl(&[], url);
    assert_eq!(status, 200, "{url}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{url}: {error}: {body}"))
}

#[test]
fn the_pages_of_every_coordinator_show_a_job_and_outlive_the_leader() {
    let mut cluster = Cluster::start(ClusterOptions { coordinators: 2, ..ClusterOptions::default() });
    let job = cluster.job_in_folder(DATA);
    job.submit();
    job.wait_done();
    let pages: Vec<_> = cluster.probes.iter().map(|port| format!("http://127.0.0.1:{port}/ui/")).collect();
    let leaders = pages.iter().map(|page| json(&format!("{page}?format=json"))["cluster"]["leader"].clone());
    let leaders: Vec<_> = leaders.collect();
    assert_eq!(leaders[0], leaders[1], "the one that follows asks the one that leads");
    for page in &pages {
        let shown = json(&format!("{page}jobs/j?format=json"));
        assert_eq!((&shown["kind"], &shown["state"]), (&"JobPage".into(), &"done".into()), "{shown:#}");
        assert!(shown["says"].as_str().is_some_and(|says| says.starts_with("Complete: all ")), "{shown:#}");
        assert!(!shown["stages"].as_array().expect("a list").is_empty(), "the record has times: {shown:#}");
        let (status, html) = curl(&[], &format!("{page}jobs/j"));
        assert!(status == 200 && html.contains("Complete: all "), "{html}");
        assert_eq!(json(&format!("{page}workers?format=json"))["count"], 2);
        assert!(shown["cost"].as_f64().is_some_and(|cost| cost > 0.0), "{shown:#}");
        let shard = shown["shards"][0]["shard"].as_str().expect("a name");
        let shard = json(&format!("{page}jobs/j/shards/{shard}?format=json"));
        assert!(shard["stream"]["slots"].as_array().is_some_and(|slots| !slots.is_empty()), "{shard:#}");
        let dataset = shown["dataset"].as_str().expect("a URI");
        let org = |org: &str| json(&format!("{page}coverage?dataset={dataset}&org={org}&format=json"));
        let whole = org("");
        let shards = whole["windows"][0]["shards"].as_array().expect("a window");
        let number = |shard: &Value| shard["shard"].as_str()?.strip_prefix("org-mod-")?.parse::<u64>().ok();
        let asked = shards.iter().find_map(number).expect("a shared shard").to_string();
        let covered = org(&asked);
        assert_eq!(
            (&covered["windows"][0]["state"], &covered["org"]),
            (&"complete".into(), &asked.into()),
            "{covered:#}"
        );
        assert_eq!(covered["windows"][0]["shards"].as_array().map(Vec::len), Some(1), "{covered:#}");
        assert_eq!(whole["windows"][0]["plan"], "j", "{whole:#}");
        assert_eq!(curl(&[], &format!("{page}coverage?dataset={dataset}&org=three")).0, 400);
    }

    let leader = leaders[0].as_str().expect("a name").to_owned();
    let at = cluster.coordinators.iter().position(|server| server.name == leader).expect("it is one of them");
    cluster.coordinators[at].kill();
    let other = &pages[1 - at];
    until("the other one leads", Duration::from_secs(60), || {
        let (status, body) = curl(&[], &format!("{other}?format=json"));
        (status == 200 && !body.contains(&format!("\"leader\": \"{leader}\""))).then_some(())
    });
    assert_eq!(json(&format!("{other}jobs/j?format=json"))["state"], "done");
}

#[test]
fn under_roles_a_page_asks_who_looks() {
    let certificates = Certificates::new();
    let (tokens, token) = (certificates.file("tokens"), certificates.file("token"));
    let line = tailor(&format!("token new --role viewer --name scripts --token-file {}", token.display())).run().done();
    std::fs::write(&tokens, &line.stdout).expect("a writable folder");
    let cluster = Cluster::start(ClusterOptions {
        coordinators: 2,
        certificates: Some(certificates.clone()),
        coordinator_flags: format!("--auth-tokens {}", tokens.display()),
        ..ClusterOptions::default()
    });
    let text = |path: &Path| path.display().to_string();
    let authority = text(&certificates.file("ca.crt"));
    let as_owner = |owner: &str, url: &str| {
        let (cert, key) =
            (text(&certificates.file(&format!("{owner}.crt"))), text(&certificates.file(&format!("{owner}.key"))));
        curl(&["--cacert", &authority, "--cert", &cert, "--key", &key], url)
    };
    let secret = std::fs::read_to_string(&token).expect("it was made");
    let password = format!("anybody:{}", secret.trim());
    for port in &cluster.probes {
        let url = format!("https://127.0.0.1:{port}/ui/workers");
        let (status, body) = curl(&["--cacert", &authority], &url);
        assert!(status == 401 && !body.contains("w0"), "{status} {body}");
        let (status, body) = curl(&["--cacert", &authority, "-u", "anybody:guess"], &url);
        assert!(status == 401 && !body.contains("w0"), "{status} {body}");
        let (status, body) = as_owner("victor", &url);
        assert!(status == 200 && body.contains("viewer/victor") && body.contains("w0"), "{status} {body}");
        let (status, body) = curl(&["--cacert", &authority, "-u", &password], &url);
        assert!(status == 200 && body.contains("viewer/scripts"), "{status} {body}");
        assert_eq!(as_owner("worker", &url).0, 403, "a worker has nothing to look at");
        let (status, _) = curl(&["--cacert", &authority], &format!("https://127.0.0.1:{port}/readyz"));
        assert_eq!(status, 200, "a probe shows nothing");
    }
}

/// Process of `tailor dashboard`, killed when this is dropped.
struct Pages(Child, String);

impl Pages {
    fn serve(arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command
            .args(["dashboard", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut link = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut link).expect("it prints a link");
        Self(child, link.trim().to_owned())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // If it has ended already, there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_dataset_alone_shows_its_jobs_to_whoever_has_the_link() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    tailor(&format!("gen --points 50000 --orgs 4 --out {}", at("in"))).run().done();
    for name in ["first", "second"] {
        tailor(&format!("run --input {} --dataset {} --job {name} -o json", at("in"), at("dataset"))).run().done();
    }
    let dataset = at("dataset");
    let pages = Pages::serve(&["--dataset", &dataset]);
    let (root, _) = pages.1.split_once("enter?key=").expect("a link with a key");
    let jar = at("cookies");
    let (status, body) = curl(&["-L", "-c", &jar, "-b", &jar], &pages.1);
    assert!(status == 200 && body.contains("first") && body.contains("second"), "{status} {body}");
    assert_eq!(curl(&[], root).0, 403, "without the key");
    let shown = |path: &str| {
        let (status, body) = curl(&["-b", &jar], &format!("{root}{path}?format=json"));
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str::<Value>(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    };
    assert_eq!(shown("")["ended"].as_array().map(Vec::len), Some(2));
    let job = shown("jobs/second");
    assert_eq!(job["state"], "done", "{job:#}");
    let covered = shown("coverage");
    let shards = covered["windows"][0]["shards"].as_array().expect("a window of both jobs");
    let is_second = |shard: &Value| shard["version"] == 2 && shard["job"] == "second";
    assert!(!shards.is_empty() && shards.iter().all(is_second), "{covered:#}");
    assert!(shards.iter().any(|shard| shard["state"] == "complete"), "{covered:#}");
    let compared = shown("jobs/first/vs/second");
    assert_eq!(compared["shards_total"], compared["shards_same"], "{compared:#}");
    let shard = job["shards"][0]["shard"].as_str().expect("a name");
    let shard = shown(&format!("jobs/second/shards/{shard}"));
    assert_eq!(shard["state"], "done");
    // The event log has who ran what, also where no cluster ever was.
    let tasks = shard["tasks"].as_array().expect("a list");
    assert_eq!(
        (&shard["tasks_all"], &shard["tasks_unknown"]),
        (&tasks.len().into(), &serde_json::json!([])),
        "{shard:#}"
    );
    let ran: u64 = shard["stream"]["slots"].as_array().expect("slots").iter().map(attempts_of).sum();
    assert_eq!(ran, tasks.len() as u64, "{shard:#}");
    let task = tasks[0]["task"].as_str().expect("a name");
    let task = shown(&format!("jobs/second/shards/{}/tasks/{task}", shard["shard"].as_str().expect("a name")));
    assert_eq!((&task["state"], &task["attempts"][0]["outcome"]), (&"done".into(), &"counts".into()), "{task:#}");
}

/// Counts the attempts that a slot had.
fn attempts_of(slot: &Value) -> u64 {
    slot["spans"].as_array().expect("a list").iter().filter_map(|span| span["attempts"].as_u64()).sum()
}
