//! Right to speak for a worker: the marks of the workers' secrets, as the workers' records have them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::LeaseId;
use proto::ApiError;

/// Marks of the workers that live. Clones share them: the leader writes, the service of workers reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    known: Arc<Mutex<HashMap<LeaseId, Option<String>>>>,
}

impl Marks {
    /// Notes the mark in a worker's record; none if the worker is of an older release.
    pub(super) fn note(&self, worker: LeaseId, mark: Option<String>) {
        self.lock().insert(worker, mark);
    }

    /// Forgets the mark of a worker that is gone.
    pub(super) fn forget(&self, worker: LeaseId) {
        self.lock().remove(&worker);
    }

    /// Checks that the sender of `secret` may speak for `worker`.
    ///
    /// # Errors
    /// [`ApiError::UnknownWorker`] if the worker's record has not been seen; [`ApiError::Refused`] for another's
    /// secret.
    pub(crate) fn check(&self, worker: LeaseId, secret: &[u8]) -> Result<(), ApiError> {
        let is_known = match self.lock().get(&worker) {
            None => return Err(ApiError::UnknownWorker { worker: worker.to_string() }),
            Some(None) => true,
            Some(Some(mark)) => *mark == proto::secret::mark(secret),
        };
        if is_known {
            return Ok(());
        }
        metrics::counter!("tailor_strangers_refused_total").increment(1);
        tracing::warn!(%worker, "request refused: it carries another secret than the worker registered with");
        let reason = format!("worker {worker} registered with another secret; only its own process speaks for it");
        Err(ApiError::Refused { reason })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseId, Option<String>>> {
        // Each change is one insertion or removal, so a panic leaves the map whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proto::secret::Secret;

    use super::*;

    #[test]
    fn only_the_process_that_registered_speaks_for_a_worker() {
        let (marks, ours, other) = (Marks::default(), Secret::seeded(1), Secret::seeded(2));
        let [named, older, gone] = [1, 2, 3].map(LeaseId);
        marks.note(named, Some(ours.mark()));
        marks.note(older, None);
        let check = |worker, secret: &[u8]| marks.check(worker, secret);
        assert_eq!(check(named, &ours.to_bytes()), Ok(()));
        for secret in [other.to_bytes(), Vec::new(), ours.mark().into_bytes()] {
            assert!(matches!(check(named, &secret), Err(ApiError::Refused { .. })), "{secret:?}");
        }
        assert_eq!(check(older, &[]), Ok(()), "it was never told of secrets");
        assert!(matches!(check(gone, &ours.to_bytes()), Err(ApiError::UnknownWorker { .. })));
        marks.forget(named);
        assert!(matches!(check(named, &ours.to_bytes()), Err(ApiError::UnknownWorker { .. })));
    }
}
