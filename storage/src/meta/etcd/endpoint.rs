//! Endpoint of etcd: its connections, and its standing (in service, suspected or at rest).
//!
//! ```text
//!                 a call hangs or breaks              a probe, at once, is not answered in time
//!  in service ---------------------------> suspected -----------------------------------------> at rest --+
//!      ^                                      |                                                  |  ^     | no answer:
//!      |  a probe is answered in time         |                                                  |  |     | the rest doubles
//!      +--------------------------------------+--------------------------------------------------+  +-----+
//! ```
//!
//! The reason for this is a frozen process. Its kernel still accepts connections, so the endpoint looks ready; only a call
//! without an answer shows that it is not. Therefore no caller is sent to an endpoint that is suspected or at rest while
//! another one is in service. Probes, which run beside the callers, decide when it returns. A wrong suspicion costs
//! milliseconds, and no connection.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use etcd_client::Client;
use tokio::sync::{OnceCell, watch};
use tokio::time::Instant;

use crate::meta::EtcdSettings;
use crate::meta::etcd::fault::{self, Fault};
use crate::meta::etcd::lane::Lane;

/// First rest; it doubles up to [`REST_MAX`].
const REST_MIN: Duration = Duration::from_secs(1);

/// Longest rest, and therefore the longest time that a healthy member stays unused.
const REST_MAX: Duration = Duration::from_secs(30);

/// Longest wait for the answer to a probe. It is shorter than the patience with a call, so that an endpoint which
/// answers slowly does not return only to delay the next call.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// Time after its return within which an endpoint that is put aside again continues with the length of its last rest.
const RELAPSE: Duration = Duration::from_secs(60);

/// Standing of an endpoint; callers are sent only to one in service, unless there is no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    InService,
    Suspected,
    AtRest,
}

/// End of an endpoint's last rest.
#[derive(Debug)]
struct Return {
    at: Instant,
    after: Duration,
}

type Slot = Arc<OnceCell<Client>>;

/// Endpoint of etcd with its connections.
pub(super) struct Endpoint {
    url: String,
    settings: Arc<EtcdSettings>,
    /// Key that this user may read.
    probed: Vec<u8>,
    /// Connection of each lane; a new one connects with its first call.
    slots: Mutex<[Slot; Lane::COUNT]>,
    standing: watch::Sender<Standing>,
    returned: Mutex<Option<Return>>,
    /// True if no other endpoint is known: this one is never put aside.
    is_alone: bool,
}

impl Endpoint {
    pub(super) fn new(url: String, settings: Arc<EtcdSettings>, probed: Vec<u8>) -> Self {
        let is_alone = settings.endpoints.len() == 1;
        Self {
            url,
            settings,
            probed,
            slots: Mutex::default(),
            standing: watch::Sender::new(Standing::InService),
            returned: Mutex::default(),
            is_alone,
        }
    }

    pub(super) fn is_in_service(&self) -> bool {
        *self.standing.borrow() == Standing::InService
    }

    /// Returns the connection of a lane; sends nothing.
    pub(super) fn connection(self: &Arc<Self>, lane: Lane) -> Connection {
        let slot = Arc::clone(&self.slots()[lane.index()]);
        Connection { endpoint: Arc::clone(self), slot }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, [Slot; Lane::COUNT]> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Client, Fault> {
        let client = Client::connect([&self.url], Some(self.settings.options()))
            .await
            .map_err(|error| fault::on_connect(&self.settings, error))?;
        // Only an answer proves that there is a connection with a server behind it.
        self.read(&client).await.map(|()| client)
    }

    /// Reads a key, which needs the quorum, too. A refusal counts as an answer.
    async fn read(&self, client: &Client) -> Result<(), Fault> {
        match client.kv_client().get(self.probed.clone(), None).await {
            Ok(_) => Ok(()),
            Err(error) => match Fault::of("reach", &self.url, error) {
                open @ Fault::Open(_) => Err(open),
                _ => Ok(()),
            },
        }
    }

    /// Probes until the endpoint answers, then puts it back into service.
    async fn rest(endpoint: Weak<Self>) {
        let mut rest = None;
        loop {
            tokio::time::sleep(rest.unwrap_or_default()).await;
            let Some(endpoint) = endpoint.upgrade() else { return };
            let answer = tokio::time::timeout(PROBE_TIMEOUT, endpoint.connection(Lane::Work).probe()).await;
            if answer == Ok(true) {
                endpoint.return_to_service(rest);
                return;
            }
            // Perhaps only the connection is dead.
            endpoint.renew_connections();
            rest = Some(rest.map_or_else(|| endpoint.rest_at_first(), |rest| (rest * 2).min(REST_MAX)));
        }
    }

    /// Returns the length of the first rest. For an endpoint that returned just now, that is the length of its last
    /// rest.
    fn rest_at_first(&self) -> Duration {
        self.standing.send_replace(Standing::AtRest);
        crate::metrics::endpoint_put_aside();
        tracing::warn!(endpoint = self.url, "etcd endpoint did not answer; the others are asked until it does");
        match &*self.returned.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(last) if last.at.elapsed() < RELAPSE => last.after,
            _ => REST_MIN,
        }
    }

