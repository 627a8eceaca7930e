//! Faults of networks and stores, and their consequences.

use std::time::Duration;

use bytes::Bytes;
use fault_proxy::{Fault, FaultProxy, answer, error_body};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};
use storage::S3Store;

use crate::server::Server;

async fn fixture() -> (Server, FaultProxy, S3Store) {
    let server = Server::find();
    let proxy = FaultProxy::before(&server.endpoint);
    let store = server.store_at(&proxy.endpoint());
    (server, proxy, store)
}

fn content(len: usize) -> Bytes {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>().into()
}

async fn read(store: &S3Store, path: &Path) -> Bytes {
    store.get(path).await.expect("it is there").bytes().await.expect("it reads")
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_recognised_as_ours() {
    let (_server, proxy, store) = fixture().await;
    let path = Path::from("manifest");
    proxy.inject("PUT", "/manifest", 1, Fault::LoseAnswer);
    let written = store.put_opts(&path, "ours".into(), PutMode::Create.into()).await.expect("it is ours");
    assert_eq!(proxy.count("PUT", "/manifest"), 1, "an outcome that is known is not repeated");
    assert_eq!(written.e_tag, store.head(&path).await.expect("a head").e_tag);
}

#[tokio::test]
async fn a_create_that_never_arrived_is_repeated() {
    let (_server, proxy, store) = fixture().await;
    let path = Path::from("manifest");
    proxy.inject("PUT", "/manifest", 2, Fault::Answer(answer(500, "", &error_body("InternalError"))));
    store.put_opts(&path, "ours".into(), PutMode::Create.into()).await.expect("the third attempt arrives");
    assert_eq!(proxy.count("PUT", "/manifest"), 3);
    assert_eq!(read(&store, &path).await, "ours");
}

#[tokio::test]
async fn a_create_that_lost_to_another_names_the_winner_even_when_its_answer_is_lost() {
    let (_server, proxy, store) = fixture().await;
    let path = Path::from("manifest");
    store.put_opts(&path, "theirs".into(), PutMode::Create.into()).await.expect("the name is free");
    proxy.inject("PUT", "/manifest", 1, Fault::LoseAnswer);
    let error = store.put_opts(&path, "ours".into(), PutMode::Create.into()).await.expect_err("the name is taken");
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    assert_eq!(read(&store, &path).await, "theirs");
}

#[tokio::test]
async fn an_update_whose_answer_is_lost_is_recognised_as_ours() {
    let (_server, proxy, store) = fixture().await;
    let path = Path::from("head");
    let first = store.put(&path, "one".into()).await.expect("a first version");
    proxy.inject("PUT", "/head", 1, Fault::LoseAnswer);
    let update = |version| PutMode::Update(UpdateVersion::from(version));
    store.put_opts(&path, "two".into(), update(first.clone()).into()).await.expect("it is ours");
    let error = store.put_opts(&path, "three".into(), update(first).into()).await.expect_err("it is stale");
    assert!(matches!(error, Error::Precondition { .. }), "{error}");
    assert_eq!(read(&store, &path).await, "two");
}

#[tokio::test]
async fn each_try_is_counted_and_so_is_the_time_that_the_store_asked_for() {
    let (_server, proxy, store) = fixture().await;
    let tally = std::sync::Arc::<storage::Tally>::default();
    let root = storage::Root::of_bucket("s3://test", store).counted(std::sync::Arc::clone(&tally));
    proxy.inject("PUT", "/part", 2, Fault::Answer(answer(503, "", &error_body("SlowDown"))));
    root.create_object("part", "points").await.expect("the third try is taken");
    root.read("part").await.expect("it is there");
    let requests = tally.requests();
    assert_eq!((requests.put, requests.get, requests.total()), (3, 1, 4));
    assert!(tally.throttled() > Duration::ZERO);
}

#[tokio::test]
async fn a_conflict_is_repeated_until_it_is_settled() {
    let (_server, proxy, store) = fixture().await;
    let path = Path::from("manifest");
    let conflict = answer(409, "", &error_body("ConditionalRequestConflict"));
    proxy.inject("PUT", "/manifest", 2, Fault::Answer(conflict));
    store.put_opts(&path, "ours".into(), PutMode::Create.into()).await.expect("nobody else wrote");
    assert_eq!(proxy.count("PUT", "/manifest"), 3);
}

#[tokio::test]
async fn a_storm_of_503_passes() {
    let (_server, proxy, store) = fixture().await;
    proxy.inject("PUT", "/data", 40, Fault::Answer(answer(503, "Retry-After: 0\r\n", &error_body("SlowDown"))));
    let puts = (0..16).map(|i| {
        let store = store.clone();
        async move { store.put(&Path::from(format!("data/{i}")), "x".into()).await }
    });
    for put in futures::future::join_all(puts).await {
        put.expect("the storm passes before the attempts end");
    }
    assert_eq!(proxy.count("PUT", "/data"), 56);
}

#[tokio::test]
async fn a_store_that_stays_down_is_given_up_and_named() {
    let (_server, proxy, store) = fixture().await;
    proxy.inject("GET", "/a", usize::MAX, Fault::Answer(answer(503, "", &error_body("SlowDown"))));
    let error = store.get(&Path::from("a")).await.expect_err("it stays down").to_string();
    assert!(error.contains("GetObject: HTTP 503 SlowDown: as told"), "{error}");
    assert_eq!(proxy.count("GET", "/a"), 10);
}

#[tokio::test]
async fn a_body_that_is_cut_is_read_on() {
    let (_server, proxy, store) = fixture().await;
    let (path, bytes) = (Path::from("segment"), content(3_000_000));
    store.put(&path, bytes.clone().into()).await.expect("it is written");
    proxy.inject("GET", "/segment", 3, Fault::CutBody(700_000));
    assert_eq!(read(&store, &path).await, bytes);
    assert_eq!(proxy.count("GET", "/segment"), 4);
    let options = GetOptions { range: Some(GetRange::Bounded(10..2_000_010)), ..GetOptions::default() };
    proxy.inject("GET", "/segment", 1, Fault::CutBody(5));
    let range = store.get_opts(&path, options).await.expect("a range").bytes().await.expect("it reads");
    assert_eq!(range, bytes.slice(10..2_000_010));
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_and_read_on() {
    let (_server, proxy, store) = fixture().await;
    let (path, bytes) = (Path::from("segment"), content(1_000_000));
    store.put(&path, bytes.clone().into()).await.expect("it is written");
    proxy.inject("GET", "/segment", 1, Fault::StallBody(300_000));
    let read = tokio::time::timeout(Duration::from_secs(30), read(&store, &path)).await;
    assert_eq!(read.expect("the stall is noticed"), bytes);
}

#[tokio::test]
async fn a_body_is_not_read_on_in_another_object() {
    let (server, proxy, store) = fixture().await;
    let path = Path::from("segment");
    store.put(&path, content(1_000_000).into()).await.expect("it is written");
    proxy.inject("GET", "/segment", 1, Fault::CutBody(300_000));
    let got = store.get(&path).await.expect("its head");
    server.store().put(&path, content(999_999).into()).await.expect("it is replaced");
    let error = got.bytes().await.expect_err("the rest is of another object");
    assert!(matches!(error, Error::Precondition { .. }), "{error}");
}

#[tokio::test]
async fn a_completion_that_fails_with_status_200_is_repeated() {
    let (server, proxy, store) = fixture().await;
    let path = Path::from("part");
    let failed = answer(200, "Content-Type: application/xml\r\n", &error_body("InternalError"));
    proxy.inject("POST", "uploadId=", 2, Fault::Answer(failed));
    upload(&store, &path).await.expect("the third attempt completes");
    assert_eq!(proxy.count("POST", "uploadId="), 3);
    assert_eq!(read(&store, &path).await.len(), 6 << 20);
    assert_eq!(server.pending_uploads().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_completion_whose_answer_is_lost_is_recognised_as_ours() {
    let (_server, proxy, store) = fixture().await;
    let path = Path::from("part");
    proxy.inject("POST", "uploadId=", 1, Fault::LoseAnswer);
    upload(&store, &path).await.expect("it is ours");
    let failed = answer(200, "Content-Type: application/xml\r\n", &error_body("InternalError"));
    proxy.inject("POST", "uploadId=", 1, Fault::ReplaceAnswer(failed));
    upload(&store, &path).await.expect("it is ours, whatever the answer said");
    assert_eq!(proxy.count("POST", "uploadId="), 2);
}

#[tokio::test]
async fn credentials_that_are_refused_say_where_to_look() {
    let server = Server::find();
    let mut settings = server.settings(&server.endpoint);
    settings.credentials = Some(("nobody".to_owned(), "nothing".to_owned()));
    let store = S3Store::new("tailor-tests", Path::default(), settings);
    let error = store.get(&Path::from("a")).await.expect_err("nobody knows us");
    assert!(matches!(error, Error::Unauthenticated { .. }), "{error}");
    assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_named() {
    let server = Server::find();
    let store = server.store_at("http://127.0.0.1:9");
    let error = store.get(&Path::from("a")).await.expect_err("nothing listens there").to_string();
    assert!(error.contains("cannot reach http://127.0.0.1:9") && error.contains("AWS_ENDPOINT_URL"), "{error}");
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_an_error_and_no_empty_listing() {
    let server = Server::find();
    let store = S3Store::new("no-such-bucket", Path::default(), server.settings(&server.endpoint));
    let error = store.list_with_delimiter(None).await.expect_err("there is no such bucket");
    assert!(error.to_string().contains("create the bucket"), "{error}");
}

async fn upload(store: &S3Store, path: &Path) -> object_store::Result<()> {
    let mut upload = store.put_multipart(path).await?;
    upload.put_part(content(5 << 20).into()).await?;
    upload.put_part(content(1 << 20).into()).await?;
    upload.complete().await.map(drop)
}

#[tokio::test]
async fn a_store_that_removes_no_batches_is_asked_for_one_object_at_a_time() {
    for (status, code) in [(501, "NotImplemented"), (400, "MissingContentMD5")] {
        let (_server, proxy, store) = fixture().await;
        proxy.inject("POST", "delete", usize::MAX, Fault::Answer(answer(status, "", &error_body(code))));
        let root = storage::Root::of_bucket("s3://test", store.clone());
        let keys: Vec<_> = (0..70).map(|ordinal| format!("runs/{code}/{ordinal}")).collect();
        for key in &keys {
            store.put(&Path::from(key.as_str()), "x".into()).await.expect("it is written");
        }
        root.remove_all(keys.clone()).await.expect("they go, one by one");
        assert_eq!(root.list(&format!("runs/{code}")).await.expect("a listing").len(), 0, "{code}");
        root.remove_all(keys).await.expect("they are gone already");
        assert_eq!(proxy.count("POST", "delete"), 1, "{code}: the store is not asked again for a batch");
    }
}
