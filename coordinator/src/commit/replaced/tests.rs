use std::sync::Arc;

use format::segments::Inputs;
use model::limits::SEGMENTS_INLINE_MAX;
use model::{SegmentRef, ShardId, SystemClock, Window};
use tempfile::TempDir;

use super::*;

const SHARD: ShardId = ShardId::Shared(1);

/// Creates a job whose dataset is a folder, and which may be forced to replace.
fn job(folder: &TempDir, force_replace: Option<&str>) -> Job {
    let root = Root::create(&folder.path().display().to_string()).expect("a folder");
    Job {
        id: "old".parse().expect("a name"),
        settings: model::JobSettings::default(),
        input: root.clone(),
        dataset: root,
        shards: Vec::new(),
        shard_map: Arc::default(),
        reason: "run".to_owned(),
        force_replace: force_replace.map(str::to_owned),
        bases: Arc::default(),
        submitted_at_ms: 0,
        clock: Arc::new(SystemClock),
    }
}

fn segments(keys: &[&str]) -> SegmentList {
    keys.iter().map(|key| SegmentRef { key: (*key).to_owned(), size: 1, etag: None }).collect()
}

/// Creates a manifest without a partition, made from these segments.
fn manifest(job: &str, version: u32, inputs: &[&str]) -> Manifest {
    Manifest {
        api_version: format::manifest::API_VERSION.to_owned(),
        window: Window::ALL,
        shard: SHARD,
        version,
        job: job.parse().expect("a name"),
        replaces: None,
        base: None,
        forced: None,
        reason: "run".to_owned(),
        committed_at_ms: 0,
        settings: model::JobSettings::default(),
        settings_digest: model::Digest(0),
        inputs: Inputs::Inline(segments(inputs)),
        partitions: Vec::new(),
        quarantine: Vec::new(),
        books: model::Books::default(),
        warnings: Vec::new(),
    }
}

/// Checks a commit of segment `a`, planned over `base`, where v3 of job `new` is current and was made from `current`.
async fn checked(base: Option<u32>, current: &[&str], force: Option<&str>) -> Result<Manifest, CommitError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let job = job(&folder, force);
    let name = ManifestName { window: Window::ALL, shard: SHARD, version: 3 };
    let bytes = manifest("new", 3, current).to_bytes();
    job.dataset.create_object(&name.to_string(), bytes).await.expect("a free name");
    let replaced = Replaced::read(&job.dataset, name).await.expect("it reads");
    let mut ours = manifest("old", 4, &["a"]);
    replaced.check(&job, base, &segments(&["a"]), &mut ours)?;
    Ok(ours)
}

#[tokio::test]
async fn whoever_was_overtaken_by_what_it_contains_goes_on_without_a_word() {
    for current in [&["a"][..], &[]] {
        let ours = checked(Some(2), current, None).await.expect("it is contained");
        assert_eq!((ours.base, ours.forced, ours.warnings), (Some(2), None, Vec::new()));
    }
}

#[tokio::test]
async fn whoever_was_overtaken_by_more_is_told_by_whom_what_would_be_lost_and_what_to_do() {
    for (base, over) in [(Some(2), "over v2"), (Some(0), "over no version"), (None, "did not note over which")] {
        let refused = checked(base, &["a", "b", "c"], None).await.expect_err("it would lose b and c").to_string();
        for words in [over, "v3 of shard org-mod-01 was committed by job new", "2 segments", "b, c", "--force-replace"]
        {
            assert!(refused.contains(words), "{words}: {refused}");
        }
    }
}

#[tokio::test]
async fn a_version_that_was_known_or_is_forced_goes_and_what_it_had_is_warned_of() {
    let knew = checked(Some(3), &["b"], Some("not needed")).await.expect("it knew v3");
    assert_eq!((knew.base, knew.forced), (None, None), "nothing had to be forced");
    let was_forced = checked(Some(2), &["b"], Some("test data")).await.expect("it was told to");
    assert_eq!((was_forced.base, was_forced.forced.as_deref()), (Some(2), Some("test data")));
    for (ours, forced) in [(knew.warnings, false), (was_forced.warnings, true)] {
        let [warning] = &ours[..] else { panic!("{ours:?}") };
        assert!(warning.contains("v3") && warning.contains(": b"), "{warning}");
        assert_eq!(warning.contains("forced: test data"), forced, "{warning}");
    }
}

#[tokio::test]
async fn a_current_version_that_cannot_be_made_out_is_replaced_only_by_who_knew_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let job = job(&folder, None);
    let name = ManifestName { window: Window::ALL, shard: SHARD, version: 3 };
    job.dataset.create_object(&name.to_string(), "damaged").await.expect("a free name");
    let replaced = Replaced::read(&job.dataset, name).await.expect("it reads");
    let mut ours = manifest("old", 4, &["a"]);
    let inputs = segments(&["a"]);
    assert!(matches!(replaced.check(&job, Some(2), &inputs, &mut ours), Err(CommitError::Overtaken { .. })));
    replaced.check(&job, Some(3), &inputs, &mut ours).expect("it was there when the shard was planned");
    assert!(ours.warnings[0].contains("cannot be read"), "{:?}", ours.warnings);
}

#[tokio::test]
async fn a_version_of_many_segments_is_held_against_the_object_that_lists_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let job = job(&folder, None);
    let name = ManifestName { window: Window::ALL, shard: SHARD, version: 3 };
    let keys: Vec<String> = (0..=SEGMENTS_INLINE_MAX).map(|at| format!("{at:05}")).collect();
    let all: Vec<&str> = keys.iter().map(String::as_str).collect();
    let list = segments(&all);
    let inputs = Inputs::of(&list, |digest| format!("jobs/new/segments/org-mod-01-{digest}.segments"));
    let object = inputs.object().expect("they are too many for a manifest").key.clone();
    job.dataset.write_inputs(&inputs, &list).await.expect("it is written");
    let theirs = Manifest { inputs, ..manifest("new", 3, &[]) };
    job.dataset.create_object(&name.to_string(), theirs.to_bytes()).await.expect("a free name");

    let mut ours = manifest("old", 4, &[]);
    let replaced = Replaced::read(&job.dataset, name).await.expect("it reads");
    replaced.check(&job, Some(2), &list, &mut ours).expect("it is contained");
    let refused = replaced.check(&job, Some(2), &segments(&all[2..]), &mut ours).expect_err("two are lost").to_string();
    assert!(refused.contains("2 segments that this job did not read: 00000, 00001"), "{refused}");

    job.dataset.replace(&object, "damaged").await.expect("it is damaged");
    let replaced = Replaced::read(&job.dataset, name).await.expect("the manifest reads");
    let refused = replaced.check(&job, Some(2), &list, &mut ours).expect_err("nobody knows").to_string();
    assert!(refused.contains("cannot be read"), "{refused}");
}
