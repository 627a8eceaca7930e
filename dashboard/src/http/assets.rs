//! Files that pages load: one style, one script of ours, one icon. They are part of the binary.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::Digest;

/// File of the dashboard.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Path below the root.
    pub(crate) path: &'static str,
    kind: &'static str,
    content: &'static str,
}

/// Style of all pages, light and dark.
pub(crate) const STYLE: Asset = Asset {
    path: "assets/style.css",
    kind: "text/css; charset=utf-8",
    content: include_str!("../../assets/style.css"),
};
/// Script of all pages: follows the stream.
pub(crate) const SCRIPT: Asset = Asset {
    path: "assets/live.js",
    kind: "text/javascript; charset=utf-8",
    content: include_str!("../../assets/live.js"),
};
/// Icon of all pages.
pub(crate) const ICON: Asset =
    Asset { path: "assets/icon.svg", kind: "image/svg+xml", content: include_str!("../../assets/icon.svg") };

/// Serves a file. A browser asks each time; the digest shows whether its copy is still right.
pub(super) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found =
        [STYLE, SCRIPT, ICON].into_iter().find(|asset| asset.path.strip_prefix("assets/") == Some(name.as_str()));
    let Some(asset) = found else { return StatusCode::NOT_FOUND.into_response() };
    let tag = format!("\"{}\"", Digest::of(asset.content.as_bytes()));
    let kept = headers.get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
    let fresh = [(header::CACHE_CONTROL, "no-cache".to_owned()), (header::ETAG, tag.clone())];
    if kept == Some(tag.as_str()) {
        return (StatusCode::NOT_MODIFIED, fresh).into_response();
    }
    (fresh, [(header::CONTENT_TYPE, asset.kind)], asset.content).into_response()
}
