//! Listings of jobs, and the search for one: live jobs first, then the history of each dataset.

use std::collections::{BTreeSet, HashSet};

use futures::{StreamExt as _, stream};
use model::JobId;
use model::limits::{DATASETS_AT_ONCE_MAX, JOBS_PER_PAGE_MAX, PAGE_BYTES_MAX, REQUESTS_AT_ONCE_MAX};
use proto::{ApiError, convert::parsed, v1};
use storage::{Opener, Root, StorageError};

use super::patience::in_time;
use crate::history_index::{self, Ended, Position};
use crate::leader::{Ask, Handle};
use crate::record;
use crate::report::JobReport;

/// Lists one page of all jobs, newest first.
pub(super) async fn list(
    leader: &Handle,
    stores: &Opener,
    request: v1::ListJobsRequest,
) -> Result<v1::ListJobsResponse, ApiError> {
    let (after, limit) = place(&request)?;
    let live = leader.ask(|reply| Ask::Jobs { reply }).await?;
    let datasets = match request.open_only {
        true => BTreeSet::new(),
        false => datasets(leader, &request.dataset).await?,
    };
    let history = History::read(stores, datasets, after.as_ref(), limit + 1 + live.len()).await;
    let mut page = history.page(live, after.as_ref(), limit).await;
    if request.limit == 0 && request.page_token.is_empty() && !page.next_page_token.is_empty() {
        page.warnings.push(format!("older jobs are left out: one answer holds {} here", page.jobs.len()));
    }
    Ok(page)
}

/// Lists one page of the ended jobs of a dataset, newest first, without a leader.
pub(crate) async fn list_ended(
    stores: &Opener,
    dataset: &str,
    request: &v1::ListJobsRequest,
) -> Result<v1::ListJobsResponse, ApiError> {
    let (after, limit) = place(request)?;
    let datasets = match request.open_only {
        true => BTreeSet::new(),
        false => BTreeSet::from([dataset.to_owned()]),
    };
    let history = History::read(stores, datasets, after.as_ref(), limit + 1).await;
    Ok(history.page(Vec::new(), after.as_ref(), limit).await)
}

/// Reads the place and the length of a page.
fn place(request: &v1::ListJobsRequest) -> Result<(Option<Position>, usize), ApiError> {
    let after = match request.page_token.as_str() {
        "" => None,
        token => Some(parsed::<Position>("page_token", token)?),
    };
    let limit = match request.limit as usize {
        0 => JOBS_PER_PAGE_MAX,
        limit => limit.min(JOBS_PER_PAGE_MAX),
    };
    Ok((after, limit))
}

/// Histories of several datasets after a position.
#[derive(Default)]
struct History {
    /// Ended jobs in order of their position.
    ended: Vec<(Root, Ended)>,
    warnings: Vec<String>,
}

/// Job of a page, live or ended.
enum Listed {
    Live(Box<v1::JobSummary>),
    Ended(Root, Ended),
}

impl History {
    async fn read(stores: &Opener, datasets: BTreeSet<String>, after: Option<&Position>, wanted: usize) -> Self {
        let read = |dataset: String| async move {
            let ended = async {
                let root = stores.reach(&dataset).await?;
                let ended = history_index::ended(&root, after, wanted).await?;
                Ok::<_, StorageError>((root, ended))
            };
            // Each history has its own timeout, so that a store that does not answer holds up neither the others nor
            // the answer.
            let ended = in_time("the history of", &dataset, ended).await;
            ended.map_err(|error| format!("jobs of {dataset} are left out: {error}"))
        };
        let reads: Vec<_> = datasets.into_iter().map(read).collect();
        let mut history = Self::default();
        let mut reads = stream::iter(reads).buffered(DATASETS_AT_ONCE_MAX);
        while let Some(read) = reads.next().await {
            match read {
                Ok((root, ended)) => history.ended.extend(ended.into_iter().map(|ended| (root.clone(), ended))),
                Err(warning) => history.warnings.push(warning),
            }
        }
        drop(reads);
        history
    }

    /// Returns the first `limit` jobs after a position, live ones included.
    async fn page(self, live: Vec<v1::JobSummary>, after: Option<&Position>, limit: usize) -> v1::ListJobsResponse {
        let mut warnings = self.warnings;
        // A job that is being retried also has an entry of its earlier rounds.
        let is_live: HashSet<_> = live.iter().map(|job| (job.job.clone(), job.dataset.clone())).collect();
        let mut listed: Vec<(Position, Listed)> = Vec::with_capacity(live.len() + self.ended.len());
        for job in live {
            listed.push((Position::new(job.submitted_at_ms, &job.job), Listed::Live(Box::new(job))));
        }
        for (root, ended) in self.ended {
            if !is_live.contains(&(ended.job.to_string(), root.uri().to_owned())) {
                listed.push((ended.position(), Listed::Ended(root, ended)));
            }
        }
        listed.retain(|(position, _)| after.is_none_or(|after| position > after));
        listed.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut is_more = listed.len() > limit;
        listed.truncate(limit);
        let read = |(position, listed): (Position, Listed)| async move {
            match listed {
                Listed::Live(job) => (position, Ok(*job)),
                Listed::Ended(root, ended) => {
                    let uri = root.uri().to_owned();
                    (position, in_time("the history of", &uri, ended.summary(&root)).await)
                }
            }
        };
        let reads: Vec<_> = listed.into_iter().map(read).collect();
        let mut reads = stream::iter(reads).buffered(REQUESTS_AT_ONCE_MAX);
        let (mut jobs, mut bytes, mut last) = (Vec::new(), 0, None);
        while let Some((position, job)) = reads.next().await {
            match job {
                Ok(job) => {
                    bytes += proto::message_bytes(&job);
                    if bytes > PAGE_BYTES_MAX && !jobs.is_empty() {
                        is_more = true;
                        break;
                    }
                    jobs.push(job);
                }
                Err(error) => warnings.push(format!("job {} is left out: {error}", position.job())),
            }
            last = Some(position);
        }
        let next = last.filter(|_| is_more).map(|position| position.to_string());
        v1::ListJobsResponse { jobs, warnings, next_page_token: next.unwrap_or_default() }
    }
}

/// Lists the datasets whose history is read: the given one, or all on which the cluster has worked.
async fn datasets(leader: &Handle, dataset: &str) -> Result<BTreeSet<String>, ApiError> {
    if !dataset.is_empty() {
        return Ok(BTreeSet::from([dataset.to_owned()]));
    }
    Ok(leader.ask(|reply| Ask::Datasets { reply }).await?.into_iter().collect())
}

/// Finds the record of an ended job, in the first dataset that has one.
pub(super) async fn find_record(
    leader: &Handle,
    stores: &Opener,
    job: &JobId,
    dataset: &str,
) -> Result<Option<JobReport>, ApiError> {
    let datasets = datasets(leader, dataset).await?;
    let read = |dataset: String| async move {
        let record = async {
            match async { record::read(&stores.reach(&dataset).await?, job).await }.await {
                Err(StorageError::NotFound { .. }) => Ok(None),
                other => other,
            }
        };
        in_time("the dataset", &dataset, record).await
    };
    let reads: Vec<_> = datasets.into_iter().map(read).collect();
    let mut reads = stream::iter(reads).buffer_unordered(DATASETS_AT_ONCE_MAX);
    let mut doubt = None;
    while let Some(record) = reads.next().await {
        match record {
            Ok(Some(record)) => return Ok(Some(record)),
            Ok(None) => {}
            Err(error) => doubt = Some(error),
        }
    }
    // The record may be in a dataset that could not be read.
    doubt.map_or(Ok(None), Err)
}
