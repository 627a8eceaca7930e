//! Banner of the first view: the leader, the number of slots, and the troubles of the stores.

use maud::{Markup, html};
use proto::v1::GetClusterResponse;
use serde::Serialize;

use crate::html::{long, name};
use crate::text;

/// Facts of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ClusterFacts {
    pub(crate) leader: String,
    pub(crate) address: String,
    /// Fencing token, as text, because it has 64 bits.
    pub(crate) token: String,
    pub(crate) since_at_ms: i64,
    pub(crate) version: String,
    pub(crate) troubles: Vec<String>,
    pub(crate) workers: u32,
    pub(crate) slots: u32,
    pub(crate) jobs: u32,
}

impl From<GetClusterResponse> for ClusterFacts {
    fn from(cluster: GetClusterResponse) -> Self {
        Self {
            leader: cluster.leader,
            address: cluster.address,
            token: cluster.token.to_string(),
            since_at_ms: cluster.since_ms,
            version: cluster.version,
            troubles: cluster.troubles,
            workers: cluster.workers,
            slots: cluster.slots,
            jobs: cluster.jobs,
        }
    }
}

/// Renders the banner.
pub(crate) fn render(cluster: &ClusterFacts) -> Markup {
    html! {
        p {
            (name(&cluster.leader)) " leads since " (crate::html::instant(cluster.since_at_ms)) ", with "
            (text::counted(cluster.workers.into(), "worker")) " and " (text::counted(cluster.slots.into(), "slot"))
            "; " (text::counted(cluster.jobs.into(), "job")) " open; version " (name(&cluster.version)) "."
        }
        @if cluster.workers == 0 && cluster.jobs > 0 { p.bad { "There is no worker, so nothing can run." } }
        @for (at, trouble) in cluster.troubles.iter().enumerate() { p.bad { (long(&format!("trouble-{at}"), trouble)) } }
    }
}
