//! Asks the cluster, page after page.

use anyhow::{Context, Result};
use dataset::coverage::{Coverage, CoverageSource, Question, WindowCoverage};
use proto::v1::GetCoverageRequest;

use super::Args;
use crate::cluster::{Cluster, Operator};
use crate::files::everywhere;

/// Number of windows in one request.
const PAGE_WINDOWS: usize = 100;

/// Age of facts that a person who asks accepts, in milliseconds.
const MAX_AGE_MS: u64 = 1000;

/// Asks the leader for the coverage.
pub(super) async fn cluster(cluster: &Cluster, args: &Args) -> Result<Coverage> {
    let question = args.question();
    let (org, shard) = match question {
        Question::All => (None, String::new()),
        Question::Org(org) => (Some(org.0), String::new()),
        Question::Shard(shard) => (None, shard.to_string()),
    };
    let mut request = GetCoverageRequest {
        dataset: everywhere(args.dataset.clone())?,
        windows: args.windows().iter().map(ToString::to_string).collect(),
        org,
        shard,
        limit: 0,
        before: String::new(),
        max_age_ms: MAX_AGE_MS,
    };
    let (mut windows, mut as_of_ms) = (Vec::<WindowCoverage>::new(), i64::MAX);
    loop {
        request.limit = PAGE_WINDOWS.min(args.limit() - windows.len()) as u32;
        let ask = |mut operator: Operator| {
            let request = request.clone();
            async move { operator.get_coverage(request).await }
        };
        let page = cluster.client.operator(ask).await?;
        as_of_ms = as_of_ms.min(page.as_of_ms);
        let count = page.windows.len();
        for window in page.windows {
            windows.push(window.try_into().context("read the leader's answer")?);
        }
        request.before = windows.last().map(|window| window.window.to_string()).unwrap_or_default();
        request.windows.drain(..count.min(request.windows.len()));
        let is_named = !args.windows.is_empty();
        let is_over = if is_named { request.windows.is_empty() } else { !page.more };
        if is_over || count == 0 || windows.len() >= args.limit() {
            let coverage = Coverage::new(args.dataset.clone(), CoverageSource::Cluster, question, as_of_ms, windows);
            return Ok(Coverage { more: page.more && !is_named, warnings: page.warnings, ..coverage });
        }
    }
}
