//! Trouble: everything that waits, is tried again or cannot work, over all open jobs, and workers that stand out, so that
//! nobody has to look for them.

use std::collections::BTreeMap;

use maud::{Markup, html};
use proto::v1::{JobSummary, TaskState};
use proto::{ApiError, v1};
use serde::Serialize;

use super::facts::{JobFacts, TaskFacts, WorkerFacts, is_open};
use super::{Page, Section, ViewContext, document};
use crate::html::{Links, long, name, state, table};
use crate::source::SourceKind;
use crate::text;

/// Most open jobs whose tasks are looked at.
const JOBS_MAX: usize = 50;
/// Most tasks that are shown of one job for each reason.
const TASKS_PER_JOB_MAX: u32 = 50;
/// Time without progress from which on an attempt does not move. Its worker's heartbeats come more often, and reads of a
/// store that throttles take less.
const IDLE_MS_MIN: u64 = 60_000;

/// Facts of the view.
#[derive(Debug, Serialize)]
struct Trouble {
    /// Troubles of the stores, from the leader.
    stores: Vec<String>,
    /// Open jobs that wait, or have failed shards.
    jobs: Vec<JobFacts>,
    /// Number of the tasks by the reason for which they are here.
    tasks_by_class: BTreeMap<String, u64>,
    /// Tasks, those of one class together.
    tasks: Vec<TaskOfJob>,
    /// Workers that leave, cannot work now, or stand out as slow or failing.
    workers: Vec<WorkerFacts>,
    /// Jobs whose tasks were not looked at, because there are too many, or their tasks are not known yet.
    left_out: Vec<String>,
}

/// Task that waits, is tried again or does not move, with its job.
#[derive(Debug, Serialize)]
struct TaskOfJob {
    job: String,
    /// Class of its last failure; `not-moving` if an attempt reads and writes nothing; else `waiting`.
    trouble: String,
    #[serde(flatten)]
    task: TaskFacts,
}

impl Trouble {
    fn is_none(&self) -> bool {
        self.stores.is_empty() && self.jobs.is_empty() && self.tasks.is_empty() && self.workers.is_empty()
    }
}

pub(super) async fn load(ctx: &ViewContext<'_>) -> Result<Page, ApiError> {
    if let SourceKind::Dataset(_) = ctx.source.kind() {
        return Err(ApiError::NotFound {
            what: "cluster behind these records; a dataset has no trouble of its own".to_owned(),
        });
    }
    let open = ctx.source.jobs(v1::ListJobsRequest { open_only: true, ..Default::default() }).await?.jobs;
    let workers = ctx.source.workers().await?.workers;
    let mut trouble = Trouble {
        stores: ctx.source.cluster().await?.troubles,
        jobs: open.iter().filter(|job| is_troubled(job)).map(JobFacts::from).collect(),
        tasks_by_class: BTreeMap::new(),
        tasks: Vec::new(),
        workers: workers.iter().map(WorkerFacts::from).filter(is_to_look_at).collect(),
        left_out: open.iter().skip(JOBS_MAX).map(|job| job.job.clone()).collect(),
    };
    for job in open.iter().take(JOBS_MAX) {
        match tasks_of(ctx, job).await {
            Ok(tasks) => trouble.tasks.extend(tasks),
            // The job has ended meanwhile, or is being taken over.
            Err(ApiError::NotFound { .. } | ApiError::Refused { .. }) => trouble.left_out.push(job.job.clone()),
            Err(error) => return Err(error),
        }
    }
    trouble.tasks.sort_by(|a, b| a.trouble.cmp(&b.trouble));
    for task in &trouble.tasks {
        *trouble.tasks_by_class.entry(task.trouble.clone()).or_default() += 1;
    }
    Ok(page(&trouble, &ctx.links))
}

/// Asks for the tasks of a job that wait, that are tried again, and whose attempts do not move.
async fn tasks_of(ctx: &ViewContext<'_>, job: &JobSummary) -> Result<Vec<TaskOfJob>, ApiError> {
    let about = || v1::ListTasksRequest { job: job.job.clone(), limit: TASKS_PER_JOB_MAX, ..Default::default() };
    let running = TaskState::Running.into();
    let (waiting, again, slowest) = (
        v1::ListTasksRequest { state: TaskState::Waiting.into(), ..about() },
        v1::ListTasksRequest { retrying: true, ..about() },
        v1::ListTasksRequest { state: running, order: v1::TaskOrder::Slowest.into(), ..about() },
    );
    let mut tasks = ctx.source.tasks(waiting).await?.tasks;
    tasks.extend(ctx.source.tasks(again).await?.tasks);
    tasks.extend(ctx.source.tasks(slowest).await?.tasks.into_iter().filter(is_stuck));
    let named = tasks.into_iter().map(|task| ((task.shard.clone(), task.task.clone()), task));
    let once: BTreeMap<_, _> = named.collect();
    let of_job = |task: v1::TaskSummary| TaskOfJob {
        job: job.job.clone(),
        trouble: class_of(&task),
        task: TaskFacts::from(&task),
    };
    Ok(once.into_values().map(of_job).collect())
}

/// True if an attempt at a task has read and written nothing for a while.
fn is_stuck(task: &v1::TaskSummary) -> bool {
    task.running.iter().any(|attempt| attempt.idle_ms >= IDLE_MS_MIN)
}

