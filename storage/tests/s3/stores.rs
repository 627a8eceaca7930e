//! Checks the promises that Tailor relies on, for every store that the tests know; `docs/stores.md` lists the
//! exceptions.

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};
use storage::{Root, S3Store};

use crate::server::Server;

/// Check of one promise; the error says how the promise is broken.
type Check = fn(S3Store) -> BoxFuture<'static, Result<(), String>>;

/// Checks by the name of the promise in `docs/stores.md`.
const CHECKS: [(&str, Check); 8] = [
    ("create-only puts", |store| create_only(store).boxed()),
    ("conditional replacing", |store| conditional_replacing(store).boxed()),
    ("conditional reads", |store| conditional_reads(store).boxed()),
    ("ranges", |store| ranges(store).boxed()),
    ("listings", |store| listings(store).boxed()),
    ("batch deletes", |store| batch_deletes(store).boxed()),
    ("uploads in parts", |store| uploads_in_parts(store).boxed()),
    ("listing uploads", |store| listing_uploads(store).boxed()),
];

/// Stores, with the promises that each does not keep.
const STORES: [(&str, &[&str]); 3] = [
    ("SeaweedFS 4.48", &[]),
    ("moto 5.2.5", &[]),
    ("s3rver 3.7.1", &["create-only puts", "conditional replacing", "conditional reads", "listing uploads"]),
];

fn server(store: &str) -> Server {
    match store.split(' ').next() {
        Some("moto") => Server::find_other("TAILOR_TEST_MOTO_ENDPOINT", ("tailor", "tailor-secret")),
        Some("s3rver") => Server::find_other("TAILOR_TEST_S3RVER_ENDPOINT", ("S3RVER", "S3RVER")),
        _ => Server::find(),
    }
}

#[tokio::test]
async fn every_store_keeps_the_promises_that_its_row_says() {
    for (name, deviations) in STORES {
        let server = server(name);
        let mut broken = BTreeSet::new();
        for (promise, check) in CHECKS {
            // Each check uses a prefix of its own.
            if let Err(how) = check(server.fresh_store()).await {
                assert!(deviations.contains(&promise), "{name}: {promise}: {how}");
                broken.insert(promise);
            }
        }
        let expected: BTreeSet<_> = deviations.iter().copied().collect();
        assert_eq!(broken, expected, "{name} keeps more than its row says");
    }
}

#[test]
fn the_table_of_the_docs_is_the_one_that_is_tested() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/stores.md");
    let docs = std::fs::read_to_string(docs).expect("the page is there");
    for (promise, _) in CHECKS {
        let cells = STORES.map(|(_, deviations)| if deviations.contains(&promise) { "**no**" } else { "yes" });
        let row = format!("| {promise} | {} |", cells.join(" | "));
        assert!(docs.contains(&row), "docs/stores.md lacks the row: {row}");
    }
    let head = format!("| promise | {} |", STORES.map(|(name, _)| name).join(" | "));
    assert!(docs.contains(&head), "docs/stores.md lacks the head: {head}");
}

fn failed(error: Error) -> String {
    error.to_string()
}

async fn read(store: &S3Store, path: &Path) -> Result<bytes::Bytes, String> {
    store.get(path).await.map_err(failed)?.bytes().await.map_err(failed)
}

async fn create_only(store: S3Store) -> Result<(), String> {
    let path = Path::from("manifest");
    store.put_opts(&path, "first".into(), PutMode::Create.into()).await.map_err(failed)?;
    match store.put_opts(&path, "second".into(), PutMode::Create.into()).await {
        Err(Error::AlreadyExists { .. }) => {}
        other => return Err(format!("the second was answered with {other:?}")),
    }
    let kept = read(&store, &path).await?;
    if kept == "first" { Ok(()) } else { Err(format!("{kept:?} lies there")) }
}

async fn conditional_replacing(store: S3Store) -> Result<(), String> {
    let path = Path::from("head");
    let first = UpdateVersion::from(store.put(&path, "one".into()).await.map_err(failed)?);
    store.put_opts(&path, "two".into(), PutMode::Update(first.clone()).into()).await.map_err(failed)?;
    match store.put_opts(&path, "three".into(), PutMode::Update(first).into()).await {
        Err(Error::Precondition { .. }) => Ok(()),
        other => Err(format!("a stale one was answered with {other:?}")),
    }
}

