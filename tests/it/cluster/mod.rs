//! The cluster on bad days: real processes, a real etcd, a real S3 server. Each day ends with the oracle, and with
//! the content of an undisturbed run.

mod attempts; //  attempts that are tried again, lost, told and paid
mod answers; //   answers of commands about jobs that others know
mod autoscaling; // demand for workers
mod collector; // foreign files in a dataset
mod coverage; //  windows that are complete, or are not
mod commits; //   commits of others, and a lost state
mod drain; //     drain of a worker
mod etcd; //      outage of etcd, or no space
mod leaders; //   the leader is killed, or hangs
mod pages; //     pages of the dashboard
mod refused; //   places and stores that cannot be used
mod s3; //        the store is slow, away, or silent
mod secure; //    TLS, roles, places, the audit log
mod shards; //    one shard fails, or is run again
mod shuffle; //   requests of a wide shuffle
mod traces; //    spans for a collector
mod workers; //   a worker is killed, hangs, or has no room

use std::time::{Duration, Instant};

use tests::proxy::HttpProxy;

/// Options for some dozens of tasks in several shards.
const DATA: &str = "--points 400000 --orgs 4 --partitions 6";

/// Starts a store that delays each request so long that a task takes a second or more, enough time to catch it in the
/// middle.
fn slow_s3() -> HttpProxy {
    let proxy = HttpProxy::before(tests::cluster::shared::s3(), 1);
    proxy.set_delay(Duration::from_millis(100));
    proxy
}

/// Asserts that something took at most `limit`.
#[track_caller]
fn assert_within(limit: Duration, since: Instant, what: &str) {
    assert!(since.elapsed() <= limit, "{what} took {:?}, over {limit:?}", since.elapsed());
}
