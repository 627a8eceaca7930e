//! Every method as every role, identities that are none, and the audit log, through the services as a server has them.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use daemon::reread::{FileError, NamedFile};
use daemon::tls::PeerCertificate;
use format::audit::{AuditDecision, AuditEntry};
use format::keys;
use model::{ClientRole, JobSettings, JobSpec, SystemClock};
use proto::access::METHODS;
use proto::token::Token;
use proto::v1;
use proto::v1::operator_service_client::OperatorServiceClient;
use storage::meta::{LeaseSettings, MemoryStore};
use storage::{AllowedRoots, Opener, Root};
use tempfile::TempDir;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::service::Routes;
use tonic::{Code, Status};

use super::*;
use crate::coordinator::Coordinator;
use crate::leader::LeaderSettings;
use crate::service::WATCH_MAX;
use crate::settings::CollectorSettings;
use crate::{Env, server};

/// Proof that a test's caller shows.
#[derive(Debug, Clone, Default)]
struct Shows {
    certificate: Option<Arc<PeerCertificate>>,
    authorization: Option<String>,
}

impl Shows {
    fn certificate(uris: &[&str]) -> Self {
        let uris = uris.iter().map(|&uri| uri.to_owned()).collect();
        let certificate = PeerCertificate { uris, until_ms: Some(i64::MAX) };
        Self { certificate: Some(Arc::new(certificate)), authorization: None }
    }

    fn role(role: &str) -> Self {
        Self::certificate(&[&format!("tailor://trial/{role}/somebody")])
    }

    fn token(token: &str) -> Self {
        Self { certificate: None, authorization: Some(format!("Bearer {token}")) }
    }
}

/// Services as a caller with that proof reaches them.
#[derive(Clone)]
struct As(Routes, Shows);

impl Service<http::Request<Body>> for As {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let address = "10.0.0.7:51234".parse().expect("an address");
        request.extensions_mut().insert(PeerAddress { address, certificate: self.1.certificate.clone() });
        if let Some(authorization) = &self.1.authorization {
            request.headers_mut().insert("authorization", authorization.parse().expect("a header"));
        }
        let called = self.0.call(request);
        Box::pin(called)
    }
}

/// Calls the method at `path` with an empty message; returns the status if the answer begins with one.
async fn call(routes: &Routes, shows: Shows, path: &str) -> Option<Status> {
    let frame = Body::new(http_body_of(&[0; 5]));
    let request = http::Request::post(format!("http://c0{path}")).header("content-type", "application/grpc");
    let answer = As(routes.clone(), shows).call(request.body(frame).expect("a request")).await;
    let answer = answer.unwrap_or_else(|never| match never {});
    Status::from_header_map(answer.headers())
}

fn http_body_of(bytes: &'static [u8]) -> axum::body::Body {
    axum::body::Body::from(bytes)
}

fn tokens(text: String, folder: &TempDir) -> Arc<Reread<Tokens>> {
    let file = NamedFile { setting: "auth.tokens", path: folder.path().join("tokens") };
    std::fs::write(&file.path, text).expect("a writable folder");
    let named = file.clone();
    let parse = move |contents: &[Vec<u8>]| {
        let text = String::from_utf8_lossy(&contents[0]).into_owned();
        Tokens::parse(&text).map_err(|error| FileError::new(&named, error))
    };
    Arc::new(Reread::load(vec![file], parse).expect("tokens"))
}

fn coordinator(stores: Opener, access: Access) -> Coordinator {
    let collector = CollectorSettings {
        interval: Duration::ZERO,
        min_age: Duration::from_secs(3600),
        keep_versions: None,
        uploads_min_age: Duration::from_secs(3600),
    };
    let lease = LeaseSettings { ttl: Duration::from_secs(5), seed: 1 };
    let env = Env { clock: Arc::new(SystemClock), stores };
    let store = Arc::new(MemoryStore::default());
    Coordinator::new(LeaderSettings::default(), lease, collector, store, env).guarded(access)
}

/// Services of a coordinator that asks for a role and leads nothing.
async fn services(access: Access) -> Routes {
    let beside = server::public_services().await.expect("descriptors");
    coordinator(Opener::by_uri(), access).services_beside(beside)
}

