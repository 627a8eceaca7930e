//! Small datasets in memory, written as jobs and rollbacks leave them, without parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use format::digest::Digest;
use format::keys::{self, HistoryName, ManifestName, RecordName};
use format::manifest::{API_VERSION, Manifest};
use format::segments::Inputs;
use model::books::{Books, MapBooks, ReduceBooks};
use model::{Clock, JobId, JobSettings, LeaderId, OrgId, SegmentRef, ShardId, Term, TimestampMs, Window};
use object_store::memory::InMemory;
use serde_json::{Value, json};
use storage::Root;

use crate::coverage::*;
use crate::marks;

/// Clock that stands long after everything was written.
#[derive(Debug)]
pub(super) struct Late;

impl Clock for Late {
    fn now_ms(&self) -> TimestampMs {
        TimestampMs::MAX / 2
    }
}

/// Dataset of a test.
pub(super) struct Place {
    pub(super) root: Root,
    /// Counts the instants: each thing that happens has its own.
    now_ms: TimestampMs,
}

/// Round of a job, as it ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) job: JobId,
    pub(super) window: Window,
    pub(super) round: u32,
    pub(super) named: Vec<ShardId>,
    /// Shards with their segments, and the manifests that were committed.
    pub(super) shards: BTreeMap<ShardId, Result<Manifest, u64>>,
    pub(super) cause: Option<String>,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { root: Root::of_store("memory", Arc::new(InMemory::new())), now_ms: 1000 }
    }

    pub(super) fn tick(&mut self) -> TimestampMs {
        self.now_ms += 1;
        self.now_ms
    }

    async fn put(&self, key: &str, bytes: Vec<u8>) {
        self.root.replace(key, bytes).await.expect("memory takes it");
    }

    /// Writes the spec of a job, as its submission does.
    pub(super) async fn submit(&self, job: &JobId, window: Window, named: &[ShardId]) {
        let spec = spec(window, named);
        self.put(&keys::spec(job, Digest(1)), bytes(&spec)).await;
    }

    /// Writes a plan; readers of coverage look at its name alone.
    pub(super) async fn plan(&self, job: &JobId, shard: ShardId) {
        self.put(&keys::plan(job, shard, Digest(2)), b"{}".to_vec()).await;
    }

    pub(super) async fn mark_open(&self, job: &JobId) {
        marks::mark_open(&self.root, job, 7, None).await.expect("memory takes it");
    }

    pub(super) async fn mark_over(&self, job: &JobId) {
        marks::mark_over(&self.root, job, 7).await.expect("memory takes it");
    }

    /// Commits the next version of a shard.
    pub(super) async fn commit(
        &mut self,
        job: &JobId,
        window: Window,
        shard: ShardId,
        map: MapBooks,
        segments: u64,
    ) -> Manifest {
        let before = self.current(window, shard).await.map(|before| before.version);
        let version = before.unwrap_or_default() + 1;
        let manifest = Manifest {
            api_version: API_VERSION.to_owned(),
            window,
            shard,
            version,
            job: job.clone(),
            replaces: before,
            base: None,
            forced: None,
            reason: "run".to_owned(),
            committed_at_ms: self.tick(),
            settings: JobSettings { window, ..JobSettings::default() },
            settings_digest: Digest(0),
            inputs: Inputs::Inline((0..segments).map(segment).collect()),
            partitions: Vec::new(),
            quarantine: Vec::new(),
            books: Books { map, reduce: ReduceBooks::default() },
            warnings: Vec::new(),
        };
        self.put_manifest(&manifest).await;
        manifest
    }

    /// Makes an older version current again, as a rollback does.
    pub(super) async fn roll_back(&mut self, window: Window, shard: ShardId, to: u32) {
        let old = self.read(window, shard, to).await.expect("that version is there");
        let current = self.current(window, shard).await.expect("it has versions").version;
        let manifest = Manifest {
            version: current + 1,
            replaces: Some(current),
            reason: format!("rollback to v{to}"),
            committed_at_ms: self.tick(),
            ..old
        };
        self.put_manifest(&manifest).await;
    }

    async fn put_manifest(&self, manifest: &Manifest) {
        let Manifest { window, shard, version, .. } = manifest;
        let name = ManifestName { window: *window, shard: *shard, version: *version };
        self.put(&name.to_string(), manifest.to_bytes()).await;
    }

    async fn read(&self, window: Window, shard: ShardId, version: u32) -> Option<Manifest> {
        let key = ManifestName { window, shard, version }.to_string();
        let bytes = self.root.read(&key).await.ok()?;
        Some(Manifest::from_bytes(&key, &bytes).expect("it was just written"))
    }

    pub(super) async fn versions(&self, window: Window, shard: ShardId) -> Vec<u32> {
        let listed = self.root.list(&ManifestName::folder(window, shard)).await.expect("memory lists it");
        let name = |object: &object_store::ObjectMeta| object.location.as_ref().parse::<ManifestName>().ok();
        listed.iter().filter_map(name).map(|name| name.version).collect()
    }

    pub(super) async fn current(&self, window: Window, shard: ShardId) -> Option<Manifest> {
        let version = *self.versions(window, shard).await.last()?;
        self.read(window, shard, version).await
    }

    /// Removes the versions that are not current, as a collector does.
    pub(super) async fn collect(&self, window: Window, shard: ShardId) {
        let mut versions = self.versions(window, shard).await;
        versions.pop();
        for version in versions {
            self.root.remove(&ManifestName { window, shard, version }.to_string()).await.expect("memory removes it");
        }
    }

    /// Writes the record and the history entry of a round. Returns what its leader would note.
    pub(super) async fn end(&mut self, ended: &Ended, submitted_at_ms: TimestampMs) -> (HistoryName, Window, JobFacts) {
        let leader = LeaderId { revision: 5, term: Term::drawn(9) };
        let record = bytes(&record(ended, submitted_at_ms));
        let (window, facts) = of_record(&record).expect("it has the fields of a record");
        let name = RecordName { job: ended.job.clone(), round: ended.round, leader };
        self.put(&name.to_string(), record).await;
        let entry = HistoryName { submitted_at_ms, round: ended.round, leader, job: ended.job.clone() };
        self.put(&entry.to_string(), bytes(&json!({ "window": ended.window.to_string() }))).await;
        (entry, window, facts)
    }
}

