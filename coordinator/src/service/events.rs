//! Answers about events of a job: from the memory of the leader that runs it, or from the log in the dataset.

use model::JobId;
use proto::convert::parsed;
use proto::{ApiError, v1};
use storage::Opener;

use super::jobs;
use super::patience::in_time;
use crate::job_events::{self, EVENTS_MAX};
use crate::leader::{Ask, Handle};

/// Lists the newest events of a job.
pub(super) async fn list(
    leader: &Handle,
    stores: &Opener,
    request: &v1::ListEventsRequest,
) -> Result<v1::ListEventsResponse, ApiError> {
    let job: JobId = parsed("job", &request.job)?;
    let limit = limit(request);
    if let Some(log) = leader.ask(|reply| Ask::Log { job: job.clone(), reply }).await? {
        let mut events = log.newest_events(limit + 1);
        let more = events.len() > limit;
        events.truncate(limit);
        let is_whole = more || events.iter().any(|event| event.event == "submitted");
        let unknown = format!("events of job {job} before this coordinator led are in its event log");
        let unknown = if is_whole { Vec::new() } else { vec![unknown] };
        return Ok(v1::ListEventsResponse { events, more, unknown });
    }
    let dataset = match request.dataset.as_str() {
        "" => {
            let missing = || ApiError::NotFound { what: format!("job {job}; see `tailor job list`") };
            let record = jobs::find_record(leader, stores, &job, "").await?;
            record.ok_or_else(missing)?.spec.dataset
        }
        named => named.to_owned(),
    };
    let read = async { job_events::read(&stores.reach(&dataset).await?, &job, limit).await };
    let (events, more) = in_time("the event log in", &dataset, read).await?;
    Ok(v1::ListEventsResponse { events, more, unknown: Vec::new() })
}

/// Returns the number of events that a request asks for.
pub(crate) fn limit(request: &v1::ListEventsRequest) -> usize {
    match request.limit as usize {
        0 => EVENTS_MAX,
        limit => limit.min(EVENTS_MAX),
    }
}