#[tokio::test]
async fn every_method_answers_the_roles_that_may_call_it_and_no_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let drawn = ClientRole::ALL.map(|role| (role, Token::draw().expect("a system with randomness")));
    let lines = drawn.iter().map(|(role, token)| token.line(*role, "somebody").expect("a plain name") + "\n");
    let access = Access::by_role(Some("trial".to_owned()), Some(tokens(lines.collect(), &folder)));
    let routes = services(access).await;
    let mut calls = 0;
    for method in METHODS {
        let path = format!("/{}/{}", method.service, method.name);
        for (role, token) in &drawn {
            for shows in [Shows::role(role.name()), Shows::token(token.expose())] {
                let code = call(&routes, shows, &path).await.map(|status| status.code());
                let is_let_in = code != Some(Code::PermissionDenied);
                assert_ne!(code, Some(Code::Unauthenticated), "{role} {path}");
                assert_ne!(code, Some(Code::Unimplemented), "{role} {path}");
                assert_eq!(is_let_in, role.may(method.least), "{role} {path}: {code:?}");
                calls += 1;
            }
        }
        let code = call(&routes, Shows::default(), &path).await.map(|status| status.code());
        assert_eq!(code, Some(Code::Unauthenticated), "nobody {path}");
    }
    assert_eq!(calls, METHODS.len() * ClientRole::ALL.len() * 2);
    for path in ["/tailor.v1.OperatorService/Later", "/", "/tailor.v1.OperatorService/GetJob/"] {
        let code = call(&routes, Shows::role("admin"), path).await.map(|status| status.code());
        assert_eq!(code, Some(Code::PermissionDenied), "a method without a row: {path}");
    }
    let code = call(&routes, Shows::default(), "/grpc.health.v1.Health/Check").await.map(|status| status.code());
    assert!(!matches!(code, Some(Code::Unauthenticated | Code::PermissionDenied)), "a probe has no identity: {code:?}");
}

#[tokio::test]
async fn a_coordinator_without_roles_lets_everybody_in() {
    let routes = services(Access::open()).await;
    for method in METHODS {
        let code = call(&routes, Shows::default(), &format!("/{}/{}", method.service, method.name)).await;
        let code = code.map(|status| status.code());
        assert!(!matches!(code, Some(Code::Unauthenticated | Code::PermissionDenied)), "{}: {code:?}", method.name);
    }
}

#[tokio::test]
async fn a_proof_that_is_none_lets_nobody_in() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let token = Token::draw().expect("a system with randomness");
    let line = token.line(ClientRole::Admin, "root").expect("a plain name");
    let routes = services(Access::by_role(Some("trial".to_owned()), Some(tokens(line.clone(), &folder)))).await;
    let ended = PeerCertificate { uris: vec!["tailor://trial/admin/alice".to_owned()], until_ms: Some(1_000) };
    let ended = Shows { certificate: Some(Arc::new(ended)), authorization: None };
    let with_token = |shows: Shows| Shows { authorization: Shows::token(token.expose()).authorization, ..shows };
    let header = |text: &str| Shows { certificate: None, authorization: Some(text.to_owned()) };
    let two = ["tailor://trial/viewer/alice", "tailor://trial/admin/alice"];
    let path = "/tailor.v1.OperatorService/CancelJob";
    for (shows, why) in [
        (Shows::default(), "certificate"),
        (ended.clone(), "expired"),
        (with_token(ended), "expired"),
        (Shows::certificate(&two), "several"),
        (Shows::certificate(&["TAILOR://trial/admin/alice"]), "not a URI"),
        (Shows::certificate(&["tailor://trial/root/alice"]), "not a URI"),
        (Shows::certificate(&["tailor://staging/admin/alice"]), "staging"),
        (Shows::certificate(&["spiffe://trial/admin/alice"]), "asks for an identity"),
        (Shows::token("tailor_unknown"), "not known"),
        (header(token.expose()), "not known"),
        (header(&format!("bearer {}", token.expose())), "not known"),
        (header(&format!("Bearer {line}")), "not known"),
        (header("Bearer "), "not known"),
    ] {
        let status = call(&routes, shows.clone(), path).await.expect("it is refused");
        assert_eq!(status.code(), Code::Unauthenticated, "{shows:?}");
        assert!(status.message().contains(why) && !status.message().contains(token.expose()), "{shows:?}: {status:?}");
    }
    // A certificate that names no owner of ours, as a service mesh gives one, leaves the word to the token.
    let meshed = with_token(Shows::certificate(&["spiffe://mesh/ns/tailor"]));
    let code = call(&routes, meshed, path).await.map(|status| status.code());
    assert!(!matches!(code, Some(Code::Unauthenticated | Code::PermissionDenied)), "{code:?}");
}

#[tokio::test]
async fn another_coordinator_may_read_and_nothing_else() {
    let routes = services(Access::by_role(Some("trial".to_owned()), None)).await;
    let shows = Shows::certificate(&["tailor://trial/coordinator/c1"]);
    for method in METHODS {
        let code = call(&routes, shows.clone(), &format!("/{}/{}", method.service, method.name)).await;
        let is_denied = code.is_some_and(|status| status.code() == Code::PermissionDenied);
        assert_eq!(is_denied, method.least != ClientRole::Viewer, "{}", method.name);
    }
}

