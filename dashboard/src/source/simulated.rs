//! Source for tests: a cluster as large, and with names as hostile, as a test asks for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use proto::{ApiError, v1};
use serde_json::json;

use super::{ActionRequest, PageAction, PageSource, SourceKind};

/// Names that try to leave their place: markup, quotes, directions, controls, length.
pub(crate) const HOSTILE: &str =
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;\u{202e}gnp\u{0}\u{1b}[31m";

/// Cluster of a test.
#[derive(Debug)]
pub(crate) struct Simulated {
    pub(crate) jobs: u32,
    pub(crate) shards: u32,
    pub(crate) tasks_per_shard: u32,
    pub(crate) workers: u32,
    /// Text that stands in every field that others may fill.
    pub(crate) text: String,
    /// Error of every answer, if there is one.
    pub(crate) error: Mutex<Option<ApiError>>,
    /// Number of answers so far.
    pub(crate) asked: AtomicU64,
    /// Bytes that are read of each shard.
    pub(crate) read: AtomicU64,
    /// Changes that were asked for.
    pub(crate) acted: Mutex<Vec<ActionRequest>>,
}

impl Default for Simulated {
    fn default() -> Self {
        Self {
            jobs: 2,
            shards: 4,
            tasks_per_shard: 6,
            workers: 4,
            text: "as planned".to_owned(),
            error: Mutex::default(),
            asked: AtomicU64::default(),
            read: AtomicU64::new(60 << 20),
            acted: Mutex::default(),
        }
    }
}

/// Submission of all jobs: 2026-01-01T00:00:00Z.
pub(crate) const SUBMITTED_MS: i64 = 1_767_225_600_000;

fn effort(wall_ms: u64, get: u64, put: u64) -> v1::Effort {
    v1::Effort { wall_ms, requests: Some(v1::Requests { get, put, ..Default::default() }), throttled_ms: 0 }
}

impl Simulated {
    fn answer<T>(&self, answer: T) -> Result<T, ApiError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match &*self.error.lock().expect("nobody panics") {
            Some(error) => Err(error.clone()),
            None => Ok(answer),
        }
    }

    fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    fn summary(&self, at: u32) -> v1::JobSummary {
        let is_open = at == 0;
        let (state, done, failed) = match at {
            0 => (v1::JobState::Running, 1, 1),
            1 => (v1::JobState::PartlyDone, self.shards - 1, 1),
            _ => (v1::JobState::Done, self.shards, 0),
        };
        v1::JobSummary {
            job: format!("j{at}"),
            state: state.into(),
            dataset: format!("s3://metrics/{}", self.text),
            input: format!("s3://metrics/landing/{}", self.text),
            window: "1767225600000-1767240000000".to_owned(),
            submitted_at_ms: SUBMITTED_MS,
            ended_at_ms: if is_open { 0 } else { SUBMITTED_MS + 600_000 },
            shards: self.shards,
            shards_done: done,
            shards_failed: failed,
            bytes: u64::from(self.shards) * (100 << 20),
            bytes_read: u64::from(self.shards) * self.read(),
            weight: 10,
            reason: self.text.clone(),
            cause: if at == 1 { self.text.clone() } else { String::new() },
            waiting_for: if is_open { self.text.clone() } else { String::new() },
            attempts: 40,
            attempts_failed: 3,
            effort: Some(effort(40_000, 120, 9)),
            wasted: Some(effort(3_000, 7, 0)),
            effort_since_ms: SUBMITTED_MS + 1_000,
        }
    }

    fn shard(&self, at: u32) -> v1::ShardSummary {
        let states = [v1::ShardState::Mapping, v1::ShardState::Done, v1::ShardState::Failed, v1::ShardState::Reducing];
        let state = states[at as usize % states.len()];
        let is_done = state == v1::ShardState::Done;
        v1::ShardSummary {
            shard: if at < 64 { format!("org-mod-{at:02}") } else { format!("org-{at}") },
            state: state.into(),
            cause: if state == v1::ShardState::Failed { self.text.clone() } else { String::new() },
            version: u32::from(is_done),
            content_digest: if is_done { "0123456789abcdef0123456789abcdef".to_owned() } else { String::new() },
            segments: 8,
            bytes: 100 << 20,
            bytes_read: self.read(),
            map_tasks: self.tasks_per_shard / 2,
            map_tasks_done: self.tasks_per_shard / 4,
            partitions: self.tasks_per_shard / 2,
            running: 2,
            attempts: 10,
            attempts_failed: 1,
            points_read: 1_000_000,
            points_written: 900_000,
            elapsed_ms: 90_000,
            eta_ms: if is_done { 0 } else { 60_000 },
            warnings: if at == 0 { vec![self.text.clone()] } else { Vec::new() },
            ..Default::default()
        }
    }

    /// Record of an ended job. The second shard has another content in each job.
    fn record(&self, job: u32) -> serde_json::Value {
        let time = |ms: u32| json!({ "secs": ms / 1000, "nanos": ms % 1000 * 1_000_000 });
        let stage = |ms: u32| json!({ "wall": time(ms + ms / 10), "cpu": time(ms) });
        let stages: Vec<_> = (1..=8).map(|at| stage(at * 1000 + job)).collect();
        let totals = json!({
            "books": model::Books::default(),
            "bytes_in": 100 << 20,
            "bytes_raw": 10 << 20,
            "bytes_rollup": 2 << 20,
            "bits_per_point": 10.5,
            "stages": stages,
            "effort": { "wall": time(40_000), "requests": { "get": 120, "put": 9 }, "throttled": time(0) },
        });
        let shard = |at: u32| {
            let digest = if at == 1 { format!("{job:032x}") } else { format!("{at:032x}") };
            json!({
                "shard": self.shard(at).shard,
                "state": "done",
                "content_digest": digest,
                "elapsed": time(90_000 + at * job),
                "totals": totals,
            })
        };
        let shards: Vec<_> = (0..self.shards).map(shard).collect();
        json!({ "round": 1, "elapsed": time(600_000), "warnings": [self.text], "shards": shards, "totals": totals })
    }

    /// Coverage of the window of a job: that of the open one has every state.
    fn window(&self, job: u32, org: Option<u64>) -> v1::WindowCoverage {
        let shards = (0..self.shards).filter(|at| org.is_none_or(|org| org % 64 == u64::from(*at)));
        let start_ms = SUBMITTED_MS - i64::from(job) * 14_400_000;
        v1::WindowCoverage {
            window: format!("{start_ms}-{}", start_ms + 14_400_000),
            state: v1::CoverageState::Failed.into(),
            answer: format!("window {start_ms} is not complete: {}", self.text),
            plan: Some(v1::CoveragePlan { job: format!("j{job}"), ..Default::default() }),
            shards: shards.map(|at| self.covered(job, at)).collect(),
            notes: vec![self.text.clone()],
        }
    }

    fn covered(&self, job: u32, at: u32) -> v1::ShardCoverage {
        use v1::CoverageState::{Complete, Failed, Holes, Missing, Running};
        let state = match at {
            0 if job == 0 => Running,
            2 => Failed,
            3 => Holes,
            _ if at > 3 && at + 1 == self.shards => Missing,
            _ => Complete,
        };
        let has_version = matches!(state, Complete | Holes);
        let (written, tried) = (format!("j{job}"), String::new());
        let (written, tried) = if has_version { (written, tried) } else { (tried, written) };
        v1::ShardCoverage {
            shard: self.shard(at).shard,
            state: state.into(),
            version: u32::from(has_version),
            job: written,
            committed_at_ms: has_version.then_some(SUBMITTED_MS),
            frames_quarantined: if state == Holes { 7 } else { 0 },
            later_job: tried,
            cause: if state == Complete { String::new() } else { self.text.clone() },
            ..Default::default()
        }
    }

    fn counting(&self, at: u32) -> v1::AttemptRecord {
        let start_ms = SUBMITTED_MS + i64::from(at) * 10;
        v1::AttemptRecord {
            worker: format!("{:016x}", at % self.workers),
            worker_name: self.text.clone(),
            start_ms,
            end_ms: start_ms + 3_000,
            ..v1::AttemptRecord::default()
        }
    }

    /// Task of a job that has ended: every fourth was tried twice.
    fn ended(&self, shard: &str, at: u32) -> v1::TaskSummary {
        let lost = v1::AttemptRecord { outcome: "worker-lost".to_owned(), ..self.counting(at) };
        let counts =
            v1::AttemptRecord { start_ms: SUBMITTED_MS + 4_000, end_ms: SUBMITTED_MS + 7_000, ..self.counting(at) };
        v1::TaskSummary {
            shard: shard.to_owned(),
            task: format!("m-{at:05}"),
            state: v1::TaskState::Done.into(),
            attempts: 1 + u32::from(at.is_multiple_of(4)),
            counts: Some(counts),
            ended: if at.is_multiple_of(4) { vec![lost] } else { Vec::new() },
            bytes: 16 << 20,
            ..v1::TaskSummary::default()
        }
    }

    fn attempt(&self, number: u32, outcome: &str) -> v1::AttemptRecord {
        let (is_failed, is_running) = (outcome == "failed", outcome == "running");
        let start_ms = SUBMITTED_MS + i64::from(number) * 10_000;
        let class = if is_failed { v1::FailureClass::Throttled } else { v1::FailureClass::Unspecified };
        v1::AttemptRecord {
            attempt: Some(v1::Attempt { number, token: 7 }),
            worker: format!("{number:016x}"),
            worker_name: self.text.clone(),
            start_ms,
            end_ms: if is_running { 0 } else { start_ms + 3_000 },
            outcome: outcome.to_owned(),
            class: class.into(),
            error: if is_failed { self.text.clone() } else { String::new() },
            bytes: 5 << 20,
            points: 12_345,
            stage: if outcome == "counts" { String::new() } else { "read".to_owned() },
            stages_ms: if outcome == "counts" { [("read".to_owned(), 2_000)].into() } else { Default::default() },
            effort: Some(v1::Effort { wall_ms: 3_000, throttled_ms: 40, ..Default::default() }),
            speculative: number == 2,
            trace_id: if number == 2 { String::new() } else { format!("{number:032x}") },
            ..v1::AttemptRecord::default()
        }
    }

    fn task(&self, shard: &str, at: u32) -> v1::TaskSummary {
        let states = [v1::TaskState::Running, v1::TaskState::Done, v1::TaskState::Waiting, v1::TaskState::Open];
        let state = states[at as usize % states.len()];
        let running = v1::RunningAttempt {
            attempt: Some(v1::Attempt { number: 1, token: 7 }),
            worker: "00000000000000aa".to_owned(),
            worker_name: self.text.clone(),
            bytes: 5 << 20,
            points: 12_345,
            elapsed_ms: 4_000,
            speculative: at == 4,
            stage: "read".to_owned(),
            idle_ms: if at == 4 { 90_000 } else { 100 },
            ..v1::RunningAttempt::default()
        };
        v1::TaskSummary {
            shard: shard.to_owned(),
            task: format!("m-{at:05}"),
            state: state.into(),
            attempts: 1 + at % 3,
            charged: at % 3,
            running: if state == v1::TaskState::Running { vec![running] } else { Vec::new() },
            counts: (state == v1::TaskState::Done).then(|| self.counting(at)),
            error: if state == v1::TaskState::Waiting { self.text.clone() } else { String::new() },
            bytes: 16 << 20,
            class: if state == v1::TaskState::Waiting { v1::FailureClass::Throttled.into() } else { 0 },
            waits_for: if state == v1::TaskState::Waiting { self.text.clone() } else { String::new() },
            next_try_ms: if state == v1::TaskState::Waiting { 4_000 } else { 0 },
            ..v1::TaskSummary::default()
        }
    }
}

