use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use model::SystemClock;
use tower::ServiceExt as _;

use super::*;
use crate::source::simulated::{HOSTILE, Simulated};
use crate::views::tests::PATHS;

/// ViewerGuard that lets everybody in, but those whose request has a header `x-refuse`.
#[derive(Debug)]
struct Testing;

impl ViewerGuard for Testing {
    fn admit(&self, request: &Parts) -> Result<Viewer, ViewerRefusal> {
        match request.headers.get("x-refuse").map(HeaderValue::as_bytes) {
            None => {
                let may_act = !request.headers.contains_key("x-viewer");
                Ok(Viewer { name: Some("operator/alice".to_owned()), may_act })
            }
            Some(how) => Err(ViewerRefusal { reason: "show a token".to_owned(), is_unknown: how == b"unknown" }),
        }
    }
}

fn router(source: Arc<Simulated>) -> Router {
    let served = ServedPages { hosts: vec!["tailor.example.com".to_owned()], ..ServedPages::default() };
    routes(&served, source, Arc::new(Testing), Arc::new(SystemClock))
}

/// Pages that may change something.
fn acting(source: Arc<Simulated>) -> Router {
    let served = ServedPages { may_act: true, ..ServedPages::default() };
    routes(&served, source, Arc::new(Testing), Arc::new(SystemClock))
}

fn small() -> Router {
    router(Arc::new(Simulated { jobs: 3, ..Simulated::default() }))
}

async fn ask(router: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "127.0.0.1:7080");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).expect("a request");
    router.clone().oneshot(request).await.expect("a router answers")
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.into()).expect("text")
}

async fn get_text(router: &Router, path: &str) -> (StatusCode, String) {
    let response = ask(router, "GET", path, &[]).await;
    (response.status(), text(response).await)
}

/// Resolves a link of a page, as a browser does.
fn resolve(page: &str, link: &str) -> String {
    let link = link.replace("&amp;", "&");
    let (path, query) = link.split_once('?').map_or((link.as_str(), None), |(path, query)| (path, Some(query)));
    let base = page.split('?').next().unwrap_or_default();
    let mut parts: Vec<_> = base.split('/').collect();
    if !path.is_empty() {
        parts.pop();
        for part in path.split('/') {
            match part {
                ".." => drop(parts.pop()),
                "." => {}
                part => parts.push(part),
            }
        }
        if path.ends_with('.') || path.ends_with('/') && parts.last() != Some(&"") {
            parts.push("");
        }
    }
    let whole = parts.join("/");
    query.map_or(whole.clone(), |query| format!("{whole}?{query}"))
}

