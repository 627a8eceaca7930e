//! Key of a dashboard on a person's own machine, where other people may have accounts: a viewer has to show the key.
//!
//! ```text
//! GET /ui/enter?key=KEY --right--> a cookie for this browser session, and the way to /ui/
//! later requests: the cookie, or `authorization: Bearer KEY`
//! ```

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::{Viewer, ViewerGuard, ViewerRefusal};

/// Name of the cookie.
const COOKIE: &str = "tailor-dashboard-key";

/// ViewerGuard that asks for a key.
#[derive(Clone)]
pub struct KeyGuard {
    key: Arc<str>,
}

impl fmt::Debug for KeyGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyGuard").finish_non_exhaustive()
    }
}

impl KeyGuard {
    /// Creates the guard of a key: letters, digits, `-` and `_`.
    pub fn new(key: &str) -> Self {
        Self { key: key.into() }
    }

    /// Path and query that let a browser in.
    pub fn entrance(&self) -> String {
        format!("/ui/enter?key={}", self.key)
    }

    /// Routes of the entrance, to be merged with those of the dashboard.
    pub fn routes(&self) -> Router {
        Router::new().route("/ui/enter", get(enter)).with_state(self.clone())
    }

    /// Compares without telling, by its time, how many bytes are right.
    fn is_key(&self, given: &str) -> bool {
        let differences = self.key.bytes().zip(given.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        self.key.len() == given.len() && differences == 0
    }
}

impl ViewerGuard for KeyGuard {
    fn admit(&self, request: &Parts) -> Result<Viewer, ViewerRefusal> {
        let given = cookie(&request.headers).or_else(|| bearer(&request.headers));
        match given.is_some_and(|given| self.is_key(given)) {
            true => Ok(Viewer { name: None, may_act: true }),
            false => Err(ViewerRefusal {
                reason: "this dashboard was opened for somebody else, or has been started again; open the link that it printed"
                    .to_owned(),
                is_unknown: false,
            }),
        }
    }
}

async fn enter(State(guard): State<KeyGuard>, RawQuery(query): RawQuery) -> Response {
    let given = query.as_deref().and_then(|query| query.strip_prefix("key=")).unwrap_or_default();
    if !guard.is_key(given) {
        return (StatusCode::FORBIDDEN, "this is not the key; open the link that the dashboard printed\n")
            .into_response();
    }
    let cookie = format!("{COOKIE}={given}; HttpOnly; SameSite=Strict; Path=/ui/");
    let headers = [
        (header::SET_COOKIE, cookie),
        (header::LOCATION, "./".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use tower::ServiceExt as _;

    use super::*;

    fn may_look(guard: &KeyGuard, name: &str, value: &str) -> bool {
        let request = Request::get("/ui/").header(name, value).body(()).expect("a request");
        guard.admit(&request.into_parts().0).is_ok()
    }

    #[tokio::test]
    async fn the_key_opens_the_pages_and_nothing_else_does() {
        let guard = KeyGuard::new("tailor_right");
        let enter = |path: String| guard.routes().oneshot(Request::get(path).body(Body::empty()).expect("a request"));
        let right = enter(guard.entrance()).await.expect("an answer");
        assert_eq!(right.status(), StatusCode::SEE_OTHER);
        let cookie = right.headers()["set-cookie"].to_str().expect("text");
        assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
        let pair = cookie.split(';').next().expect("a pair");
        assert!(may_look(&guard, "cookie", pair) && may_look(&guard, "cookie", &format!("a=b; {pair}")));
        assert!(may_look(&guard, "authorization", "Bearer tailor_right"));
        for (name, value) in
            [("cookie", "tailor-dashboard-key=tailor_wrong"), ("cookie", "tailor-dashboard-key="), ("accept", "*/*")]
        {
            assert!(!may_look(&guard, name, value), "{value}");
        }
        let wrong = enter("/ui/enter?key=tailor_righ".to_owned()).await.expect("an answer");
        assert_eq!((wrong.status(), wrong.headers().get("set-cookie")), (StatusCode::FORBIDDEN, None));
    }
}
