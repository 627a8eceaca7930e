//! Answers `GetCoverage`: the open jobs from the leader, all else from the index of the dataset.

use std::sync::Arc;
use std::time::Duration;

use dataset::DatasetError;
use dataset::coverage::{CoverageAsk, CoverageIndex, CoveredWindows, OpenJobs, Question, judge};
use model::error::chain;
use model::limits::{COVERAGE_FRESH_FOR, COVERAGE_LOOK_EVERY, COVERAGE_WINDOWS_MAX};
use model::{Clock, OrgId, Window};
use proto::{ApiError, convert::parsed, page, v1};
use storage::{Root, StorageError};

use super::patience::{STORE_PATIENCE, in_time, refused};
use crate::Env;
use crate::coverage::DatasetPlace;
use crate::leader::{Ask, Handle};

/// Number of windows in an answer, unless the request says otherwise.
const WINDOWS_DEFAULT: usize = 100;

/// Answers a request that has passed the guard.
pub(super) async fn answer(
    leader: &Handle,
    env: &Env,
    request: v1::GetCoverageRequest,
) -> Result<v1::GetCoverageResponse, ApiError> {
    let (question, ask) = (question(&request)?, ask(&request)?);
    let root = reach(env, &request.dataset).await?;
    let place = DatasetPlace::of(&root);
    // The leader is asked first: a job that ends meanwhile is noted in the index before the leader forgets it.
    let open = leader.ask(|reply| Ask::OpenOn { place, reply }).await?;
    let found = ask_index(leader, env, root, ask, open).await?;
    Ok(judged(found, question))
}

/// Answers a request from an index alone, where no cluster is asked.
pub(crate) async fn of_index(
    index: &CoverageIndex,
    uri: &str,
    clock: &dyn Clock,
    request: &v1::GetCoverageRequest,
) -> Result<v1::GetCoverageResponse, ApiError> {
    let (question, ask) = (question(request)?, ask(request)?);
    let found = index.facts(&ask, &OpenJobs::default(), clock).await.map_err(|error| failed(uri, error))?;
    Ok(judged(found, question))
}

/// Judges the facts that were found, and cuts the windows to one page.
fn judged(found: CoveredWindows, question: Question) -> v1::GetCoverageResponse {
    let judged = found.windows.iter().map(|(window, facts)| judge(*window, facts, question));
    let mut windows: Vec<_> = judged.map(|window| window.to_wire(question)).collect();
    let more = page::cut(&mut windows) | found.more;
    v1::GetCoverageResponse { windows, more, as_of_ms: found.as_of_ms, warnings: found.warnings }
}

/// Turns a failed look into the caller's reply.
fn failed(uri: &str, error: DatasetError) -> ApiError {
    match error {
        DatasetError::Storage(error) => refused("the dataset", uri, &error),
        error => ApiError::Refused { reason: chain(&error) },
    }
}

fn question(request: &v1::GetCoverageRequest) -> Result<Question, ApiError> {
    let invalid = |field: &str, reason: &str| ApiError::Invalid { field: field.to_owned(), reason: reason.to_owned() };
    match (request.dataset.as_str(), request.org, request.shard.as_str()) {
        ("", ..) => Err(invalid("dataset", "is empty; give the URI of a dataset")),
        (_, None, "") => Ok(Question::All),
        (_, None, shard) => Ok(Question::Shard(parsed("shard", shard)?)),
        (_, Some(org), "") => Ok(Question::Org(OrgId(org))),
        _ => Err(invalid("shard", "stands beside org; give one of them")),
    }
}

fn ask(request: &v1::GetCoverageRequest) -> Result<CoverageAsk, ApiError> {
    let windows = request.windows.iter().map(|window| parsed::<Window>("windows", window));
    let before = match request.before.as_str() {
        "" => None,
        window => Some(parsed("before", window)?),
    };
    Ok(CoverageAsk {
        windows: windows.collect::<Result<_, _>>()?,
        before,
        limit: match request.limit as usize {
            0 => WINDOWS_DEFAULT,
            limit => limit.min(COVERAGE_WINDOWS_MAX),
        },
        max_age: match request.max_age_ms {
            0 => COVERAGE_FRESH_FOR,
            ms => Duration::from_millis(ms).max(COVERAGE_LOOK_EVERY),
        },
    })
}

async fn reach(env: &Env, uri: &str) -> Result<Root, ApiError> {
    let reached = async {
        match env.stores.reach(uri).await {
            Err(StorageError::NotFound { .. }) => Ok(None),
            reached => reached.map(Some),
        }
    };
    let reached = in_time("the dataset", uri, reached).await?;
    reached.ok_or_else(|| ApiError::NotFound { what: format!("dataset {uri}") })
}

/// Asks the index. A look that takes longer than the caller waits goes on without it, and the next question finds the
/// result.
async fn ask_index(
    leader: &Handle,
    env: &Env,
    root: Root,
    ask: CoverageAsk,
    open: OpenJobs,
) -> Result<CoveredWindows, ApiError> {
    let (uri, index, clock) = (root.uri().to_owned(), leader.coverage().of(&root), Arc::clone(&env.clock));
    let look = tokio::spawn(async move {
        let clock: &dyn Clock = clock.as_ref();
        index.facts(&ask, &open, clock).await
    });
    match tokio::time::timeout(STORE_PATIENCE, look).await {
        Ok(Ok(Ok(found))) => Ok(found),
        Ok(Ok(Err(error))) => Err(failed(&uri, error)),
        Ok(Err(stopped)) => Err(ApiError::Away { reason: format!("the look at {uri} was stopped: {stopped}") }),
        Err(_) => {
            let seconds = STORE_PATIENCE.as_secs();
            let reason = format!("the first look at {uri} takes longer than {seconds} s, and goes on; ask again");
            Err(ApiError::Away { reason })
        }
    }
}
