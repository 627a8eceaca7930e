//! The result, for people and programs.

use std::fmt;

use serde::Serialize;

use crate::figure::Figure;
use crate::suite::stages::StageTable;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Cores that the system offers.
    pub(crate) cores: usize,
    /// What the processor calls itself.
    pub(crate) processor: String,
    /// The figures, in order.
    pub(crate) figures: Vec<Figure>,
    /// Each stage beside what it takes at least.
    pub(crate) stages: StageTable,
}

impl Report {
    /// Whether every figure is within its target.
    pub(crate) fn passes(&self) -> bool {
        self.figures.iter().all(Figure::passes)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} cores, {}\n", self.cores, self.processor)?;
        writeln!(f, "| figure | target | n | min | median | max | |\n|---|---|---|---|---|---|---|")?;
        for figure in &self.figures {
            writeln!(f, "{figure}")?;
        }
        write!(f, "\n{}", self.stages)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let target = self.at_most.map_or(String::new(), |target| format!("<= {target}{unit}"));
        let verdict = match (self.at_most, self.passes()) {
            (None, _) => "",
            (_, true) => "pass",
            (_, false) => "**over**",
        };
        let Self { name, n, min, median, max, .. } = self;
        write!(f, "| {name} | {target} | {n} | {min:.2} | {median:.2}{unit} | {max:.2} | {verdict} |")
    }
}

/// What the processor calls itself.
pub(crate) fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
