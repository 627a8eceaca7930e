//! Jobs that another leader left, and whose spec, plans or dataset are gone or away.

use std::path::PathBuf;

use super::*;

impl Cluster {
    fn dataset(&self) -> PathBuf {
        self.folder.path().join("dataset")
    }

    /// Lists the files in `folder` whose names begin with `start`.
    fn files(&self, folder: &str, start: &str) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.dataset().join(folder)).expect("a folder");
        let paths = files.map(|file| file.expect("a file").path());
        paths.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))).collect()
    }

    /// Runs a job until its task is granted, calls `meanwhile` after its leader has resigned, and elects another
    /// leader.
    async fn take_over(&self, meanwhile: impl FnOnce(&Self)) -> (Handle, oneshot::Sender<()>, Grant) {
        let (leader, leads) = self.lead().await;
        self.submit(&leader).await;
        let grant = self.claim(&leader).await.expect("the only task");
        drop(leads);
        // The old leader resigns in its own time.
        tokio::time::sleep(Duration::from_secs(1)).await;
        meanwhile(self);
        let (next, leads) = self.lead().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        (next, leads, grant)
    }

    async fn beat(&self, handle: &Handle, grant: &Grant) -> proto::dispatch::Orders {
        let beat = Beat { attempts: vec![shown(grant)], ..Beat::default() };
        handle.heartbeat(self.worker.lease(), &beat).await.expect("it knows the worker")
    }
}

fn lose_spec(cluster: &Cluster) {
    cluster.files("jobs/j", "spec-").iter().for_each(|spec| std::fs::remove_file(spec).expect("ours"));
}

/// Replaces the spec by a link to itself: opening it fails, as with a store that is away.
fn hide_spec(cluster: &Cluster) {
    for spec in cluster.files("jobs/j", "spec-") {
        std::fs::rename(&spec, spec.with_extension("hidden")).expect("ours");
        std::os::unix::fs::symlink(&spec, &spec).expect("ours");
    }
}

