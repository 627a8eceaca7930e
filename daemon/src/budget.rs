//! Budget of log lines: a stranger who is refused a thousand times a second must not fill a disk.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Length of a period.
const PERIOD: Duration = Duration::from_secs(60);

/// Budget of one kind of line: so many a minute. The first line of the next minute says how many were left out.
#[derive(Debug)]
pub struct LineBudget {
    lines_max: u32,
    period: Mutex<Period>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Period {
    began: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl LineBudget {
    /// Creates a budget of `lines_max` lines a minute.
    pub const fn new(lines_max: u32) -> Self {
        Self { lines_max, period: Mutex::new(Period { began: None, lines: 0, left_out: 0 }) }
    }

    /// Asks for a line. Returns the number of lines left out since the last one that was granted, or nothing if this
    /// line is to be left out.
    pub fn line(&self) -> Option<u64> {
        let now = Instant::now();
        let mut period = self.period.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = period.began.is_none_or(|began| now.duration_since(began) >= PERIOD);
        if is_over {
            *period = Period { began: Some(now), lines: 0, left_out: period.left_out };
        }
        if period.lines >= self.lines_max {
            period.left_out += 1;
            return None;
        }
        period.lines += 1;
        Some(std::mem::take(&mut period.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lines_beyond_the_budget_are_counted_and_told_in_the_next_minute() {
        let budget = LineBudget::new(2);
        assert_eq!([budget.line(), budget.line(), budget.line(), budget.line()], [Some(0), Some(0), None, None]);
        tokio::time::advance(PERIOD).await;
        assert_eq!([budget.line(), budget.line(), budget.line()], [Some(2), Some(0), None]);
    }
}
