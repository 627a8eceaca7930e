//! Makes a shard's output visible: one manifest, put create-only under the next free version.
//!
//! Attempts write under their own names, so a commit only *names* objects; it never moves them. Before it does, it looks
//! once more at what it names (CM-2) and at the input: a segment that changed since it was planned fails the shard.
//! A version that somebody else took is left to them, and the next one tried.
//!
//! A leader may die between the put and its record in the cluster's state. The next one commits the same output, and finds
//! the manifest that names it already: it is done, and no version is skipped or taken twice.

use format::digest::Digest;
use format::keys::ManifestName;
use format::manifest::{API_VERSION, Manifest, PartitionEntry};
use model::invariant::names_each_once;
use model::{Invariant, OrgId, ShardId, Window};
use scheduler::ShardOutput;
use storage::{Creation, Root, StorageError};

use crate::job::Job;
use crate::last_look::{check_input, check_output};
use crate::read::read_whole;

/// How often a taken version is stepped over before the commit gives up: each one is another writer's success.
const TAKEN_VERSIONS_MAX: u32 = 100;

/// Earliest instant that needs no warning without a window: 2000-01-01.
const LIKELY_START_MS: i64 = 946_684_800_000;
/// First instant that needs one again: 2100-01-01.
const LIKELY_END_MS: i64 = 4_102_444_800_000;

/// Why nothing was committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    #[error("segment {segment} changed while its shard ran: {what}; nothing was committed, run the shard again")]
    InputChanged { segment: String, what: String },
    #[error("CM-2: {object} has {found} bytes, {expected} were written; nothing was committed, run the shard again")]
    OutputChanged { object: String, found: u64, expected: u64 },
    #[error(
        "CM-1: a manifest of shard {0} would not name each of its partitions once; nothing was committed, please report this"
    )]
    Partitions(ShardId),
    #[error(
        "{TAKEN_VERSIONS_MAX} manifest versions of shard {0} were taken by others meanwhile; is something committing it in a loop?"
    )]
    Contended(ShardId),
    #[error("the commit panicked; whether a manifest is visible, `tailor dataset manifests` tells; please report this")]
    Panicked,
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
}

impl CommitError {
    /// The promise that does not hold, if that is what stopped the commit.
    pub(crate) const fn violates(&self) -> Option<Invariant> {
        match self {
            Self::OutputChanged { .. } => Some(Invariant::Cm2),
            Self::Partitions(_) => Some(Invariant::Cm1),
            Self::InputChanged { .. } | Self::Contended(_) | Self::Panicked | Self::Storage(_) | Self::Journal(_) => {
                None
            }
        }
    }
}

/// A committed manifest, and what it warns of.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) version: u32,
    pub(crate) digest: Digest,
    pub(crate) warnings: Vec<String>,
    /// The version that it took the place of, and whether that one has the same content.
    pub(crate) replaces: Option<(u32, bool)>,
}

/// How many of the latest versions are looked through for our own: as many as others may have added to it meanwhile.
const LATEST_VERSIONS: usize = 10;

/// Commits the output of one shard; what was committed already is found, not committed again.
pub(crate) async fn commit(job: &Job, output: &ShardOutput) -> Result<Committed, CommitError> {
    let (window, shard) = (output.plan.settings.window, output.plan.shard);
    let mut versions = versions(&job.dataset, window, shard).await?;
    for version in versions.iter().rev().take(LATEST_VERSIONS) {
        if let Some(ours) = read_ours(job, output, ManifestName { window, shard, version: *version }).await? {
            return committed(job, &ours).await;
        }
    }
    check_input(&job.input, &output.plan.segments).await?;
    check_output(&job.dataset, output, &format::plan::inputs(&output.plan)).await?;
    for _ in 0..TAKEN_VERSIONS_MAX {
        let current = versions.last().copied();
        let version = current.map_or(1, |current| current + 1);
        let name = ManifestName { window, shard, version };
        let mut manifest = manifest(job, output, version, current)?;
        manifest.warnings.extend(replaces_points(job, &manifest).await?);
        if job.dataset.create_once(&name.to_string(), manifest.to_bytes()).await? == Creation::Ours {
            return committed(job, &manifest).await;
        }
        // Another leader may have put the same, at another time.
        if let Some(ours) = read_ours(job, output, name).await? {
            return committed(job, &ours).await;
        }
        versions.push(version);
    }
    Err(CommitError::Contended(shard))
}

/// The manifest at `name`, if it makes this very output visible. The collector may have taken an old one meanwhile.
async fn read_ours(job: &Job, output: &ShardOutput, name: ManifestName) -> Result<Option<Manifest>, StorageError> {
    let key = name.to_string();
    let manifest = read_whole(&job.dataset, &key, |bytes| Manifest::from_bytes(&key, bytes)).await?;
    Ok(manifest.filter(|manifest| is_ours(job, output, manifest)))
}

