//! Right to speak for a worker: the marks of the workers' secrets, as the workers' records have them, and the identities
//! that have spoken for them.
//!
//! | the coordinator asks for | speaks for a worker |
//! |---|---|
//! | nothing | whoever has the secret of its record; for a worker of an older release, which has none, anybody |
//! | identities | whoever has the secret of its record, and the name that spoke for it first under this leader |

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::LeaseId;
use proto::ApiError;

/// Worker that lives.
#[derive(Debug, Default)]
struct Known {
    /// Mark in its record; none if it is of an older release.
    mark: Option<String>,
    /// Name of the identity that has spoken for it.
    owner: Option<String>,
}

/// Marks of the workers that live. Clones share them: the leader writes, the service of workers reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    known: Arc<Mutex<HashMap<LeaseId, Known>>>,
}

impl Marks {
    /// Notes the mark in a worker's record; none if the worker is of an older release.
    pub(super) fn note(&self, worker: LeaseId, mark: Option<String>) {
        self.lock().entry(worker).or_default().mark = mark;
    }

    /// Forgets the mark of a worker that is gone.
    pub(super) fn forget(&self, worker: LeaseId) {
        self.lock().remove(&worker);
    }

    /// Checks that the sender of `secret` may speak for `worker`. `owner` is the name of its identity, if the
    /// coordinator asks for identities.
    ///
    /// # Errors
    /// [`ApiError::UnknownWorker`] if the worker's record has not been seen; [`ApiError::Refused`] for another's
    /// secret or another identity.
    pub(crate) fn check(&self, worker: LeaseId, secret: &[u8], owner: Option<&str>) -> Result<(), ApiError> {
        let mut all = self.lock();
        let Some(known) = all.get_mut(&worker) else {
            return Err(ApiError::UnknownWorker { worker: worker.to_string() });
        };
        let has_secret = match &known.mark {
            None => owner.is_none(),
            Some(mark) => *mark == proto::secret::mark(secret),
        };
        if !has_secret {
            let reason = format!("worker {worker} registered with another secret; only its own process speaks for it");
            return Err(refused(worker, reason));
        }
        let Some(owner) = owner else { return Ok(()) };
        match &known.owner {
            Some(first) if first != owner => {
                let reason = format!("worker {worker} is spoken for by {first}, not by {owner}");
                Err(refused(worker, reason))
            }
            Some(_) => Ok(()),
            None => {
                known.owner = Some(owner.to_owned());
                Ok(())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseId, Known>> {
        // Each change is one insertion or removal, so a panic leaves the map whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(worker: LeaseId, reason: String) -> ApiError {
    metrics::counter!("tailor_strangers_refused_total").increment(1);
    tracing::warn!(%worker, reason, "request refused: its sender does not speak for that worker");
    ApiError::Refused { reason }
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
        let check = |worker, secret: &[u8]| marks.check(worker, secret, None);
        assert_eq!(check(named, &ours.to_bytes()), Ok(()));
        for secret in [other.to_bytes(), Vec::new(), ours.mark().into_bytes()] {
            assert!(matches!(check(named, &secret), Err(ApiError::Refused { .. })), "{secret:?}");
        }
        assert_eq!(check(older, &[]), Ok(()), "it was never told of secrets");
        assert!(matches!(check(gone, &ours.to_bytes()), Err(ApiError::UnknownWorker { .. })));
        marks.forget(named);
        assert!(matches!(check(named, &ours.to_bytes()), Err(ApiError::UnknownWorker { .. })));
    }

    #[test]
    fn an_identity_speaks_for_its_own_lease_alone_and_a_stolen_secret_does_not_help() {
        let (marks, secret) = (Marks::default(), Secret::seeded(1));
        let (mine, older) = (LeaseId(1), LeaseId(2));
        marks.note(mine, Some(secret.mark()));
        marks.note(older, None);
        let check = |worker, secret: &[u8], owner| marks.check(worker, secret, Some(owner));
        assert!(check(mine, &[], "w1").is_err(), "a name alone is no proof, and takes no lease");
        assert_eq!(check(mine, &secret.to_bytes(), "w0"), Ok(()));
        marks.note(mine, Some(secret.mark()));
        assert!(matches!(check(mine, &secret.to_bytes(), "w1"), Err(ApiError::Refused { .. })));
        assert_eq!(check(mine, &secret.to_bytes(), "w0"), Ok(()));
        assert!(matches!(check(older, &[], "w0"), Err(ApiError::Refused { .. })), "without a secret anybody could");
    }
}