#[tokio::test]
async fn another_coordinator_calls_for_the_person_whom_its_pages_have_identified() {
    let routes = services(Access::by_role(Some("trial".to_owned()), None)).await;
    let code = async |shows: Shows, by: &str, path: &str| {
        let frame = Body::new(http_body_of(&[0; 5]));
        let request = http::Request::post(format!("http://c0{path}")).header("content-type", "application/grpc");
        let request = request.header(proto::relay::ON_BEHALF_OF, by).body(frame).expect("a request");
        let answer = As(routes.clone(), shows).call(request).await.unwrap_or_else(|never| match never {});
        Status::from_header_map(answer.headers()).map(|status| status.code())
    };
    let cancel = "/tailor.v1.OperatorService/CancelJob";
    let coordinator = || Shows::certificate(&["tailor://trial/coordinator/c1"]);
    let refused = |code: Option<Code>| matches!(code, Some(Code::PermissionDenied | Code::Unauthenticated));
    assert!(!refused(code(coordinator(), "operator/alice", cancel).await));
    assert!(refused(code(coordinator(), "viewer/victor", cancel).await));
    for nobody in ["", "alice", "root/alice", "worker/w0"] {
        assert!(refused(code(coordinator(), nobody, cancel).await), "{nobody}");
    }
    assert!(refused(code(coordinator(), "worker/w0", "/tailor.v1.WorkerService/Claim").await));
    assert!(refused(code(Shows::role("viewer"), "operator/alice", cancel).await), "nobody else speaks for others");
    assert!(refused(code(Shows::default(), "operator/alice", cancel).await));
}

#[tokio::test]
async fn tokens_that_are_struck_out_stop_to_work_without_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let token = Token::draw().expect("a system with randomness");
    let tokens = tokens(token.line(ClientRole::Viewer, "victor").expect("a plain name"), &folder);
    let routes = services(Access::by_role(None, Some(Arc::clone(&tokens)))).await;
    let path = "/tailor.v1.OperatorService/ListJobs";
    let code = async || call(&routes, Shows::token(token.expose()), path).await.map(|status| status.code());
    assert_ne!(code().await, Some(Code::Unauthenticated));
    std::fs::write(folder.path().join("tokens"), "# nobody\n").expect("a writable folder");
    assert!(tokens.reload().expect("it parses"));
    assert_eq!(code().await, Some(Code::Unauthenticated));
}

/// Job over an empty folder, into `dataset`.
fn spec(job: &str, input: &str, dataset: &str) -> bytes::Bytes {
    let spec = JobSpec {
        job: job.parse().expect("a job's name"),
        input: input.to_owned(),
        dataset: dataset.to_owned(),
        shards: Vec::new(),
        settings: JobSettings::default(),
        shard_map: String::new(),
        reason: "trial\n".trim().to_owned(),
        weight: model::spec::WEIGHT_DEFAULT,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: "root@elsewhere".to_owned(),
        submitted_at_ms: 0,
    };
    spec.to_message().into()
}