fn show_spec(cluster: &Cluster) {
    for spec in cluster.files("jobs/j", "spec-").iter().filter(|path| path.extension().is_some_and(|e| e == "hidden")) {
        std::fs::rename(spec, spec.with_extension("json")).expect("ours");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_spec_is_gone_is_listed_fails_with_the_cause_and_leaves_its_name_free() {
    let cluster = Cluster::start().await;
    let (next, _leads, grant) = cluster.take_over(lose_spec).await;
    let open = next.ask(|reply| Ask::OpenJobs { reply }).await.expect("it leads");
    assert!(open.contains("j"), "what it wrote is not garbage: {open:?}");
    let listed = next.ask(|reply| Ask::Jobs { reply }).await.expect("it leads");
    assert!(listed.iter().any(|job| job.job == "j" && job.waiting_for.contains("spec-")), "{listed:?}");
    let spec = Box::new(cluster.spec());
    let refused = next.ask(|reply| Ask::Submit { spec, trace: None, reply }).await;
    assert!(matches!(&refused, Err(ApiError::Refused { reason }) if reason.contains("spec-")), "{refused:?}");
    assert_eq!(cluster.beat(&next, &grant).await.stop, [], "nothing is known of its attempts");
    let record = cluster.ended(&next).await;
    assert!(record.cause.as_ref().is_some_and(|cause| cause.contains("spec-")), "{record:?}");
    assert_eq!(record.shards.len(), 1, "what its records say is kept");
    assert_eq!(crate::history_view::summary(&record).state(), v1::JobState::Failed);
    assert_eq!(cluster.beat(&next, &grant).await.stop.len(), 1);
    let spec = Box::new(cluster.spec());
    let again = next.ask(|reply| Ask::Submit { spec, trace: None, reply }).await.expect("its name is free");
    assert!(!again.existed);
    tokio::time::sleep(LONG).await;
    assert!(cluster.claim(&next).await.is_some(), "and it runs");
    cluster.cancel(&next).await.expect("it runs");
    let record = cluster.ended(&next).await;
    assert_eq!(record.spec, cluster.spec(), "its record takes the place of the one before");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_dataset_is_gone_ends_too() {
    let cluster = Cluster::start().await;
    let lose = |cluster: &Cluster| std::fs::remove_dir_all(cluster.dataset()).expect("ours");
    let (next, _leads, _) = cluster.take_over(lose).await;
    assert!(cluster.view(&next).await.expect("it is listed").waiting_for.contains("dataset"));
    let record = cluster.ended(&next).await;
    assert_eq!(crate::history_view::summary(&record).state(), v1::JobState::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_cannot_be_read_is_cancelled_all_the_same() {
    let cluster = Cluster::start().await;
    let (next, _leads, grant) = cluster.take_over(lose_spec).await;
    cluster.cancel(&next).await.expect("its head is enough");
    cluster.cancel(&next).await.expect("as often as one likes");
    let stop = cluster.beat(&next, &grant).await.stop;
    assert_eq!(stop.len(), 1, "its attempts are told to stop");
    let began = tokio::time::Instant::now();
    let record = cluster.ended(&next).await;
    assert!(began.elapsed() < Duration::from_secs(20), "nobody waits for what will never be read");
    assert_eq!(record.cause.as_deref(), Some("cancelled: no longer wanted"));
    assert_eq!(crate::history_view::summary(&record).state(), v1::JobState::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_store_is_away_waits_for_it_however_long_and_goes_on() {
    let cluster = Cluster::start().await;
    let (next, _leads, grant) = cluster.take_over(hide_spec).await;
    tokio::time::sleep(Duration::from_secs(60 * 60)).await;
    assert!(cluster.view(&next).await.expect("it is listed").waiting_for.contains("spec-"));
    show_spec(&cluster);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(cluster.view(&next).await.expect("it is listed").state(), v1::JobState::Running);
    assert_eq!(cluster.beat(&next, &grant).await.stop, [], "its attempt was kept");
}

#[tokio::test(start_paused = true)]
async fn a_job_cancelled_while_its_store_was_away_ends_under_any_leader() {
    let cluster = Cluster::start().await;
    let (next, leads, _) = cluster.take_over(hide_spec).await;
    cluster.cancel(&next).await.expect("its head is enough");
    tokio::time::sleep(LONG).await;
    assert_eq!(cluster.view(&next).await.expect("it is listed").state(), v1::JobState::Cancelling);
    drop(leads);
    let (last, _leads) = cluster.lead().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(cluster.view(&last).await.expect("it is listed").state(), v1::JobState::Cancelling);
    show_spec(&cluster);
    let record = cluster.ended(&last).await;
    assert_eq!(crate::history_view::summary(&record).state(), v1::JobState::Cancelled);
    assert_eq!(record.spec, cluster.spec(), "nothing of it was lost");
}

#[tokio::test(start_paused = true)]
async fn a_shard_whose_plan_is_gone_fails_with_the_cause_and_can_be_retried() {
    let cluster = Cluster::start().await;
    let lose = |cluster: &Cluster| {
        cluster.files("jobs/j/plans", "org-").iter().for_each(|plan| std::fs::remove_file(plan).expect("ours"));
    };
    let (next, _leads, _) = cluster.take_over(lose).await;
    assert!(cluster.view(&next).await.expect("it is listed").waiting_for.contains("plans/"));
    let record = cluster.ended(&next).await;
    assert_eq!((record.spec.clone(), record.cause.clone()), (cluster.spec(), None));
    assert!(record.shards[0].cause.as_ref().is_some_and(|cause| cause.contains("plan is lost")), "{record:?}");
    let (earlier, reason) = (Some(Box::new(record)), "plan it anew".to_owned());
    let shards = next.ask(|reply| Ask::Retry { job: job(), reason, earlier, reply }).await.expect("it has ended");
    assert_eq!(shards.len(), 1);
    tokio::time::sleep(LONG).await;
    assert!(cluster.claim(&next).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn state_that_no_version_wrote_ends_its_shard_and_is_no_reason_not_to_lead() {
    let cluster = Cluster::start().await;
    let (leader, leads) = cluster.lead().await;
    cluster.submit(&leader).await;
    cluster.claim(&leader).await.expect("the only task");
    drop(leads);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let foreign = ["jobs/j/shards/org-mod-01/done/m-00000", "jobs/k/head", "eu/leader", "jobs/j/notes"];
    for key in foreign {
        let put = Op::put(key, "not a record");
        cluster.store.txn(Txn::when([]).then([put])).await.expect("memory");
    }
    let (next, _leads) = cluster.lead().await;
    let record = cluster.ended(&next).await;
    assert!(record.shards[0].cause.as_ref().is_some_and(|cause| cause.contains("done/m-00000")), "{record:?}");
    let unreadable = next.ask(|reply| Ask::Job { job: "k".parse().expect("a name"), reply }).await.expect("it leads");
    let unreadable = unreadable.and_then(|view| view.job).expect("it is listed");
    assert!(unreadable.waiting_for.contains("jobs/k/head"), "{unreadable:?}");
    for key in ["jobs/k/head", "eu/leader"] {
        assert!(cluster.store.get(key).await.expect("memory").is_some(), "{key} is kept");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_of_another_cluster_is_found_by_the_history_of_its_dataset() {
    let cluster = Cluster::start().await;
    let (leader, leads) = cluster.lead().await;
    cluster.submit(&leader).await;
    cluster.cancel(&leader).await.expect("it is there");
    cluster.ended(&leader).await;
    drop(leads);
    let other = Cluster { folder: cluster.folder, ..Cluster::start().await };
    let (leader, _leads) = other.lead().await;
    let spec = Box::new(other.spec());
    let known = leader.ask(|reply| Ask::Submit { spec, trace: None, reply }).await.expect("the same");
    assert!(known.existed);
    let datasets = leader.ask(|reply| Ask::Datasets { reply }).await.expect("it leads");
    assert_eq!(datasets, [other.spec().dataset], "where get, wait and retry look for it");
}
