//! Checks that namespaces of clusters in one etcd do not overlap: if one contained another, a deletion by prefix
//! could hit the other's keys. The check runs once, when a coordinator starts, before it stands for election.
//!
//! A namespace belongs to a cluster if it holds a record that only Tailor writes: a leader, the format of the state,
//! or a dataset. A former cluster's namespace counts as well, because its datasets stay.

use format::state_keys::{DATASETS, StateKey};
use format::state_records::{DatasetRecord, FormatRecord, LeaderRecord};
use storage::meta::{Entry, EtcdSettings, EtcdStore, MetaError, MetaStore};

/// Checks that no other cluster's namespace contains ours or lies in it.
///
/// # Errors
/// [`MetaError::Settings`] names the other namespace; otherwise the store's error. A namespace that we may not read
/// is skipped.
pub(crate) async fn check(settings: &EtcdSettings, ours: &dyn MetaStore) -> Result<(), MetaError> {
    let refused = |reason: String| MetaError::Settings { endpoints: settings.endpoints.join(","), reason };
    for outer in outer(&settings.namespace) {
        let store = EtcdStore::connect(&EtcdSettings { namespace: outer.to_owned(), ..settings.clone() }).await?;
        match is_cluster(&store).await {
            Ok(false) | Err(MetaError::NotAllowed { .. }) => {}
            Ok(true) => return Err(refused(lies_in(&settings.namespace, outer))),
            Err(error) => return Err(error),
        }
    }
    match inner(ours).await? {
        Some(inner) => Err(refused(lies_in(&format!("{}{inner}", settings.namespace), &settings.namespace))),
        None => Ok(()),
    }
}

fn lies_in(inner: &str, outer: &str) -> String {
    format!(
        "namespace {inner} lies inside {outer}, and there is a cluster in the other one; give each cluster a namespace of its \
         own (etcd.namespace), such as /tailor-eu/ beside /tailor/, or remove what a cluster that is gone left there"
    )
}

/// Lists every namespace that contains this one.
fn outer(namespace: &str) -> impl Iterator<Item = &str> {
    let ends = namespace.match_indices('/').map(|(at, _)| at + 1).filter(|end| *end < namespace.len());
    ends.map(|end| &namespace[..end])
}

/// True if a cluster has its state in this namespace.
async fn is_cluster(store: &dyn MetaStore) -> Result<bool, MetaError> {
    for key in [StateKey::Leader, StateKey::Format].map(String::from) {
        if store.get(&key).await?.is_some_and(|entry| is_ours(&key, &entry)) {
            return Ok(true);
        }
    }
    Ok(store.list(DATASETS).await?.entries.iter().any(|entry| is_ours(&entry.key, entry)))
}

/// Finds the namespace of a cluster inside the one of `store`, relative to it.
async fn inner(store: &dyn MetaStore) -> Result<Option<String>, MetaError> {
    let listing = store.list("").await?;
    Ok(listing.entries.iter().find_map(|entry| inner_of(entry).map(str::to_owned)))
}

/// Returns the namespace of the cluster to which an entry belongs, if it is not the store's own.
fn inner_of(entry: &Entry) -> Option<&str> {
    let parts = entry.key.match_indices('/').map(|(at, _)| at + 1);
    let mut splits = parts.map(|at| entry.key.split_at(at));
    splits.find(|(_, key)| is_ours(key, entry)).map(|(namespace, _)| namespace)
}

/// True if the entry at `key` is a record that only Tailor writes.
fn is_ours(key: &str, entry: &Entry) -> bool {
    match key.parse() {
        Ok(StateKey::Leader) => entry.record::<LeaderRecord>().is_ok(),
        Ok(StateKey::Format) => entry.record::<FormatRecord>().is_ok(),
        Ok(StateKey::Dataset(_)) => entry.record::<DatasetRecord>().is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use format::state_records::{StateRecord, Text};
    use model::Digest;
    use storage::meta::{MemoryStore, Op, Txn};

    use super::*;

    async fn store(entries: &[(&str, Vec<u8>)]) -> MemoryStore {
        let store = MemoryStore::default();
        for (key, value) in entries {
            store.txn(Txn::when([]).then([Op::put(*key, value.clone())])).await.expect("memory");
        }
        store
    }

    fn leader() -> Vec<u8> {
        let record = LeaderRecord { replica: Text::cut("c0"), address: Text::cut("http://c0:7070"), term: None };
        record.encode().expect("a small record")
    }

    #[test]
    fn a_namespace_lies_in_each_that_it_begins_with() {
        assert_eq!(outer("/tailor/eu/").collect::<Vec<_>>(), ["/", "/tailor/"]);
        assert_eq!(outer("tailor/").collect::<Vec<_>>(), [""; 0]);
    }

    #[tokio::test]
    async fn a_cluster_inside_is_found_by_any_record_that_stays_and_our_own_is_none() {
        let dataset = DatasetRecord { uri: Text::cut("s3://lake") }.encode().expect("a small record");
        let key = String::from(StateKey::Dataset(Digest(7)));
        let ours = store(&[("leader", leader()), (&key, dataset.clone())]).await;
        assert!(is_cluster(&ours).await.expect("memory"));
        assert_eq!(inner(&ours).await.expect("memory"), None);
        for (key, value) in [("eu/leader", leader()), (&format!("a/b/{key}"), dataset)] {
            let found = inner(&store(&[("leader", leader()), (key, value)]).await).await.expect("memory");
            assert!(found.is_some_and(|inner| key.starts_with(&inner)), "{key}");
        }
    }

    #[tokio::test]
    async fn what_others_keep_under_the_same_words_is_no_cluster() {
        let others = store(&[("leader", b"pod-7".to_vec()), ("app/leader", b"{}".to_vec()), ("x", leader())]).await;
        assert!(!is_cluster(&others).await.expect("memory"));
        assert_eq!(inner(&others).await.expect("memory"), None);
    }
}
