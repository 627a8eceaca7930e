//! Server of the dashboard: its routes, below `/ui/`.
//!
//! | path | method | answer |
//! |---|---|---|
//! | `/ui` | GET | the way to `/ui/` |
//! | `/ui/assets/NAME` | GET | style, script, icon |
//! | `/ui/...` | GET | a view as HTML; `?format=json` as JSON; `?format=live` as a stream of changes |
//! | see `actions.rs` | POST | a change, where the settings allow any |
//!
//! Without that setting the routes of changes do not exist, and any method but GET is answered 405. A request for a
//! host that is not ours is refused (421), so that no page of a stranger can read these by a name that it points here.
//! Views need the identity that [`ViewerGuard`] asks for.

mod actions; //           routes that change something
pub(crate) mod assets; // files that pages load
mod hosts; //             hosts by which the dashboard may be asked
mod key; //               key of a dashboard on a person's own machine
mod answers; //           headers of answers, and pages that tell of an error
mod live; //              streams of changed sections
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use model::Clock;
use proto::ApiError;
use tokio::sync::Semaphore;

use crate::html::{Frame, Links, frame};
use crate::looks::{Looks, Seen};
use crate::price::PagePrices;
use crate::source::{PageSource, SourceKind};
use crate::trace::TraceUrl;
use crate::views::{View, ViewSettings};

pub use key::KeyGuard;

/// Most streams at once; beyond them a page asks again after a while.
const STREAMS_MAX: usize = 128;

/// Longest query of a request, in bytes.
const QUERY_BYTES_MAX: usize = 8 << 10;

/// Settings of a served dashboard.
#[derive(Debug, Clone, Default)]
pub struct ServedPages {
    /// Further names by which it is reached, beside addresses and names without a dot.
    pub hosts: Vec<String>,
    /// True if pages may change something: cancel, retry, replay, drain.
    pub may_act: bool,
    /// Prices for the cost of a job.
    pub prices: PagePrices,
    /// Link to the trace of an attempt, if the installation keeps traces.
    pub trace_url: Option<TraceUrl>,
}

/// Viewer of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Role and name, as text; none where nobody is asked for an identity.
    pub name: Option<String>,
    /// True if the viewer may also change something, where pages may.
    pub may_act: bool,
}

/// ViewerRefusal of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewerRefusal {
    /// Reason, and the next step.
    pub reason: String,
    /// True if another identity would help: the browser asks for one.
    pub is_unknown: bool,
}

/// Rule by which viewers are let in.
pub trait ViewerGuard: fmt::Debug + Send + Sync {
    /// Identifies the viewer of a request.
    ///
    /// # Errors
    /// The request shows no identity that may look.
    fn admit(&self, request: &Parts) -> Result<Viewer, ViewerRefusal>;
}

#[derive(Debug)]
struct Dashboard {
    looks: Arc<Looks>,
    guard: Arc<dyn ViewerGuard>,
    hosts: hosts::Hosts,
    streams: Arc<Semaphore>,
    may_act: bool,
}

/// Representation of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Html,
    Json,
    Live,
}

/// Builds the routes of a dashboard.
pub fn routes(
    served: &ServedPages,
    source: Arc<dyn PageSource>,
    guard: Arc<dyn ViewerGuard>,
    clock: Arc<dyn Clock>,
) -> Router {
    let settings = ViewSettings { prices: served.prices, trace_url: served.trace_url.clone() };
    let dashboard = Arc::new(Dashboard {
        looks: Looks::new(source, settings, clock),
        guard,
        hosts: hosts::Hosts::new(&served.hosts),
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        may_act: served.may_act,
    });
    let actions = if served.may_act { actions::routes() } else { Router::new() };
    Router::new()
        .route("/ui", get(async || answers::moved("ui/".to_owned())))
        .route("/ui/", get(show))
        .route("/ui/assets/{name}", get(assets::serve))
        .route("/ui/{*view}", get(show))
        .merge(actions)
        .layer(middleware::from_fn_with_state(Arc::clone(&dashboard), check_host))
        .layer(middleware::map_response(answers::secured))
        .with_state(dashboard)
}

async fn check_host(State(dashboard): State<Arc<Dashboard>>, request: Request, next: Next) -> Response {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    // A request of HTTP/2 has the host in its URI.
    let named = named.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    match named {
        Some(host) if dashboard.hosts.has(host) => next.run(request).await,
        _ => {
            let reason = "this name is not one of this dashboard; name it in dashboard.hosts\n";
            (StatusCode::MISDIRECTED_REQUEST, reason).into_response()
        }
    }
}

async fn show(State(dashboard): State<Arc<Dashboard>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default());
    let below = path.strip_prefix("/ui/").unwrap_or_default();
    let depth = below.matches('/').count();
    if query.len() > QUERY_BYTES_MAX {
        let error = ApiError::Invalid { field: "query".to_owned(), reason: "it is too long".to_owned() };
        return answers::error(&error, Format::Html, depth);
    }
    let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let format = match query.get("format").map(String::as_str) {
        Some("json") => Format::Json,
        Some("live") => Format::Live,
        _ => Format::Html,
    };
    let viewer = match dashboard.guard.admit(&parts) {
        Ok(viewer) => viewer,
        Err(refusal) => return answers::refused(&refusal, format, depth),
    };
    let Some(view) = View::parse(below, &query) else {
        return answers::error(&ApiError::NotFound { what: "page of this name".to_owned() }, format, depth);
    };
    if view.depth() != depth {
        // A form cannot put typed text into the path.
        return answers::moved(Links::at(depth).to(&view.url()));
    }
    let watched = dashboard.looks.watch(view.clone());
    if format == Format::Live {
        return match Arc::clone(&dashboard.streams).try_acquire_owned() {
            Ok(permit) => live::stream(watched, query.get("version").cloned().unwrap_or_default(), permit),
            Err(_) => answers::busy(),
        };
    }
    match watched.see().await {
        Err(error) => answers::error(&error, format, depth),
        Ok(seen) if format == Format::Json => answers::json(StatusCode::OK, &seen.page.document),
        Ok(seen) => answers::html(StatusCode::OK, dashboard.page(&view, &seen, &viewer)),
    }
}

impl Dashboard {
    fn page(&self, view: &View, seen: &Seen, viewer: &Viewer) -> String {
        let links = Links::at(view.depth());
        let frame_context = Frame {
            links: &links,
            viewer: viewer.name.as_deref(),
            here: &links.to(&view.url()),
            stale: live::stale(seen),
            is_cluster: self.looks.kind() == SourceKind::Cluster,
            actions: if self.may_act && viewer.may_act { &seen.page.actions } else { &[] },
        };
        frame(&seen.page, &frame_context).into_string()
    }
}

/// Header that makes a browser ask for an identity.
const CHALLENGE: HeaderValue =
    HeaderValue::from_static("Basic realm=\"Tailor: a token as the password\", charset=\"UTF-8\"");
