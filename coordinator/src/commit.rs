//! Makes a shard's output visible: one manifest, put create-only under the next free version.
//!
//! Attempts write under their own names, so a commit only *names* objects; it never moves them. Before the put it
//! checks the named objects (CM-2) and the input once more: a segment that changed since it was planned fails the
//! shard. If another writer took the version, the next one is tried, provided that the other version's input is
//! contained in ours or is known to be replaced (CM-5, [`replaced`]).
//!
//! A leader may die between the put and its record in the cluster's state. The next leader commits the same output,
//! and finds the manifest that already names it: the commit is done, and no version is skipped or taken twice.

use format::digest::Digest;
use format::keys::ManifestName;
use format::manifest::{API_VERSION, Manifest, PartitionEntry};
use model::books::MapBooks;
use model::invariant::names_each_once;
use model::{Invariant, JobId, OrgId, ShardId, TimestampMs, Window};
use scheduler::ShardOutput;
use storage::{Creation, Root, StorageError};

use crate::bases::Round;
use crate::job::Job;
use crate::last_look::{check_input, check_output};
use crate::probe::ProbeError;
use crate::read::read_whole;
use replaced::Replaced;

mod replaced; // check of the version that is replaced

/// Most taken versions that a commit steps over before it gives up; each of them is another writer's success.
const TAKEN_VERSIONS_MAX: u32 = 100;

/// Earliest timestamp that is accepted without a warning if there is no window: 1900-01-01, because series of climate and
/// finance begin there.
const LIKELY_START_MS: i64 = -2_208_988_800_000;
/// First timestamp that is warned of again: 2101-01-01.
const LIKELY_END_MS: i64 = 4_133_980_800_000;

/// Reason for which nothing was committed.
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
    #[error(
        "v{version} of shard {shard} was committed by {by} after this job was planned {over}, and {loss}; nothing was \
         committed, so that v{version} stays. Run the shard again over the input as it is now (`tailor job retry {job}`, or \
         `tailor run` again), or replace v{version} all the same with --force-replace REASON"
    )]
    Overtaken { shard: ShardId, version: u32, by: String, over: String, loss: String, job: JobId },
    #[error("{0}")]
    Unsound(String),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
}

impl CommitError {
    /// Returns the broken invariant, if one stopped the commit.
    pub(crate) const fn violates(&self) -> Option<Invariant> {
        match self {
            Self::OutputChanged { .. } => Some(Invariant::Cm2),
            Self::Partitions(_) => Some(Invariant::Cm1),
            Self::InputChanged { .. }
            | Self::Overtaken { .. }
            | Self::Contended(_)
            | Self::Panicked
            | Self::Unsound(_)
            | Self::Storage(_)
            | Self::Journal(_) => None,
        }
    }
}

impl From<ProbeError> for CommitError {
    fn from(error: ProbeError) -> Self {
        match error {
            ProbeError::Storage(error) => Self::Storage(error),
            overwrites @ ProbeError::Overwrites { .. } => Self::Unsound(overwrites.to_string()),
        }
    }
}

/// Committed manifest, with its warnings.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) version: u32,
    pub(crate) committed_at_ms: TimestampMs,
    pub(crate) digest: Digest,
    pub(crate) warnings: Vec<String>,
    /// Version that was replaced, and true if it has the same content.
    pub(crate) replaces: Option<(u32, bool)>,
}

/// Number of latest versions that are searched for our own: as many as others may have added meanwhile.
const LATEST_VERSIONS: usize = 10;

/// Commits the output of one shard; an output that was already committed is found, not committed again. `round` is
/// the round in which the shard was planned.
pub(crate) async fn commit(job: &Job, round: Round, output: &ShardOutput) -> Result<Committed, CommitError> {
    let (window, shard) = (output.plan.settings.window, output.plan.shard);
    let mut versions = versions(&job.dataset, window, shard).await?;
    for version in versions.iter().rev().take(LATEST_VERSIONS) {
        if let Some(ours) = read_ours(job, output, ManifestName { window, shard, version: *version }).await? {
            return committed(job, &ours).await;
        }
    }
    check_input(&job.input, &output.plan.segments).await?;
    check_output(&job.dataset, output, &format::plan::inputs(&output.plan)).await?;
    let base = job.bases.of(&job.dataset, &job.id, round, shard).await?;
    for _ in 0..TAKEN_VERSIONS_MAX {
        let current = versions.last().copied();
        let version = current.map_or(1, |current| current + 1);
        let name = ManifestName { window, shard, version };
        let mut manifest = manifest(job, output, version, current)?;
        if let Some(current) = current {
            let replaced = Replaced::read(&job.dataset, ManifestName { window, shard, version: current }).await?;
            replaced.check(job, base, &output.plan.segments, &mut manifest)?;
            manifest.warnings.extend(replaced.replaced_points(manifest.books.reduce.points_written));
        }
        if job.dataset.create_exclusive(&name.to_string(), manifest.to_bytes()).await? == Creation::Ours {
            return committed(job, &manifest).await;
        }
        // Another leader may have put the same output, at another time.
        if let Some(ours) = read_ours(job, output, name).await? {
            return committed(job, &ours).await;
        }
        versions.push(version);
    }
    Err(CommitError::Contended(shard))
}