async fn conditional_reads(store: S3Store) -> Result<(), String> {
    let path = Path::from("segment");
    let old = store.put(&path, "one".into()).await.map_err(failed)?.e_tag;
    store.put(&path, "another".into()).await.map_err(failed)?;
    match store.get_opts(&path, GetOptions { if_match: old, ..GetOptions::default() }).await {
        Err(Error::Precondition { .. }) => Ok(()),
        other => Err(format!("a read of what has changed was answered with {:?}", other.map(|found| found.meta))),
    }
}

async fn ranges(store: S3Store) -> Result<(), String> {
    let path = Path::from("segment");
    store.put(&path, "0123456789".into()).await.map_err(failed)?;
    for (range, expected) in [(0..10, "0123456789"), (3..5, "34"), (8..20, "89")] {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = store.get_opts(&path, options).await.map_err(failed)?.bytes().await.map_err(failed)?;
        if found != expected {
            return Err(format!("{found:?} for {expected}"));
        }
    }
    Ok(())
}

async fn listings(store: S3Store) -> Result<(), String> {
    let names = ["a/1", "a/2", "a b+c/3", "b"];
    for name in names {
        store.put(&Path::from(name), "x".into()).await.map_err(failed)?;
    }
    let mut found: Vec<_> = store.list(None).try_collect().await.map_err(failed)?;
    found.sort_by(|a, b| a.location.cmp(&b.location));
    let found: Vec<_> = found.iter().map(|meta| meta.location.to_string()).collect();
    let mut expected = names.map(str::to_owned);
    expected.sort();
    if found != expected {
        return Err(format!("{found:?} were listed"));
    }
    let after: Vec<_> = store.list_with_offset(None, &Path::from("a/1")).try_collect().await.map_err(failed)?;
    let folder = store.list_with_delimiter(Some(&Path::from("a"))).await.map_err(failed)?;
    match (after.len(), folder.objects.len(), folder.common_prefixes.len()) {
        (2, 2, 0) => Ok(()),
        other => Err(format!("{other:?} after an offset, in a folder, and folders in it")),
    }
}

async fn batch_deletes(store: S3Store) -> Result<(), String> {
    let paths = ["a", "b", "gone"].map(Path::from);
    for path in &paths[..2] {
        store.put(path, "x".into()).await.map_err(failed)?;
    }
    let all = futures::stream::iter(paths.map(Ok)).boxed();
    store.delete_stream(all).try_collect::<Vec<_>>().await.map_err(failed)?;
    let left: Vec<_> = store.list(None).try_collect().await.map_err(failed)?;
    if left.is_empty() { Ok(()) } else { Err(format!("{} are left", left.len())) }
}

async fn uploads_in_parts(store: S3Store) -> Result<(), String> {
    let path = Path::from("part");
    let mut upload = store.put_multipart(&path).await.map_err(failed)?;
    let first = vec![7u8; 5 << 20];
    upload.put_part(first.clone().into()).await.map_err(failed)?;
    upload.put_part("end".into()).await.map_err(failed)?;
    upload.complete().await.map_err(failed)?;
    let found = read(&store, &path).await?;
    if found == [&first[..], b"end"].concat() {
        Ok(())
    } else {
        Err(format!("{} bytes were put together", found.len()))
    }
}

async fn listing_uploads(store: S3Store) -> Result<(), String> {
    let mut upload = store.put_multipart(&Path::from("part")).await.map_err(failed)?;
    upload.put_part("x".into()).await.map_err(failed)?;
    let root = Root::of_bucket("s3://test", store);
    let found = root.abandoned_uploads("", i64::MAX).await.map_err(|error| format!("{error:?}"))?;
    upload.abort().await.map_err(failed)?;
    if found.len() == 1 { Ok(()) } else { Err(format!("{} uploads were listed", found.len())) }
}
