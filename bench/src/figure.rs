//! Figure of the report: samples, target, verdict.

use serde::Serialize;

/// Quantity that was measured several times.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// Name in the report.
    pub(crate) name: &'static str,
    /// Unit; empty for a ratio.
    pub(crate) unit: &'static str,
    /// Largest acceptable value; none if the figure has no target.
    pub(crate) at_most: Option<f64>,
    /// Sample that is compared with the target.
    pub(crate) judged: Judged,
    /// Number of samples.
    pub(crate) n: usize,
    /// Smallest of the samples.
    pub(crate) min: f64,
    /// Middle one of the samples.
    pub(crate) median: f64,
    /// Largest of the samples.
    pub(crate) max: f64,
}

/// Sample that is compared with the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Judged {
    /// Median, for times: other users of the machine disturb single samples.
    Median,
    /// Maximum, for bounds that must always hold.
    Max,
}

impl Figure {
    /// Creates a figure of at least one sample.
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

    /// Sets the unit of the figure.
    pub(crate) fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// Sets a target for the median.
    pub(crate) fn at_most(self, target: f64) -> Self {
        Self { at_most: Some(target), ..self }
    }

    /// Sets a target for the worst sample.
    pub(crate) fn never_over(self, target: f64) -> Self {
        Self { at_most: Some(target), judged: Judged::Max, ..self }
    }

    /// True if the figure is within its target, or has none.
    pub(crate) fn passes(&self) -> bool {
        let judged = match self.judged {
            Judged::Median => self.median,
            Judged::Max => self.max,
        };
        self.at_most.is_none_or(|target| judged <= target)
    }
}

/// Returns the middle of ascending numbers; for an even count, the mean of the two middle ones.
fn median(ascending: &[f64]) -> f64 {
    let n = ascending.len();
    (ascending[(n - 1) / 2] + ascending[n / 2]) / 2.0
}