fn segment(ordinal: u64) -> SegmentRef {
    SegmentRef { key: format!("shard=org-mod-01/{ordinal:05}.seg"), size: 10, etag: None }
}

fn bytes(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).expect("it has text keys")
}

fn spec(window: Window, named: &[ShardId]) -> Value {
    let settings = serde_json::to_value(JobSettings { window, ..JobSettings::default() }).expect("settings are JSON");
    json!({ "input": "in", "shards": named, "shard_map": "", "settings": settings, "submitted_at_ms": 900 })
}

fn record(ended: &Ended, submitted_at_ms: TimestampMs) -> Value {
    let shard = |(shard, end): (&ShardId, &Result<Manifest, u64>)| {
        let (state, version, segments) = match end {
            Ok(manifest) => ("done", Some(manifest.version), manifest.inputs.count()),
            Err(segments) => ("failed", None, *segments),
        };
        json!({
            "shard": shard, "state": state, "cause": version.is_none().then_some("bad input"), "version": version,
            "segments": segments, "map_tasks": segments, "totals": { "bytes_in": 10 * segments },
        })
    };
    json!({
        "job": ended.job, "round": ended.round, "window": ended.window, "cause": ended.cause,
        "started_at_ms": submitted_at_ms, "spec": spec(ended.window, &ended.named),
        "shards": ended.shards.iter().map(shard).collect::<Vec<_>>(),
    })
}

/// Books of a shard with so many bad frames, and frames of an organisation that belongs elsewhere.
pub(super) fn books(bad: u64, misplaced: Option<u64>) -> MapBooks {
    let mut books = MapBooks { frames_quarantined: bad, bytes_quarantined: 100 * bad, ..MapBooks::default() };
    misplaced.into_iter().for_each(|org| books.misplace(OrgId(org), 3));
    books
}
