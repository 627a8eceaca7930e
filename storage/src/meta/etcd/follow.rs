//! A watch that resumes.
//!
//! A broken stream is opened anew after the last revision that was told, so nothing is missed and nothing told twice. Where
//! etcd no longer has that history (compaction), or cannot send it in one message, the whole prefix is listed and told as
//! `WatchEvent::Resync`; the watch goes on from there. Only what waiting does not mend ends it.

use std::collections::VecDeque;
use std::time::Duration;

use etcd_client::{Error, EventType, WatchOptions, WatchResponse, WatchStream};
use futures::{StreamExt, stream};
use tonic::Code;

use crate::meta::etcd::EtcdStore;
use crate::meta::etcd::fault::{self, Fault};
use crate::meta::{Change, MetaError, MetaStore, Revision, Watch, WatchEvent};

/// First pause before a broken watch is opened anew; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Largest message of a watch, in bytes: a finished job's keys are deleted in one transaction, and told in one message.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

pub(super) fn follow(store: EtcdStore, prefix: String, after: Revision) -> Watch {
    let follower = Follower { store, prefix, after, stream: None, told: VecDeque::new(), pause: PAUSE_MIN };
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
    /// The last revision that was read: all up to it is in `told`, or was.
    after: Revision,
    stream: Option<WatchStream>,
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
                    self.resync().await?;
                }
                Err(fault) => {
                    self.stream = None;
                    self.wait_out(fault.into_error()).await?;
                }
            }
        }
    }

    /// One message, over the stream that is open or a new one.
    async fn read(&mut self) -> Result<(), Fault> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(open(&self.store, &self.prefix, self.after).await?),
        };
        match stream.message().await {
            Ok(Some(message)) if message.compact_revision() > 0 => {
                Err(Fault::Compacted(broken(&self.prefix, "compacted")))
            }
            Ok(Some(message)) if message.canceled() => Err(Fault::of(
                "watch",
                &self.prefix,
                Error::GRpcStatus(tonic::Status::new(code_of(message.cancel_reason()), message.cancel_reason())),
            )),
            Ok(Some(message)) => {
                self.take(&message);
                Ok(())
            }
            Ok(None) => Err(Fault::Open(broken(&self.prefix, "the server closed the stream"))),
            // More than fits into one message: the pages of a listing do fit.
            Err(Error::GRpcStatus(status)) if status.code() == Code::OutOfRange => {
                Err(Fault::Compacted(broken(&self.prefix, status.message())))
            }
            Err(error) => Err(Fault::of("watch", &self.prefix, error)),
        }
    }

    /// Sorts the events of a message by revision. etcd never sends a part of one.
    fn take(&mut self, message: &WatchResponse) {
        for event in message.events() {
            let Some(kv) = event.kv() else { continue };
            let at = Revision(kv.mod_revision() as u64);
            let change = match event.event_type() {
                EventType::Put => self.store.namespace.entry(kv).map(Change::Put),
                EventType::Delete => self.store.namespace.strip(kv).map(|key| Change::Deleted { key }),
            };
            // A key that is no text is none of ours.
            let Ok(change) = change else { continue };
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

    async fn resync(&mut self) -> Result<(), MetaError> {
        match self.store.list(&self.prefix).await {
            Ok(listing) => {
                tracing::info!(prefix = %self.prefix, revision = %listing.revision, "watch lost its history, listed anew");
                self.after = listing.revision;
                self.told.push_back(WatchEvent::Resync(listing));
                Ok(())
            }
            Err(error) => self.wait_out(error).await,
        }
    }

    /// Waits, if waiting may mend it.
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

async fn open(store: &EtcdStore, prefix: &str, after: Revision) -> Result<WatchStream, Fault> {
    let options =
        WatchOptions::new().with_range(store.namespace.end_of(prefix)).with_start_revision(after.0 as i64 + 1);
    store
        .call("watch", prefix, |client| {
            let (key, options) = (store.namespace.key(prefix), options.clone());
            let mut watch = client.watch_client().max_decoding_message_size(MESSAGE_BYTES_MAX);
            async move { watch.watch(key, Some(options)).await }
        })
        .await
}

/// etcd puts the code of a cancellation into its words.
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
