//! Dashboard: pages and JSON over what an operator may read, served by every coordinator and by `tailor dashboard`.
//!
//! ```text
//! browser --GET--> http: host, identity --> View (from the URL) --> Looks: at most one look a second for each view
//!                                                                     |
//!     page, JSON or a stream of changed sections <-- views: decide and render <-- PageSource: cluster or dataset
//! ```
//!
//! The dashboard reads what [`PageSource`] gives, which is what an operator may ask by RPC, and decides nothing about
//! jobs. Each view is one URL with three representations: HTML, JSON (`?format=json`) and a stream of changes
//! (`?format=live`). A page loads nothing from elsewhere and runs one script of ours. Nothing here reads flags.

// Source of what is shown: a cluster, or the records of a dataset.
pub mod source;
// Records of jobs that have ended.
mod record;
// Prices of slots, requests and storage.
mod price;
// Cost of a job.
pub mod cost;
// Links to the traces of attempts.
mod trace;
// Text for people: numbers, times, names of strangers.
mod text;
// Pieces of HTML: the frame of a page, tables, states, pictures.
mod html;
// Views: what each URL shows, decided and rendered.
mod views;
// Shared looks: a view is computed once for everybody who watches it.
mod looks;
// Server: routes, headers, checks of requests.
mod http;

pub use http::{KeyGuard, ServedPages, Viewer, ViewerGuard, ViewerRefusal, routes};
pub use price::{PagePrices, money};
pub use record::{JobRecord, RecordedShard, RecordedTotals};
pub use source::{ActionRequest, ClusterSource, PageAction, PageSource};
pub use trace::{NoTraceUrl, TraceUrl};
