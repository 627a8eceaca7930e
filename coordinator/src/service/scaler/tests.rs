use format::state_records::StateRecord as _;
use proto::externalscaler::external_scaler_client::ExternalScalerClient;
use storage::meta::{LeaseSettings, MemoryStore, Op, Txn};
use tonic::Code;
use tonic::service::Routes;

use super::*;
use crate::Env;
use crate::coordinator::Coordinator;
use crate::leader::LeaderSettings;
use crate::settings::CollectorSettings;

fn coordinator(store: &Arc<MemoryStore>) -> Coordinator {
    let pools = "spot=4:80%,on-demand=2:20%".parse().expect("two pools");
    let settings = LeaderSettings { pools, ..LeaderSettings::default() };
    let lease = LeaseSettings { ttl: Duration::from_secs(5), seed: 1 };
    let collector = CollectorSettings {
        interval: Duration::ZERO,
        min_age: Duration::from_secs(3600),
        keep_versions: None,
        uploads_min_age: Duration::from_secs(3600),
    };
    Coordinator::new(settings, lease, collector, Arc::clone(store) as Arc<dyn MetaStore>, Env::real())
}

/// Asks a coordinator that does not lead.
fn scaler(store: &Arc<MemoryStore>) -> ExternalScalerClient<Routes> {
    ExternalScalerClient::new(coordinator(store).services().prepare())
}

fn object(pool: &str) -> ScaledObjectRef {
    let scaler_metadata = [(POOL.to_owned(), pool.to_owned())].into();
    ScaledObjectRef { name: "workers".to_owned(), namespace: "tailor".to_owned(), scaler_metadata }
}

fn metrics_of(pool: &str) -> GetMetricsRequest {
    GetMetricsRequest { scaled_object_ref: Some(object(pool)), metric_name: WORKERS_WANTED.to_owned() }
}

async fn record(store: &MemoryStore, pool: &str, wanted: u32) {
    let value = DemandRecord { wanted }.encode().expect("a short record");
    let put = Op::put(String::from(StateKey::Demand(pool.to_owned())), value);
    store.txn(Txn::when([]).then([put])).await.expect("memory");
}

#[tokio::test]
async fn a_coordinator_that_does_not_lead_answers_from_the_record() {
    let store = Arc::new(MemoryStore::default());
    let mut scaler = scaler(&store);
    let unknown = scaler.get_metrics(metrics_of("spot")).await.expect_err("no leader was there yet");
    assert_eq!(unknown.code(), Code::Unavailable, "KEDA keeps the workers: {unknown:?}");
    for (wanted, is_active) in [(3, true), (0, false)] {
        record(&store, "spot", wanted).await;
        let active = scaler.is_active(object("spot")).await.expect("a record").into_inner().result;
        assert_eq!(active, is_active);
        let values = scaler.get_metrics(metrics_of("spot")).await.expect("a record").into_inner().metric_values;
        let shown: Vec<_> = values.iter().map(|value| (value.metric_value, value.metric_value_float)).collect();
        assert_eq!(shown, [(i64::from(wanted), f64::from(wanted))]);
    }
    let specs = scaler.get_metric_spec(object("spot")).await.expect("a pool").into_inner().metric_specs;
    assert_eq!(
        (specs[0].metric_name.as_str(), specs[0].target_size, specs[0].target_size_float),
        (WORKERS_WANTED, 1, 1.0)
    );
}

#[tokio::test]
async fn a_pool_without_a_setting_is_refused_with_the_names_of_those_that_have_one() {
    let store = Arc::new(MemoryStore::default());
    let mut scaler = scaler(&store);
    for pool in ["sport", "default", "../leader", ""] {
        let refused = scaler.is_active(object(pool)).await.expect_err("no such pool");
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
        assert!(refused.message().contains("spot, on-demand"), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_tells_each_change_of_the_activity_once() {
    let store = Arc::new(MemoryStore::default());
    let mut scaler = scaler(&store);
    record(&store, "spot", 0).await;
    let mut active = scaler.stream_is_active(object("spot")).await.expect("a pool").into_inner();
    let mut seen = Vec::new();
    for wanted in [0, 2, 5, 0] {
        record(&store, "spot", wanted).await;
        // 2 and 5 are the same activity: nothing is sent for the second.
        if let Ok(told) = tokio::time::timeout(LOOK_EVERY * 3, active.message()).await {
            seen.push(told.expect("a readable record").expect("an open stream").result);
        }
    }
    assert_eq!(seen, [false, true, false]);
    let mut specs = scaler.stream_metric_spec(object("spot")).await.expect("a pool").into_inner();
    assert_eq!(specs.message().await.expect("a message").map(|told| told.metric_specs.len()), Some(1));
    tokio::time::timeout(WATCH_MAX / 2, specs.message()).await.expect_err("the stream stays open");
}

#[tokio::test(start_paused = true)]
async fn a_leader_records_the_demand_of_each_pool_once() {
    let store = Arc::new(MemoryStore::default());
    let running = tokio::spawn(coordinator(&store).run(Box::pin(std::future::pending::<()>())));
    let mut scaler = scaler(&store);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let mut written = Vec::new();
    for pool in ["spot", "on-demand"] {
        let values = scaler.get_metrics(metrics_of(pool)).await.expect("a leader looked").into_inner().metric_values;
        assert_eq!(values[0].metric_value, 0, "no job is open");
        let key = String::from(StateKey::Demand(pool.to_owned()));
        written.push(store.get(&key).await.expect("memory").expect("a record").mod_revision);
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    for (pool, revision) in ["spot", "on-demand"].into_iter().zip(written) {
        let key = String::from(StateKey::Demand(pool.to_owned()));
        let now = store.get(&key).await.expect("memory").expect("a record").mod_revision;
        assert_eq!(now, revision, "an idle cluster writes nothing");
    }
    running.abort();
}
