use std::time::Duration;

use coordinator::report::{API_VERSION, Skew, Totals};
use coordinator::{JobReport, ShardReport, ShardState};
use model::{Digest, Effort, JobSettings, JobSpec, Requests};

use super::*;
use crate::args::Prices;

const PRICES: Prices = Prices { slot_price: 3.6, put_price: 5.0, get_price: 1.0, storage_price: 0.5 };

fn shard(name: &str, seconds: u64, digest: u128) -> ShardReport {
    ShardReport {
        shard: name.parse().expect("a shard"),
        state: ShardState::Done,
        cause: None,
        version: Some(1),
        replaces: None,
        same_content: None,
        content_digest: Some(Digest(digest)),
        warnings: Vec::new(),
        segments: 1,
        map_tasks: 1,
        partitions: 1,
        attempts: 2,
        attempts_failed: 0,
        elapsed: Duration::from_secs(seconds),
        totals: Totals { bytes_in: 1 << 20, ..Totals::default() },
        wasted: Effort { wall: Duration::from_secs(50), ..Effort::default() },
    }
}

/// Job of two shards, whose attempts took `seconds` of slots.
fn report(name: &str, seconds: u64, digest: u128) -> JobReport {
    let requests = Requests { get: 1000, put: 300, list: 100, delete: 70, ..Requests::default() };
    let effort = Effort { wall: Duration::from_secs(seconds), requests, throttled: Duration::from_secs(2) };
    let mut totals = Totals { bytes_in: 2 << 20, bytes_raw: 1 << 20, effort, ..Totals::default() };
    totals.books.reduce.points_written = 1_000_000;
    let spec = JobSpec {
        job: name.parse().expect("a name"),
        input: "in".to_owned(),
        dataset: "out".to_owned(),
        shards: Vec::new(),
        settings: JobSettings::default(),
        shard_map: String::new(),
        reason: String::new(),
        weight: 10,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: String::new(),
        submitted_at_ms: 0,
    };
    JobReport {
        api_version: API_VERSION.to_owned(),
        kind: "JobReport".to_owned(),
        job: spec.job.clone(),
        round: 1,
        cause: None,
        window: spec.settings.window,
        settings: spec.settings.clone(),
        spec,
        started_at_ms: 0,
        elapsed: Duration::from_secs(seconds),
        warnings: Vec::new(),
        shards: vec![shard("org-1", 10, 1), shard("org-2", seconds, digest)],
        totals,
        skew: Skew::default(),
    }
}

#[test]
fn a_cost_is_slots_and_requests_by_their_prices_with_waste_apart() {
    // 900 s of slots at 3.6 an hour, 1000 reads at 1 and 400 writes at 5 a thousand; 100 s were wasted.
    let cost = JobCost::of("nightly".to_owned(), cost::spending(&report("nightly", 900, 2)), PRICES);
    check(
        ListStyle::Table,
        &cost,
        &expect![[r#"
            job               nightly
            read              2MiB
            stored            1MiB, 0.0005 a month
            points            1000000
            for 10^12 points  4000000.00
            for more data     2x: 8.00, 10x: 40.00
            not counted       requests of coordinators, and those for plans and reports, are not counted

                              USEFUL  WASTED  PRICE
            slot time        15m 00s  1m 40s   1.00
            get requests        1000       0
            list requests        100       0
            put requests         300       0
            delete requests       70       0
            all requests        1470       0   3.00
            throttled             2s     0ms
            total               3.90  0.1000   4.00
        "#]],
    );
}

#[test]
fn a_cost_is_the_same_from_a_record_that_a_page_reads_and_from_the_report() {
    let report = report("nightly", 900, 2);
    let found = v1::GetJobResponse { record: serde_json::to_vec(&report).expect("JSON").into(), ..Default::default() };
    let of_page = dashboard::cost::Spending::of_job(&found).expect("it is on record");
    let shown = |spending| text(ListStyle::Json, &JobCost::of("nightly".to_owned(), spending, PRICES)).expect("JSON");
    assert_eq!(shown(of_page), shown(cost::spending(&report)));
}

#[test]
fn a_job_that_runs_has_a_cost_so_far_and_a_range_for_its_end() {
    let useful = Effort { wall: Duration::from_secs(1800), ..Effort::default() };
    let spending = dashboard::cost::Spending {
        useful,
        shares_done: Some((0.25, 0.5)),
        is_running: true,
        ..dashboard::cost::Spending::default()
    };
    let table = JobCost::of("nightly".to_owned(), spending, PRICES).table(false);
    assert!(table.contains("which runs: so far") && table.contains("at its end        3.60 to 7.20"), "{table}");
    assert!(!table.contains("for more data     2x"), "{table}");
}

#[test]
fn jobs_are_compared_by_measures_and_shards_those_whose_times_differ_most_first() {
    let compared = Comparison::of(&report("before", 100, 2), &report("after", 300, 3), PRICES);
    let json: serde_json::Value =
        serde_json::from_str(&text(ListStyle::Json, &compared).expect("a document")).expect("it is JSON");
    assert_eq!((&json["shards_same_content"], &json["shards_other_content"]), (&1.into(), &1.into()));
    assert_eq!((&json["shards"][0]["shard"], &json["shards"][0]["same_content"]), (&"org-2".into(), &false.into()));
    let measure = |name: &str| {
        let all = json["measures"].as_array().expect("a list");
        all.iter().find(|measure| measure["name"] == name).expect("it is measured").clone()
    };
    assert_eq!(measure("elapsed")["ratio"], 3.0);
    assert_eq!(measure("wasted slot time")["after"], 100_000.0);
    assert_eq!(measure("writing requests")["before"], 400.0);
    let table = compared.table(false);
    assert!(table.contains("MEASURE") && table.contains("content: the same in 1 shards, another in 1"), "{table}");
}
