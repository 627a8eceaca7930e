//! Result of a replay.

use serde::Serialize;

use super::{Document, ShardEntry, fields};

/// Shard that was replayed: the new version, and the version that it replaced.
#[derive(Debug, Serialize)]
pub(crate) struct Replayed {
    /// Job whose shard was replayed.
    of_job: String,
    /// Job that replayed it.
    job: String,
    shard: String,
    version: Option<u32>,
    content_digest: Option<String>,
    replaces: Option<u32>,
    /// Digest of the version that was replaced. Unknown if several replays ran at once, and that version is neither
    /// the one of `of_job` nor has the same content.
    replaced_digest: Option<String>,
    same_content: Option<bool>,
}

impl Replayed {
    /// Creates the result. `before` is the shard in the job `of_job`, `after` the shard in the job that replayed it.
    pub(crate) fn new(of_job: String, before: &ShardEntry, job: String, after: ShardEntry) -> Self {
        let is_replaced = after.replaces.is_some() && after.replaces == before.version;
        let is_equal = after.same_content == Some(true);
        let equal = after.content_digest.clone().filter(|_| is_equal);
        Self {
            of_job,
            job,
            shard: after.shard,
            version: after.version,
            content_digest: after.content_digest,
            replaces: after.replaces,
            replaced_digest: before.content_digest.clone().filter(|_| is_replaced).or(equal),
            same_content: after.same_content,
        }
    }
}

impl Document for Replayed {
    const KIND: &'static str = "Replayed";

    fn table(&self, _is_wide: bool) -> String {
        let shown = |version: Option<u32>, digest: &Option<String>| match (version, digest) {
            (None, _) => "none".to_owned(),
            (Some(version), None) => format!("v{version}"),
            (Some(version), Some(digest)) => format!("v{version} {digest}"),
        };
        let content = match self.same_content {
            Some(true) => "the same",
            Some(false) => "different",
            None => "not compared",
        };
        fields(&[
            ("shard", format!("{} of job {}", self.shard, self.of_job)),
            ("run again by", format!("job {}", self.job)),
            ("new version", shown(self.version, &self.content_digest)),
            ("replaces", shown(self.replaces, &self.replaced_digest)),
            ("content", content.to_owned()),
        ])
    }

    fn names(&self) -> Vec<String> {
        vec![self.job.clone()]
    }
}
