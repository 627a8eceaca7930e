//! Pages of a coordinator: the dashboard over its own services, beside the probes.
//!
//! ```text
//! browser --certificate or token--> guard: who? at least a viewer? --> dashboard --> own services, if this one leads
//!                                                                               \--> the leader, as a coordinator
//! ```
//!
//! Pages ask what any viewer may ask, as nobody in particular: the viewer is known at the door, and all viewers share
//! the looks. A coordinator that follows asks the leader with its own certificate, whose role is that of a viewer. A
//! change is made on behalf of the person who asks for it (`proto::relay`), so the leader checks that person's role and
//! notes the name.

mod viewers; // viewers: the identity of a request for a page
mod reach; //   connection to the services of this process
mod records; // records of a dataset, without a cluster
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use daemon::Tls;
use dashboard::{ClusterSource, PagePrices, ServedPages, TraceUrl};
use model::Clock;
use proto::client::{CallPolicy, ClientSecurity, Dial, LeaderClient};

use crate::access::Access;
pub(crate) use reach::{OwnServices, Reach};
pub use records::RecordsSource;
use viewers::Viewers;

/// Patience with a leader: a person waits for the page.
const POLICY: CallPolicy = CallPolicy { call_timeout: Duration::from_secs(4), patience: Duration::from_secs(6) };

/// Connections that viewers may have beside probes and scrapers: a browser has several.
pub(crate) const CONNECTIONS_MAX: usize = 512;

/// Settings of the dashboard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DashboardSettings {
    /// True if pages are served.
    pub is_enabled: bool,
    /// True if pages may change something.
    pub may_act: bool,
    /// Prices for the cost of a job.
    pub prices: PagePrices,
    /// Further names by which pages are asked for.
    pub hosts: Vec<String>,
    /// Link to the trace of an attempt.
    pub trace_url: Option<TraceUrl>,
}

/// Builds the routes of the dashboard over the services of this coordinator, once it has them.
pub(crate) fn routes(
    settings: &DashboardSettings,
    own: OwnServices,
    tls: Option<&Tls>,
    access: Access,
    clock: Arc<dyn Clock>,
) -> Router {
    let tls = tls.filter(|tls| tls.has_authority()).map(|tls| Arc::new(tls.clone()) as Arc<dyn Dial>);
    let security = ClientSecurity { tls, token: None };
    let client = LeaderClient::from_within(security, Reach::Own(own), Reach::Other).with_policy(POLICY);
    let viewers = Viewers { access, clock: Arc::clone(&clock) };
    let served = ServedPages {
        hosts: settings.hosts.clone(),
        may_act: settings.may_act,
        prices: settings.prices,
        trace_url: settings.trace_url.clone(),
    };
    dashboard::routes(&served, Arc::new(ClusterSource::new(client)), Arc::new(viewers), clock)
}
