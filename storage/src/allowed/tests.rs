use std::os::unix::fs::symlink;

use model::SegmentRef;
use proptest::prelude::*;

use super::*;
use crate::segment::{Segment, SegmentAccess};

fn listed(prefixes: &[&str]) -> AllowedRoots {
    let prefixes: Vec<_> = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
    AllowedRoots::listed(&prefixes).expect("plain places")
}

#[test]
fn a_place_below_a_prefix_is_allowed_and_its_look_alikes_are_not() {
    let allowed = listed(&["s3://metrics/landing", "s3://series/", "/data/tailor", "file:///mnt/in/"]);
    for uri in [
        "s3://metrics/landing",
        "s3://metrics/landing/",
        "s3://metrics/landing/2026/01",
        "s3://series",
        "s3://series/any",
        "/data/tailor",
        "file:///data/tailor/in",
        "/data//tailor/in",
        "/mnt/in",
    ] {
        assert_eq!(allowed.check(uri), Ok(()), "{uri}");
    }
    for uri in [
        "",
        "s3://",
        "s3://metrics",
        "s3://metrics/",
        "s3://metrics/landing-evil",
        "s3://metrics/landing.evil/x",
        "s3://metrics/Landing",
        "s3://metrics-evil/landing",
        "s3://METRICS/landing",
        "S3://metrics/landing",
        "s3a://metrics/landing",
        "s3://metrics//landing",
        "s3://metrics/landing//x",
        "s3:///metrics/landing",
        "s3://metrics/landing/../secret",
        "s3://metrics/landing/..",
        "s3://metrics/./landing",
        "s3://metrics/landing/%2e%2e/secret",
        "s3://metrics/landing/%2E%2E%2Fsecret",
        "s3://metrics%2Flanding",
        "s3://metrics/landing\\..\\secret",
        "s3://metrics/landing\n/x",
        "s3://evil@metrics/landing",
        "s3://metrics@evil/landing",
        "s3://metrics?endpoint=http://evil/landing",
        "s3://metrics#/landing",
        "s3://m\u{435}trics/landing",
        "https://s3.amazonaws.com/metrics/landing",
        "/data",
        "/data/tailor-evil",
        "/data/Tailor",
        "/data/tailor/../secret",
        "/data/tailor/./../../etc",
        "/data/tailor/%2e%2e/secret",
        "data/tailor",
        "./data/tailor",
        "file://data/tailor",
        "file://localhost/data/tailor",
        "FILE:///data/tailor",
        "file:/data/tailor",
        "/etc/passwd",
        "/",
    ] {
        assert!(allowed.check(uri).is_err(), "{uri}");
    }
}

#[test]
fn without_a_list_a_protected_server_opens_buckets_alone() {
    assert_eq!(AllowedRoots::Buckets.check("s3://any/where"), Ok(()));
    for uri in ["/data", "file:///data", "data", "s3://any/../where", "gopher://hole"] {
        assert!(AllowedRoots::Buckets.check(uri).is_err(), "{uri}");
    }
    assert_eq!(AllowedRoots::Any.check("any/../thing"), Ok(()));
    assert!(AllowedRoots::listed(&["s3://a/../b".to_owned()]).is_err(), "a prefix is held to the same rules");
}

#[tokio::test]
async fn a_link_out_of_an_allowed_folder_leads_nowhere_and_makes_nothing() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (inside, outside) = (dir.path().join("inside"), dir.path().join("outside"));
    std::fs::create_dir_all(inside.join("real")).expect("a writable folder");
    std::fs::create_dir(&outside).expect("a writable folder");
    symlink(&outside, inside.join("out")).expect("links are possible");
    symlink("real", inside.join("in")).expect("links are possible");
    symlink(outside.join("later"), inside.join("dangling")).expect("links are possible");
    let opener = Opener::within(listed(&[&inside.display().to_string()]));
    let uri = |name: &str| inside.join(name).display().to_string();
    for name in ["real", "in", "real/new", "in/new"] {
        opener.reach_or_make(&uri(name)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for name in ["out", "out/new", "dangling", "dangling/new", "../outside", "real/../../outside"] {
        let made = opener.reach_or_make(&uri(name)).await;
        assert!(matches!(made, Err(StorageError::Open { .. })), "{name}: {made:?}");
        assert!(opener.reach(&uri(name)).await.is_err(), "{name}");
    }
    assert_eq!(std::fs::read_dir(&outside).expect("it is there").count(), 0, "nothing was made there");
}

#[tokio::test]
async fn a_link_among_the_segments_is_an_error_and_is_not_read() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let inside = dir.path().join("inside/shard=org-1");
    std::fs::create_dir_all(&inside).expect("a writable folder");
    std::fs::write(dir.path().join("secret"), "secret").expect("a writable folder");
    std::fs::write(inside.join("a.seg"), "points").expect("a writable folder");
    symlink("a.seg", inside.join("b.seg")).expect("links are possible");
    let place = dir.path().join("inside").display().to_string();
    let root = Opener::within(listed(&[&place])).reach(&place).await.expect("it is allowed");
    assert_eq!(root.list_input().await.expect("both lie inside").len(), 2);

    symlink(dir.path().join("secret"), inside.join("c.seg")).expect("links are possible");
    let error = root.list_input().await.expect_err("one lies outside");
    assert!(error.to_string().contains("c.seg"), "{error}");
    let segment = SegmentRef { key: "shard=org-1/c.seg".into(), size: 6, etag: None };
    let runtime = tokio::runtime::Handle::current();
    let opened = Segment::open(&root, &segment, SegmentAccess::Auto, &runtime);
    assert!(matches!(opened, Err(StorageError::Open { .. })), "{opened:?}");
    // A process of the user's own has the user's rights.
    let own = Root::open(&place).expect("it is there");
    assert_eq!(own.list_input().await.expect("no rule holds").len(), 3);
}

