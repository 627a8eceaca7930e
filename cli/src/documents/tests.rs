use expect_test::{Expect, expect};
use proto::v1;

use super::*;

mod records; // documents about records of ended jobs

fn job() -> v1::JobSummary {
    v1::JobSummary {
        job: "nightly".to_owned(),
        state: v1::JobState::PartlyDone.into(),
        dataset: "s3://metrics/dataset".to_owned(),
        input: "s3://metrics/segments".to_owned(),
        window: "all".to_owned(),
        submitted_at_ms: 1_700_000_000_000,
        shards: 2,
        shards_done: 1,
        shards_failed: 1,
        bytes: 3 << 20,
        bytes_read: 3 << 20,
        weight: 10,
        attempts: 9,
        attempts_failed: 2,
        ..v1::JobSummary::default()
    }
}

fn shards() -> Vec<v1::ShardSummary> {
    let done = v1::ShardSummary {
        shard: "org-mod-01".to_owned(),
        state: v1::ShardState::Done.into(),
        version: 2,
        content_digest: "00000000000000000000000000000abc".to_owned(),
        replaces: 1,
        same_content: Some(true),
        map_tasks: 3,
        map_tasks_done: 3,
        partitions: 2,
        partitions_done: 2,
        attempts: 7,
        ..v1::ShardSummary::default()
    };
    let failed = v1::ShardSummary {
        shard: "org-7".to_owned(),
        state: v1::ShardState::Failed.into(),
        cause: "segment in/a.seg: frame at 17 is cut".to_owned(),
        map_tasks: 1,
        attempts: 2,
        attempts_failed: 2,
        ..v1::ShardSummary::default()
    };
    vec![done, failed]
}

fn check(style: ListStyle, document: &impl Document, expected: &Expect) {
    expected.assert_eq(&text(style, document).expect("a document can be written"));
}

