//! Endpoints of etcd, and the choice of the one that is asked.
//!
//! Each process draws a first endpoint at random and stays with it; the next ones take over while it rests (`endpoint`).
//! Only a comparison distinguishes an endpoint that hangs from a slow cluster: it *hangs* if another endpoint answered in
//! the meantime and it did not. A slow disk, an election or a lost quorum delay all endpoints, so none is put aside.
//!
//! | call | sent to |
//! |---|---|
//! | `ask`: reads, leases | the first; after its lane's patience also to the next; the first answer counts. Sending them twice is harmless |
//! | `once`: a transaction, a new watch | one that has answered before. If it hangs, the outcome is unknown; `settle` then reads from another endpoint |
//!
//! With a single endpoint there is no comparison: every call waits for its whole timeout.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::Client;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::meta::EtcdSettings;
use crate::meta::etcd::endpoint::{Connection, Endpoint};
use crate::meta::etcd::fault::{self, Fault};
use crate::meta::etcd::lane::Lane;
use crate::metrics;

/// Time that a call's endpoint has to answer a probe before others are probed; within it, the endpoint is slow but
/// does not hang.
const HEAD_START: Duration = Duration::from_millis(250);

/// Time that it still has after another endpoint has answered.
const GRACE: Duration = Duration::from_millis(250);

/// Time after which a comparison without any answer starts over.
const COMPARISON_MAX: Duration = Duration::from_secs(2);

/// Call, as errors name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) lane: Lane,
    /// Operation, as a verb.
    pub(super) operation: &'static str,
    /// Object: a key, a prefix or a lease.
    pub(super) object: &'a str,
}

impl Call<'_> {
    /// Returns the operation as one word, for the label of a metric.
    fn label(&self) -> &'static str {
        self.operation.split(' ').next().unwrap_or(self.operation)
    }
}

/// Endpoints of one etcd.
pub(super) struct Endpoints {
    all: Vec<Arc<Endpoint>>,
    first: usize,
    call_timeout: Duration,
}

impl Endpoints {
    /// Creates the endpoints; sends nothing.
    pub(super) fn new(settings: &EtcdSettings, probed: &[u8]) -> Self {
        let shared = Arc::new(settings.clone());
        let endpoint = |url: &String| Arc::new(Endpoint::new(url.clone(), Arc::clone(&shared), probed.to_vec()));
        let all: Vec<_> = settings.endpoints.iter().map(endpoint).collect();
        Self { first: settings.first % all.len().max(1), all, call_timeout: settings.call_timeout }
    }

    /// Returns a connection to each endpoint, in the order in which they are asked: those in service first.
    fn in_order(&self, lane: Lane) -> Vec<Connection> {
        let row = self.all[self.first..].iter().chain(&self.all[..self.first]);
        let (serving, resting): (Vec<_>, Vec<_>) = row.partition(|endpoint| endpoint.is_in_service());
        serving.into_iter().chain(resting).map(|endpoint| endpoint.connection(lane)).collect()
    }

    /// Makes a call that may be made twice: the first answer of any endpoint counts.
    pub(super) async fn ask<T, F>(&self, call: Call<'_>, work: impl Fn(Client) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let work = &work;
        let attempt = |connection: Connection| async move { connection.call(call.operation, call.object, work).await };
        self.in_time(call, self.one_after_the_other(call.lane, attempt)).await
    }

    /// Makes a call that is sent to one endpoint only, one that has answered before; also returns the connection that
    /// was used.
    ///
    /// # Errors
    /// [`Fault::Open`] also where no endpoint could be reached, and nothing was sent: the caller settles both alike.
    pub(super) async fn once<T, F>(&self, call: Call<'_>, work: impl Fn(Client) -> F) -> Result<(T, Connection), Fault>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let sent = async {
            let reached = |connection: Connection| async move {
                connection.connected().await?;
                Ok(connection)
            };
            let connection = self.one_after_the_other(call.lane, reached).await?;
            let answer = tokio::select! {
                answer = connection.call(call.operation, call.object, work) => answer,
                () = self.hangs(&connection, call.lane.patience()) => Err(Fault::Open(fault::hang(call))),
            };
            if matches!(answer, Err(Fault::Open(_))) {
                connection.put_aside();
            }
            answer.map(|answer| (answer, connection))
        };
        self.in_time(call, sent).await
    }

    async fn in_time<T>(&self, call: Call<'_>, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let began = Instant::now();
        let answer = tokio::time::timeout(self.call_timeout, work).await;
        metrics::state_asked(call.label(), began.elapsed());
        match answer {
            Ok(answer) => answer,
            Err(_) => {
                // Perhaps only the connection is dead, or the address stands for several servers.
                if let [only] = &*self.all {
                    only.connection(call.lane).put_aside();
                }
                Err(Fault::Open(fault::silence(call.operation, call.object, self.call_timeout)))
            }
        }
    }

    /// Asks the first endpoint, and each further one as soon as those before have failed or have been silent for the
    /// lane's patience. Puts an endpoint aside if it broke, or if one that was asked later answered first.
    async fn one_after_the_other<T, F>(&self, lane: Lane, attempt: impl Fn(Connection) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let row = self.in_order(lane);
        let mut answers = FuturesUnordered::new();
        let mut asked = 0;
        let mut broken = None;
        loop {
            match row.get(asked) {
                Some(connection) => {
                    let (place, answer) = (asked, attempt(connection.clone()));
                    answers.push(async move { (place, answer.await) });
                    asked += 1;
                }
                None if answers.is_empty() => {
                    return Err(broken.unwrap_or_else(|| Fault::Open(fault::silence("reach", "etcd", Duration::ZERO))));
                }
                None => {}
            }
            tokio::select! {
                Some((place, answer)) = answers.next() => match answer {
                    Err(open @ Fault::Open(_)) => {
                        row[place].put_aside();
                        broken = Some(open);
                    }
                    answer => {
                        row[..place].iter().for_each(Connection::put_aside);
                        return answer;
                    }
                },
                () = tokio::time::sleep(lane.patience()), if asked < row.len() => {}
            }
        }
    }

    /// Resolves once the endpoint hangs: probed every `pause`, it was silent while another answered.
    pub(super) async fn hangs(&self, connection: &Connection, pause: Duration) {
        loop {
            tokio::time::sleep(pause).await;
            let answers = async {
                if !connection.probe().await {
                    std::future::pending::<()>().await;
                }
            };
            let overtaken = async {
                tokio::time::sleep(HEAD_START).await;
                self.another_answers(connection).await;
                tokio::time::sleep(GRACE).await;
            };
            let compared = async {
                tokio::select! {
                    () = answers => false,
                    () = overtaken => true,
                }
            };
            if tokio::time::timeout(COMPARISON_MAX, compared).await == Ok(true) {
                return;
            }
        }
    }

    /// Resolves once any other endpoint has answered a probe.
    async fn another_answers(&self, connection: &Connection) {
        let row = self.in_order(Lane::Work);
        let others = row.iter().filter(|other| !other.is_of_same_endpoint(connection));
        let mut probes: FuturesUnordered<_> = others.map(Connection::probe).collect();
        while let Some(answers) = probes.next().await {
            if answers {
                return;
            }
        }
        std::future::pending().await
    }
}