fn class_of(task: &v1::TaskSummary) -> String {
    match TaskFacts::from(task).class {
        _ if is_stuck(task) => "not-moving".to_owned(),
        Some(class) => class,
        None => "waiting".to_owned(),
    }
}

fn is_to_look_at(worker: &WorkerFacts) -> bool {
    worker.state != "active" || worker.remark.is_some()
}

fn is_troubled(job: &JobSummary) -> bool {
    is_open(job) && (!job.waiting_for.is_empty() || job.shards_failed > 0)
}

fn page(trouble: &Trouble, links: &Links) -> Page {
    Page {
        title: "Trouble".to_owned(),
        nav: "Trouble",
        crumbs: Vec::new(),
        sections: vec![
            Section::live("answer", headline(trouble)),
            Section::live("jobs", jobs(trouble, links)),
            Section::live("tasks", tasks(trouble, links)),
            Section::live("workers", workers(trouble)),
        ],
        document: document("TroublePage", trouble),
        command: "tailor job list --open; tailor task list --job JOB --state waiting; tailor worker list".to_owned(),
        actions: Vec::new(),
        is_over: false,
    }
}

fn headline(trouble: &Trouble) -> Markup {
    html! {
        @if trouble.is_none() { p.answer { "Nothing waits, nothing is tried again, and every worker can work." } }
        @if !trouble.tasks.is_empty() {
            p.answer {
                @for (at, (class, count)) in trouble.tasks_by_class.iter().enumerate() {
                    @if at > 0 { ", " }
                    (text::counted(*count, "task")) " " (class)
                }
                "."
            }
        }
        @for (at, store) in trouble.stores.iter().enumerate() { p.bad { (long(&format!("store-{at}"), store)) } }
        @if !trouble.left_out.is_empty() {
            p { "Tasks of " (text::counted(trouble.left_out.len() as u64, "open job")) " were not looked at." }
        }
    }
}

fn jobs(trouble: &Trouble, links: &Links) -> Markup {
    let row = |job: &JobFacts| {
        html! {
            th scope="row" { a href=(links.job(&job.job)) { (name(&job.job)) } }
            td { (state(&job.state)) }
            td.number { (text::count(job.shards_failed.into())) }
            td { @if let Some(obstacle) = &job.waiting_for { (long(&format!("wait-{}", job.job), obstacle)) } }
            td { (job.says) }
        }
    };
    let rows: Vec<_> = trouble.jobs.iter().map(row).collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Jobs" }
            (table("Open jobs that wait, or have failed shards", &["Job", "State", "Failed shards", "Waits for", "Answer"], &rows))
        }
    }
}

fn tasks(trouble: &Trouble, links: &Links) -> Markup {
    let row = |found: &TaskOfJob| {
        html! {
            th scope="row" { a href=(links.task(&found.job, &found.task.shard, &found.task.task)) { (name(&found.task.task)) } }
            td { a href=(links.shard(&found.job, &found.task.shard)) { (name(&found.task.shard)) } }
            td { a href=(links.job(&found.job)) { (name(&found.job)) } }
            td { (found.trouble) }
            td { (state(&found.task.state)) }
            td.number { (text::count(found.task.attempts.into())) }
            td { (waits(&found.task)) }
            td { @if let Some(error) = &found.task.error { (long(&format!("error-{}-{}-{}", found.job, found.task.shard, found.task.task), error)) } @else { "-" } }
        }
    };
    let rows: Vec<_> = trouble.tasks.iter().map(row).collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Tasks" }
            (table("Tasks that wait, are tried again or do not move, by class", &["Task", "Shard", "Job", "Class", "State", "Attempts", "Waits for", "Last failure"], &rows))
        }
    }
}

/// Says why a task waits and until when, or in which stage its attempt stands still.
fn waits(task: &TaskFacts) -> Markup {
    let idle =
        task.running.iter().filter(|attempt| attempt.idle_ms >= IDLE_MS_MIN).max_by_key(|attempt| attempt.idle_ms);
    html! {
        @if let Some(waits_for) = &task.waits_for {
            (name(waits_for)) @if let Some(ms) = task.next_try_ms { ", " (text::span_ms(ms)) " from now" }
        } @else if let Some(idle) = idle {
            (name(&idle.worker_name)) ": no progress for " (text::span_ms(idle.idle_ms))
            @if let Some(stage) = &idle.stage { ", in " (name(stage)) }
        } @else { "-" }
    }
}

fn workers(trouble: &Trouble) -> Markup {
    let row = |worker: &WorkerFacts| {
        html! {
            th scope="row" { (name(&worker.name)) }
            td { (state(worker.state)) }
            td.number { (text::count(worker.running.into())) }
            td { @if let Some(reason) = &worker.reason { (long(&format!("reason-{}", worker.worker), reason)) } }
            td { @if let Some(remark) = &worker.remark { (long(&format!("remark-{}", worker.worker), remark)) } }
        }
    };
    let rows: Vec<_> = trouble.workers.iter().map(row).collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Workers" }
            (table("Workers that leave, cannot work now, or stand out", &["Worker", "State", "Busy", "Reason", "Against the others"], &rows))
        }
    }
}
