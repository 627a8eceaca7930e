use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, async_trait};

use super::*;
use crate::v1;
use crate::v1::worker_service_server::{WorkerService, WorkerServiceServer};

/// Coordinator that answers every call with its name, or with a given error.
#[derive(Clone)]
struct Coordinator {
    name: &'static str,
    error: Arc<Mutex<Option<ApiError>>>,
    asked: Arc<AtomicU32>,
}

impl Coordinator {
    /// Serves at a port of its own until the test ends.
    async fn start(name: &'static str) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let coordinator = Self { name, error: Arc::default(), asked: Arc::default() };
        let service = WorkerServiceServer::new(coordinator.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        (coordinator, address)
    }

    fn answers(&self, error: impl Into<Option<ApiError>>) {
        *self.error.lock().expect("no test panics while it holds it") = error.into();
    }

    fn answer<T>(&self, value: T) -> Result<Response<T>, Status> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.error.lock().expect("no test panics while it holds it").clone() {
            Some(error) => Err(error.into()),
            None => Ok(Response::new(value)),
        }
    }
}

#[async_trait]
impl WorkerService for Coordinator {
    async fn hello(&self, _: Request<v1::HelloRequest>) -> Result<Response<v1::HelloResponse>, Status> {
        self.answer(v1::HelloResponse { protocol: 1, version: self.name.to_owned() })
    }

    async fn claim(&self, _: Request<v1::ClaimRequest>) -> Result<Response<v1::ClaimResponse>, Status> {
        // Hangs like a coordinator that was stopped.
        std::future::pending().await
    }

    async fn complete(&self, _: Request<v1::CompleteRequest>) -> Result<Response<v1::CompleteResponse>, Status> {
        self.answer(v1::CompleteResponse::default())
    }

    async fn fail(&self, _: Request<v1::FailRequest>) -> Result<Response<v1::FailResponse>, Status> {
        self.answer(v1::FailResponse::default())
    }

    async fn hand_back(&self, _: Request<v1::HandBackRequest>) -> Result<Response<v1::HandBackResponse>, Status> {
        self.answer(v1::HandBackResponse::default())
    }

    async fn heartbeat(&self, _: Request<v1::HeartbeatRequest>) -> Result<Response<v1::HeartbeatResponse>, Status> {
        self.answer(v1::HeartbeatResponse::default())
    }
}

/// Returns an address at which nobody listens.
async fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("it is bound").to_string()
}

fn client(endpoints: &[&str], patience: Duration) -> LeaderClient {
    let endpoints = endpoints.iter().map(|&text| text.to_owned()).collect();
    let policy = CallPolicy { call_timeout: Duration::from_secs(5), patience };
    LeaderClient::new(endpoints).expect("addresses").with_policy(policy)
}

/// Sends a hello; returns the name of the coordinator that answered.
async fn hello(client: &LeaderClient) -> Result<String, ApiError> {
    let ask = |mut service: WorkerServiceClient<Link>| async move { service.hello(v1::HelloRequest::default()).await };
    client.worker(ask).await.map(|response| response.version)
}

