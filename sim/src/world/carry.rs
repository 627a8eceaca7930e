//! Carries messages: the fate of each is drawn when it is sent, and it takes effect when it arrives.

use std::cmp::Ordering;
use std::time::Duration;

use bytes::Bytes;
use model::Clock as _;
use storage::meta::{MetaError, Outcome, WatchEvent};
use tokio::sync::{mpsc, oneshot};

use super::{OpenCall, World};
use crate::bucket::{ObjectAnswer, ObjectCall};
use crate::faults::{Fate, Party};
use crate::network::{Incoming, WireAnswer, WireRequest};
use crate::port::{Message, Truth};
use crate::roles::address;
use crate::state::{StateAnswer, StateCall};

/// Event that happens at a given time.
pub(super) struct Due {
    at: Duration,
    ordinal: u64,
    what: Arrival,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.ordinal).cmp(&(other.at, other.ordinal))
    }
}

/// Message or event that arrives.
enum Arrival {
    StateCall {
        from: usize,
        /// The process and which life of it: it may have another by the time that the call arrives.
        sender: String,
        call: StateCall,
        reply: Option<oneshot::Sender<StateAnswer>>,
        fate: Fate,
    },
    StateAnswer {
        answer: StateAnswer,
        reply: oneshot::Sender<StateAnswer>,
    },
    ObjectCall {
        from: usize,
        call: ObjectCall,
        reply: Option<oneshot::Sender<ObjectAnswer>>,
        fate: Fate,
    },
    ObjectAnswer {
        answer: ObjectAnswer,
        reply: oneshot::Sender<ObjectAnswer>,
    },
    Call {
        to: usize,
        id: u64,
        request: WireRequest,
    },
    Answer {
        id: u64,
        answer: WireAnswer,
    },
    Told {
        events: mpsc::UnboundedSender<Result<WatchEvent, MetaError>>,
        event: WatchEvent,
    },
    Reset {
        to: usize,
        incarnation: u32,
        id: u64,
    },
    /// The connection is broken, and the waiting caller learns it now.
    Broken {
        _reply: Box<dyn std::any::Any + Send>,
    },
}

impl World {
    /// Performs everything that is due.
    pub(super) fn deliver(&mut self) {
        while self.queue.peek().is_some_and(|due| due.0.at <= self.now) {
            if let Some(due) = self.queue.pop() {
                self.arrive(due.0.what);
            }
        }
    }

    /// Breaks all calls to etcd that are in flight.
    pub(super) fn break_state_calls(&mut self) {
        self.queue.retain(|due| !matches!(due.0.what, Arrival::StateCall { .. } | Arrival::StateAnswer { .. }));
    }

    fn due(&mut self, delay: Duration, what: Arrival) {
        self.due_at(self.now + delay, what);
    }

    fn due_at(&mut self, at: Duration, what: Arrival) {
        self.queued += 1;
        self.queue.push(std::cmp::Reverse(Due { at, ordinal: self.queued, what }));
    }

    /// Takes a message that a process has sent.
    pub(super) fn carry(&mut self, from: usize, message: Message) {
        match message {
            Message::State { call, reply } => self.take_state(from, call, reply),
            Message::Watch { prefix, after, events } => {
                self.trace.note(format_args!("{:?} watches {prefix} after {after}", self.processes[from]));
                self.state.watch(from, (&prefix, after), events);
            }
            Message::Object { call, reply } => self.take_object(from, call, reply),
            Message::Call { to, request, reply } => self.take_call(from, &to, request, reply),
            Message::Answer { id, answer } => self.take_answer(from, id, answer),
            Message::Truth(truth) => self.take_truth(from, truth),
        }
    }

    fn take_truth(&mut self, from: usize, truth: Truth) {
        match truth {
            Truth::Struck => self.struck += 1,
            truth => {
                self.trace.note(format_args!("{:?}: {truth:?}", self.processes[from]));
                match truth {
                    Truth::Failed { held, class } => self.witness.failed(held, class),
                    Truth::Refuted { invariant, what } => self.witness.violated(invariant, what),
                    Truth::Finished => self.is_finished = true,
                    Truth::Left(how) => self.has_left(from, &how),
                    Truth::Struck => {}
                }
            }
        }
    }

