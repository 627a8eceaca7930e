//! Shared looks: each view is computed at most once in [`LOOK_EVERY`], for any number of people who watch it.
//!
//! ```text
//! pages, JSON, streams --> Watched --fresh?--> the last page
//!                             |  older
//!                             v
//!                          turn: at most LOOKS_PER_SECOND_MAX --> source --> page
//! ```
//!
//! A view of a job that is over is computed every [`LOOK_AT_PAST_EVERY`], and at once after a change that a page made.
//!
//! So a coordinator that serves many viewers asks its leader as often as one that serves a few. Nobody looks while
//! nobody watches. A leader that is away leaves the last page, and the page says since when.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{Clock, TimestampMs};
use proto::ApiError;
use tokio::time::Instant;

use crate::html::links;
use crate::source::{ActionRequest, PageSource, SourceKind};
use crate::views::{Page, View, ViewSettings};

/// Interval between two looks at one view.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Interval between two looks at a view of a job that is over: each costs requests to the store, and finds the same.
const LOOK_AT_PAST_EVERY: Duration = Duration::from_secs(15);
/// Most looks a second at all views: a leader answers some thousands.
const LOOKS_PER_SECOND_MAX: u32 = 20;
/// Longest wait for a turn; beyond it a viewer is asked to come back.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);
/// Most views that are kept although nobody watches them: a page that many open is computed once.
const VIEWS_KEPT_MAX: usize = 64;
/// Age at which a view that nobody watches is forgotten.
const KEPT_MAX: Duration = Duration::from_secs(30);

/// Page, with the time at which it was true.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) page: Arc<Page>,
    pub(crate) at_ms: TimestampMs,
    /// Reason for which nothing newer could be had; none of a fresh page.
    pub(crate) stale: Option<String>,
}

/// Last look at a view.
#[derive(Default)]
struct Cell {
    seen: tokio::sync::Mutex<Option<Look>>,
}

/// Look at a view.
struct Look {
    at: Instant,
    /// Number of the changes that were made before it.
    changes: u64,
    seen: Seen,
}

impl Look {
    /// True if the page is still worth showing without another look.
    fn is_fresh(&self, changes: u64) -> bool {
        let every = if self.seen.page.is_over && self.seen.stale.is_none() { LOOK_AT_PAST_EVERY } else { LOOK_EVERY };
        // A little less than the viewers' own pause, because their clocks are not in step.
        self.changes == changes && self.at.elapsed() < every.mul_f64(0.8)
    }
}

/// Views that are watched, or were a moment ago.
pub(crate) struct Looks {
    source: Arc<dyn PageSource>,
    settings: ViewSettings,
    clock: Arc<dyn Clock>,
    cells: Mutex<HashMap<View, (Instant, Arc<Cell>)>>,
    /// Instant of the next turn.
    turn: Mutex<Instant>,
    /// Number of changes that pages made.
    changes: AtomicU64,
}

impl fmt::Debug for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Looks").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Handle of a watched view.
#[derive(Clone)]
pub(crate) struct Watched {
    looks: Arc<Looks>,
    view: View,
    cell: Arc<Cell>,
}

impl Looks {
    pub(crate) fn new(source: Arc<dyn PageSource>, settings: ViewSettings, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            source,
            settings,
            clock,
            cells: Mutex::default(),
            turn: Mutex::new(Instant::now()),
            changes: AtomicU64::new(0),
        })
    }

    /// Returns the kind of the source.
    pub(crate) fn kind(&self) -> SourceKind {
        self.source.kind()
    }

    /// Returns the handle of a view, shared with everybody who watches an equal one.
    pub(crate) fn watch(self: &Arc<Self>, view: View) -> Watched {
        let now = Instant::now();
        // No code panics while it holds the lock.
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let is_watched = |cell: &Arc<Cell>| Arc::strong_count(cell) > 1;
        cells.retain(|_, (used, cell)| is_watched(cell) || now.duration_since(*used) < KEPT_MAX);
        let idle = cells.iter().filter(|(_, (_, cell))| !is_watched(cell));
        if let Some(oldest) = idle.clone().min_by_key(|(_, (used, _))| *used).filter(|_| idle.count() >= VIEWS_KEPT_MAX)
        {
            let oldest = oldest.0.clone();
            cells.remove(&oldest);
        }
        let (used, cell) = cells.entry(view.clone()).or_insert_with(|| (now, Arc::default()));
        *used = now;
        Watched { looks: Arc::clone(self), view, cell: Arc::clone(cell) }
    }

    /// Makes a change; returns the path of the page that shows it. Views are looked at anew after it.
    ///
    /// # Errors
    /// The source's.
    pub(crate) async fn act(&self, request: ActionRequest) -> Result<String, ApiError> {
        let job = self.source.act(request).await?;
        self.changes.fetch_add(1, Ordering::Relaxed);
        Ok(job.map_or_else(|| "workers".to_owned(), |job| links::job_path(&job)))
    }

    /// Waits for a turn.
    async fn turn(&self) -> Result<(), ApiError> {
        let now = Instant::now();
        let at = {
            let mut next = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            let at = (*next).max(now);
            if at - now > TURN_WAIT_MAX {
                let reason = "more views are watched than this dashboard computes at once".to_owned();
                return Err(ApiError::TooMany { reason, retry_after: TURN_WAIT_MAX });
            }
            *next = at + Duration::from_secs(1) / LOOKS_PER_SECOND_MAX;
            at
        };
        tokio::time::sleep_until(at).await;
        Ok(())
    }
}

impl Watched {
    /// Returns the page as it is now, or as another viewer saw it a moment ago.
    ///
    /// # Errors
    /// The source's, and no earlier page is at hand.
    pub(crate) async fn see(&self) -> Result<Seen, ApiError> {
        let mut last = self.cell.seen.lock().await;
        let changes = self.looks.changes.load(Ordering::Relaxed);
        if let Some(look) = last.as_ref().filter(|look| look.is_fresh(changes)) {
            return Ok(look.seen.clone());
        }
        let looked = match self.looks.turn().await {
            Ok(()) => self.view.load(&*self.looks.source, &self.looks.settings, self.looks.clock.now_ms()).await,
            Err(error) => Err(error),
        };
        let seen = match (looked, last.take()) {
            (Ok(page), _) => Seen { page: Arc::new(page), at_ms: self.looks.clock.now_ms(), stale: None },
            (Err(error), Some(earlier)) if is_passing(&error) => {
                Seen { stale: Some(error.to_string()), ..earlier.seen }
            }
            (Err(error), _) => return Err(error),
        };
        *last = Some(Look { at: Instant::now(), changes, seen: seen.clone() });
        Ok(seen)
    }
}

/// True if an error says nothing about the view: it will be seen again.
fn is_passing(error: &ApiError) -> bool {
    matches!(error, ApiError::Away { .. } | ApiError::NotLeader { .. } | ApiError::TooMany { .. })
}

#[cfg(test)]
mod tests;