fn not_leader(leader: &str) -> ApiError {
    ApiError::NotLeader { leader: leader.to_owned(), replica: "c1".to_owned() }
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn past_a_dead_endpoint_and_a_follower_the_leader_is_found_and_kept() {
    let (follower, follower_at) = Coordinator::start("follower").await;
    let (leader, leader_at) = Coordinator::start("leader").await;
    follower.answers(not_leader(&leader_at));
    let client = client(&[&dead().await, &follower_at], LONG);
    for _ in 0..3 {
        assert_eq!(hello(&client).await, Ok("leader".to_owned()));
    }
    let asked = [&follower, &leader].map(|coordinator| coordinator.asked.load(Ordering::Relaxed));
    assert_eq!(asked, [1, 3], "the second and third question go to the leader at once");
}

#[tokio::test]
async fn a_leader_that_steps_down_is_left_for_the_next_one() {
    let (first, first_at) = Coordinator::start("first").await;
    let (second, second_at) = Coordinator::start("second").await;
    second.answers(not_leader(&first_at));
    let client = client(&[&first_at, &second_at], LONG);
    assert_eq!(hello(&client).await, Ok("first".to_owned()));
    first.answers(not_leader(""));
    second.answers(None);
    assert_eq!(hello(&client).await, Ok("second".to_owned()));
}

#[tokio::test]
async fn without_a_leader_patience_ends_and_the_error_tells_who_was_asked() {
    let (first, first_at) = Coordinator::start("first").await;
    let (second, second_at) = Coordinator::start("second").await;
    // The coordinators name each other, as they may while a leader is elected.
    first.answers(not_leader(&second_at));
    second.answers(not_leader(&first_at));
    let error = hello(&client(&[&first_at, &second_at], SHORT)).await.expect_err("nobody leads");
    assert!(matches!(&error, ApiError::Away { reason } if reason.contains(&first_at) && reason.contains(&second_at)));
    let asked = first.asked.load(Ordering::Relaxed) + second.asked.load(Ordering::Relaxed);
    assert!(asked < 60, "{asked} questions in {SHORT:?} are a storm");
}

#[tokio::test]
async fn nobody_listening_is_away_and_names_the_endpoint() {
    let endpoint = dead().await;
    let error = hello(&client(&[&endpoint], SHORT)).await.expect_err("nobody listens");
    assert!(matches!(&error, ApiError::Away { reason } if reason.contains(&endpoint)), "{error}");
}

#[tokio::test]
async fn an_answer_that_asking_again_does_not_change_is_given_at_once() {
    let (leader, leader_at) = Coordinator::start("leader").await;
    let error = ApiError::NotFound { what: "job nightly".to_owned() };
    leader.answers(error.clone());
    assert_eq!(hello(&client(&[&leader_at], LONG)).await, Err(error));
    assert_eq!(leader.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_coordinator_that_hangs_is_left_after_the_time_of_a_call() {
    let (_hanging, hanging_at) = Coordinator::start("hanging").await;
    let policy = CallPolicy { call_timeout: SHORT, patience: SHORT };
    let client = client(&[&hanging_at], LONG).with_policy(policy);
    let claim =
        |mut service: WorkerServiceClient<Link>| async move { service.claim(v1::ClaimRequest::default()).await };
    let error = client.worker(claim).await.expect_err("it hangs");
    assert!(matches!(&error, ApiError::Away { reason } if reason.contains("no answer within 300ms")), "{error}");
}

#[tokio::test]
async fn a_coordinator_that_hangs_leaves_time_for_the_others() {
    let (_hanging, hanging_at) = Coordinator::start("hanging").await;
    let (leader, leader_at) = Coordinator::start("leader").await;
    leader.answers(ApiError::NotFound { what: "task".to_owned() });
    let policy = CallPolicy { call_timeout: SHORT, patience: LONG };
    let client = client(&[&hanging_at, &leader_at], LONG).with_policy(policy);
    // The first coordinator hangs, the second answers: one call finds both.
    let has_asked = AtomicU32::new(0);
    let ask = |mut service: WorkerServiceClient<Link>| {
        let is_first = has_asked.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if is_first {
                service.claim(v1::ClaimRequest::default()).await?;
            }
            service.complete(v1::CompleteRequest::default()).await
        }
    };
    assert_eq!(client.worker(ask).await, Err(ApiError::NotFound { what: "task".to_owned() }));
    assert_eq!(has_asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn addresses_are_checked_before_anyone_is_asked() {
    for text in ["c1", "http://c1", "c1:port", "http://c1:7400/v1", ":7400", ""] {
        let error = LeaderClient::new(vec![text.to_owned()]).expect_err(text);
        assert_eq!(error, EndpointsError::Malformed { text: text.to_owned() });
    }
    assert_eq!(LeaderClient::new(vec![]).expect_err("none"), EndpointsError::None);
    assert!(LeaderClient::new(vec!["[::1]:7400".to_owned(), "http://c1:7400/".to_owned()]).is_ok());
    let text = "https://c1:7400".to_owned();
    let error = LeaderClient::new(vec![text.clone()]).expect_err("there is no authority to check it by");
    assert_eq!(error, EndpointsError::NoAuthority { text });
}

/// Token and TLS of tests; the connections of this TLS are plain.
#[derive(Debug, Default)]
struct Plain {
    generation: std::sync::atomic::AtomicU64,
    dialled: Mutex<Vec<String>>,
}

impl Dial for Plain {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    fn dial(&self, host: String, port: u16) -> Dialling {
        self.dialled.lock().expect("no test panics while it holds it").push(host.clone());
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect((host, port)).await?;
            Ok(Box::new(stream) as Box<dyn Wire>)
        })
    }
}

#[derive(Debug)]
struct OneToken(crate::token::Token);

impl TokenSource for OneToken {
    fn token(&self) -> crate::token::Token {
        self.0.clone()
    }
}

#[tokio::test]
async fn a_client_under_tls_calls_no_plain_address_and_follows_nobody_to_one() {
    let (follower, at) = Coordinator::start("c0").await;
    let (leader, leads_at) = Coordinator::start("c1").await;
    let tls = Arc::new(Plain::default());
    let security = ClientSecurity { tls: Some(Arc::clone(&tls) as Arc<dyn Dial>), token: None };
    let error = LeaderClient::secured(vec![at.clone()], security.clone()).expect_err("it is plain");
    assert_eq!(error, EndpointsError::Plain { text: at.clone() });

    let secure = |url: &str| url.replace("http://", "https://");
    let client = LeaderClient::secured(vec![secure(&at)], security).expect("addresses");
    let client =
        client.with_policy(CallPolicy { call_timeout: Duration::from_secs(1), patience: Duration::from_millis(300) });
    follower.answers(ApiError::NotLeader { leader: leads_at.clone(), replica: "c0".to_owned() });
    assert!(matches!(hello(&client).await, Err(ApiError::Away { .. })));
    assert_eq!(leader.asked.load(Ordering::Relaxed), 0, "its address is without TLS");
    follower.answers(ApiError::NotLeader { leader: secure(&leads_at), replica: "c0".to_owned() });
    assert_eq!(hello(&client).await, Ok("c1".to_owned()));

    let before = tls.dialled.lock().expect("no panic").len();
    assert_eq!(hello(&client).await, Ok("c1".to_owned()));
    assert_eq!(tls.dialled.lock().expect("no panic").len(), before, "the connection is kept");
    tls.generation.fetch_add(1, Ordering::Relaxed);
    assert_eq!(hello(&client).await, Ok("c1".to_owned()));
    assert_eq!(tls.dialled.lock().expect("no panic").len(), before + 1, "the files have changed");
}

#[tokio::test]
async fn a_token_goes_to_this_machine_or_under_tls_and_nowhere_else() {
    let token: Arc<dyn TokenSource> = Arc::new(OneToken(crate::token::Token::draw().expect("randomness")));
    let security = ClientSecurity { tls: None, token: Some(token) };
    let policy = CallPolicy { call_timeout: Duration::from_secs(1), patience: Duration::from_millis(300) };
    let (_coordinator, at) = Coordinator::start("c0").await;
    let own = LeaderClient::secured(vec![at], security.clone()).expect("an address").with_policy(policy);
    assert_eq!(hello(&own).await, Ok("c0".to_owned()));
    // An address for documents, at which nobody listens: nothing is sent there.
    let far = LeaderClient::secured(vec!["http://192.0.2.1:7070".to_owned()], security).expect("an address");
    let error = hello(&far.with_policy(policy)).await.expect_err("it is plain");
    assert!(matches!(&error, ApiError::Unauthenticated { reason } if reason.contains("without TLS")), "{error:?}");
}