/// Links of a page, with those of its files.
fn links(html: &str) -> BTreeSet<String> {
    let of = |mark: &str| {
        let found = html.split(mark).skip(1).filter_map(|rest| rest.split('"').next());
        found.filter(|link| !link.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    [" href=\"", " src=\"", " action=\""].iter().flat_map(|mark| of(mark)).collect()
}

#[tokio::test(start_paused = true)]
async fn every_link_leads_somewhere_from_every_page_that_can_be_reached() {
    let router = router(Arc::new(Simulated { jobs: 450, shards: 66, ..Simulated::default() }));
    let (mut seen, mut todo) = (BTreeSet::new(), VecDeque::from(["/ui/".to_owned()]));
    while let Some(path) = todo.pop_front() {
        // A few jobs and shards stand for all.
        let part = |after: &str| path.split_once(after).and_then(|(_, rest)| rest.split(['/', '?']).next());
        let is_alike = part("/jobs/").is_some_and(|job| !["j0", "j1", "j2"].contains(&job))
            || part("/shards/").is_some_and(|shard| !["org-mod-00", "org-mod-02", "org-65"].contains(&shard));
        if is_alike || !seen.insert(path.clone()) {
            continue;
        }
        let (status, html) = get_text(&router, &path).await;
        let is_form = path.ends_with("/vs");
        assert_eq!(status, if is_form { StatusCode::NOT_FOUND } else { StatusCode::OK }, "{path}");
        assert!(!path.starts_with("//") && path.starts_with("/ui/"), "{path} leaves the dashboard");
        if !path.contains("format=") {
            todo.extend(links(&html).iter().map(|link| resolve(&path, link)));
        }
    }
    for expected in
        ["/ui/", "/ui/trouble", "/ui/jobs/j0/shards/org-mod-00/tasks/m-00000", "/ui/assets/style.css", "/ui/?after=200"]
    {
        assert!(seen.contains(expected), "{expected} was reached, among {seen:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_leads_to_the_page_of_what_was_typed() {
    let response = ask(&small(), "GET", "/ui/jobs/j1/vs?with=+j2", &[]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let to = response.headers()["location"].to_str().expect("text");
    assert_eq!(resolve("/ui/jobs/j1/vs", to), "/ui/jobs/j1/vs/j2");
    let response = ask(&small(), "GET", "/ui", &[]).await;
    assert_eq!(response.headers()["location"], "ui/");
}

#[tokio::test(start_paused = true)]
async fn every_answer_has_the_headers_that_keep_strangers_out() {
    let router = small();
    for path in ["/ui", "/ui/", "/ui/nothing", "/ui/assets/live.js", "/ui/jobs/j0?format=json"] {
        let response = ask(&router, "GET", path, &[]).await;
        let header =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            "{path}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        let kept = if path.contains("assets") { "no-cache" } else { "no-store" };
        assert_eq!(header("cache-control"), kept, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_styled_or_scripted_in_place() {
    let router = small();
    for url in PATHS {
        let (_, html) = get_text(&router, &format!("/ui/{url}")).await;
        for forbidden in [" style=", "<style", " onclick=", " onload=", "javascript:", "http://", "https://"] {
            assert!(!html.contains(forbidden), "{url} has {forbidden}");
        }
        assert_eq!(html.matches("<script").count(), 1, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_would_change_something_is_answered_405() {
    let router = small();
    for url in PATHS {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let response = ask(&router, method, &format!("/ui/{url}"), &[]).await;
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {url}");
        }
    }
    assert_eq!(ask(&router, "POST", "/ui/jobs/j0/cancel", &[]).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_host_is_refused_and_an_unknown_viewer_is_asked_who_it_is() {
    let router = small();
    for (host, status) in [
        ("localhost:7080", StatusCode::OK),
        ("tailor.example.com", StatusCode::OK),
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        for path in ["/ui/", "/ui/assets/style.css"] {
            assert_eq!(ask(&router, "GET", path, &[("host", host)]).await.status(), status, "{host}");
        }
    }
    for format in ["", "?format=json", "?format=live"] {
        let unknown = ask(&router, "GET", &format!("/ui/workers{format}"), &[("x-refuse", "unknown")]).await;
        assert_eq!(unknown.status(), StatusCode::UNAUTHORIZED);
        assert!(unknown.headers().contains_key("www-authenticate"));
        let told = text(unknown).await;
        assert!(told.contains("show a token") && !told.contains("w0"), "{told}");
        let denied = ask(&router, "GET", &format!("/ui/workers{format}"), &[("x-refuse", "denied")]).await;
        assert_eq!(denied.status(), StatusCode::FORBIDDEN);
        assert!(!denied.headers().contains_key("www-authenticate"));
    }
}

#[tokio::test(start_paused = true)]
async fn each_view_has_a_json_twin_of_a_kind_of_its_own() {
    let router = small();
    let mut kinds = BTreeSet::new();
    for url in PATHS {
        let joint = if url.contains('?') { '&' } else { '?' };
        let response = ask(&router, "GET", &format!("/ui/{url}{joint}format=json"), &[]).await;
        assert_eq!(response.headers()["content-type"], "application/json", "{url}");
        let document: serde_json::Value = serde_json::from_str(&text(response).await).expect("JSON");
        assert_eq!(document["api_version"], "tailor/v1", "{url}");
        kinds.insert(document["kind"].as_str().expect("a kind").to_owned());
    }
    let kinds: Vec<_> = kinds.iter().map(String::as_str).collect();
    assert_eq!(
        kinds,
        [
            "ComparePage",
            "CostPage",
            "CoveragePage",
            "JobPage",
            "JobsPage",
            "ShardPage",
            "TaskPage",
            "TroublePage",
            "WorkersPage"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn errors_have_a_status_a_page_and_a_document() {
    let source = Arc::new(Simulated::default());
    let router = router(source.clone());
    let (status, html) = get_text(&router, "/ui/jobs/j77").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(html.contains("there is no job j77") && html.contains("<h1>Not Found</h1>"), "{html}");
    let (status, json) = get_text(&router, "/ui/jobs/j77?format=json").await;
    assert_eq!((status, json.contains("\"kind\": \"Error\"")), (StatusCode::NOT_FOUND, true));
    let long = format!("/ui/?dataset={}", "x".repeat(QUERY_BYTES_MAX));
    assert_eq!(get_text(&router, &long).await.0, StatusCode::BAD_REQUEST);
    *source.error.lock().expect("nobody panics") = Some(ApiError::Away { reason: HOSTILE.to_owned() });
    let (status, html) = get_text(&router, "/ui/workers").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_the_largest_cluster_is_below_300_kilobytes() {
    let largest = Simulated { jobs: 5_000, shards: 65, tasks_per_shard: 4_616, workers: 500, ..Simulated::default() };
    let router = router(Arc::new(largest));
    for url in PATHS {
        let (status, html) = get_text(&router, &format!("/ui/{url}")).await;
        assert_eq!(status, StatusCode::OK, "{url}");
        assert!(html.len() < 300_000, "{url} has {} bytes", html.len());
    }
    let (_, html) = get_text(&router, "/ui/jobs/j0/shards/org-mod-00?from=200").await;
    assert!(html.contains("201 to 400 of 4,616 tasks"), "{html}");
}

#[tokio::test(start_paused = true)]
async fn a_file_is_sent_once_and_then_found_unchanged() {
    let router = small();
    let first = ask(&router, "GET", "/ui/assets/live.js", &[]).await;
    let tag = first.headers()["etag"].to_str().expect("a tag").to_owned();
    assert!(text(first).await.contains("EventSource"));
    let again = ask(&router, "GET", "/ui/assets/live.js", &[("if-none-match", &tag)]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(ask(&router, "GET", "/ui/assets/..%2Flive.js", &[]).await.status(), StatusCode::NOT_FOUND);
}

/// Reads the next event of a stream: its name, and its data.
async fn event(body: &mut Body) -> (String, String) {
    loop {
        let frame = body.frame().await.expect("the stream goes on").expect("no error");
        let bytes = frame.into_data().expect("data");
        let text = String::from_utf8(bytes.into()).expect("text");
        let line =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim_start().to_owned());
        if let (Some(event), Some(data)) = (line("event:"), line("data:")) {
            return (event, data);
        }
    }
}

/// Ids of the sections in an event.
fn sections(data: &str) -> Vec<String> {
    let sections: serde_json::Map<String, serde_json::Value> = serde_json::from_str(data).expect("JSON");
    sections.keys().cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn a_stream_sends_what_has_changed_and_tells_when_nothing_newer_is_known() {
    let source = Arc::new(Simulated::default());
    let router = router(source.clone());
    let (_, html) = get_text(&router, "/ui/workers").await;
    let live = html
        .split("data-live=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a stream")
        .replace("&amp;", "&");
    let mut body = ask(&router, "GET", &resolve("/ui/workers", &live), &[]).await.into_body();

    // The page is as it was, so the first event is of a change.
    let nothing = tokio::time::timeout(Duration::from_secs(10), event(&mut body)).await;
    assert!(nothing.is_err(), "{nothing:?}");
    *source.error.lock().expect("nobody panics") = Some(ApiError::Away { reason: "nobody\nleads".to_owned() });
    let (name, data) = event(&mut body).await;
    assert!(name == "stale" && data.starts_with("\"As of ") && data.contains("nobody\\nleads"), "{name} {data}");
    *source.error.lock().expect("nobody panics") = None;
    assert_eq!(event(&mut body).await, ("stale".to_owned(), "\"\"".to_owned()));

    let mut body = ask(&router, "GET", "/ui/jobs/j0?format=live", &[]).await.into_body();
    let (_, data) = event(&mut body).await;
    assert_eq!(
        sections(&data),
        ["answer", "events", "facts", "grid", "shards", "stages", "warnings"],
        "all but the form"
    );
    source.read.store(70 << 20, Ordering::Relaxed);
    let (_, data) = event(&mut body).await;
    assert_eq!(sections(&data), ["answer", "grid", "shards"], "what has not changed is not sent");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_so_that_the_viewer_is_identified_again_and_their_number_is_bounded() {
    let router = small();
    let mut bodies = Vec::new();
    for _ in 0..STREAMS_MAX {
        let response = ask(&router, "GET", "/ui/workers?format=live", &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        bodies.push(response.into_body());
    }
    let beyond = ask(&router, "GET", "/ui/workers?format=live", &[]).await;
    assert_eq!(beyond.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(beyond.headers().contains_key("retry-after"));
    let body = bodies.pop().expect("one of them");
    drop(bodies);
    let whole =
        tokio::time::timeout(Duration::from_secs(3600), body.collect()).await.expect("it ends").expect("no error");
    assert!(!whole.to_bytes().is_empty());
    assert_eq!(
        ask(&router, "GET", "/ui/workers?format=live", &[]).await.status(),
        StatusCode::OK,
        "there is room again"
    );
}

/// Headers of a form that a page of ours sends.
const OURS: [(&str, &str); 2] =
    [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];

async fn send(router: &Router, path: &str, headers: &[(&str, &str)], form: &str) -> (StatusCode, String, String) {
    let mut request = Request::post(path).header("host", "127.0.0.1:7080");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(form.to_owned())).expect("a request");
    let response = router.clone().oneshot(request).await.expect("a router answers");
    let to = response.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default().to_owned();
    (response.status(), to, text(response).await)
}

#[tokio::test(start_paused = true)]
async fn a_change_needs_the_name_and_a_reason_and_leads_to_the_page_that_shows_it() {
    let source = Arc::new(Simulated { jobs: 3, ..Simulated::default() });
    let router = acting(source.clone());
    for (path, form, shows) in [
        ("/ui/jobs/j0/cancel", "name=j0&reason=no+longer+wanted", "/ui/jobs/j0"),
        ("/ui/jobs/j1/retry", "name=j1&reason=again", "/ui/jobs/j1"),
        ("/ui/jobs/j1/shards/org-mod-01/replay", "name=org-mod-01&reason=rehearsal", "/ui/jobs/j1-r1"),
        ("/ui/workers/drain", "name=w0&reason=upgrade", "/ui/workers"),
    ] {
        let (status, to, _) = send(&router, path, &OURS, form).await;
        assert_eq!((status, resolve(path, &to).as_str()), (StatusCode::SEE_OTHER, shows), "{path}");
        let (status, _, told) = send(&router, path, &OURS, "name=other&reason=x").await;
        assert!(
            path.ends_with("drain") || status == StatusCode::BAD_REQUEST && told.contains("nothing was changed"),
            "{told}"
        );
        for without in ["reason=x", form.split('&').next().expect("a name")] {
            assert_eq!(send(&router, path, &OURS, without).await.0, StatusCode::BAD_REQUEST, "{path} {without}");
        }
        assert_eq!(ask(&router, "GET", path, &[]).await.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    let acted: Vec<_> = source
        .acted
        .lock()
        .expect("nobody panics")
        .iter()
        .map(|request| (request.action.to_string(), request.clone()))
        .collect();
    let said: Vec<_> = acted.iter().map(|(said, _)| said.as_str()).collect();
    let all =
        ["cancel job j0", "retry job j1", "replay shard org-mod-01 of job j1", "drain worker w0", "drain worker other"];
    assert_eq!(said, all);
    let first = &acted[0].1;
    assert_eq!((first.reason.as_str(), first.on_behalf_of.as_deref()), ("no longer wanted", Some("operator/alice")));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_another_site_or_a_viewer_asks_for_is_refused() {
    let source = Arc::new(Simulated { jobs: 3, ..Simulated::default() });
    let router = acting(source.clone());
    let form = ("content-type", "application/x-www-form-urlencoded");
    for headers in [
        &[form, ("sec-fetch-site", "cross-site")][..],
        &[form, ("sec-fetch-site", "same-site")],
        &[form, ("sec-fetch-site", "none")],
        &[form, ("origin", "http://evil.example")],
        &[form, ("origin", "null")],
        &[form],
        &[("content-type", "text/plain"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "same-origin")],
        &[form, ("sec-fetch-site", "same-origin"), ("x-viewer", "1")],
    ] {
        let (status, ..) = send(&router, "/ui/jobs/j0/cancel", headers, "name=j0&reason=x").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let large = format!("name=j0&reason={}", "x".repeat(20_000));
    assert_eq!(send(&router, "/ui/jobs/j0/cancel", &OURS, &large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(source.acted.lock().expect("nobody panics").is_empty());
    let (status, ..) =
        send(&router, "/ui/jobs/j0/cancel", &[form, ("origin", "http://127.0.0.1:7080")], "name=j0&reason=x").await;
    assert_eq!(status, StatusCode::SEE_OTHER, "an older browser tells its origin");
    let unknown = [OURS[0], OURS[1], ("x-refuse", "unknown")];
    assert_eq!(send(&router, "/ui/jobs/j0/cancel", &unknown, "name=j0&reason=x").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn forms_are_shown_to_those_who_may_send_them() {
    let source = Arc::new(Simulated { jobs: 3, ..Simulated::default() });
    let has_form =
        |html: &str, action: &str| html.contains(&format!("/{action}\"")) && html.contains("method=\"post\"");
    for (path, action) in
        [("jobs/j0", "cancel"), ("jobs/j1", "retry"), ("jobs/j1/shards/org-mod-01", "replay"), ("workers", "drain")]
    {
        let path = format!("/ui/{path}");
        let (_, html) = get_text(&acting(source.clone()), &path).await;
        assert!(has_form(&html, action), "{path}: {html}");
        let viewer = text(ask(&acting(source.clone()), "GET", &path, &[("x-viewer", "1")]).await).await;
        let (_, off) = get_text(&router(source.clone()), &path).await;
        assert!(!has_form(&viewer, action) && !has_form(&off, action), "{path}");
    }
}
