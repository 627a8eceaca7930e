//! Display of a running job until its end.
//!
//! The leader streams the state of a job, with each change, until the job has ended. The stream ends with its leader;
//! the client then opens another at the next leader, which begins with the current state. So no lasting change is
//! missed. Following ends with the job, or with an error that a repetition does not change.

mod lines; //  text of the display
mod screen; // screen of the display: bars or plain lines
mod worst; //  choice of the shards that a screen shows
#[cfg(test)]
mod tests;

use std::time::Duration;

use anyhow::Result;
use proto::status::ApiError;
use proto::v1::{GetJobResponse, JobState, WatchJobRequest};
use tonic::Streaming;

pub(crate) use screen::Screen;

use crate::cluster::{Cluster, Operator};
use crate::exit::{Code, Exit};

/// Pause before a stream that has ended is opened again.
const REOPEN_AFTER: Duration = Duration::from_millis(500);

/// True if a job has ended.
pub(crate) fn has_ended(state: JobState) -> bool {
    matches!(state, JobState::Done | JobState::PartlyDone | JobState::Failed | JobState::Cancelled)
}

/// Follows a job to its end, and passes each state to `show`. After `timeout` it gives up; the job goes on.
pub(crate) async fn follow(
    cluster: &Cluster,
    job: &str,
    timeout: Option<Duration>,
    show: impl FnMut(&GetJobResponse),
) -> Result<GetJobResponse> {
    let following = follow_to_end(cluster, job, show);
    let out_of_time = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        ended = following => ended?,
        () = out_of_time => {
            let timeout = timeout.unwrap_or_default();
            let what = format!("job {job} was not over within {timeout:?}; it goes on, see `tailor job get {job}`");
            return Err(Exit::error(Code::TimedOut, what));
        }
        () = interrupted() => {
            let what = format!(
                "interrupted; job {job} goes on: `tailor job watch {job}` follows it, `tailor job cancel {job}` stops it"
            );
            return Err(Exit::error(Code::Interrupted, what));
        }
    };
    // The stream has only the first page of a job of very many shards.
    if ended.more { Ok(cluster.job(job, None).await?) } else { Ok(ended) }
}

/// Resolves at ctrl-C. If the signal cannot be caught, ctrl-C ends the process as usual.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn follow_to_end(
    cluster: &Cluster,
    job: &str,
    mut show: impl FnMut(&GetJobResponse),
) -> Result<GetJobResponse, ApiError> {
    let request = WatchJobRequest { job: job.to_owned() };
    let cluster = cluster.patient();
    loop {
        let watch = |mut operator: Operator| {
            let request = request.clone();
            async move { operator.watch_job(request).await }
        };
        let stream = cluster.client.operator(watch).await?;
        if let Some(ended) = read(stream, &mut show).await? {
            return Ok(ended);
        }
        tokio::time::sleep(REOPEN_AFTER).await;
    }
}

/// Reads a stream until the job has ended, or (`None`) until the stream ends.
async fn read(
    mut stream: Streaming<GetJobResponse>,
    show: &mut impl FnMut(&GetJobResponse),
) -> Result<Option<GetJobResponse>, ApiError> {
    loop {
        match stream.message().await.map_err(ApiError::from) {
            Ok(Some(response)) => {
                show(&response);
                if response.job.as_ref().is_some_and(|job| has_ended(job.state())) {
                    return Ok(Some(response));
                }
            }
            Ok(None) => return Ok(None),
            Err(error @ (ApiError::NotLeader { .. } | ApiError::Away { .. } | ApiError::TooMany { .. })) => {
                tracing::debug!(%error, "the stream has ended");
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
}
