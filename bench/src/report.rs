//! Result of the suite, for people and programs.

use std::fmt;

use serde::Serialize;

use crate::figure::Figure;
use crate::suite::stages::StageTable;

/// Report with everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Cores that the system offers.
    pub(crate) cores: usize,
    /// Name of the processor.
    pub(crate) processor: String,
    /// Share of the cores' time that others took meanwhile.
    pub(crate) others_share: f64,
    /// Figures in order.
    pub(crate) figures: Vec<Figure>,
    /// Each stage, with the least time that it takes.
    pub(crate) stages: StageTable,
}

impl Report {
    /// True if every figure is within its target.
    pub(crate) fn passes(&self) -> bool {
        self.figures.iter().all(Figure::passes)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.others_share * 100.0;
        writeln!(f, "{} cores, {}; others took {others:.0} % of their time\n", self.cores, self.processor)?;
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
