//! Screen of a running job, on stderr: bars on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use proto::v1::GetJobResponse;

use super::lines::{self, Printed};
use super::worst::worst;
use crate::text::cell;

/// Lines of a screen whose height is not known.
const LINES_DEFAULT: usize = 24;

/// Lines that are left to the job, and to the cursor.
const LINES_OF_JOB: usize = 2;

/// Most shards that have a bar, however high the screen is.
const BARS_MAX: usize = 100;

/// Screen that shows a job.
pub(crate) struct Screen(Style);

enum Style {
    /// Bars of progress: a bar for each shard, and one for the job.
    Bars(Box<Bars>),
    /// Plain lines about changes.
    Plain(Printed),
}

impl Screen {
    /// Creates the screen that suits stderr.
    pub(crate) fn of_stderr() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self(if is_terminal { Style::Bars(Box::new(Bars::new())) } else { Style::Plain(Printed::default()) })
    }

    /// Shows the state of the job.
    pub(crate) fn show(&mut self, response: &GetJobResponse) {
        match &mut self.0 {
            Style::Bars(bars) => bars.show(response),
            Style::Plain(told) => told.lines(response).iter().for_each(crate::out::say),
        }
    }

    /// Removes the bars; plain lines stay.
    pub(crate) fn finish(self) {
        if let Style::Bars(bars) = self.0 {
            bars.finish();
        }
    }
}

/// Bars on a terminal.
struct Bars {
    all: MultiProgress,
    shards: Vec<ProgressBar>,
    job: ProgressBar,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let job = all.add(ProgressBar::new(0).with_style(style("{msg}")));
        Self { all, shards: Vec::new(), job }
    }

    fn show(&mut self, response: &GetJobResponse) {
        let (shown, rest) = worst(&response.shards, bars_max());
        while self.shards.len() < shown.len() {
            let bar = ProgressBar::new(100).with_style(style("{prefix:14} {bar:20} {wide_msg}"));
            self.shards.push(self.all.insert_before(&self.job, bar));
        }
        for bar in self.shards.drain(shown.len()..) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        for (bar, shard) in self.shards.iter().zip(&shown) {
            bar.set_prefix(cell(&shard.shard).into_owned());
            bar.set_position(lines::percent(shard));
            bar.set_message(cell(&lines::shard(shard)).into_owned());
        }
        self.job.set_message(cell(&format!("{rest}{}", lines::job(response))).into_owned());
    }

    fn finish(self) {
        self.shards.iter().for_each(ProgressBar::finish_and_clear);
        self.job.finish_and_clear();
    }
}

/// Returns the number of shards that the screen has room for.
fn bars_max() -> usize {
    let lines = console::Term::stderr().size_checked().map_or(LINES_DEFAULT, |(lines, _)| usize::from(lines));
    lines.saturating_sub(LINES_OF_JOB).clamp(1, BARS_MAX)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
