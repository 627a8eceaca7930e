//! Watch that resumes after a broken stream.
//!
//! A broken stream is opened again after the last reported revision, so that no change is missed or reported twice. If etcd
//! no longer has that history (compaction), or cannot send it in one message, the watch lists the whole prefix, reports it
//! as `WatchEvent::Resync`, and continues from there. Only an error that waiting does not cure ends the watch.
//!
//! An etcd that was lost, or restored in place, comes back at the same address with another history, in which revisions
//! come again. A stream from a revision that the new history has not reached would be silent until then; from one that it
//! has reached, it would miss earlier changes. Therefore the watch lists the prefix at that very revision before it opens a
//! stream. If the listing differs from what was reported, the watch lists the prefix again and reports it as
//! `WatchEvent::Restored`. If it is equal, continuing from there misses nothing, whichever history it is.
//!
//! A quiet watch and one that hangs look alike. Therefore a watch moves to another endpoint in three cases: its own is at
//! rest; the probes of HTTP/2 get no answer; or a read, tried every [`QUIET_MAX`], hangs there and not elsewhere. The last
//! case also finds a member that lives but no longer follows its leader.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use etcd_client::{Client, Error, EventType, WatchOptions, WatchResponse, WatchStream};
use futures::{StreamExt, stream};
use tonic::Code;

use crate::meta::etcd::EtcdStore;
use crate::meta::etcd::endpoint::Connection;
use crate::meta::etcd::endpoints::Call;
use crate::meta::etcd::fault::{self, Fault};
use crate::meta::etcd::lane::Lane;
use crate::meta::{Change, Entry, Listing, MetaError, MetaStore, Revision, Watch, WatchEvent, etcd::convert};

/// First pause before a broken watch is opened again; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Longest pause before a broken watch is opened again.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Time without a message after which the endpoint of a watch is compared with others.
const QUIET_MAX: Duration = Duration::from_secs(10);

/// Largest message of a watch, in bytes: the keys of a finished job are deleted in one transaction, which is one
/// message.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

