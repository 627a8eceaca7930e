//! The cluster as real processes, with a real etcd and a real S3 server: answers, refusals, security, traces, pages.
//!
//! Processes that die or hang, and stores and networks that fail, are the subject of the game days (`chaos/scenarios`).

mod attempts; //  attempts that are tried again, lost, told and paid
mod answers; //   answers of commands about jobs that others know
mod autoscaling; // demand for workers
mod collector; // foreign files in a dataset
mod coverage; //  windows that are complete, or are not
mod commits; //   commits of others
mod drain; //     drain of a worker
mod pages; //     pages of the dashboard
mod refused; //   places and stores that cannot be used
mod secure; //    TLS, roles, places, the audit log
mod shards; //    a shard is run again
mod shuffle; //   requests of a wide shuffle
mod traces; //    spans for a collector
mod viewers; //   people who watch

use std::time::{Duration, Instant};

use fault_proxy::FaultProxy;

/// Options for some dozens of tasks in several shards.
const DATA: &str = "--points 400000 --orgs 4 --partitions 6";

/// Starts a store that delays each request so long that a task takes a second or more, enough time to catch it in the
/// middle.
fn slow_s3() -> FaultProxy {
    let proxy = FaultProxy::before(tests::cluster::shared::s3());
    proxy.set_delay(Duration::from_millis(100));
    proxy
}

/// Asserts that something took at most `limit`.
#[track_caller]
fn assert_within(limit: Duration, since: Instant, what: &str) {
    assert!(since.elapsed() <= limit, "{what} took {:?}, over {limit:?}", since.elapsed());
}
