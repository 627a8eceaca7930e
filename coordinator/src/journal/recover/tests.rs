//! Recovery from any content of the namespace.

use bytes::Bytes;
use format::state_records::{LeaderRecord, StateRecord, Text};
use proptest::collection::vec;
use proptest::prelude::*;
use storage::meta::{MemoryStore, Op, Txn};

use super::*;

const HEAD: &str = r#"{"phase":"running","round":1,"dataset":"s3://d","spec":"0123456789abcdef0123456789abcdef","shards":1,"submitted_at_ms":1}"#;
const SHARD: &str = r#"{"phase":"running","round":1,"plan":"0123456789abcdef0123456789abcdef","map_tasks":1,"partitions":1,"version":null,"cause":null}"#;

async fn store(entries: &[(String, Bytes)]) -> MemoryStore {
    let store = MemoryStore::default();
    for (key, value) in entries {
        store.txn(Txn::when([]).then([Op::put(key, value.clone())])).await.expect("memory");
    }
    store
}

fn text(entries: &[(&str, &str)]) -> Vec<(String, Bytes)> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), Bytes::from((*value).to_owned()))).collect()
}

#[tokio::test]
async fn what_is_not_known_is_passed_over_and_what_is_known_beside_it_found() {
    let leader =
        LeaderRecord { replica: Text::cut("c0"), address: Text::cut("c0:7070"), term: None }.encode().expect("small");
    let leader = String::from_utf8(leader).expect("JSON");
    let entries = text(&[
        ("eu/leader", &leader),
        ("jobs/leader", &leader),
        ("jobs/a/head", HEAD),
        ("jobs/a/notes", "remember the milk"),
        ("jobs/a/shards/org-mod-07/state", SHARD),
        ("jobs/a/shards/org-mod-07/leases/m-00001", "{}"),
        ("jobs/b/head", r#"{"phase":"paused","round":1}"#),
        ("jobs/c/shards/org-mod-07/state", SHARD),
        ("jobs/d/head", HEAD),
        ("jobs/d/shards/org-mod-07/done/m-00000", "?"),
        ("quotas/a", "{}"),
        ("workers/w0", "{}"),
    ]);
    let store = store(&entries).await;
    let found = recover(&store).await.expect("nothing of it stops us");
    let names: Vec<_> = found.jobs.keys().map(JobId::as_str).collect();
    assert_eq!(names, ["a", "b", "d"], "c has no head");
    let shard = "org-mod-07".parse().expect("a shard");
    assert!(found.jobs[&names_to_id("a")].shards[&shard].record.is_some());
    let unreadable = &found.jobs[&names_to_id("b")];
    assert!(unreadable.head.is_none() && unreadable.unreadable.as_ref().is_some_and(|why| why.contains("jobs/b/head")));
    assert!(found.jobs[&names_to_id("d")].shards[&shard].unreadable.is_some());
    assert_eq!(found.passed_over.count, 7, "{:?}", found.passed_over);
    assert_eq!(store.list("").await.expect("memory").entries.len(), entries.len(), "all of it is kept");
}

fn names_to_id(name: &str) -> JobId {
    name.parse().expect("a job's name")
}

/// Generates keys that are ours, nearly ours, or anybody's.
fn key() -> impl Strategy<Value = String> {
    let ours = prop::sample::select(vec![
        "leader",
        "format",
        "workers/l-0000000000000001",
        "datasets/0123456789abcdef0123456789abcdef",
        "jobs/a/head",
        "jobs/a/shards/org-mod-07/state",
        "jobs/a/shards/org-mod-07/attempts/m-00000",
        "jobs/a/shards/org-mod-07/claims/m-00000/1",
        "jobs/a/shards/org-mod-07/done/m-00000",
    ]);
    prop_oneof![
        4 => ours.clone().prop_map(str::to_owned),
        2 => (ours, "[a-z0-9/]{0,8}").prop_map(|(key, more)| format!("{key}{more}")),
        1 => "(workers/|datasets/|jobs/)[a-z0-9/-]{0,30}",
        1 => "\\PC{1,20}",
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => prop::sample::select(vec![HEAD, SHARD]).prop_map(|text| text.as_bytes().to_vec()),
        2 => (prop::sample::select(vec![HEAD, SHARD]), any::<prop::sample::Index>(), any::<u8>()).prop_map(
            |(text, at, byte)| {
                let mut bytes = text.as_bytes().to_vec();
                *at.get_mut(&mut bytes) = byte;
                bytes
            }
        ),
        1 => vec(any::<u8>(), 0..40),
        1 => Just(br#"{"last":1,"charged":0,"attempt":1,"worker":"l-0000000000000001","leader":"0000000000000001","x":[]}"#.to_vec()),
    ]
}

proptest! {
    /// Nothing but a newer format of the state keeps a leader from leading.
    #[test]
    fn nothing_under_the_namespace_stops_a_leader(entries in vec((key(), value()), 0..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let entries: Vec<_> = entries.into_iter().map(|(key, value)| (key, Bytes::from(value))).collect();
        let (found, kept) = runtime.block_on(async {
            let store = store(&entries).await;
            (recover(&store).await, store.list("").await.expect("memory").entries)
        });
        let found = found.expect("no value above is a record of a newer format");
        let last: BTreeMap<_, _> = entries.into_iter().collect();
        prop_assert!(kept.iter().map(|entry| (&entry.key, &entry.value)).eq(last.iter()), "all of it is kept");
        // If the head is valid, the job is found, whatever lies beside it.
        let head = last.get("jobs/a/head").is_some_and(|value| *value == HEAD);
        let a = found.jobs.get(&names_to_id("a"));
        prop_assert!(!head || a.is_some_and(|job| job.head.is_some()));
        if let Some((job, head)) = a.and_then(|job| Some((job, job.head.as_ref()?))) {
            job.of_round(head).for_each(|(_, shard)| drop(shard.record_or_lost()));
        }
    }
}