#[async_trait]
impl PageSource for Simulated {
    fn kind(&self) -> SourceKind {
        SourceKind::Cluster
    }

    async fn jobs(&self, request: v1::ListJobsRequest) -> Result<v1::ListJobsResponse, ApiError> {
        let from: u32 = request.page_token.parse().unwrap_or_default();
        let end = if request.open_only { 1 } else { (from + request.limit.max(1)).min(self.jobs) };
        let next = if end < self.jobs && !request.open_only { end.to_string() } else { String::new() };
        let jobs = (from..end).map(|at| self.summary(at)).collect();
        self.answer(v1::ListJobsResponse { jobs, warnings: vec![self.text.clone()], next_page_token: next })
    }

    async fn job(&self, job: &str) -> Result<v1::GetJobResponse, ApiError> {
        let at = job.strip_prefix('j').and_then(|at| at.parse().ok()).filter(|at| *at < self.jobs);
        let at = at.ok_or_else(|| ApiError::NotFound { what: format!("job {job}") })?;
        let shards = (0..self.shards).map(|at| self.shard(at)).collect();
        let record = if at == 0 { Vec::new() } else { self.record(at).to_string().into_bytes() };
        self.answer(v1::GetJobResponse { job: Some(self.summary(at)), shards, record: record.into(), more: false })
    }

