//! What happened, in order: a line an event, with its simulated time and ordinal.
//!
//! The same seed gives the same trace, byte for byte. Lines are kept only where somebody will read them; their digest always
//! is.

use std::fmt;
use std::time::Duration;

use model::{Digest, Digester};

/// The events of a run.
#[derive(Debug)]
pub struct Trace {
    now: Duration,
    events: u64,
    digester: Digester,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// Nothing happened yet; whether lines are kept.
    pub(crate) fn new(is_kept: bool) -> Self {
        Self { now: Duration::ZERO, events: 0, digester: Digester::new(), lines: is_kept.then(Vec::new) }
    }

    /// It is this late.
    pub(crate) fn at(&mut self, now: Duration) {
        self.now = now;
    }

    /// Something happened.
    pub(crate) fn note(&mut self, event: impl fmt::Display) {
        let line = format!("{:>11.3} {:>6} {event}", self.now.as_secs_f64(), self.events);
        self.events += 1;
        self.digester.update(line.as_bytes());
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// How much happened.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Digest of all lines.
    pub fn digest(&self) -> Digest {
        self.digester.finish()
    }

    /// The lines, if they were kept.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
