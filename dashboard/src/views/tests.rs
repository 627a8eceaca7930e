use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use expect_test::{ExpectFile, expect_file};
use tokio::time::Instant;

use super::*;
use crate::source::simulated::{HOSTILE, SUBMITTED_MS, Simulated};

/// Paths of every view, with a query where it has one.
pub(crate) const PATHS: [&str; 16] = [
    "",
    "?after=1",
    "jobs/j0",
    "jobs/j1?state=failed&sort=bytes",
    "jobs/j0/shards/org-mod-00",
    "jobs/j1/shards/org-mod-00?from=200",
    "jobs/j0/shards/org-mod-00/tasks/m-00002",
    "jobs/j1/shards/org-mod-00/tasks/m-00002",
    "jobs/j1/vs/j2",
    "jobs/j0/cost",
    "jobs/j1/cost",
    "coverage",
    "coverage?dataset=s3%3A%2F%2Fmetrics%2Fd",
    "coverage?dataset=s3%3A%2F%2Fmetrics%2Fd&org=7&window=1767225600000-1767240000000",
    "trouble",
    "workers",
];

fn view(url: &str) -> View {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let query: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    View::parse(path, &query).unwrap_or_else(|| panic!("{url} is a view"))
}

/// Settings with a place of traces, whose query must be escaped.
fn settings() -> ViewSettings {
    let trace_url = "https://traces.example.com/?a=1&id={trace_id}".parse().expect("a template");
    ViewSettings { trace_url: Some(trace_url), ..ViewSettings::default() }
}

async fn load(url: &str, source: &Simulated) -> Page {
    view(url).load(source, &settings(), SUBMITTED_MS + 90_000).await.unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// Compares a page with the reviewed one: its sections, then its JSON.
async fn check(url: &str, expected: ExpectFile) {
    let page = load(url, &Simulated { jobs: 3, ..Simulated::default() }).await;
    let mut text = format!("title: {}\ncommand: {}\n", page.title, page.command);
    for section in &page.sections {
        let html = section.html.0.replace("><", ">\n<");
        writeln!(text, "\n-- {} {}\n{html}", section.id, if section.is_live { "live" } else { "still" }).expect("text");
    }
    let json = serde_json::to_string_pretty(&page.document).expect("JSON");
    expected.assert_eq(&format!("{text}\n-- json\n{json}\n"));
}

#[tokio::test]
async fn each_view_renders_as_it_was_reviewed() {
    check("", expect_file!["../../golden/jobs.txt"]).await;
    check("jobs/j0", expect_file!["../../golden/job.txt"]).await;
    check("jobs/j1?state=failed", expect_file!["../../golden/job-ended.txt"]).await;
    check("jobs/j0/shards/org-mod-00", expect_file!["../../golden/shard.txt"]).await;
    check("jobs/j1/shards/org-mod-01", expect_file!["../../golden/shard-ended.txt"]).await;
    check("jobs/j0/shards/org-mod-00/tasks/m-00000", expect_file!["../../golden/task.txt"]).await;
    check("jobs/j1/shards/org-mod-00/tasks/m-00001", expect_file!["../../golden/task-ended.txt"]).await;
    check("jobs/j1/vs/j2", expect_file!["../../golden/compare.txt"]).await;
    check("jobs/j0/cost", expect_file!["../../golden/cost-running.txt"]).await;
    check("jobs/j1/cost", expect_file!["../../golden/cost.txt"]).await;
    check("coverage?dataset=s3%3A%2F%2Fmetrics%2Fd", expect_file!["../../golden/coverage.txt"]).await;
    check("trouble", expect_file!["../../golden/trouble.txt"]).await;
    check("workers", expect_file!["../../golden/workers.txt"]).await;
}

#[test]
fn a_view_has_one_url_and_parses_from_it() {
    for url in PATHS {
        let view = view(url);
        assert_eq!(view.url(), url);
        assert_eq!(view.depth(), url.split('?').next().unwrap_or_default().matches('/').count(), "{url}");
    }
    let none = BTreeMap::new();
    for strange in [
        "jobs",
        "jobs/",
        "jobs/j0/",
        "jobs/a%2Fb",
        "jobs/%ff",
        "jobs/j0/shards/org-mod-99",
        "workers/",
        "../etc",
        "jobs/<script>",
    ] {
        assert_eq!(View::parse(strange, &none), None, "{strange}");
    }
}

#[tokio::test]
async fn workers_that_leave_come_first_and_then_those_that_stand_out() {
    let source = Simulated { workers: 5, ..Simulated::default() };
    for (url, expected) in [
        ("workers", ["w1", "w2", "w9", "w3", "w0", "w4"]),
        ("workers?sort=speed", ["w3", "w0", "w1", "w4", "w2", "w9"]),
        ("workers?sort=failed", ["w3", "w0", "w1", "w2", "w4", "w9"]),
    ] {
        let page = load(url, &source).await;
        let workers = page.document["workers"].as_array().expect("a list");
        let names: Vec<_> = workers.iter().filter_map(|worker| worker["name"].as_str()).collect();
        assert_eq!(names, expected, "{url}");
        assert_eq!(page.document["remarked"], 1);
    }
    let trouble = load("trouble", &source).await;
    let troubled = trouble.document["workers"].as_array().expect("a list").len();
    assert_eq!(troubled, 3, "one leaves, one is unfit, one stands out");
}

#[tokio::test]
async fn names_of_strangers_stay_text_wherever_they_stand() {
    let long = format!("{HOSTILE}{}", "x".repeat(10_000));
    for text in [HOSTILE, &long] {
        let source = Simulated { jobs: 3, text: text.to_owned(), ..Simulated::default() };
        for url in PATHS {
            let page = load(url, &source).await;
            for section in &page.sections {
                let html = &section.html.0;
                assert!(!html.contains("<script") && !html.contains("<img"), "{url} {}: {html}", section.id);
                let steers = |letter: char| model::admission::is_unprintable(letter) && letter != '\n';
                assert!(!html.contains(steers), "{url} {}", section.id);
                // Attributes are in double quotes: one inside a value would end it.
                assert!(!html.contains("\"'>"), "{url} {}: {html}", section.id);
                assert!(html.len() < 300_000, "{url} {}: {} bytes", section.id, html.len());
            }
            assert!(page.document.to_string().contains("onerror"), "JSON of {url} has the whole text");
        }
    }
}

#[tokio::test]
async fn the_largest_cluster_has_small_pages() {
    let source = Simulated { jobs: 5_000, shards: 65, tasks_per_shard: 4_616, workers: 500, ..Simulated::default() };
    for url in PATHS {
        // The least of a few looks: others may have the machine meanwhile.
        let mut least = Duration::MAX;
        for _ in 0..5 {
            let began = Instant::now();
            let page = load(url, &source).await;
            least = least.min(began.elapsed());
            let bytes: usize = page.sections.iter().map(|section| section.html.0.len()).sum();
            assert!(bytes < 300_000, "{url} has {bytes} bytes");
        }
        assert!(least < Duration::from_millis(200), "{url} took {least:?}");
    }
}

#[tokio::test]
async fn a_shard_of_more_tasks_than_an_answer_holds_shows_its_slowest_ones() {
    let source = Simulated { tasks_per_shard: 12_000, workers: 500, ..Simulated::default() };
    let page = load("jobs/j0/shards/org-mod-00", &source).await;
    let html: String = page.sections.iter().map(|section| section.html.0.as_str()).collect();
    assert!(html.contains(" of 12,000 tasks are looked at") && html.contains("<rect "), "{html}");
    assert!(html.len() < 290_000, "{} bytes", html.len());
}