/// Reads the manifest at `name`, if it names exactly this output: another leader, or an earlier term, has committed it
/// with another time. (A lost answer to our own put is settled below, in `Root::create_exclusive`.) The collector may have
/// removed an old manifest meanwhile.
async fn read_ours(job: &Job, output: &ShardOutput, name: ManifestName) -> Result<Option<Manifest>, StorageError> {
    let key = name.to_string();
    let manifest = read_whole(&job.dataset, &key, |bytes| Manifest::from_bytes(&key, bytes)).await?;
    Ok(manifest.filter(|manifest| is_ours(job, output, manifest)))
}

/// True if the manifest names our output: the same input, the same attempts, and the same objects by size and digest.
/// A shard without partitions is recognised by its job and time.
fn is_ours(job: &Job, output: &ShardOutput, manifest: &Manifest) -> bool {
    manifest.job == output.plan.job
        && manifest.inputs == format::plan::inputs(&output.plan)
        && manifest.partitions == partitions(output)
        && manifest.quarantine == output.quarantine
        && (!output.partitions.is_empty() || manifest.committed_at_ms >= job.submitted_at_ms)
}

fn partitions(output: &ShardOutput) -> Vec<PartitionEntry> {
    let partitions = output.partitions.iter().map(|(partition, attempt, report)| PartitionEntry {
        partition: *partition,
        attempt: *attempt,
        raw: report.raw.clone(),
        rollups: report.rollups.clone(),
        extent: report.extent,
    });
    partitions.collect()
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
    let (version, committed_at_ms) = (manifest.version, manifest.committed_at_ms);
    Ok(Committed { version, committed_at_ms, digest, warnings: manifest.warnings.clone(), replaces })
}

/// Lists all versions of a shard, ascending.
async fn versions(dataset: &Root, window: Window, shard: ShardId) -> Result<Vec<u32>, StorageError> {
    let listed = dataset.list(&ManifestName::folder(window, shard)).await?;
    let names = listed.iter().filter_map(|object| object.location.as_ref().parse::<ManifestName>().ok());
    let mut versions: Vec<u32> = names.map(|name| name.version).collect();
    versions.sort_unstable();
    Ok(versions)
}

fn manifest(job: &Job, output: &ShardOutput, version: u32, replaces: Option<u32>) -> Result<Manifest, CommitError> {
    let plan = &output.plan;
    let partitions = partitions(output);
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
        base: None,
        forced: None,
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

/// Digest of settings and shard map: equal digests over equal inputs promise equal parts. The shard map only decides
/// which frames are reported as misplaced, but a reader who compares two versions should see that it changed.
fn settings_digest(job: &Job) -> Digest {
    let mut text = serde_json::to_vec(&job.settings).expect("settings are numbers and names");
    text.extend_from_slice(&job.shard_map.digest().to_le_bytes());
    Digest::of(&text)
}

/// Describes the quarantined share of `bytes` of segments; none if nothing was quarantined.
pub(crate) fn loss(books: &MapBooks, bytes: u64) -> Option<String> {
    let MapBooks { frames_quarantined: frames, bytes_quarantined, .. } = books;
    (*frames > 0).then(|| {
        let share = model::loss::share_text(*bytes_quarantined, bytes);
        format!(
            "{frames} bad frames of {bytes_quarantined} bytes ({share} of {bytes}) could not be read and were put aside"
        )
    })
}

/// Warning about input that is missing from the output because it could not be read.
fn quarantined(output: &ShardOutput) -> Option<String> {
    let (books, shard_bytes) = (&output.books.map, output.plan.bytes());
    loss(books, shard_bytes).map(|loss| format!("{loss}; their points are not in this version"))
}

fn warnings(job: &Job, output: &ShardOutput) -> Vec<String> {
    let mut warnings = Vec::new();
    let is_unlikely = |(first, last): &(i64, i64)| *first < LIKELY_START_MS || *last >= LIKELY_END_MS;
    if output.plan.settings.window.is_all()
        && let Some((first, last)) = output.time_range_ms.filter(is_unlikely)
    {
        warnings.push(format!(
            "timestamps reach from {first} to {last} ms, out of the years 1900 to 2100; some may be microseconds or nanoseconds by \
             mistake: give --window to leave them out"
        ));
    }
    warnings.extend(quarantined(output));
    warnings.extend(misplaced(job, &output.books.map));
    warnings
}

/// Single warning for all organisations whose frames lay in another organisation's shard: a producer of random ids
/// could make any number of them.
fn misplaced(job: &Job, books: &MapBooks) -> Option<String> {
    /// Most organisations that the warning names; the books list more.
    const NAMED: usize = 5;
    let frames = books.frames_misplaced();
    if frames == 0 {
        return None;
    }
    let name = |(org, frames): (&OrgId, &u64)| {
        format!("{frames} of organisation {org}, which belongs to {}", job.shard_map.shard(*org))
    };
    let named: Vec<_> = books.misplaced.iter().take(NAMED).map(name).collect();
    let listed = books.misplaced.len();
    let rest = match (listed > NAMED, books.misplaced_unlisted) {
        (false, _) => String::new(),
        (true, 0) => format!("; and of {} organisations more, see the books", listed - NAMED),
        (true, _) => format!("; and of more than {} organisations more, see the books", listed - NAMED),
    };
    let named = named.join("; ");
    Some(format!("{frames} frames lay in this shard, belong to others and were processed here: {named}{rest}"))
}
