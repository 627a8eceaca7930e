//! Outside world of a coordinator: handed in, so that a simulation brings a clock and stores of its own.

use std::sync::Arc;

use model::{Clock, SystemClock};
use storage::Opener;

/// Clock and stores of a process.
#[derive(Debug, Clone)]
pub struct Env {
    /// Clock for the times in records.
    pub clock: Arc<dyn Clock>,
    /// Opener of the places that jobs name.
    pub stores: Opener,
}

impl Env {
    /// Returns the environment of a real process: the machine's clock, and stores by their URIs.
    pub fn real() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// Returns an environment with another clock, and stores by their URIs.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock, stores: Opener::by_uri() }
    }
}
