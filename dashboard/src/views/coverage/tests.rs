use super::*;
use crate::html::Links;
use crate::source::simulated::{HOSTILE, SUBMITTED_MS, Simulated};
use crate::views::ViewSettings;

async fn look_at(question: Question, source: &Simulated) -> Page {
    let settings = ViewSettings::default();
    let ctx = ViewContext { source, settings: &settings, now_ms: SUBMITTED_MS, links: Links::at(0) };
    super::load(&ctx, &question).await.expect("a page")
}

fn of_org(org: u64) -> Question {
    Question { org: org.to_string(), ..Question::about("s3://metrics/d", "") }
}

#[tokio::test]
async fn an_organisation_is_asked_for_by_its_shard_and_the_page_says_why_it_lies_there() {
    let source = Simulated::default();
    let page = look_at(of_org(66), &source).await;
    let shards = page.document["windows"][0]["shards"].as_array().expect("shards");
    assert_eq!((shards.len(), &shards[0]["shard"]), (1, &"org-mod-02".into()));
    let answer = &page.sections[1].html.0;
    assert!(answer.contains("66 modulo 64 is 2"), "{answer}");
    assert_eq!(page.command, "tailor dataset coverage s3://metrics/d --org 66");
}

#[tokio::test]
async fn a_running_shard_shows_its_progress_and_a_failed_one_the_command_to_retry() {
    let page = look_at(Question::about("s3://metrics/d", ""), &Simulated::default()).await;
    let newest = page.document["windows"][0]["shards"].as_array().expect("shards");
    let of = |state: &str| newest.iter().find(|shard| shard["state"] == state).expect("a shard");
    assert_eq!(of("running")["read_percent"], 60);
    assert_eq!(of("failed")["next_step"], "tailor job retry j0 --reason TEXT");
    assert_eq!(of("complete")["next_step"], serde_json::Value::Null);
    let matrix = &page.sections[2].html.0;
    assert!(matrix.contains(">R 60 %<") && matrix.contains(">C v1<"), "{matrix}");
}

#[tokio::test]
async fn a_dataset_is_chosen_first_and_no_coverage_is_asked_for_before() {
    let source = Simulated::default();
    let page = look_at(Question::default(), &source).await;
    assert!(page.sections[0].html.0.contains("coverage?dataset=s3%3A%2F%2Fmetrics"), "{}", page.sections[0].html.0);
    assert_eq!(page.document["windows"], serde_json::json!([]));
    // With a dataset, the index of the leader answers, and no history is listed.
    let before = source.asked.load(std::sync::atomic::Ordering::Relaxed);
    look_at(of_org(3), &source).await;
    assert_eq!(source.asked.load(std::sync::atomic::Ordering::Relaxed) - before, 1);
}

#[tokio::test]
async fn shards_that_lack_something_keep_their_column_where_there_are_too_many() {
    let source = Simulated { shards: 500, ..Simulated::default() };
    let page = look_at(Question::about("s3://metrics/d", ""), &source).await;
    let matrix = &page.sections[2].html.0;
    assert!(matrix.contains("more shards are in the JSON"), "{matrix}");
    // The last shard is missing; the one before it is complete, and left out.
    assert!(matrix.contains(">org-499<") && !matrix.contains(">org-498<"), "{matrix}");
    assert_eq!(page.document["windows"][0]["shards"].as_array().map(Vec::len), Some(500));
}

#[tokio::test]
async fn a_page_of_many_bad_shards_with_long_causes_stays_small() {
    let text = format!("{HOSTILE}{}", "x".repeat(10_000));
    let source = Simulated { jobs: 100, shards: 65, text, ..Simulated::default() };
    let page = look_at(Question::about("s3://metrics/d", ""), &source).await;
    let bytes: usize = page.sections.iter().map(|section| section.html.0.len()).sum();
    let lacking = page.sections[3].html.0.matches("<tr>").count();
    assert!(bytes < 290_000 && lacking == 38, "{bytes} bytes, {lacking} rows");
}

#[test]
fn a_page_names_the_shards_of_misplaced_frames_and_offers_no_replay() {
    let shard = v1::ShardCoverage {
        shard: "org-1000000".to_owned(),
        state: v1::CoverageState::Holes.into(),
        job: "j".to_owned(),
        version: 1,
        misplaced: [(1_000_000, 15)].into(),
        ..Default::default()
    };
    let window = v1::WindowCoverage { shards: vec![shard], ..Default::default() };
    let facts = &WindowFacts::of(&window, Some(1_000_000)).shards[0];
    assert_eq!(facts.routed_because.as_deref(), Some("15 frames of it lay in this shard by mistake"));
    assert_eq!(facts.next_step, None);
}
