//! One figure: samples, target, verdict.

use serde::Serialize;

/// What was measured, several times.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// What it is.
    pub(crate) name: &'static str,
    /// Its unit; empty for a ratio.
    pub(crate) unit: &'static str,
    /// The most it may be; none where it is only told.
    pub(crate) at_most: Option<f64>,
    /// Which of the samples is held against the target.
    pub(crate) judged: Judged,
    /// How many samples there are.
    pub(crate) n: usize,
    /// The smallest of them.
    pub(crate) min: f64,
    /// The one in the middle.
    pub(crate) median: f64,
    /// The largest of them.
    pub(crate) max: f64,
}

/// Which of the samples is held against the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Judged {
    /// Time is disturbed by whoever shares the machine.
    Median,
    /// A bound holds always, or not at all.
    Max,
}

impl Figure {
    /// A figure of `samples`, at least one.
    pub(crate) fn new(name: &'static str, samples: impl IntoIterator<Item = f64>) -> Self {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        samples.sort_by(f64::total_cmp);
        let n = samples.len();
        Self {
            name,
            unit: "",
            at_most: None,
            judged: Judged::Median,
            n,
            min: samples[0],
            median: median(&samples),
            max: samples[n - 1],
        }
    }

    /// In a unit.
    pub(crate) fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// Held to a target by its median.
    pub(crate) fn at_most(self, target: f64) -> Self {
        Self { at_most: Some(target), ..self }
    }

    /// Held to a target by its worst sample.
    pub(crate) fn never_over(self, target: f64) -> Self {
        Self { at_most: Some(target), judged: Judged::Max, ..self }
    }

    /// Whether it is within its target; one without a target is.
    pub(crate) fn passes(&self) -> bool {
        let judged = match self.judged {
            Judged::Median => self.median,
            Judged::Max => self.max,
        };
        self.at_most.is_none_or(|target| judged <= target)
    }
}

/// The middle of ascending numbers; between the two middle ones of an even count.
fn median(ascending: &[f64]) -> f64 {
    let n = ascending.len();
    (ascending[(n - 1) / 2] + ascending[n / 2]) / 2.0
}
