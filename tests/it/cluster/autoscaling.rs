//! Demand for workers, as Prometheus and KEDA read it.

use std::time::Duration;

use proto::externalscaler::external_scaler_client::ExternalScalerClient;
use proto::externalscaler::{GetMetricsRequest, ScaledObjectRef};
use tests::cluster::{Cluster, ClusterOptions, until};
use tonic::transport::Channel;

/// Longest wait for a demand to change; the leader looks every five seconds.
const TOLD_MAX: Duration = Duration::from_secs(40);

/// Asks one coordinator, as KEDA does.
async fn asked(address: &str) -> Result<(bool, i64), tonic::Status> {
    let channel = Channel::from_shared(address.to_owned()).expect("an address").connect().await.expect("it listens");
    let mut scaler = ExternalScalerClient::new(channel);
    let object = ScaledObjectRef { name: "workers".to_owned(), ..ScaledObjectRef::default() };
    let is_active = scaler.is_active(object.clone()).await?.into_inner().result;
    let request = GetMetricsRequest { scaled_object_ref: Some(object), metric_name: "any".to_owned() };
    let values = scaler.get_metrics(request).await?.into_inner().metric_values;
    Ok((is_active, values.iter().map(|value| value.metric_value).sum()))
}

/// Largest `tailor_workers_wanted` of all coordinators that run.
fn scraped(cluster: &Cluster) -> Option<f64> {
    let wanted = |port: &u16| {
        let url = format!("http://127.0.0.1:{port}/metrics");
        let page = std::process::Command::new("curl").args(["--silent", "--fail", &url]).output().expect("curl runs");
        let page = String::from_utf8(page.stdout).expect("text");
        page.lines().find_map(|line| line.strip_prefix("tailor_workers_wanted{pool=\"default\"} ")?.parse().ok())
    };
    cluster.probes.iter().filter_map(wanted).reduce(f64::max)
}

#[test]
fn open_work_wants_workers_by_the_metric_and_by_every_coordinator_until_it_is_done() {
    let options = ClusterOptions { coordinators: 2, workers: 0, ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let addresses: Vec<String> = cluster.operator.urls().split(',').map(str::to_owned).collect();
    let all_tell = |addresses: &[String], expected: fn(&(bool, i64)) -> bool| {
        let told: Vec<_> = addresses.iter().map(|address| runtime.block_on(asked(address))).collect();
        told.iter().all(|told| told.as_ref().is_ok_and(expected)).then_some(())
    };
    until("an idle cluster wants no worker", TOLD_MAX, || all_tell(&addresses, |told| *told == (false, 0)));
    assert_eq!(scraped(&cluster), Some(0.0));

    let job = cluster.job_in_folder("--points 20000 --orgs 1 --partitions 1");
    job.submit();
    until("every coordinator wants a worker", TOLD_MAX, || all_tell(&addresses, |told| told.0 && told.1 >= 1));
    assert!(scraped(&cluster) >= Some(1.0), "the metric says what KEDA is told");
    // While nobody leads, the coordinator that is left keeps the workers.
    let leader = cluster.operator.wait_leader();
    cluster.coordinators[leader].kill();
    let left = &addresses[1 - leader];
    assert!(runtime.block_on(asked(left)).is_ok_and(|told| told.0), "{left}");

    cluster.add_worker();
    job.wait_done();
    let none = || all_tell(std::slice::from_ref(left), |told| *told == (false, 0));
    until("a cluster whose work is done wants no worker", TOLD_MAX, none);
}