#[test]
fn a_list_of_jobs_is_a_table_names_or_one_object() {
    let list = JobList::from(v1::ListJobsResponse { jobs: vec![job()], ..v1::ListJobsResponse::default() });
    check(
        ListStyle::Table,
        &list,
        &expect![[r#"
            JOB      STATE        DONE  FAILED  SHARDS  READ  BYTES             SUBMITTED
            nightly  partly-done     1       1       2  3MiB   3MiB  2023-11-14T22:13:20Z
        "#]],
    );
    check(ListStyle::Name, &list, &expect!["nightly\n"]);
    check(
        ListStyle::Json,
        &list,
        &expect![[r#"
            {
              "api_version": "tailor/v1",
              "kind": "JobList",
              "jobs": [
                {
                  "job": "nightly",
                  "state": "partly-done",
                  "dataset": "s3://metrics/dataset",
                  "input": "s3://metrics/segments",
                  "window": "all",
                  "submitted_at": "2023-11-14T22:13:20Z",
                  "submitted_at_ms": 1700000000000,
                  "ended_at": null,
                  "ended_at_ms": null,
                  "shard_count": 2,
                  "shards_done": 1,
                  "shards_failed": 1,
                  "bytes": 3145728,
                  "bytes_read": 3145728,
                  "weight": 10,
                  "priority": 10,
                  "reason": null,
                  "cause": null,
                  "waiting_for": null,
                  "attempts": 9,
                  "attempts_failed": 2
                }
              ],
              "warnings": []
            }
        "#]],
    );
}

#[test]
fn a_job_shows_its_shards_and_why_they_failed() {
    let response = v1::GetJobResponse {
        job: Some(job()),
        shards: shards(),
        record: r#"{"kind":"JobReport"}"#.into(),
        more: false,
    };
    let job = Job::from(response);
    check(
        ListStyle::Table,
        &job,
        &expect![[r#"
            job          nightly
            state        partly-done
            input        s3://metrics/segments
            dataset      s3://metrics/dataset
            window       all
            weight       10
            submitted    2023-11-14T22:13:20Z
            ended        -
            shards       1 of 2 done, 1 failed
            read         3MiB of 3MiB
            attempts     9, 2 failed

            SHARD       STATE   READ  BYTES  MAP  REDUCE  RUNNING  FAILED  ETA  VERSION  CAUSE
            org-mod-01  done      0B     0B  3/3     2/2        0       0    -       v2
            org-7       failed    0B     0B  0/1     0/0        0       2    -        -  segment in/a.seg: frame at 17 is cut
        "#]],
    );
    let json = text(ListStyle::Json, &job).expect("a document can be written");
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!((&json["kind"], &json["record"]["kind"]), (&"Job".into(), &"JobReport".into()));
    assert_eq!((&json["shards"][0]["same_content"], &json["shards"][1]["version"]), (&true.into(), &().into()));
}

#[test]
fn a_replay_tells_both_versions_with_their_digests() {
    let [after, _] = <[_; 2]>::try_from(shards()).expect("two shards").map(ShardEntry::from);
    let mut before = after.clone();
    before.version = Some(1);
    let replayed = Replayed::new("nightly".to_owned(), &before, "nightly-replay".to_owned(), after);
    check(
        ListStyle::Table,
        &replayed,
        &expect![[r#"
            shard         org-mod-01 of job nightly
            run again by  job nightly-replay
            new version   v2 00000000000000000000000000000abc
            replaces      v1 00000000000000000000000000000abc
            content       the same
        "#]],
    );
}

#[test]
fn a_task_tells_who_runs_it_and_how_it_failed() {
    let running = v1::RunningAttempt {
        attempt: Some(v1::Attempt { number: 3, token: 90 }),
        worker: "w-5".to_owned(),
        worker_name: "spot-5".to_owned(),
        speculative: true,
        ..v1::RunningAttempt::default()
    };
    let task = v1::TaskSummary {
        shard: "org-7".to_owned(),
        task: "m-00003".to_owned(),
        state: v1::TaskState::Running.into(),
        attempts: 3,
        charged: 1,
        running: vec![running],
        error: "connection lost".to_owned(),
        ..v1::TaskSummary::default()
    };
    let list = TaskList::new("nightly".to_owned(), v1::ListTasksResponse { tasks: vec![task], ..Default::default() });
    check(
        ListStyle::Table,
        &list,
        &expect![[r#"
            SHARD  TASK     STATE    ATTEMPTS  CHARGED  WORKER                TIME  WAITS FOR  ERROR
            org-7  m-00003  running         3        1  spot-5 (speculative)   0ms  -          connection lost
        "#]],
    );
    check(ListStyle::Name, &list, &expect!["org-7/m-00003\n"]);
}

#[test]
fn a_worker_that_takes_no_work_or_is_slow_tells_why() {
    let unfit = v1::WorkerSummary {
        worker: "w-5".to_owned(),
        name: "spot-5".to_owned(),
        slots: 4,
        silent_ms: 1_500,
        unfit: "its scratch disk is full".to_owned(),
        ..v1::WorkerSummary::default()
    };
    let slow = v1::WorkerSummary {
        worker: "w-6".to_owned(),
        name: "spot-6".to_owned(),
        slots: 4,
        speeds: vec![v1::WorkerSpeed { kind: "map".to_owned(), speed: 0.2222, attempts: 9, others: 7 }],
        attempts: 12,
        attempts_failed: 3,
        remark: "its map tasks take 4.5 times as long".to_owned(),
        ..v1::WorkerSummary::default()
    };
    check(
        ListStyle::Table,
        &WorkerList::from(v1::ListWorkersResponse { workers: vec![unfit, slow], ..Default::default() }),
        &expect![[r#"
            WORKER  NAME    STATE   RUNNING  SLOTS  MAPS  REDUCES   FAILED    HEARD  REASON
            w-5     spot-5  unfit         0      4     -        -        -   1s ago  its scratch disk is full
            w-6     spot-6  active        0      4  0.22        -  3 of 12  0ms ago  its map tasks take 4.5 times as long
        "#]],
    );
}

#[test]
fn an_event_of_a_stranger_is_one_line_and_its_json_is_whole() {
    let event = v1::JobEvent {
        at_ms: 1_700_000_000_000,
        event: "attempt-done".to_owned(),
        shard: "org-7".to_owned(),
        task: "m-00003".to_owned(),
        text: format!("error: \u{1b}[31mred\u{202e}\nnext{}", "x".repeat(500)),
    };
    let begun = v1::JobEvent { at_ms: 0, event: "submitted".to_owned(), ..v1::JobEvent::default() };
    let unknown = vec!["events before this coordinator led are in its event log".to_owned()];
    let list = v1::ListEventsResponse { events: vec![event, begun], more: true, unknown };
    let list = EventList::new("nightly".to_owned(), list);
    let table = text(ListStyle::Table, &list).expect("text");
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains(r"error: \u001b[31mred\u202e\u000anext") && !table.contains('\u{1b}'), "{table}");
    assert!(table.lines().all(|line| line.chars().count() < 400), "{table}");
    let json: serde_json::Value = serde_json::from_str(&text(ListStyle::Json, &list).expect("JSON")).expect("JSON");
    assert_eq!((json["kind"].as_str(), json["more"].as_bool()), (Some("EventList"), Some(true)));
    assert_eq!(json["events"][0]["text"].as_str().map(str::len), Some("error: [31mrednext".len() + 1 + 3 + 1 + 500));
    assert_eq!(
        (&json["events"][1]["at_ms"], &json["events"][1]["shard"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
}

#[test]
fn a_task_tells_its_attempts_and_what_is_not_known_any_more() {
    let effort = v1::Effort {
        wall_ms: 61_000,
        requests: Some(v1::Requests { get: 12, put: 2, ..v1::Requests::default() }),
        throttled_ms: 1_500,
    };
    let failed = v1::AttemptRecord {
        attempt: Some(v1::Attempt { number: 2, token: 90 }),
        worker_name: "spot-5".to_owned(),
        start_ms: 1_700_000_000_000,
        end_ms: 1_700_000_061_000,
        outcome: "failed".to_owned(),
        class: v1::FailureClass::RunLost.into(),
        error: "run 3 is missing".to_owned(),
        effort: Some(effort),
        stage: "merge".to_owned(),
        ..v1::AttemptRecord::default()
    };
    let now = v1::TaskSummary {
        shard: "org-7".to_owned(),
        task: "r-00003".to_owned(),
        state: v1::TaskState::Waiting.into(),
        attempts: 2,
        charged: 1,
        next_try_ms: 4_000,
        waits_for: "the end of its pause after a failure".to_owned(),
        ..v1::TaskSummary::default()
    };
    let unknown = vec!["attempts 1: nothing is in the event log".to_owned()];
    let names = ("nightly".to_owned(), "org-7".to_owned(), "r-00003".to_owned());
    let found = v1::GetTaskResponse { task: Some(now), attempts: vec![failed], unknown };
    check(
        ListStyle::Table,
        &TaskOfJob::new(names, found),
        &expect![[r#"
            task       org-7/r-00003 of job nightly
            state      waiting
            waits for  the end of its pause after a failure, 4s
            attempts   2, 1 charged
            bytes      0B
            not known  attempts 1: nothing is in the event log

            ATTEMPT  OUTCOME           WORKER  STARTED                 TIME  THROTTLED  REQUESTS  ERROR
            2        failed, run-lost  spot-5  2023-11-14T22:13:20Z  1m 01s         1s        14  run 3 is missing
        "#]],
    );
}
