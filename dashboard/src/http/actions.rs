//! Routes that change something. They exist only where [`ServedPages::may_act`](super::ServedPages) says so.
//!
//! | path | form | then |
//! |---|---|---|
//! | `/ui/jobs/J/cancel`, `/ui/jobs/J/retry` | `name` = J, `reason` | the job's page |
//! | `/ui/jobs/J/shards/S/replay` | `name` = S, `reason` | the page of the job that runs it |
//! | `/ui/workers/drain` | `name` = a worker, `reason` | the list of workers |
//!
//! A form of another site is refused: the browser says where a request comes from (`Sec-Fetch-Site`), and an older one
//! at least the origin. The source keeps the audit log.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::post;
use proto::ApiError;

use super::{Dashboard, Format, Viewer, answers};
use crate::html::Links;
use crate::source::{ActionRequest, PageAction};

/// Longest form, in bytes: a name and a reason.
const FORM_BYTES_MAX: usize = 16 << 10;

/// Routes of all changes.
pub(super) fn routes() -> Router<Arc<Dashboard>> {
    Router::new()
        .route("/ui/jobs/{job}/cancel", post(cancel))
        .route("/ui/jobs/{job}/retry", post(retry))
        .route("/ui/jobs/{job}/shards/{shard}/replay", post(replay))
        .route("/ui/workers/drain", post(drain))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
}

/// Parts of a request and its form, as every change takes them.
type Sent = (Parts, Bytes);

async fn cancel(State(pages): State<Arc<Dashboard>>, Path(job): Path<String>, parts: Parts, body: Bytes) -> Response {
    act(&pages, |_| PageAction::CancelJob { job }, (parts, body), 2).await
}

async fn retry(State(pages): State<Arc<Dashboard>>, Path(job): Path<String>, parts: Parts, body: Bytes) -> Response {
    act(&pages, |_| PageAction::RetryJob { job }, (parts, body), 2).await
}

async fn replay(
    State(pages): State<Arc<Dashboard>>,
    Path((job, shard)): Path<(String, String)>,
    parts: Parts,
    body: Bytes,
) -> Response {
    act(&pages, |_| PageAction::ReplayShard { job, shard }, (parts, body), 4).await
}

async fn drain(State(pages): State<Arc<Dashboard>>, parts: Parts, body: Bytes) -> Response {
    act(&pages, |named| PageAction::DrainWorker { worker: named.to_owned() }, (parts, body), 1).await
}

/// Checks a request and its form, makes the change, and answers with the way to the page that shows it.
async fn act(pages: &Dashboard, of: impl FnOnce(&str) -> PageAction, (parts, body): Sent, depth: usize) -> Response {
    let viewer = match pages.guard.admit(&parts) {
        Ok(viewer) => viewer,
        Err(refusal) => return answers::refused(&refusal, Format::Html, depth),
    };
    let done = match check(&parts.headers, &viewer, &body, of) {
        Ok(request) => pages.looks.act(request).await,
        Err(refused) => Err(refused),
    };
    match done {
        Ok(path) => answers::moved(Links::at(depth).to(&path)),
        Err(error) => answers::error(&error, Format::Html, depth),
    }
}

fn check(
    headers: &HeaderMap,
    viewer: &Viewer,
    body: &[u8],
    of: impl FnOnce(&str) -> PageAction,
) -> Result<ActionRequest, ApiError> {
    let denied = |reason: &str| ApiError::Denied { reason: reason.to_owned() };
    if !is_of_this_site(headers) {
        return Err(denied("this request does not come from a page of this dashboard, so nothing was changed"));
    }
    if !viewer.may_act {
        return Err(denied("you may look and not change anything, which needs the role operator"));
    }
    let form: BTreeMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
    let typed = |key: &str| form.get(key).map(|value| value.trim()).unwrap_or_default();
    let action = of(typed("name"));
    if typed("name").is_empty() || typed("name") != action.named() {
        let reason = format!("type {} to {action}; nothing was changed", action.named());
        return Err(ApiError::Invalid { field: "name".to_owned(), reason });
    }
    if typed("reason").is_empty() {
        let reason = "give one: it is kept with the change; nothing was changed".to_owned();
        return Err(ApiError::Invalid { field: "reason".to_owned(), reason });
    }
    Ok(ActionRequest { action, reason: typed("reason").to_owned(), on_behalf_of: viewer.name.clone() })
}

/// True if a page of this dashboard has sent the request.
fn is_of_this_site(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_form = text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let is_same = match (site, text(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let of_origin = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            of_origin.is_some() && of_origin == text(header::HOST)
        }
        // Every browser sends one of both; other programs have the command line.
        (None, None) => false,
    };
    is_form && is_same
}
