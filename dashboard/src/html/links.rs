//! Links to views, relative to the page on which they stand, so that the dashboard works below any path of a proxy.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Bytes of a path's segment that are encoded: all but those that names of ours consist of.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Maker of links on one page.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    up: String,
}

impl Links {
    /// Creates the links of a page `depth` folders below the dashboard's root.
    pub(crate) fn at(depth: usize) -> Self {
        Self { up: "../".repeat(depth) }
    }

    /// Links to a file or a view by its path below the root.
    pub(crate) fn to(&self, path: &str) -> String {
        match format!("{}{path}", self.up) {
            here if here.is_empty() => "./".to_owned(),
            link => link,
        }
    }

    /// Links to a job.
    pub(crate) fn job(&self, job: &str) -> String {
        self.to(&job_path(job))
    }

    /// Links to a shard of a job.
    pub(crate) fn shard(&self, job: &str, shard: &str) -> String {
        self.to(&shard_path(job, shard))
    }

    /// Links to the comparison of two jobs.
    pub(crate) fn compare(&self, a: &str, b: &str) -> String {
        self.to(&compare_path(a, b))
    }

    /// Links to a task of a shard.
    pub(crate) fn task(&self, job: &str, shard: &str, task: &str) -> String {
        self.to(&task_path(job, shard, task))
    }
}

/// Path of a job's view below the root.
pub(crate) fn job_path(job: &str) -> String {
    format!("jobs/{}", segment(job))
}

/// Path of a shard's view below the root.
pub(crate) fn shard_path(job: &str, shard: &str) -> String {
    format!("{}/shards/{}", job_path(job), segment(shard))
}

/// Path of a task's view below the root.
pub(crate) fn task_path(job: &str, shard: &str, task: &str) -> String {
    format!("{}/tasks/{}", shard_path(job, shard), segment(task))
}

/// Path of the comparison of two jobs below the root.
pub(crate) fn compare_path(a: &str, b: &str) -> String {
    format!("{}/vs/{}", job_path(a), segment(b))
}

fn segment(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_climb_to_the_root_and_names_stay_in_their_segment() {
        assert_eq!(Links::at(0).to(""), "./");
        assert_eq!(Links::at(0).job("a/b?c"), "jobs/a%2Fb%3Fc");
        assert_eq!(Links::at(3).task("j", "org-1", "m-00001"), "../../../jobs/j/shards/org-1/tasks/m-00001");
        assert_eq!(Links::at(1).shard("j\"><script>", "s"), "../jobs/j%22%3E%3Cscript%3E/shards/s");
    }
}