    fn take_state(&mut self, from: usize, call: StateCall, reply: oneshot::Sender<StateAnswer>) {
        let mut fate = self.rates.state.fate(&mut self.random);
        if self.now < self.state_away_until || self.is_cut(Party::Process(from), Party::State) {
            (fate.arrives, fate.answered) = (false, false);
        }
        if !fate.arrives {
            self.trace.note(format_args!("{:?} etcd {} is lost", self.processes[from], name(&call)));
            return self.lose(fate, reply);
        }
        let sender = format!("{:?}", self.processes[from]);
        if fate.repeated && call.writes() && matches!(call, StateCall::Txn(_)) {
            // A copy whose answer nobody awaits, which may come long after its caller has asked again.
            let late = fate.there + Duration::from_millis(self.random.u64(..7_000));
            self.due(late, Arrival::StateCall { from, sender: sender.clone(), call: call.clone(), reply: None, fate });
        }
        self.due(fate.there, Arrival::StateCall { from, sender, call, reply: Some(reply), fate });
    }

    fn take_object(&mut self, from: usize, call: ObjectCall, reply: oneshot::Sender<ObjectAnswer>) {
        let mut fate = self.rates.objects.fate(&mut self.random);
        if self.is_cut(Party::Process(from), Party::Objects) {
            (fate.arrives, fate.answered) = (false, false);
        }
        if !fate.arrives {
            self.trace.note(format_args!("{:?} {} {} is lost", self.processes[from], call.name(), call.key()));
            return self.lose(fate, reply);
        }
        self.due(fate.there, Arrival::ObjectCall { from, call, reply: Some(reply), fate });
    }

    fn take_call(&mut self, from: usize, to: &str, request: WireRequest, reply: oneshot::Sender<WireAnswer>) {
        let fate = self.rates.network.fate(&mut self.random);
        let to = (0..self.coordinators).find(|at| address(&self.processes[*at].name) == to);
        let Some(to) = to else { return self.lose(Fate { told: true, ..fate }, reply) };
        if !fate.arrives || self.is_cut(Party::Process(from), Party::Process(to)) {
            self.trace.note(format_args!("{:?} {} is lost", self.processes[from], request.method()));
            return self.lose(fate, reply);
        }
        if fate.repeated {
            let id = self.begin_call(from, to, None);
            self.due(fate.there * 2, Arrival::Call { to, id, request: request.clone() });
        }
        let id = self.begin_call(from, to, Some(reply));
        self.due(fate.there, Arrival::Call { to, id, request });
    }

    fn begin_call(&mut self, from: usize, to: usize, reply: Option<oneshot::Sender<WireAnswer>>) -> u64 {
        self.calls_begun += 1;
        let incarnation = self.processes[to].incarnation;
        self.calls.insert(self.calls_begun, OpenCall { from, to, incarnation, reply });
        self.calls_begun
    }

    fn take_answer(&mut self, from: usize, id: u64, answer: WireAnswer) {
        let fate = self.rates.network.fate(&mut self.random);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let to = call.from;
        // Silence, or a broken connection: the request was done, but its answer is lost.
        let is_lost = !fate.answered;
        if is_lost || self.is_cut(Party::Process(from), Party::Process(to)) {
            let reply = self.calls.remove(&id).and_then(|call| call.reply);
            self.trace.note(format_args!("{:?} answer to {:?} is lost", self.processes[from], self.processes[to]));
            if let Some(reply) = reply {
                self.lose(fate, reply);
            }
            return;
        }
        self.due(fate.back, Arrival::Answer { id, answer });
    }