    async fn tasks(&self, request: v1::ListTasksRequest) -> Result<v1::ListTasksResponse, ApiError> {
        let shard = if request.shard.is_empty() { "org-mod-00" } else { &request.shard };
        let is_ended = request.job != "j0";
        let tasks =
            (0..self.tasks_per_shard).map(|at| if is_ended { self.ended(shard, at) } else { self.task(shard, at) });
        let all = tasks.len() as u64;
        let unknown = if is_ended { vec![self.text.clone()] } else { Vec::new() };
        let is_tried_again = |task: &v1::TaskSummary| task.attempts > 1 && task.state() != v1::TaskState::Done;
        let mut tasks: Vec<_> = tasks
            .filter(|task| request.state == 0 || request.state == task.state)
            .filter(|task| !request.retrying || is_tried_again(task))
            .collect();
        let matching = tasks.len() as u64;
        tasks.drain(..tasks.len().min(request.offset as usize));
        let limit = if request.limit == 0 { 10_000 } else { request.limit as usize };
        let more = tasks.len() > limit;
        tasks.truncate(limit);
        self.answer(v1::ListTasksResponse { tasks, more, matching, all, unknown })
    }

    async fn task(&self, request: v1::GetTaskRequest) -> Result<v1::GetTaskResponse, ApiError> {
        let at: u32 = request.task.trim_start_matches("m-").parse().unwrap_or(u32::MAX);
        if at >= self.tasks_per_shard {
            return Err(ApiError::NotFound { what: format!("task {}", request.task) });
        }
        let task = (request.job == "j0").then(|| self.task(&request.shard, at));
        let outcomes = ["failed", "worker-lost", if task.is_some() { "running" } else { "counts" }];
        let attempts = (1..).zip(outcomes).map(|(number, outcome)| self.attempt(number, outcome)).collect();
        self.answer(v1::GetTaskResponse { task, attempts, unknown: vec![self.text.clone()] })
    }

