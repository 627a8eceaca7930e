//! Who leads.
//!
//! One key, `leader`, on the lease of the coordinator that leads. It is created, never overwritten: its create revision is
//! larger than that of any leader before. Every write of the leader compares it (`Leadership::holds`), so one that was
//! deposed without noticing (stopped, cut off) is refused from then on. The lease only decides how soon others may try.
//!
//! Each election comes with a [`Term`], random bits that go into every token that the leader gives out. So what is named by
//! a token is never named alike again, even if the store is lost, or restored, and hands its revisions out a second time.

use std::time::Duration;

use format::state_keys::StateKey;
use format::state_records::{LeaderRecord, StateRecord};
use futures::{Stream, StreamExt, stream};
use model::{FencingToken, LeaderId, Term};

use crate::meta::{Change, Compare, Entry, LeaseSession, Listing, MetaError, MetaStore, Op, Revision, Txn, WatchEvent};
use crate::outcome::{Settled, settle};

/// Pause before a campaign that the store could not decide goes on.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a candidate reads who leads, beside its watch: one that was opened just after the store was restored may begin
/// with what came after, and would wait for the end of a leader that is not there.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The proof that we were elected: to be compared in every write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    revision: Revision,
    term: Term,
}

impl Leadership {
    /// The leader's own token, which nobody else ever has.
    pub const fn token(&self) -> FencingToken {
        self.revision.token(self.term)
    }

    /// When the leader was elected: every write compares it. It grows from leader to leader.
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// What every token carries that the leader gives out.
    pub const fn term(&self) -> Term {
        self.term
    }

    /// The leader, in the names of what it writes.
    pub const fn id(&self) -> LeaderId {
        LeaderId { revision: self.revision.0, term: self.term }
    }

    /// Holds as long as nobody else was elected and we did not resign.
    pub fn holds(&self) -> Compare {
        Compare::created(StateKey::Leader, self.revision)
    }

    /// Whether an entry of `leader` says that we lead.
    pub fn is_shown_by(&self, leader: Option<&Entry>) -> bool {
        leader.is_some_and(|leader| leader.create_revision == self.revision)
    }
}

/// A leader, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// When it was elected.
    pub revision: Revision,
    /// Its name and address.
    pub record: LeaderRecord,
}

/// Waits until we lead, in `term`, which nobody has drawn before. It may be dropped at any time, and tried again: who leads
/// already finds out.
///
/// # Errors
/// [`MetaError::LeaseGone`] once the session is lost; otherwise only what waiting does not mend.
pub async fn campaign(
    store: &dyn MetaStore,
    session: &LeaseSession,
    me: &LeaderRecord,
    term: Term,
) -> Result<Leadership, MetaError> {
    tokio::select! {
        _ = session.lost() => Err(MetaError::LeaseGone { lease: session.lease() }),
        elected = campaign_on(store, session, me) => elected.map(|revision| Leadership { revision, term }),
    }
}

async fn campaign_on(store: &dyn MetaStore, session: &LeaseSession, me: &LeaderRecord) -> Result<Revision, MetaError> {
    loop {
        let tried = match stand(store, session, me).await {
            Ok(Ok(elected)) => return Ok(elected),
            Ok(Err(leader)) => vacancy(store, &leader).await,
            Err(error) => Err(error),
        };
        match tried {
            Err(error) if error.is_transient() => tokio::time::sleep(PAUSE).await,
            tried => tried?,
        }
    }
}

/// One try: since when we lead, or the entry of whoever does.
async fn stand(
    store: &dyn MetaStore,
    session: &LeaseSession,
    me: &LeaderRecord,
) -> Result<Result<Revision, Entry>, MetaError> {
    let key = String::from(StateKey::Leader);
    let value = me.encode().map_err(|error| MetaError::Invalid { reason: error.to_string() })?;
    let txn = Txn::when([Compare::absent(&key)]).then([Op::put_leased(&key, value, session.lease())]).otherwise([&key]);
    // Nobody else writes under our lease: a leader on it is we, elected by a try whose answer was lost.
    let is_ours = |entry: &Entry| entry.lease == Some(session.lease());
    let ours_at = |entry: Option<&Entry>| entry.filter(|entry| is_ours(entry)).map(|entry| entry.create_revision);
    loop {
        match settle(store, txn.clone(), &key, ours_at).await? {
            Settled::Applied { revision } => return Ok(Ok(revision)),
            Settled::Refused { mut current } => match current.pop().flatten() {
                Some(entry) if is_ours(&entry) => return Ok(Ok(entry.create_revision)),
                Some(entry) => return Ok(Err(entry)),
                None => {}
            },
        }
    }
}

/// Waits until `leader` leads no longer.
async fn vacancy(store: &dyn MetaStore, leader: &Entry) -> Result<(), MetaError> {
    let mut events = store.watch(&leader.key, leader.mod_revision);
    loop {
        let still_leads = tokio::select! {
            event = events.next() => match event.transpose()? {
                Some(WatchEvent::Changed { changes, .. }) => !changes.iter().any(|change| change.key() == leader.key),
                Some(WatchEvent::Resync(listing) | WatchEvent::Restored(listing)) => listing.entries.contains(leader),
                None => false,
            },
            () = tokio::time::sleep(LOOK_AGAIN) => store.get(&leader.key).await?.as_ref() == Some(leader),
        };
        if !still_leads {
            return Ok(());
        }
    }
}

/// Stops leading, at once. Nothing happens if we do not lead any more.
///
/// # Errors
/// The store could not be asked; whoever is next waits for our lease to end.
pub async fn resign(store: &dyn MetaStore, leadership: Leadership) -> Result<(), MetaError> {
    let key = String::from(StateKey::Leader);
    let revision = leadership.revision;
    let txn = Txn::when([leadership.holds()]).then([Op::delete(&key)]);
    let gone = |entry: Option<&Entry>| entry.is_none_or(|entry| entry.create_revision != revision).then_some(revision);
    settle(store, txn, &key, gone).await.map(drop)
}

/// Who leads now, and every change of that; none while there is no leader.
///
/// # Errors
/// The store could not be asked for the first; later, only what ends a watch.
pub async fn observe(
    store: &dyn MetaStore,
) -> Result<impl Stream<Item = Result<Option<Leader>, MetaError>> + Send + use<>, MetaError> {
    let key = String::from(StateKey::Leader);
    let listing = store.list(&key).await?;
    let events = store.watch(&key, listing.revision);
    let first = stream::once(async move { Ok(WatchEvent::Resync(listing)) });
    Ok(first.chain(events).filter_map(async |event| event.and_then(leader_after).transpose()))
}

/// Who leads after an event, if it says so.
fn leader_after(event: WatchEvent) -> Result<Option<Option<Leader>>, MetaError> {
    let key = String::from(StateKey::Leader);
    match event {
        WatchEvent::Resync(Listing { entries, .. }) | WatchEvent::Restored(Listing { entries, .. }) => {
            entries.into_iter().find(|entry| entry.key == key).map(leader_of).transpose().map(Some)
        }
        WatchEvent::Changed { changes, .. } => match changes.into_iter().find(|change| change.key() == key) {
            Some(Change::Put(entry)) => leader_of(entry).map(|leader| Some(Some(leader))),
            Some(Change::Deleted { .. }) => Ok(Some(None)),
            None => Ok(None),
        },
    }
}

fn leader_of(entry: Entry) -> Result<Leader, MetaError> {
    let record = entry.record()?;
    Ok(Leader { revision: entry.create_revision, record })
}

#[cfg(test)]
mod tests;
