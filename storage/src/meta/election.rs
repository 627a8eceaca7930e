//! Election of the leader.
//!
//! The key `leader` lies on the lease of the coordinator that leads. It is created, never overwritten. Every write of
//! the leader compares its create revision and its value (`Leadership::holds`), so the writes of a leader that was
//! deposed without noticing (stopped, cut off) are refused from then on. The lease only decides how soon others may try.
//!
//! Each election comes with a [`Term`], random bits that are part of the key's value and of every token that the
//! leader gives out. So no value and no token ever occurs twice, even if the store is lost or restored and gives its
//! revisions out a second time. A create revision can come again: when it was compared alone, a leader of the lost
//! history could go on writing.

use std::time::Duration;

use bytes::Bytes;
use format::state_keys::StateKey;
use format::state_records::{LeaderRecord, StateRecord, Text};
use futures::{Stream, StreamExt, stream};
use model::{FencingToken, LeaderId, Term};

use crate::meta::{Change, Compare, Entry, LeaseSession, Listing, MetaError, MetaStore, Op, Revision, Txn, WatchEvent};
use crate::outcome::{Settled, settle};

/// Pause before a campaign that the store could not decide continues.
const PAUSE: Duration = Duration::from_secs(1);

/// Interval at which a candidate reads the leader's key, in addition to its watch. A watch that was opened just after
/// the store was restored may begin with later changes only, and would wait for the end of a leader that is not
/// there.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Proof that we were elected, compared in every write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leadership {
    revision: Revision,
    term: Term,
    /// Value of the key `leader`, which holds the term.
    value: Bytes,
}

impl Leadership {
    /// Returns the leader's own token, which nobody else ever has.
    pub const fn token(&self) -> FencingToken {
        self.revision.token(self.term)
    }

    /// Returns the revision at which the leader was elected. It grows from leader to leader, unless the store is restored.
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Returns the term, which every token carries that the leader gives out.
    pub const fn term(&self) -> Term {
        self.term
    }

    /// Returns the leader's id, which is part of the names of its objects.
    pub const fn id(&self) -> LeaderId {
        LeaderId { revision: self.revision.0, term: self.term }
    }

    /// Returns comparisons that hold as long as nobody else was elected and we did not resign. The value tells us from the
    /// leader of another history of the store; the revision tells the key from one that a late copy of our own election has
    /// created.
    pub fn holds(&self) -> [Compare; 2] {
        [Compare::created(StateKey::Leader, self.revision), Compare::value(StateKey::Leader, self.value.clone())]
    }

    /// True if the entry of `leader` says that we lead.
    pub fn is_shown_by(&self, leader: Option<&Entry>) -> bool {
        self.holds().iter().all(|compare| compare.holds(leader))
    }
}

/// Elected leader, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Revision at which it was elected.
    pub revision: Revision,
    /// Name and address of the leader.
    pub record: LeaderRecord,
}

/// Coordinator that stands for election.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Name of its pod or host.
    pub replica: Text<128>,
    /// Address for workers and operators.
    pub address: Text<256>,
}

impl Candidate {
    /// Returns the record by which the candidate leads in `term`.
    pub fn record(&self, term: Term) -> LeaderRecord {
        LeaderRecord { replica: self.replica.clone(), address: self.address.clone(), term: Some(term) }
    }
}

/// Waits until we lead, in `term`, which nobody has drawn before. The call may be dropped at any time and tried
/// again.
///
/// # Errors
/// [`MetaError::LeaseGone`] once the session is lost; otherwise only what waiting does not mend.
pub async fn campaign(
    store: &dyn MetaStore,
    session: &LeaseSession,
    me: &Candidate,
    term: Term,
) -> Result<Leadership, MetaError> {
    let value = me.record(term).encode().map_err(|error| MetaError::Invalid { reason: error.to_string() })?;
    let value = Bytes::from(value);
    tokio::select! {
        _ = session.lost() => Err(MetaError::LeaseGone { lease: session.lease() }),
        elected = campaign_on(store, session, &value) => elected.map(|revision| Leadership { revision, term, value: value.clone() }),
    }
}

async fn campaign_on(store: &dyn MetaStore, session: &LeaseSession, value: &Bytes) -> Result<Revision, MetaError> {
    loop {
        let tried = match stand(store, session, value).await {
            Ok(Ok(elected)) => return Ok(elected),
            Ok(Err(earlier)) if earlier.lease == Some(session.lease()) => withdraw(store, &earlier.value).await,
            Ok(Err(leader)) => vacancy(store, &leader).await,
            Err(error) => Err(error),
        };
        match tried {
            Err(error) if error.is_transient() => tokio::time::sleep(PAUSE).await,
            tried => tried?,
        }
    }
}

/// Tries once: returns the revision since which we lead, or the entry of the leader. That entry may be an earlier
/// term of ours, whose resignation was lost.
async fn stand(
    store: &dyn MetaStore,
    session: &LeaseSession,
    value: &Bytes,
) -> Result<Result<Revision, Entry>, MetaError> {
    let key = String::from(StateKey::Leader);
    let put = Op::put_leased(&key, value.clone(), session.lease());
    let txn = Txn::when([Compare::absent(&key)]).then([put]).otherwise([&key]);
    // The value holds a term that we drew: we were elected by a try whose answer was lost.
    let is_ours = |entry: &Entry| entry.value == *value;
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

/// Stops leading at once. Does nothing if we do not lead any more.
///
/// # Errors
/// The store could not be asked; the next leader waits for our lease to end.
pub async fn resign(store: &dyn MetaStore, leadership: &Leadership) -> Result<(), MetaError> {
    let key = String::from(StateKey::Leader);
    let txn = Txn::when(leadership.holds()).then([Op::delete(&key)]);
    let gone = |entry: Option<&Entry>| (!leadership.is_shown_by(entry)).then_some(Revision(0));
    settle(store, txn, &key, gone).await.map(drop)
}

/// Deletes the key `leader` if it has this value, of an earlier office of ours.
async fn withdraw(store: &dyn MetaStore, value: &Bytes) -> Result<(), MetaError> {
    let key = String::from(StateKey::Leader);
    let txn = Txn::when([Compare::value(&key, value.clone())]).then([Op::delete(&key)]);
    let gone = |entry: Option<&Entry>| entry.is_none_or(|entry| entry.value != *value).then_some(Revision(0));
    settle(store, txn, &key, gone).await.map(drop)
}

/// Streams the current leader and every change of it; none while there is no leader.
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

/// Returns the leader after an event, if the event shows one.
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