/// Attempts carry tokens, so nobody else's partitions are ours; a shard without partitions is told by its job and time.
fn is_ours(job: &Job, output: &ShardOutput, manifest: &Manifest) -> bool {
    let partitions = output.partitions.iter().map(|(partition, attempt, _)| (*partition, *attempt));
    manifest.job == output.plan.job
        && manifest.partitions.iter().map(|entry| (entry.partition, entry.attempt)).eq(partitions)
        && (!output.partitions.is_empty() || manifest.committed_at_ms >= job.submitted_at_ms)
}

async fn committed(job: &Job, manifest: &Manifest) -> Result<Committed, CommitError> {
    let digest = manifest.content_digest();
    let replaces = match manifest.replaces {
        Some(version) => {
            let key = ManifestName { version, window: manifest.window, shard: manifest.shard }.to_string();
            let replaced = job.dataset.read(&key).await.ok();
            let replaced = replaced.and_then(|bytes| Manifest::from_bytes(&key, &bytes).ok());
            replaced.map(|replaced| (version, replaced.content_digest() == digest))
        }
        None => None,
    };
    Ok(Committed { version: manifest.version, digest, warnings: manifest.warnings.clone(), replaces })
}

/// All versions, ascending.
async fn versions(dataset: &Root, window: Window, shard: ShardId) -> Result<Vec<u32>, StorageError> {
    let listed = dataset.list(&ManifestName::folder(window, shard)).await?;
    let names = listed.iter().filter_map(|object| object.location.as_ref().parse::<ManifestName>().ok());
    let mut versions: Vec<u32> = names.map(|name| name.version).collect();
    versions.sort_unstable();
    Ok(versions)
}

fn manifest(job: &Job, output: &ShardOutput, version: u32, replaces: Option<u32>) -> Result<Manifest, CommitError> {
    let plan = &output.plan;
    let partitions = output.partitions.iter().map(|(partition, attempt, report)| PartitionEntry {
        partition: *partition,
        attempt: *attempt,
        raw: report.raw.clone(),
        rollups: report.rollups.clone(),
        extent: report.extent,
    });
    let partitions: Vec<_> = partitions.collect();
    if !names_each_once(partitions.iter().map(|entry| entry.partition), plan.partitions) {
        return Err(CommitError::Partitions(plan.shard));
    }
    Ok(Manifest {
        api_version: API_VERSION.to_owned(),
        window: plan.settings.window,
        shard: plan.shard,
        version,
        job: plan.job.clone(),
        replaces,
        reason: job.reason.clone(),
        committed_at_ms: job.clock.now_ms(),
        settings: plan.settings.clone(),
        settings_digest: settings_digest(job),
        inputs: format::plan::inputs(plan),
        partitions,
        quarantine: output.quarantine.clone(),
        books: output.books.clone(),
        warnings: warnings(job, output),
    })
}

/// What to say where a version without a point takes the place of one that has some: rarely what was meant.
async fn replaces_points(job: &Job, manifest: &Manifest) -> Result<Option<String>, StorageError> {
    let Some(replaced) = manifest.replaces.filter(|_| manifest.books.reduce.points_written == 0) else {
        return Ok(None);
    };
    let key = ManifestName { window: manifest.window, shard: manifest.shard, version: replaced }.to_string();
    let bytes = job.dataset.read(&key).await?;
    let points = Manifest::from_bytes(&key, &bytes).map_or(0, |old| old.books.reduce.points_written);
    Ok((points > 0).then(|| {
        format!("v{replaced} has {points} points and this version none: is --input right? `dataset rollback` goes back")
    }))
}

/// Equal digests over equal inputs promise equal parts. The shard map only decides what is reported as misplaced, but a
/// reader who compares two versions wants to know that it changed.
fn settings_digest(job: &Job) -> Digest {
    let mut text = serde_json::to_vec(&job.settings).expect("settings are numbers and names");
    text.extend_from_slice(&job.shard_map.digest().to_le_bytes());
    Digest::of(&text)
}

fn warnings(job: &Job, output: &ShardOutput) -> Vec<String> {
    let mut warnings = Vec::new();
    let is_unlikely = |(first, last): &(i64, i64)| *first < LIKELY_START_MS || *last >= LIKELY_END_MS;
    if output.plan.settings.window.is_all()
        && let Some((first, last)) = output.time_range_ms.filter(is_unlikely)
    {
        warnings.push(format!(
            "timestamps reach from {first} to {last} ms; some may be seconds or nanoseconds by mistake: give --window to leave them out"
        ));
    }
    let misplaced = |(org, frames): (&OrgId, &u64)| {
        let home = job.shard_map.shard(*org);
        format!(
            "{frames} frames of organisation {org}, which belongs to {home}, lay in this shard and were processed here"
        )
    };
    warnings.extend(output.books.map.misplaced.iter().map(misplaced));
    warnings
}
