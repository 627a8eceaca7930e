//! Shared views of watched jobs: each is computed at most once per [`LOOK_EVERY`], for any number of watchers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use model::JobId;
use proto::{ApiError, v1};
use tokio::time::Instant;

/// Interval between views of a watched job.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Latest view of a job.
type Cell = tokio::sync::Mutex<Option<(Instant, v1::GetJobResponse)>>;

/// Views of the jobs that are watched.
#[derive(Debug, Default)]
pub(crate) struct Views {
    cells: Mutex<HashMap<JobId, Weak<Cell>>>,
}

/// Handle of a watched job; its view is kept as long as a watcher holds one.
#[derive(Debug, Clone)]
pub(crate) struct Watched(Arc<Cell>);

impl Views {
    /// Returns the handle of a job, shared with its other watchers.
    pub(crate) fn watch(&self, job: &JobId) -> Watched {
        // No code panics while it holds the lock.
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(job).and_then(Weak::upgrade) {
            return Watched(cell);
        }
        cells.retain(|_, cell| cell.strong_count() > 0);
        let cell = Arc::default();
        cells.insert(job.clone(), Arc::downgrade(&cell));
        Watched(cell)
    }
}

impl Watched {
    /// Returns the current view of the job, or one that another watcher computed a moment ago.
    ///
    /// # Errors
    /// Errors of `look`.
    pub(crate) async fn see<F>(&self, look: impl FnOnce() -> F) -> Result<v1::GetJobResponse, ApiError>
    where
        F: Future<Output = Result<v1::GetJobResponse, ApiError>>,
    {
        let mut seen = self.0.lock().await;
        // A little less than the watchers' own pause, because their clocks are not in step.
        let fresh = seen.as_ref().filter(|(at, _)| at.elapsed() < LOOK_EVERY.mul_f64(0.8));
        if let Some((_, view)) = fresh {
            return Ok(view.clone());
        }
        let view = look().await?;
        *seen = Some((Instant::now(), view.clone()));
        Ok(view)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_hundred_watchers_lead_to_one_look_at_a_time() {
        let (views, looks) = (Views::default(), AtomicUsize::new(0));
        let job: JobId = "j".parse().expect("a name");
        let look = || async {
            looks.fetch_add(1, Ordering::Relaxed);
            Ok(v1::GetJobResponse::default())
        };
        let watchers: Vec<_> = (0..100).map(|_| views.watch(&job)).collect();
        for round in 1..=3 {
            for watcher in &watchers {
                watcher.see(look).await.expect("it can be seen");
            }
            assert_eq!(looks.load(Ordering::Relaxed), round);
            tokio::time::sleep(LOOK_EVERY).await;
        }
        drop(watchers);
        views.watch(&"other".parse().expect("a name"));
        assert_eq!(views.cells.lock().expect("whole").len(), 1, "what nobody watches is forgotten");
    }
}
