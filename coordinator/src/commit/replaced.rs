//! The version whose place a commit takes: what it was made of, and whether it may go (CM-5).
//!
//! A shard is planned over the version that is current then, its base. If that one is still current at the commit, whoever
//! planned could know what it replaces. If another one came between, its input has to be contained in ours, or an operator has
//! said that it may go.

use format::keys::ManifestName;
use format::manifest::Manifest;
use model::SegmentRef;
use model::invariant::{lost_input, may_replace};
use model::limits::SEGMENTS_NAMED_MAX;
use storage::{Root, StorageError};

use super::CommitError;
use crate::job::Job;
use crate::read::read_whole;

/// The version that is current.
pub(super) struct Replaced {
    version: u32,
    /// None where it cannot be made out: what it was made of is not known.
    manifest: Option<Manifest>,
}

impl Replaced {
    /// Reads the version that is current.
    pub(super) async fn read(dataset: &Root, name: ManifestName) -> Result<Self, StorageError> {
        let key = name.to_string();
        let manifest = read_whole(dataset, &key, |bytes| Manifest::from_bytes(&key, bytes)).await?;
        Ok(Self { version: name.version, manifest })
    }

    /// Notes in `manifest`, which takes its place, what is lost with it.
    ///
    /// # Errors
    /// [`CommitError::Overtaken`] where it may not go.
    pub(super) fn check(&self, job: &Job, base: Option<u32>, manifest: &mut Manifest) -> Result<(), CommitError> {
        let version = self.version;
        manifest.base = base.filter(|base| *base != version);
        let lost = self.manifest.as_ref().map(|replaced| lost_input(&replaced.inputs, &manifest.inputs));
        if lost.as_ref().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        let loss = told(lost.as_deref());
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

    /// What to say where a version without a point takes the place of one that has some: rarely what was meant.
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

/// A loss in words that follow the name of a version.
fn told(lost: Option<&[&SegmentRef]>) -> String {
    let Some(lost) = lost else { return "cannot be read: what it was made of is not known".to_owned() };
    let named: Vec<_> = lost.iter().take(SEGMENTS_NAMED_MAX).map(|segment| segment.key.as_str()).collect();
    let more = match lost.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("was made of {} segments that this job did not read: {}{more}", lost.len(), named.join(", "))
}

#[cfg(test)]
mod tests;