/// Reads the entries of a job's audit log, once there are `count`.
async fn entries(dataset: &Root, job: &str, count: usize) -> Vec<AuditEntry> {
    let folder = keys::audit_of(&job.parse().expect("a job's name"));
    for _ in 0..500 {
        let listed = dataset.list(&folder).await.expect("a folder");
        if listed.len() >= count {
            let mut found = Vec::new();
            for object in listed {
                let bytes = dataset.read(object.location.as_ref()).await.expect("it is there");
                found.push(AuditEntry::from_bytes(&bytes).expect("an entry"));
            }
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{folder} has no {count} entries");
}

#[tokio::test]
async fn a_change_is_kept_with_its_job_and_a_place_that_is_not_allowed_is_never_touched() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    let (input, dataset, outside) = (place("ours/in"), place("ours/dataset"), place("theirs"));
    for name in [&input, &outside] {
        std::fs::create_dir_all(format!("{name}/shard=org-mod-01")).expect("a writable folder");
        std::fs::write(format!("{name}/shard=org-mod-01/a.seg"), [0; 100]).expect("a writable folder");
    }
    let allowed = AllowedRoots::listed(&[place("ours")]).expect("a plain place");
    let coordinator = coordinator(Opener::within(allowed), Access::by_role(None, None));
    let routes = coordinator.services();
    let (leave, left) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(coordinator.run(Box::pin(async move { drop(left.await) })));
    let client = |role: &str| OperatorServiceClient::new(As(routes.clone(), Shows::role(role)));
    let submit = async |role: &str, input: &str, dataset: &str| {
        let request = v1::SubmitJobRequest { spec: spec("nightly", input, dataset) };
        client(role).submit_job(request).await.map_err(ApiError::from)
    };
    for _ in 0..500 {
        match client("viewer").get_cluster(v1::GetClusterRequest {}).await {
            Ok(_) => break,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    let links = format!("{}/ours/link", folder.path().display());
    std::os::unix::fs::symlink(&outside, &links).expect("links are possible");
    for (input, dataset) in [(&outside, &dataset), (&input, &outside), (&format!("{input}/../../theirs"), &dataset)] {
        let refused = submit("operator", input, dataset).await;
        assert!(matches!(refused, Err(ApiError::Denied { .. })), "{input} {dataset}: {refused:?}");
        let request = v1::PlanJobRequest { spec: spec("nightly", input, dataset) };
        let refused = client("operator").plan_job(request).await.map_err(ApiError::from);
        assert!(matches!(refused, Err(ApiError::Denied { .. })), "{input} {dataset}: {refused:?}");
    }
    let refused = submit("operator", &links, &dataset).await;
    assert!(refused.is_err(), "a link leads out: {refused:?}");
    assert!(matches!(submit("viewer", &input, &dataset).await, Err(ApiError::Denied { .. })));
    assert_eq!(std::fs::read_dir(&outside).expect("it is there").count(), 1, "nothing was written there");
    assert!(matches!(
        client("viewer")
            .list_jobs(v1::ListJobsRequest { dataset: outside.clone(), ..Default::default() })
            .await
            .map_err(ApiError::from),
        Err(ApiError::Denied { .. })
    ));

    submit("operator", &input, &dataset).await.expect("an operator, and places that are allowed");
    let cancel = |reason: &str| v1::CancelJobRequest { job: "nightly".to_owned(), reason: reason.to_owned() };
    let refused = client("viewer").cancel_job(cancel("curious")).await.map_err(ApiError::from);
    assert!(matches!(refused, Err(ApiError::Denied { .. })), "{refused:?}");
    client("admin").cancel_job(cancel("wrong input")).await.expect("an admin may");

    let root = Root::open(&dataset).expect("the job has made it");
    let found = entries(&root, "nightly", 2).await;
    let mut told: Vec<_> =
        found.iter().map(|entry| (entry.verb.as_str(), entry.role.as_str(), entry.reason.as_str())).collect();
    // Two entries of one millisecond are in the order of their digests.
    told.sort_unstable();
    assert_eq!(told, [("CancelJob", "admin", "wrong input"), ("SubmitJob", "operator", "trial")]);
    for entry in &found {
        assert_eq!((entry.who.as_str(), entry.from.as_str()), ("somebody", "10.0.0.7:51234"));
        assert_eq!((entry.decision, entry.proof.as_str()), (AuditDecision::Allowed, "certificate"));
    }
    let kept = root.list(&keys::job_folder(&"nightly".parse().expect("a job's name"))).await.expect("a folder");
    let spec = kept.iter().find(|object| object.location.as_ref().contains("/spec-")).expect("each job has one");
    let spec = root.read(spec.location.as_ref()).await.expect("it is there");
    let spec = String::from_utf8_lossy(&spec).into_owned();
    assert!(spec.contains("operator/somebody") && !spec.contains("elsewhere"), "not what the client says of itself");
    drop(leave);
    tokio::time::timeout(Duration::from_secs(20), running).await.expect("it leaves").expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_in_time_so_that_the_identity_of_its_caller_is_checked_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir_all(place("in/shard=org-mod-01")).expect("a writable folder");
    std::fs::write(place("in/shard=org-mod-01/a.seg"), [0; 100]).expect("a writable folder");
    let allowed = AllowedRoots::listed(&[folder.path().display().to_string()]).expect("a plain place");
    let coordinator = coordinator(Opener::within(allowed), Access::by_role(None, None));
    let mut client = OperatorServiceClient::new(As(coordinator.services(), Shows::role("operator")));
    let running = tokio::spawn(coordinator.run(Box::pin(std::future::pending::<()>())));
    let request = v1::SubmitJobRequest { spec: spec("nightly", &place("in"), &place("dataset")) };
    for _ in 0..500 {
        match client.submit_job(request.clone()).await {
            Ok(_) => break,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    // No worker is there, so the job stays open.
    let began = tokio::time::Instant::now();
    let watched = client.watch_job(v1::WatchJobRequest { job: "nightly".to_owned() }).await;
    let mut stream = watched.expect("an operator may look").into_inner();
    while stream.message().await.expect("it ends as it should").is_some() {}
    let took = began.elapsed();
    assert!((WATCH_MAX..WATCH_MAX * 2).contains(&took), "{took:?}");
    running.abort();
}
