use model::JobSpec;

use super::*;

async fn job(folder: &tempfile::TempDir) -> Job {
    let uri = folder.path().display().to_string();
    let spec = JobSpec {
        job: "nightly".parse().expect("a name"),
        input: uri.clone(),
        dataset: uri,
        shards: Vec::new(),
        settings: model::JobSettings::default(),
        shard_map: String::new(),
        reason: "run".to_owned(),
        weight: 10,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: String::new(),
        submitted_at_ms: 0,
    };
    Job::open(&spec, &crate::Env::real()).await.expect("both folders are there")
}

async fn commit(job: &Job, shard: ShardId, version: u32) {
    let name = ManifestName { window: Window::ALL, shard, version };
    job.dataset.create_object(&name.to_string(), "a manifest").await.expect("a free name");
}

async fn base(job: &Job, round: Round, shard: ShardId) -> Option<u32> {
    Bases::default().of(&job.dataset, &job.id, round, shard).await.expect("it reads")
}

#[tokio::test]
async fn a_base_is_what_was_current_when_the_round_was_first_planned() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let job = job(&folder).await;
    let (first, second) = (Round { number: 1, submitted_at_ms: 7 }, Round { number: 2, submitted_at_ms: 9 });
    let [one, two] = [1, 2].map(ShardId::Shared);
    assert_eq!(base(&job, first, one).await, None, "nobody looked");
    for version in [1, 2, 10] {
        commit(&job, one, version).await;
    }
    note(&job, first).await.expect("it is noted");
    commit(&job, one, 11).await;
    // A leader plans the same round once more.
    note(&job, first).await.expect("it is noted already");
    assert_eq!((base(&job, first, one).await, base(&job, first, two).await), (Some(10), Some(0)));
    note(&job, second).await.expect("it is noted");
    assert_eq!(base(&job, second, one).await, Some(11));
    // The same name and round, submitted at another time, is another run.
    let again = Round { number: 1, submitted_at_ms: 20 };
    note(&job, again).await.expect("it is noted");
    assert_eq!(base(&job, again, one).await, Some(11));
}