    async fn events(&self, request: v1::ListEventsRequest) -> Result<v1::ListEventsResponse, ApiError> {
        let event = |at: u32| v1::JobEvent {
            at_ms: SUBMITTED_MS + i64::from(100 - at) * 1000,
            event: if at == 0 { "attempt-done" } else { "shard-ended" }.to_owned(),
            shard: self.shard(0).shard,
            task: if at == 0 { "m-00002".to_owned() } else { String::new() },
            text: format!("error: {}", self.text),
        };
        let all = self.tasks_per_shard.min(2_000) / 3;
        let events = (0..all.min(request.limit)).map(event).collect();
        self.answer(v1::ListEventsResponse { events, more: all > request.limit, unknown: vec![self.text.clone()] })
    }

    async fn workers(&self) -> Result<v1::ListWorkersResponse, ApiError> {
        let speed = |kind: &str, speed| v1::WorkerSpeed { kind: kind.to_owned(), speed, attempts: 9, others: 3 };
        let worker = |at: u32| v1::WorkerSummary {
            worker: format!("{at:016x}"),
            name: format!("w{at}"),
            version: "0.1.0".to_owned(),
            slots: 4,
            running: 3,
            memory_bytes: 512 << 20,
            since_ms: SUBMITTED_MS,
            silent_ms: 400,
            draining: if at == 1 { self.text.clone() } else { String::new() },
            unfit: if at == 2 { self.text.clone() } else { String::new() },
            speeds: match at {
                2 => Vec::new(),
                3 => vec![speed("map", 0.285), speed("reduce", 0.5)],
                _ => vec![speed("map", 1.04)],
            },
            attempts: 12,
            attempts_failed: if at == 3 { 4 } else { 0 },
            attempts_overtaken: if at == 3 { 2 } else { 0 },
            leases_lost: u32::from(at == 3),
            failure_class: if at == 3 { v1::FailureClass::Resource.into() } else { 0 },
            failure: if at == 3 { self.text.clone() } else { String::new() },
            remark: if at == 3 { self.text.clone() } else { String::new() },
        };
        let lost = v1::DrainOrder {
            name: "w9".to_owned(),
            worker: "0000000000000099".to_owned(),
            reason: self.text.clone(),
            lost: true,
        };
        let workers = (0..self.workers).map(worker).collect();
        self.answer(v1::ListWorkersResponse { workers, more: false, drains: vec![lost] })
    }

    async fn cluster(&self) -> Result<v1::GetClusterResponse, ApiError> {
        self.answer(v1::GetClusterResponse {
            leader: "coordinator-0".to_owned(),
            address: "http://127.0.0.1:7070".to_owned(),
            token: u64::MAX,
            since_ms: SUBMITTED_MS,
            version: "0.1.0".to_owned(),
            troubles: vec![self.text.clone()],
            workers: self.workers,
            slots: self.workers * 4,
            jobs: 1,
        })
    }

    async fn coverage(&self, request: v1::GetCoverageRequest) -> Result<v1::GetCoverageResponse, ApiError> {
        let windows = (0..request.limit.min(self.jobs)).map(|at| self.window(at, request.org)).collect();
        let warnings = vec![self.text.clone()];
        let more = request.windows.is_empty() && self.jobs > request.limit;
        self.answer(v1::GetCoverageResponse { windows, more, as_of_ms: SUBMITTED_MS, warnings })
    }

    async fn act(&self, request: ActionRequest) -> Result<Option<String>, ApiError> {
        let job = match &request.action {
            PageAction::ReplayShard { job, .. } => Some(format!("{job}-r1")),
            PageAction::CancelJob { job } | PageAction::RetryJob { job } => Some(job.clone()),
            PageAction::DrainWorker { .. } => None,
        };
        self.acted.lock().expect("nobody panics").push(request);
        self.answer(job)
    }
}
