//! Port of a process, its only way out: every request leaves through it, and the world carries the request.

use std::sync::{Mutex, PoisonError};

use model::{FailureClass, HeldAttempt, Invariant};
use storage::meta::{MetaError, Revision, WatchEvent};
use tokio::sync::{mpsc, oneshot};

use crate::bucket::{ObjectAnswer, ObjectCall};
use crate::network::{WireAnswer, WireRequest};
use crate::state::{StateAnswer, StateCall};

/// Message that leaves a process.
pub(crate) enum Message {
    /// A call to etcd.
    State { call: StateCall, reply: oneshot::Sender<StateAnswer> },
    /// A watch of etcd.
    Watch { prefix: String, after: Revision, events: mpsc::UnboundedSender<Result<WatchEvent, MetaError>> },
    /// A request to the object store.
    Object { call: ObjectCall, reply: oneshot::Sender<ObjectAnswer> },
    /// A call to a coordinator.
    Call { to: String, request: WireRequest, reply: oneshot::Sender<WireAnswer> },
    /// The answer of a coordinator to the call `id`.
    Answer { id: u64, answer: WireAnswer },
    /// Fact for the world's observers; no other process sees it.
    Truth(Truth),
}

/// Fact about a process, for the checks of invariants.
#[derive(Debug, Clone)]
pub(crate) enum Truth {
    /// A worker reports that an attempt has failed with this class.
    Failed { held: HeldAttempt, class: FailureClass },
    /// The operator is done, or gives up.
    Finished,
    /// The process has left by itself.
    Left(String),
    /// A leader has refused a report in which this invariant does not hold.
    Refuted { invariant: Invariant, what: String },
    /// A planted bug took effect.
    Struck,
}

/// Way out of a process.
#[derive(Default)]
pub(crate) struct Port {
    out: Mutex<Vec<Message>>,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Port")
    }
}

impl Port {
    /// Sends a message to the world.
    pub(crate) fn send(&self, message: Message) {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).push(message);
    }

    /// Takes the messages sent since the last call.
    pub(crate) fn drain(&self) -> Vec<Message> {
        std::mem::take(&mut self.out.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
