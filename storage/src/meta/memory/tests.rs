use futures::FutureExt;

use crate::meta::conformance::{Place, check_all};
use crate::meta::faulty::{Faults, FaultyStore};

use super::*;

fn place(wrap: impl Fn(MemoryStore) -> Arc<dyn MetaStore>) -> Place {
    let store = MemoryStore::new();
    let compacted = store.clone();
    let compact = Box::new(move |revision| {
        compacted.compact(revision);
        std::future::ready(()).boxed()
    });
    Place { one: wrap(store.clone()), two: wrap(store), compact }
}

#[tokio::test(start_paused = true)]
async fn memory_conforms() {
    check_all(async || place(|store| Arc::new(store))).await;
}

#[tokio::test(start_paused = true)]
async fn the_decorator_without_faults_conforms() {
    check_all(async || place(|store| Arc::new(FaultyStore::new(Arc::new(store), Faults::default(), 1)))).await;
}
