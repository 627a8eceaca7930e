//! Workers: those that leave or are unfit first, then those that are slow or fail against the others.

use maud::{Markup, html};
use proto::ApiError;
use proto::v1::DrainOrder;
use serde::Serialize;

use super::facts::WorkerFacts;
use super::job::choice;
use super::listing::Listing;
use super::{Page, ROWS, Section, ViewContext, document};
use crate::html::{Links, Pager, bar, instant, long, name, pager, state, table};
use crate::source::PageAction;
use crate::text;

/// States that the list can be filtered by.
pub(crate) const STATES: [&str; 4] = ["active", "draining", "unfit", "lost"];
/// Orders of the list; without one, those that want to be looked at come first.
pub(crate) const SORTS: [&str; 5] = ["name", "running", "silent", "speed", "failed"];

/// Facts of the view.
#[derive(Debug, Serialize)]
struct Workers {
    count: usize,
    slots: u64,
    running: u64,
    draining: usize,
    unfit: usize,
    /// Number of workers that stand out against the others.
    remarked: usize,
    /// Number of workers that the filter lets pass, and those of this page.
    matching: usize,
    workers: Vec<WorkerFacts>,
}

pub(super) async fn load(ctx: &ViewContext<'_>, listing: &Listing) -> Result<Page, ApiError> {
    let seen = ctx.source.workers().await?;
    let live: Vec<_> = seen.workers.iter().map(WorkerFacts::from).collect();
    let count_of = |state: &str| live.iter().filter(|worker| worker.state == state).count();
    let mut workers = Workers {
        count: live.len(),
        slots: live.iter().map(|worker| u64::from(worker.slots)).sum(),
        running: live.iter().map(|worker| u64::from(worker.running)).sum(),
        draining: count_of("draining"),
        unfit: count_of("unfit"),
        remarked: live.iter().filter(|worker| worker.remark.is_some()).count(),
        matching: 0,
        workers: Vec::new(),
    };
    let lost = seen.drains.iter().filter(|order| order.lost).map(lost);
    let mut listed: Vec<_> = live.into_iter().chain(lost).collect();
    listed.retain(|worker| listing.state.is_empty() || worker.state == listing.state);
    match listing.sort.as_str() {
        "name" => listed.sort_by(|a, b| a.name.cmp(&b.name)),
        "running" => listed.sort_by_key(|worker| std::cmp::Reverse(worker.running)),
        "silent" => listed.sort_by_key(|worker| std::cmp::Reverse(worker.silent_ms)),
        "speed" => listed.sort_by(|a, b| a.lowest_speed().total_cmp(&b.lowest_speed())),
        "failed" => listed.sort_by_key(|worker| std::cmp::Reverse((worker.leases_lost, worker.attempts_failed))),
        _ => {
            let rank = |worker: &WorkerFacts| (worker.state == "active", worker.remark.is_none());
            listed.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
        }
    }
    let place = listing.cut(&mut listed);
    (workers.matching, workers.workers) = (place.total, listed);
    Ok(page(&workers, (listing, place), &ctx.links))
}

/// Worker that was lost while it was to leave: it gets the order again if it comes back.
fn lost(order: &DrainOrder) -> WorkerFacts {
    WorkerFacts {
        worker: order.worker.clone(),
        name: order.name.clone(),
        state: "lost",
        reason: Some(format!("to leave if it comes back: {}", order.reason)),
        version: String::new(),
        slots: 0,
        running: 0,
        memory_bytes: 0,
        since_at_ms: 0,
        silent_ms: 0,
        speeds: Vec::new(),
        attempts: 0,
        attempts_failed: 0,
        attempts_overtaken: 0,
        leases_lost: 0,
        class: None,
        failure: None,
        remark: None,
    }
}

fn page(workers: &Workers, list: (&Listing, Pager), links: &Links) -> Page {
    Page {
        title: "Workers".to_owned(),
        nav: "Workers",
        crumbs: Vec::new(),
        sections: vec![
            Section::live("answer", headline(workers)),
            Section::still("filters", filters(list.0, links)),
            Section::live("workers", listed(workers, list, links)),
        ],
        document: document("WorkersPage", workers),
        command: "tailor worker list -o wide".to_owned(),
        actions: vec![PageAction::DrainWorker { worker: String::new() }],
        is_over: false,
    }
}

fn headline(workers: &Workers) -> Markup {
    html! {
        p.answer {
            (text::counted(workers.count as u64, "worker")) ", " (text::count(workers.running)) " of "
            (text::counted(workers.slots, "slot")) " busy; " (text::count(workers.draining as u64)) " leave, "
            (text::count(workers.unfit as u64)) " cannot work now, " (text::count(workers.remarked as u64))
            " stand out as slow or failing."
        }
        p { (bar("Slots that are busy", workers.running, workers.slots)) }
    }
}

fn filters(listing: &Listing, links: &Links) -> Markup {
    html! {
        form method="get" action=(links.to("workers")) {
            (choice("State", "state", &listing.state, &STATES))
            (choice("Order", "sort", &listing.sort, &SORTS))
            button { "Show" }
        }
    }
}

fn listed(workers: &Workers, (listing, place): (&Listing, Pager), links: &Links) -> Markup {
    let rows: Vec<_> = workers.workers.iter().map(row).collect();
    html! {
        (pager("workers", place, ROWS, |from| links.to(&format!("workers{}", listing.query(from)))))
        @if !rows.is_empty() {
            (table("Workers, those that leave, are unfit or stand out first", &["Worker", "State", "Busy", "Slots", "Map speed", "Reduce speed", "Failed lately", "Against the others", "Reason", "Heard", "Since", "Memory", "Version", "Id"], &rows))
            p {
                "A speed of 1 is the median of the others at the same jobs, 0.5 half their pace; a dash means that too "
                "little is known. Failures are of the last half hour to hour, under this leader."
            }
        }
    }
}

fn row(worker: &WorkerFacts) -> Markup {
    html! {
        th scope="row" { (name(&worker.name)) }
        td { (state(worker.state)) }
        td.number { (text::count(worker.running.into())) }
        td.number { (text::count(worker.slots.into())) }
        td.number { (speed(worker.speed("map"))) }
        td.number { (speed(worker.speed("reduce"))) }
        td.number { (failed(worker)) }
        td { @if let Some(remark) = &worker.remark { (long(&format!("remark-{}", worker.worker), remark)) } }
        td { @if let Some(reason) = &worker.reason { (long(&format!("reason-{}", worker.worker), reason)) } }
        td.number { (text::span_ms(worker.silent_ms)) " ago" }
        td { (instant(worker.since_at_ms)) }
        td.number { (text::bytes(worker.memory_bytes)) }
        td { (name(&worker.version)) }
        td { (name(&worker.worker)) }
    }
}

/// Formats a speed against the others.
fn speed(speed: Option<f64>) -> String {
    speed.map_or_else(|| "-".to_owned(), |speed| format!("{speed:.2}"))
}

/// Says how many of a worker's attempts failed, if any ended.
fn failed(worker: &WorkerFacts) -> String {
    let (failed, all) = (text::count(worker.attempts_failed.into()), text::count(worker.attempts.into()));
    if worker.attempts == 0 { "-".to_owned() } else { format!("{failed} of {all}") }
}
