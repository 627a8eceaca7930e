//! Trace of a run: one line per event, with its simulated time and ordinal.
//!
//! The same seed gives the same trace, byte for byte. Lines are kept only if they will be read; their digest is
//! always kept.

use std::fmt;
use std::time::Duration;

use model::{Digest, Digester};

/// Events of a run.
#[derive(Debug)]
pub struct Trace {
    now: Duration,
    events: u64,
    digester: Digester,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// Creates an empty trace, which keeps its lines if `is_kept`.
    pub(crate) fn new(is_kept: bool) -> Self {
        Self { now: Duration::ZERO, events: 0, digester: Digester::new(), lines: is_kept.then(Vec::new) }
    }

    /// Sets the time of the following events.
    pub(crate) fn at(&mut self, now: Duration) {
        self.now = now;
    }

    /// Adds an event with the current time.
    pub(crate) fn note(&mut self, event: impl fmt::Display) {
        let line = format!("{:>11.3} {:>6} {event}", self.now.as_secs_f64(), self.events);
        self.events += 1;
        self.digester.update(line.as_bytes());
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// Returns the number of events.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Returns the digest of all lines.
    pub fn digest(&self) -> Digest {
        self.digester.finish()
    }

    /// Returns the lines, if they were kept.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
