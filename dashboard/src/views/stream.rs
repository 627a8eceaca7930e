//! Stream of a shard's attempts by slot: who ran what, and when. A row for each slot, the time from left to right.
//!
//! ```text
//! attempts --by worker--> slots: one after the other --> blocks: short neighbours are put together
//! ```
//!
//! The wire does not number slots: an attempt gets the first slot of its worker that was free when it began. Blocks are
//! put together until a page has room for them, so ten thousand attempts take no more room than six hundred.

use std::collections::BTreeMap;

use maud::{Markup, html};
use model::TimestampMs;
use proto::v1::{AttemptRecord, RunningAttempt, TaskSummary};
use serde::Serialize;

use crate::html::svg::{self, Block};
use crate::html::{instant, name, table};
use crate::text;

/// Most slots that are shown.
const SLOTS_MAX: usize = 40;
/// Most blocks of all slots: each takes some 130 bytes.
const BLOCKS_MAX: usize = 600;
/// Share of the time that is the finest to be seen.
const STEPS: u64 = 1000;
/// Longest overlap of two attempts in one slot: begins have the time of a worker's clock, ends that of the leader's.
const CLOCKS_DIFFER_MS: u64 = 1000;

/// Stream of the attempts of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Stream {
    pub(crate) start_at_ms: i64,
    pub(crate) end_at_ms: i64,
    pub(crate) slots: Vec<Slot>,
    /// Number of slots that are left out: those whose attempts were short.
    pub(crate) slots_left_out: usize,
    /// Number of tasks that were done under an earlier leader, whose worker and time are not known.
    pub(crate) tasks_unknown: u64,
}

/// Slot of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Slot {
    pub(crate) worker: String,
    pub(crate) worker_name: String,
    /// Number of the slot among those of its worker, from 1.
    pub(crate) slot: usize,
    /// Time in which an attempt of this shard had the slot.
    pub(crate) busy_ms: u64,
    pub(crate) spans: Vec<Span>,
}

/// Attempt, or several short ones one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Span {
    /// Task of the first attempt.
    pub(crate) task: String,
    pub(crate) attempts: u64,
    /// Number of attempts whose output does not count.
    pub(crate) lost: u64,
    pub(crate) is_running: bool,
    /// Begin and end, counted from the begin of the stream.
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
    pub(crate) busy_ms: u64,
}

/// Attempt, as it is on the wire.
struct Ran<'a> {
    worker: (&'a str, &'a str),
    task: &'a str,
    is_running: bool,
    /// True if it ended, and its output does not count.
    is_lost: bool,
    start_ms: i64,
    end_ms: i64,
}

impl<'a> Ran<'a> {
    fn running(task: &'a TaskSummary, attempt: &'a RunningAttempt, now_ms: TimestampMs) -> Self {
        let start_ms = now_ms.saturating_sub_unsigned(attempt.elapsed_ms);
        let worker = (attempt.worker_name.as_str(), attempt.worker.as_str());
        Self { worker, task: &task.task, is_running: true, is_lost: false, start_ms, end_ms: now_ms }
    }

    /// Returns none where the leader that knew the worker is gone.
    fn ended(task: &'a TaskSummary, attempt: &'a AttemptRecord, is_lost: bool) -> Option<Self> {
        let is_known = !attempt.worker.is_empty() && attempt.start_ms > 0 && attempt.end_ms >= attempt.start_ms;
        let worker = (attempt.worker_name.as_str(), attempt.worker.as_str());
        is_known.then_some(Self {
            worker,
            task: &task.task,
            is_running: false,
            is_lost,
            start_ms: attempt.start_ms,
            end_ms: attempt.end_ms,
        })
    }
}

impl Stream {
    /// Puts the attempts into slots; none if nothing of them is known.
    pub(crate) fn of(tasks: &[TaskSummary], now_ms: TimestampMs) -> Option<Self> {
        let running =
            tasks.iter().flat_map(|task| task.running.iter().map(move |attempt| Ran::running(task, attempt, now_ms)));
        let counting = tasks.iter().filter_map(|task| Ran::ended(task, task.counts.as_ref()?, false));
        let lost =
            tasks.iter().flat_map(|task| task.ended.iter().filter_map(move |attempt| Ran::ended(task, attempt, true)));
        let mut ran: Vec<_> = running.chain(counting).chain(lost).collect();
        ran.sort_by_key(|ran| (ran.start_ms, ran.end_ms, ran.task));
        let start_at_ms = ran.first()?.start_ms;
        let end_at_ms = ran.iter().map(|ran| ran.end_ms).max()?.max(start_at_ms + 1);
        let done = tasks.iter().filter(|task| task.counts.is_some()).count();
        let known = ran.iter().filter(|ran| !ran.is_running && !ran.is_lost).count();
        let mut stream = Self {
            start_at_ms,
            end_at_ms,
            slots: slots(&ran, start_at_ms),
            slots_left_out: 0,
            tasks_unknown: (done - known) as u64,
        };
        stream.cut();
        Some(stream)
    }

    fn length_ms(&self) -> u64 {
        self.end_at_ms.abs_diff(self.start_at_ms)
    }

