use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use base64::Engine as _;
use daemon::PeerAddress;
use daemon::reread::{FileError, NamedFile, Reread};
use daemon::tls::PeerCertificate;
use dashboard::ViewerGuard as _;
use model::{ClientRole, SystemClock};
use proto::token::{Token, Tokens};
use storage::Opener;
use storage::meta::{LeaseSettings, MemoryStore};
use tonic::codegen::Service as _;

use super::*;
use crate::Env;
use crate::coordinator::Coordinator;
use crate::leader::LeaderSettings;
use crate::settings::CollectorSettings;

fn viewers(access: Access) -> Viewers {
    Viewers { access, clock: Arc::new(SystemClock) }
}

/// Tries a request with a header and a certificate; returns the viewer's name, or the first digit of the refusal's
/// status.
fn admit(viewers: &Viewers, authorization: Option<String>, uri: Option<&str>) -> Result<Option<String>, bool> {
    let mut request = Request::get("/ui/").body(()).expect("a request");
    if let Some(sent) = authorization {
        request.headers_mut().insert("authorization", sent.parse().expect("a header"));
    }
    let certificate = uri.map(|uri| Arc::new(PeerCertificate { uris: vec![uri.to_owned()], until_ms: Some(i64::MAX) }));
    let address = "10.0.0.7:51234".parse().expect("an address");
    request.extensions_mut().insert(ConnectInfo(PeerAddress { address, certificate }));
    let (parts, ()) = request.into_parts();
    viewers.admit(&parts).map(|viewer| viewer.name).map_err(|refusal| refusal.is_unknown)
}

#[test]
fn without_roles_everybody_may_look() {
    assert_eq!(admit(&viewers(Access::open()), None, None), Ok(None));
}

#[tokio::test]
async fn with_roles_a_viewer_shows_a_certificate_or_a_token_as_a_password() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (viewer, worker) = (Token::draw().expect("randomness"), Token::draw().expect("randomness"));
    let lines = [viewer.line(ClientRole::Viewer, "victor"), worker.line(ClientRole::Worker, "w0")];
    let lines: Vec<_> = lines.into_iter().map(|line| line.expect("a plain name")).collect();
    let file = NamedFile { setting: "auth.tokens", path: folder.path().join("tokens") };
    std::fs::write(&file.path, lines.join("\n")).expect("a writable folder");
    let named = file.clone();
    let parse = move |contents: &[Vec<u8>]| {
        Tokens::parse(&String::from_utf8_lossy(&contents[0])).map_err(|error| FileError::new(&named, error))
    };
    let tokens = Arc::new(Reread::load(vec![file], parse).expect("tokens"));
    let viewers = viewers(Access::by_role(Some("trial".to_owned()), Some(tokens)));

    let bearer = |token: &Token| Some(format!("Bearer {}", token.expose()));
    let basic = |name: &str, token: &str| {
        Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{token}"))))
    };
    let victor = Ok(Some("viewer/victor".to_owned()));
    assert_eq!(admit(&viewers, bearer(&viewer), None), victor);
    assert_eq!(admit(&viewers, basic("anybody", viewer.expose()), None), victor);
    assert_eq!(admit(&viewers, basic("", viewer.expose()), None), victor);
    assert_eq!(admit(&viewers, None, Some("tailor://trial/operator/alice")), Ok(Some("operator/alice".to_owned())));
    for unknown in [
        None,
        basic("victor", "guess"),
        basic("victor", ""),
        Some("Basic !".to_owned()),
        Some(viewer.expose().to_owned()),
    ] {
        assert_eq!(admit(&viewers, unknown.clone(), None), Err(true), "{unknown:?}");
    }
    assert_eq!(admit(&viewers, None, Some("tailor://staging/viewer/victor")), Err(true), "of another cluster");
    assert_eq!(admit(&viewers, bearer(&worker), None), Err(false), "a worker is known, and may not look");
}

/// Asks the pages of a coordinator for the view of jobs.
async fn ask(mut routes: Router) -> (StatusCode, String) {
    let request = Request::get("/ui/?format=json").header("host", "localhost").body(Body::empty()).expect("a request");
    let response = routes.call(request).await.unwrap_or_else(|never| match never {});
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, String::from_utf8(bytes.into()).expect("text"))
}

#[tokio::test(start_paused = true)]
async fn pages_say_that_etcd_was_not_reached_or_that_nobody_leads() {
    let (settings, own) = (DashboardSettings::default(), OwnServices::default());
    let routes = routes(&settings, own.clone(), None, Access::open(), Arc::new(SystemClock));
    let (status, text) = ask(routes.clone()).await;
    assert!(status == StatusCode::SERVICE_UNAVAILABLE && text.contains("has not reached etcd yet"), "{status} {text}");

    let collector = CollectorSettings {
        interval: Duration::ZERO,
        min_age: Duration::from_secs(3600),
        keep_versions: None,
        uploads_min_age: Duration::from_secs(3600),
    };
    let lease = LeaseSettings { ttl: Duration::from_secs(5), seed: 1 };
    let env = Env { clock: Arc::new(SystemClock), stores: Opener::by_uri() };
    let store = Arc::new(MemoryStore::default());
    own.set(Coordinator::new(LeaderSettings::default(), lease, collector, store, env).unguarded());
    let (status, text) = ask(routes).await;
    assert!(status == StatusCode::SERVICE_UNAVAILABLE && text.contains("does not lead"), "{status} {text}");
}
