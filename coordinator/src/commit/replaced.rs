//! Check of the version that a commit replaces: its input, and if it may be replaced (CM-5).
//!
//! A shard is planned over the version that is current then, its base. If the base is still current at the commit,
//! the operator could know what would be replaced. If another version came in between, its input must be contained in
//! ours, or an operator must have forced the commit.

use format::keys::ManifestName;
use format::manifest::Manifest;
use model::SegmentList;
use model::error::chain;
use model::invariant::{LostInput, lost_input, may_replace};
use storage::{Root, StorageError};

use super::CommitError;
use crate::job::Job;
use crate::read::read_whole;

/// Current version of the shard.
pub(super) struct Replaced {
    version: u32,
    /// Manifest of the version; none if it cannot be parsed.
    manifest: Option<Manifest>,
    /// Input of the version; none if it is not known.
    inputs: Option<SegmentList>,
}

impl Replaced {
    /// Reads the current version.
    pub(super) async fn read(dataset: &Root, name: ManifestName) -> Result<Self, StorageError> {
        let key = name.to_string();
        let manifest = read_whole(dataset, &key, |bytes| Manifest::from_bytes(&key, bytes)).await?;
        let inputs = match &manifest {
            Some(manifest) => read_inputs(dataset, manifest).await?,
            None => None,
        };
        Ok(Self { version: name.version, manifest, inputs })
    }

    /// Checks that `manifest`, made from `inputs`, may replace this version, and notes the lost input in it.
    ///
    /// # Errors
    /// [`CommitError::Overtaken`] if it must not be replaced.
    pub(super) fn check(
        &self,
        job: &Job,
        base: Option<u32>,
        inputs: &SegmentList,
        manifest: &mut Manifest,
    ) -> Result<(), CommitError> {
        let version = self.version;
        manifest.base = base.filter(|base| *base != version);
        let lost = self.inputs.as_ref().map(|replaced| lost_input(replaced, inputs));
        if lost.as_ref().is_some_and(|lost| lost.segments == 0) {
            return Ok(());
        }
        let loss = describe_lost(lost.as_ref());
        if !may_replace(base, version, true, job.force_replace.is_some()) {
            let over = match base {
                Some(0) => "over no version".to_owned(),
                Some(base) => format!("over v{base}"),
                None => "by a version of Tailor that did not note over which".to_owned(),
            };
            let by = self.manifest.as_ref().map_or_else(|| "another job".to_owned(), |m| format!("job {}", m.job));
            let (shard, job) = (manifest.shard, job.id.clone());
            return Err(CommitError::Overtaken { shard, version, by, over, loss, job });
        }
        manifest.forced = job.force_replace.clone().filter(|_| base != Some(version));
        let forced = manifest.forced.as_ref().map(|why| format!(" (forced: {why})")).unwrap_or_default();
        manifest.warnings.push(format!("v{version}, which this version replaces, {loss}{forced}"));
        Ok(())
    }

    /// Warning for a version without points that replaces one with points, which is rarely intended.
    pub(super) fn replaced_points(&self, points_written: u64) -> Option<String> {
        let version = self.version;
        let points = self.manifest.as_ref().map_or(0, |manifest| manifest.books.reduce.points_written);
        (points > 0 && points_written == 0).then(|| {
            format!(
                "v{version} has {points} points and this version none: is --input right? `dataset rollback` goes back"
            )
        })
    }
}

/// Reads the segments of a version; none if their list is gone or damaged.
async fn read_inputs(dataset: &Root, manifest: &Manifest) -> Result<Option<SegmentList>, StorageError> {
    match dataset.read_inputs(&manifest.inputs).await {
        Ok(inputs) => Ok(Some(inputs)),
        Err(error) if error.is_store_away() || error.is_lasting() => Err(error),
        Err(error) => {
            tracing::warn!(
                error = chain(&error),
                version = manifest.version,
                "failed to read the segment list of the version to replace; its input counts as unknown"
            );
            Ok(None)
        }
    }
}

/// Describes lost input, to follow the name of a version.
fn describe_lost(lost: Option<&LostInput>) -> String {
    let Some(lost) = lost else { return "cannot be read: what it was made of is not known".to_owned() };
    let more = match lost.segments - lost.first.len() as u64 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("was made of {} segments that this job did not read: {}{more}", lost.segments, lost.first.join(", "))
}

#[cfg(test)]
mod tests;