    /// Keeps the slots with the longest attempts, and puts short neighbours together until the blocks have room.
    fn cut(&mut self) {
        let longest = |slot: &Slot| slot.spans.iter().map(|span| span.busy_ms).max();
        self.slots.sort_by_key(|slot| std::cmp::Reverse(longest(slot)));
        self.slots_left_out = self.slots.len().saturating_sub(SLOTS_MAX);
        self.slots.truncate(SLOTS_MAX);
        self.slots.sort_by(|a, b| (&a.worker_name, &a.worker, a.slot).cmp(&(&b.worker_name, &b.worker, b.slot)));
        let mut step_ms = self.length_ms() / STEPS;
        loop {
            self.slots.iter_mut().for_each(|slot| slot.put_together(step_ms));
            let blocks: usize = self.slots.iter().map(|slot| slot.spans.len()).sum();
            if blocks <= BLOCKS_MAX {
                return;
            }
            step_ms = step_ms.max(1) * 2;
        }
    }
}

/// Gives each attempt the first slot of its worker that was free when it began.
fn slots(ran: &[Ran<'_>], start_at_ms: i64) -> Vec<Slot> {
    let mut workers: BTreeMap<(&str, &str), Vec<Slot>> = BTreeMap::new();
    for ran in ran {
        let start_ms = ran.start_ms.abs_diff(start_at_ms);
        let end_ms = ran.end_ms.abs_diff(start_at_ms);
        let busy_ms = end_ms - start_ms;
        let (task, lost) = (ran.task.to_owned(), u64::from(ran.is_lost));
        let span = Span { task, attempts: 1, lost, is_running: ran.is_running, start_ms, end_ms, busy_ms };
        let slack_ms = CLOCKS_DIFFER_MS.min(busy_ms / 2);
        let of_worker = workers.entry(ran.worker).or_default();
        let is_free = |slot: &&mut Slot| slot.spans.last().is_none_or(|last| last.end_ms <= start_ms + slack_ms);
        match of_worker.iter_mut().find(is_free) {
            Some(slot) => {
                slot.busy_ms += busy_ms;
                slot.spans.push(span);
            }
            None => {
                let (worker_name, worker) = (ran.worker.0.to_owned(), ran.worker.1.to_owned());
                of_worker.push(Slot { worker, worker_name, slot: of_worker.len() + 1, busy_ms, spans: vec![span] });
            }
        }
    }
    workers.into_values().flatten().collect()
}

impl Slot {
    /// Puts neighbours together that are no longer than a step, with the pause between them.
    fn put_together(&mut self, step_ms: u64) {
        let mut kept: Vec<Span> = Vec::with_capacity(self.spans.len());
        for span in self.spans.drain(..) {
            match kept.last_mut().filter(|last| span.end_ms.saturating_sub(last.start_ms) <= step_ms) {
                Some(last) => {
                    last.attempts += span.attempts;
                    last.lost += span.lost;
                    last.is_running |= span.is_running;
                    last.end_ms = last.end_ms.max(span.end_ms);
                    last.busy_ms += span.busy_ms;
                }
                None => kept.push(span),
            }
        }
        self.spans = kept;
    }
}

impl Span {
    fn class(&self) -> &'static str {
        match (self.is_running, self.lost > 0, self.task.starts_with('r')) {
            (true, ..) => "c4",
            (false, true, _) => "c5",
            (false, false, true) => "c3",
            (false, false, false) => "c1",
        }
    }

    fn label(&self) -> String {
        let task = text::printable(&self.task);
        let runs = if self.is_running { ", runs" } else { "" };
        let lost = match self.lost {
            0 => String::new(),
            lost if lost == self.attempts => ", wasted".to_owned(),
            lost => format!(", {} wasted", text::count(lost)),
        };
        match self.attempts {
            1 => format!("{task}: {}{runs}{lost}", text::span_ms(self.busy_ms)),
            count => format!("{task} and {} more: {}{runs}{lost}", text::count(count - 1), text::span_ms(self.busy_ms)),
        }
    }
}

/// Draws the stream.
pub(crate) fn render(stream: &Stream) -> Markup {
    let rows: Vec<_> = stream.slots.iter().map(|slot| row(slot, stream.length_ms())).collect();
    html! {
        h2 { "Who ran what, and when" }
        p { "From " (instant(stream.start_at_ms)) " to " (instant(stream.end_at_ms)) "." }
        (table("Slots of workers, the time from left to right", &["Worker", "Slot", "Busy", "Attempts"], &rows))
        ul.legend {
            @for (class, label) in [("c1", "map"), ("c3", "reduce"), ("c4", "runs"), ("c5", "wasted")] { li { span class=(format!("key {class}")) {} (label) } }
        }
        @if stream.slots_left_out > 0 {
            p.legend { (text::counted(stream.slots_left_out as u64, "slot")) " with shorter attempts are left out." }
        }
        @if stream.tasks_unknown > 0 {
            p.legend { (text::counted(stream.tasks_unknown, "task")) " were done under an earlier leader, and are not drawn." }
        }
    }
}

fn row(slot: &Slot, length_ms: u64) -> Markup {
    let block =
        |span: &Span| Block { class: span.class(), label: span.label(), start: span.start_ms, end: span.end_ms };
    let blocks: Vec<_> = slot.spans.iter().map(block).collect();
    let attempts = slot.spans.iter().map(|span| span.attempts).sum();
    html! {
        th scope="row" { (name(if slot.worker_name.is_empty() { &slot.worker } else { &slot.worker_name })) }
        td.number { (slot.slot) }
        td.number { @if let Some(percent) = text::percent(slot.busy_ms, length_ms) { (percent) " %" } @else { "-" } }
        td.stream { (svg::timeline(&text::counted(attempts, "attempt"), length_ms, &blocks)) }
    }
}

#[cfg(test)]
mod tests;