    /// Loses a message: the waiting caller learns it soon, or never.
    fn lose<T: Send + 'static>(&mut self, fate: Fate, reply: oneshot::Sender<T>) {
        let delay = if fate.told { fate.back } else { Duration::from_secs(3600) };
        self.due(delay, Arrival::Broken { _reply: Box::new(reply) });
    }

    fn arrive(&mut self, what: Arrival) {
        match what {
            Arrival::StateCall { from, sender, call, reply, fate } => self.do_state((from, &sender), call, reply, fate),
            Arrival::StateAnswer { answer, reply } => drop(reply.send(answer)),
            Arrival::ObjectCall { from, call, reply, fate } => self.do_object(from, call, reply, fate),
            Arrival::ObjectAnswer { answer, reply } => drop(reply.send(answer)),
            Arrival::Call { to, id, request } => self.do_call(to, id, request),
            Arrival::Answer { id, answer } => {
                if let Some(call) = self.calls.remove(&id) {
                    let (from, to, status) = (&self.processes[call.from], &self.processes[call.to], answer.status());
                    self.trace
                        .note(format_args!("{from:?} is answered by {to:?}: {status}, {} bytes", answer.body.len()));
                    if let Some(reply) = call.reply {
                        let _ = reply.send(answer);
                    }
                }
            }
            // The receiver of the watch may be gone.
            Arrival::Told { events, event } => drop(events.send(Ok(event))),
            Arrival::Reset { to, incarnation, id } => {
                if self.processes[to].incarnation == incarnation {
                    self.processes[to].receive(Incoming::Reset { id });
                }
            }
            Arrival::Broken { .. } => {}
        }
    }

    fn do_state(
        &mut self,
        (from, sender): (usize, &str),
        call: StateCall,
        reply: Option<oneshot::Sender<StateAnswer>>,
        fate: Fate,
    ) {
        // Changes up to now were made by time alone, so no process is their author.
        self.look_at_state(None);
        let called = name(&call);
        let answer = self.state.call(call, self.now);
        let (applied, told) = match &answer {
            StateAnswer::Txn(Ok(Outcome::Applied { revision })) => (Some(revision.0), format!("applied {revision}")),
            StateAnswer::Txn(Ok(Outcome::Refused { .. })) => (None, "refused".to_owned()),
            StateAnswer::Txn(Err(error)) => (None, error.to_string()),
            StateAnswer::Granted(Ok(lease)) => (None, lease.id.to_string()),
            StateAnswer::Done(Err(error)) => (None, error.to_string()),
            _ => (None, "ok".to_owned()),
        };
        self.trace.note(format_args!("{sender} etcd {called}: {told}"));
        self.look_at_state(Some(sender).filter(|_| from < self.coordinators).zip(applied));
        let Some(reply) = reply else { return };
        if fate.answered {
            self.due(fate.back, Arrival::StateAnswer { answer, reply });
        } else {
            self.trace.note(format_args!("{sender} etcd {called}: the answer is lost"));
            self.lose(fate, reply);
        }
    }

    fn do_object(&mut self, from: usize, call: ObjectCall, reply: Option<oneshot::Sender<ObjectAnswer>>, fate: Fate) {
        let (share, until) = self.storm;
        let is_storm = self.now < until && self.random.f64() < share;
        let answer = if is_storm { ObjectAnswer::SlowDown } else { self.do_object_call(&call) };
        let answer = self.torn(&call, answer);
        let told = match &answer {
            ObjectAnswer::Got { bytes, .. } => format!("{} bytes", bytes.len()),
            ObjectAnswer::Listed(objects) => format!("{} objects", objects.len()),
            answer => format!("{answer:?}"),
        };
        self.trace.note(format_args!("{:?} {} {}: {told}", self.processes[from], call.name(), call.key()));
        let Some(reply) = reply else { return };
        if fate.answered {
            self.due(fate.back, Arrival::ObjectAnswer { answer, reply });
        } else {
            self.trace.note(format_args!(
                "{:?} {} {}: the answer is lost",
                self.processes[from],
                call.name(),
                call.key()
            ));
            self.lose(fate, reply);
        }
    }

    fn do_object_call(&mut self, call: &ObjectCall) -> ObjectAnswer {
        let now_ms = self.clock.now_ms();
        let bucket = std::sync::Arc::clone(&self.bucket);
        let mut bucket = bucket.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.witness.will_change(call, &bucket);
        bucket.call(call, now_ms)
    }

    /// Damages the body of an object that has a checksum.
    fn torn(&mut self, call: &ObjectCall, answer: ObjectAnswer) -> ObjectAnswer {
        let key = call.key();
        let is_checked = key.ends_with(".run") || key.ends_with(".json");
        match answer {
            ObjectAnswer::Got { meta, range, bytes }
                if is_checked && !bytes.is_empty() && self.random.f64() < self.rates.torn =>
            {
                let mut torn = bytes.to_vec();
                let at = self.random.usize(..torn.len());
                torn[at] ^= 1 << self.random.u8(..8);
                self.trace.note(format_args!("the body of {key} is torn at {at}"));
                ObjectAnswer::Got { meta, range, bytes: Bytes::from(torn) }
            }
            answer => answer,
        }
    }

    fn do_call(&mut self, to: usize, id: u64, request: WireRequest) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let from = call.from;
        call.incarnation = self.processes[to].incarnation;
        let digest = model::Digest::of(&request.body).0 as u32;
        let (method, bytes) = (request.method().to_owned(), request.body.len());
        let is_taken = self.processes[to].receive(Incoming::Call { id, request });
        self.trace.note(format_args!(
            "{:?} asks {:?}: {method}, {bytes} bytes {digest:08x}{}",
            self.processes[from],
            self.processes[to],
            if is_taken { "" } else { ", which is down" }
        ));
        if !is_taken {
            self.calls.remove(&id);
        }
    }

    /// Sends the events of watches, in order.
    pub(super) fn tell_watches(&mut self) {
        let now = self.now;
        for (at, event) in self.state.take_events(now) {
            let fate = self.rates.state.fate(&mut self.random);
            let (process, events, told_until) = self.state.watched(at);
            let due = (now + fate.there).max(*told_until);
            *told_until = due;
            let resync = match event {
                WatchEvent::Changed { .. } => "",
                WatchEvent::Resync(_) => ", anew",
                WatchEvent::Restored(_) => ", of another history",
            };
            self.trace.note(format_args!("{:?} will hear of a change{resync}", self.processes[process]));
            self.due_at(due, Arrival::Told { events, event });
        }
    }

    /// Resets calls whose caller waits no longer, and breaks calls whose server is gone.
    pub(super) fn give_up_calls(&mut self) {
        let is_given_up = |call: &OpenCall| call.reply.as_ref().is_some_and(oneshot::Sender::is_closed);
        let given_up: Vec<u64> = self.calls.iter().filter(|(_, call)| is_given_up(call)).map(|(id, _)| *id).collect();
        for id in given_up {
            if let Some(call) = self.calls.remove(&id) {
                let fate = self.rates.network.fate(&mut self.random);
                if fate.arrives {
                    let (to, incarnation) = (call.to, call.incarnation);
                    self.due(fate.there, Arrival::Reset { to, incarnation, id });
                }
            }
        }
        let processes = &self.processes;
        self.calls.retain(|_, call| {
            let server = &processes[call.to];
            !server.is_up() || server.incarnation == call.incarnation
        });
    }
}

/// Names a call to etcd for the trace.
fn name(call: &StateCall) -> String {
    match call {
        StateCall::Get(key) => format!("get {key}"),
        StateCall::List(prefix) => format!("list {prefix}*"),
        StateCall::Txn(txn) => {
            let text = format!("{txn:?}");
            format!("txn {:08x} of {} bytes", model::Digest::of(text.as_bytes()).0 as u32, text.len())
        }
        StateCall::Grant(ttl) => format!("grant {ttl:?}"),
        StateCall::KeepAlive(lease) => format!("renew {lease}"),
        StateCall::Revoke(lease) => format!("revoke {lease}"),
    }
}