pub(super) fn follow(store: EtcdStore, prefix: String, after: Revision) -> Watch {
    let (stream, told, known) = (None, VecDeque::new(), None);
    let follower = Follower { store, prefix, after, known, stream, told, pause: PAUSE_MIN };
    stream::unfold(Some(follower), |follower| async move {
        let mut follower = follower?;
        match follower.next().await {
            Ok(event) => Some((Ok(event), Some(follower))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

struct Follower {
    store: EtcdStore,
    prefix: String,
    /// Last revision that was read: all changes up to it are in `told`, or were.
    after: Revision,
    /// Entries under the prefix at that revision, by key; they identify the history. None before the first stream.
    known: Option<BTreeMap<String, Entry>>,
    stream: Option<(WatchStream, Connection)>,
    told: VecDeque<WatchEvent>,
    pause: Duration,
}

impl Follower {
    async fn next(&mut self) -> Result<WatchEvent, MetaError> {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Ok(event);
            }
            match self.read().await {
                Ok(()) => self.pause = PAUSE_MIN,
                Err(Fault::Compacted(_)) => {
                    self.stream = None;
                    tracing::info!(prefix = %self.prefix, after = %self.after, "a watch lost its history; listing again");
                    self.list_anew(WatchEvent::Resync).await?;
                }
                Err(Fault::Elsewhere(_)) => {
                    self.stream = None;
                    tracing::warn!(prefix = %self.prefix, after = %self.after, "the cluster's state was lost or restored; listing again");
                    self.list_anew(WatchEvent::Restored).await?;
                }
                Err(fault) => {
                    self.stream = None;
                    self.wait_out(fault.into_error()).await?;
                }
            }
        }
    }

    /// Reads one message, over the open stream or a new one.
    async fn read(&mut self) -> Result<(), Fault> {
        if self.stream.is_none() {
            self.recognise().await?;
        }
        let (stream, connection) = match &mut self.stream {
            Some(open) => open,
            none => none.insert(open(&self.store, &self.prefix, self.after).await?),
        };
        let message = tokio::select! {
            message = stream.message() => message,
            () = connection.rests() => {
                return Err(Fault::Open(broken(&self.prefix, "its endpoint does not answer")));
            }
            () = self.store.endpoints.hangs(connection, QUIET_MAX) => {
                connection.put_aside();
                return Err(Fault::Open(broken(&self.prefix, "its endpoint hangs")));
            }
        };
        let fault = match message {
            Ok(Some(message)) => match self.fault_in(&message) {
                None => {
                    self.queue_events(&message);
                    return Ok(());
                }
                Some(fault) => fault,
            },
            Ok(None) => Fault::Open(broken(&self.prefix, "the server closed the stream")),
            // The changes do not fit into one message; the pages of a listing do.
            Err(Error::GRpcStatus(status)) if status.code() == Code::OutOfRange => {
                Fault::Compacted(broken(&self.prefix, status.message()))
            }
            Err(error) => Fault::of("watch", &self.prefix, error),
        };
        if matches!(fault, Fault::Open(_))
            && let Some((_, connection)) = &self.stream
        {
            connection.put_aside();
        }
        Err(fault)
    }

    /// Compares the content of the prefix at `after` with the reported content.
    async fn recognise(&mut self) -> Result<(), Fault> {
        // Revision 0 precedes every write, in any history; for etcd it means "now".
        let listed = match self.after {
            Revision(0) => BTreeMap::new(),
            after => by_key(self.store.pages(&self.prefix, Some(after)).await?),
        };
        match &self.known {
            Some(known) if *known != listed => {
                Err(Fault::Elsewhere(broken(&self.prefix, "its history is another one")))
            }
            _ => {
                self.known = Some(listed);
                Ok(())
            }
        }
    }

    /// Returns the fault with which a message ends the watch, if it does.
    fn fault_in(&self, message: &WatchResponse) -> Option<Fault> {
        if message.compact_revision() > 0 {
            return Some(Fault::Compacted(broken(&self.prefix, "compacted")));
        }
        if convert::revision(message.header()) < self.after {
            // Either etcd was restored since the history was identified, or the member lags behind: opening the
            // stream again decides.
            return Some(Fault::Open(broken(&self.prefix, "its endpoint is behind what was told")));
        }
        message.canceled().then(|| {
            let status = tonic::Status::new(code_of(message.cancel_reason()), message.cancel_reason());
            Fault::of("watch", &self.prefix, Error::GRpcStatus(status))
        })
    }

    /// Adds the events of a message, by revision. etcd never sends a part of a revision.
    fn queue_events(&mut self, message: &WatchResponse) {
        for event in message.events() {
            let Some(kv) = event.kv() else { continue };
            let at = Revision(kv.mod_revision() as u64);
            let change = match event.event_type() {
                EventType::Put => self.store.namespace.entry(kv).map(Change::Put),
                EventType::Delete => self.store.namespace.strip(kv).map(|key| Change::Deleted { key }),
            };
            // A key that is not text belongs to somebody else.
            let Ok(change) = change else { continue };
            if let Some(known) = &mut self.known {
                match &change {
                    Change::Put(entry) => drop(known.insert(entry.key.clone(), entry.clone())),
                    Change::Deleted { key } => drop(known.remove(key)),
                }
            }
            match self.told.back_mut() {
                Some(WatchEvent::Changed { revision, changes }) if *revision == at => changes.push(change),
                _ => self.told.push_back(WatchEvent::Changed { revision: at, changes: vec![change] }),
            }
            self.after = self.after.max(at);
        }
        for event in &mut self.told {
            if let WatchEvent::Changed { changes, .. } = event {
                changes.sort_by(|a, b| a.key().cmp(b.key()));
            }
        }
    }

    /// Lists the prefix, reports the listing as `event`, and continues from there.
    async fn list_anew(&mut self, event: impl FnOnce(Listing) -> WatchEvent) -> Result<(), MetaError> {
        match self.store.list(&self.prefix).await {
            Ok(listing) => {
                self.after = listing.revision;
                self.known = Some(by_key(listing.clone()));
                self.told.push_back(event(listing));
                Ok(())
            }
            Err(error) => self.wait_out(error).await,
        }
    }

    /// Waits, if the error may go away by itself.
    async fn wait_out(&mut self, error: MetaError) -> Result<(), MetaError> {
        if !error.is_transient() {
            return Err(error);
        }
        tracing::debug!(prefix = %self.prefix, %error, "watch broken, opening it anew");
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

async fn open(store: &EtcdStore, prefix: &str, after: Revision) -> Result<(WatchStream, Connection), Fault> {
    let options =
        WatchOptions::new().with_range(store.namespace.end_of(prefix)).with_start_revision(after.0 as i64 + 1);
    let call = Call { lane: Lane::of(prefix), operation: "watch", object: prefix };
    let begin = |client: Client| {
        let (key, options) = (store.namespace.key(prefix), options.clone());
        let mut watch = client.watch_client().max_decoding_message_size(MESSAGE_BYTES_MAX);
        async move { watch.watch(key, Some(options)).await }
    };
    store.endpoints.once(call, begin).await
}

fn by_key(listing: Listing) -> BTreeMap<String, Entry> {
    listing.entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect()
}

/// Parses the code of a cancellation, which etcd puts into its message.
fn code_of(reason: &str) -> Code {
    if reason.contains("PermissionDenied") || reason.contains("permission denied") {
        Code::PermissionDenied
    } else {
        Code::Unavailable
    }
}

fn broken(prefix: &str, reason: &str) -> MetaError {
    fault::unavailable("watch", prefix, std::io::Error::other(reason.to_owned()))
}