    fn return_to_service(&self, rest: Option<Duration>) {
        if let Some(after) = rest {
            let last = Return { at: Instant::now(), after };
            *self.returned.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
            tracing::info!(endpoint = self.url, rest = ?after, "etcd endpoint answered again; it is back in service");
        }
        self.standing.send_replace(Standing::InService);
    }

    /// Replaces the connections; calls in flight keep the old ones.
    fn renew_connections(&self) {
        *self.slots() = <[Slot; Lane::COUNT]>::default();
    }
}

/// Connection to one endpoint, made by its first call. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connection {
    endpoint: Arc<Endpoint>,
    slot: Slot,
}

impl Connection {
    /// Connects, unless it is connected.
    ///
    /// # Errors
    /// Nothing of the caller's was sent.
    pub(super) async fn connected(&self) -> Result<&Client, Fault> {
        self.slot.get_or_try_init(|| self.endpoint.connect()).await
    }

    /// Makes one call, and repeats it with a new token if it was refused for an expired one.
    pub(super) async fn call<T, F>(
        &self,
        operation: &'static str,
        object: &str,
        work: impl Fn(Client) -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let client = self.connected().await?;
        let attempt = async || work(client.clone()).await.map_err(|error| Fault::of(operation, object, error));
        match attempt().await {
            Err(Fault::TokenExpired(_)) => match client.refresh_token().await {
                Ok(()) => attempt().await,
                Err(error) => Err(Fault::of(operation, object, error)),
            },
            answer => answer,
        }
    }

    /// True if the endpoint answers a read on this very connection.
    pub(super) async fn probe(&self) -> bool {
        match self.connected().await {
            Ok(client) => self.endpoint.read(client).await.is_ok(),
            Err(Fault::Open(_)) => false,
            Err(_) => true,
        }
    }

    pub(super) fn is_of_same_endpoint(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.endpoint, &other.endpoint)
    }

    /// Puts the endpoint aside: no call is sent to it until a probe is answered.
    pub(super) fn put_aside(&self) {
        let endpoint = &self.endpoint;
        if endpoint.is_alone {
            // No other endpoint can be asked, but perhaps only the connection hangs or broke.
            endpoint.renew_connections();
            return;
        }
        let suspected = |standing: &mut Standing| {
            let was_in_service = *standing == Standing::InService;
            if was_in_service {
                *standing = Standing::Suspected;
            }
            was_in_service
        };
        if endpoint.standing.send_if_modified(suspected) {
            tracing::debug!(endpoint = endpoint.url, "etcd endpoint suspected to hang");
            tokio::spawn(Endpoint::rest(Arc::downgrade(endpoint)));
        }
    }

    /// Waits until the endpoint rests, whichever caller noticed that it hangs.
    pub(super) async fn rests(&self) {
        let mut standing = self.endpoint.standing.subscribe();
        // The sender lives as long as the endpoint, which this connection holds.
        drop(standing.wait_for(|standing| *standing == Standing::AtRest).await);
    }
}