proptest! {
    #[test]
    fn an_allowed_uri_has_the_components_of_its_prefix_and_no_tricks(
        scheme in prop::sample::select(vec!["s3://", "S3://", "file://", "", "s3:/", "https://"]),
        parts in prop::collection::vec(prop::sample::select(vec![
            "metrics", "landing", "landing-evil", "Landing", "..", ".", "", "%2e%2e", "%2f", "x", "a@b", "\\..", "x?y", "data", "/",
        ]), 0..7),
    ) {
        let uri = format!("{scheme}{}", parts.join("/"));
        let allowed = listed(&["s3://metrics/landing", "/data"]);
        if allowed.check(&uri).is_ok() {
            let (path, prefix) = match uri.strip_prefix("s3://") {
                Some(path) => (path, vec!["metrics", "landing"]),
                None => (uri.strip_prefix("file://").unwrap_or(&uri), vec!["", "data"]),
            };
            let components: Vec<_> = path.split('/').collect();
            let folders: Vec<_> = components.iter().copied().filter(|name| !name.is_empty()).collect();
            let expected: Vec<_> = prefix.iter().copied().filter(|name| !name.is_empty()).collect();
            prop_assert_eq!(components[0], prefix[0]);
            prop_assert!(folders.starts_with(&expected), "{}", uri);
            prop_assert!(folders.iter().all(|name| ![".", ".."].contains(name) && !name.contains(['%', '\\'])), "{}", uri);
        }
    }

    #[test]
    fn no_text_makes_the_check_panic(uri in "(s3://|file://|/)?[a-zA-Z0-9./%\\PC]{0,40}") {
        let _ = listed(&["s3://metrics/landing", "/data"]).check(&uri);
        let _ = AllowedRoots::Buckets.check(&uri);
    }

    #[test]
    fn whatever_links_there_are_an_opened_folder_lies_in_an_allowed_one(
        links in prop::collection::vec((0usize..6, 0usize..6), 0..5), path in prop::collection::vec(0usize..6, 1..5),
    ) {
        const NAMES: [&str; 6] = ["a", "b", "c", "..", "up", "away"];
        let dir = tempfile::tempdir().expect("a temporary folder");
        let inside = dir.path().join("inside");
        std::fs::create_dir_all(inside.join("a/b")).expect("a writable folder");
        std::fs::create_dir_all(dir.path().join("away")).expect("a writable folder");
        for (name, target) in links {
            // Some of these links fail, lead in circles, or lead outside.
            let target = if NAMES[target] == "away" { dir.path().join("away") } else { PathBuf::from(NAMES[target]) };
            let _ = symlink(target, inside.join(NAMES[name]));
            let _ = symlink("../..", inside.join("a/up"));
        }
        let path = path.iter().fold(inside.clone(), |path, name| path.join(NAMES[*name]));
        let allowed = listed(&[&inside.display().to_string()]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let opened = runtime.block_on(Opener::within(allowed).reach_or_make(&path.display().to_string()));
        if let Ok(root) = opened {
            let real = inside.canonicalize().expect("it is there");
            prop_assert!(root.local_folder().is_some_and(|folder| folder.starts_with(&real)), "{}", path.display());
        }
        prop_assert_eq!(std::fs::read_dir(dir.path().join("away")).expect("it is there").count(), 0);
    }
}
