//! Mailbox of the leader: at most [`MAILBOX_MAX`] requests of others, and the outcomes of work that the leader began.
//!
//! Requests beyond the bound are refused with a hint before anything is done for them, because a longer queue does not
//! help a leader that falls behind. Outcomes are never refused, because nothing that the leader began may be forgotten;
//! permits bound the work that it begins, and so the outcomes. Outcomes are taken first, so that a caller who hears of
//! an outcome and asks about it finds it known.

use model::limits::MAILBOX_MAX;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::message::{Message, Outcome};

/// Sending half of the mailbox. Clones send to the same mailbox.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    asked: mpsc::Sender<Message>,
    outcomes: mpsc::UnboundedSender<Outcome>,
}

/// Receiving half of the mailbox, held by the leader.
pub(crate) struct Inbox {
    asked: mpsc::Receiver<Message>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    taken: Vec<Outcome>,
}

/// Reason for which a request was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotPut {
    /// The leader takes nothing out any more.
    Closed,
    /// [`MAILBOX_MAX`] requests wait already.
    Full,
}

/// Opens an empty mailbox.
pub(super) fn open() -> (Slot, Inbox) {
    let (asked, asks) = mpsc::channel(MAILBOX_MAX);
    let (outcomes, became) = mpsc::unbounded_channel();
    (Slot { asked, outcomes }, Inbox { asked: asks, outcomes: became, taken: Vec::new() })
}

impl Slot {
    /// Queues a request, unless the mailbox is full or closed.
    pub(super) fn ask(&self, message: Message) -> Result<(), NotPut> {
        self.asked.try_send(message).map_err(|error| match error {
            TrySendError::Closed(_) => NotPut::Closed,
            TrySendError::Full(_) => {
                metrics::counter!("tailor_requests_shed_total", "gate" => crate::service::MAILBOX).increment(1);
                NotPut::Full
            }
        })
    }

    /// Queues an outcome. A leader that has ended wants none.
    pub(super) fn send_outcome(&self, outcome: Outcome) {
        let _ = self.outcomes.send(outcome);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.outcomes.is_closed()
    }
}

impl Inbox {
    /// Receives up to `limit` messages, outcomes first; waits for the first message. Nothing is lost if the wait is given
    /// up.
    pub(super) async fn receive(&mut self, messages: &mut Vec<Message>, limit: usize) {
        tokio::select! {
            biased;
            _ = self.outcomes.recv_many(&mut self.taken, limit) => {
                messages.extend(self.taken.drain(..).map(Message::Outcome));
            }
            _ = self.asked.recv_many(messages, limit) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use model::JobId;
    use tokio::sync::oneshot;

    use super::*;
    use crate::leader::message::Ask;

    fn ask() -> Message {
        let (reply, _) = oneshot::channel();
        Message::Ask(Ask::Jobs { reply })
    }

    #[tokio::test]
    async fn requests_are_shed_beyond_the_bound_and_outcomes_are_kept_and_come_first() {
        let (slot, mut inbox) = open();
        let job: JobId = "j".parse().expect("a name");
        (0..MAILBOX_MAX).for_each(|_| slot.ask(ask()).expect("there is room"));
        assert_eq!(slot.ask(ask()), Err(NotPut::Full));
        (0..3).for_each(|_| slot.send_outcome(Outcome::Abandoned { job: job.clone(), result: Ok(()) }));
        let mut messages = Vec::new();
        inbox.receive(&mut messages, 2).await;
        inbox.receive(&mut messages, 2).await;
        assert!(messages.drain(..).all(|message| matches!(message, Message::Outcome(_))));
        inbox.receive(&mut messages, 2).await;
        assert!(messages.iter().all(|message| matches!(message, Message::Ask(_))) && messages.len() == 2);
        slot.ask(ask()).expect("there is room again");
        drop(inbox);
        assert_eq!(slot.ask(ask()), Err(NotPut::Closed));
        assert!(slot.is_closed());
    }
}
