//! Answers: the headers of each, and the pages of errors.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, html};
use proto::ApiError;
use serde_json::json;

use super::{CHALLENGE, Format, ViewerRefusal, assets};
use crate::html::{Links, long};

/// Policy of every page: nothing from elsewhere, nothing in place, no frame around it.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Headers of every answer.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the headers of every answer; what says nothing about its age is not kept by anybody.
pub(super) async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

pub(super) fn html(status: StatusCode, page: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

pub(super) fn json(status: StatusCode, document: &serde_json::Value) -> Response {
    let text = serde_json::to_string_pretty(document).expect("a value is JSON") + "\n";
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Answers with the way to another path.
pub(super) fn moved(to: String) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

/// Answers a stream that has no room. A page asks again by itself.
pub(super) fn busy() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "15")], Body::empty()).into_response()
}

/// Answers with an error of the source.
pub(super) fn error(error: &ApiError, format: Format, depth: usize) -> Response {
    let status = match error {
        ApiError::NotFound { .. } => StatusCode::NOT_FOUND,
        ApiError::Invalid { .. } => StatusCode::BAD_REQUEST,
        ApiError::Denied { .. } => StatusCode::FORBIDDEN,
        ApiError::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
        ApiError::Refused { .. } | ApiError::AlreadyExists { .. } => StatusCode::CONFLICT,
        ApiError::Away { .. } | ApiError::NotLeader { .. } | ApiError::TooMany { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ApiError::UnknownWorker { .. } | ApiError::Incompatible { .. } | ApiError::Bug { .. } => {
            StatusCode::BAD_GATEWAY
        }
    };
    answer(status, &error.to_string(), format, depth)
}

/// Answers a viewer who is not let in.
pub(super) fn refused(refusal: &ViewerRefusal, format: Format, depth: usize) -> Response {
    let status = if refusal.is_unknown { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
    let mut response = answer(status, &refusal.reason, format, depth);
    if refusal.is_unknown {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}

fn answer(status: StatusCode, reason: &str, format: Format, depth: usize) -> Response {
    if format != Format::Html {
        return json(status, &json!({ "api_version": "tailor/v1", "kind": "Error", "reason": reason }));
    }
    let links = Links::at(depth);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (status.as_u16()) " · Tailor" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href=(links.to(assets::ICON.path));
                link rel="stylesheet" href=(links.to(assets::STYLE.path));
            }
            body {
                main #main {
                    h1 { (status.canonical_reason().unwrap_or("Error")) }
                    p.bad { (long("reason", reason)) }
                    p { a href=(links.to("")) { "All jobs" } }
                }
            }
        }
    };
    html(status, page.into_string())
}
