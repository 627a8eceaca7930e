//! Tasks of a shard, as its page needs them: one page of the list, and those by which the shard is judged.
//!
//! The source filters, orders and cuts, so a page costs the same of a hundred tasks and of 300,000. What is drawn and
//! judged is the list as a whole if it is short; else the slowest tasks, the first of the plan and those of the page.

use std::collections::BTreeMap;

use model::{JobId, ShardId};
use proto::ApiError;
use proto::v1::{ListTasksRequest, ListTasksResponse, TaskOrder, TaskState, TaskSummary};

use super::listing::Listing;
use super::{ROWS, ViewContext};

/// Number of the first tasks of the plan that are looked at: the whole of most shards.
const FIRST_TASKS: u32 = 1000;
/// Number of the slowest tasks that are looked at, if there are more.
const SLOWEST_TASKS: u32 = 1000;

/// Tasks that were seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Page of the list.
    pub(super) page: ListTasksResponse,
    /// Tasks by which the shard is judged, in the order of the plan.
    pub(super) looked_at: Vec<TaskSummary>,
    /// True if there are others.
    pub(super) are_cut: bool,
    /// Reason for which no tasks are listed, if none can be.
    pub(super) none: Option<String>,
}

impl Seen {
    /// Asks for the tasks of a shard. A page without them is still a page, so a refusal becomes a sentence.
    pub(super) async fn of(
        ctx: &ViewContext<'_>,
        (job, shard): (&JobId, ShardId),
        listing: &Listing,
    ) -> Result<Self, ApiError> {
        let about = || ListTasksRequest { job: job.to_string(), shard: shard.to_string(), ..Default::default() };
        match Self::ask(ctx, &about, listing).await {
            // The job or the shard is just being taken over, or its record is not written yet.
            Err(error @ (ApiError::NotFound { .. } | ApiError::Refused { .. })) => {
                Ok(Self { none: Some(error.to_string()), ..Self::default() })
            }
            other => other,
        }
    }

    async fn ask(
        ctx: &ViewContext<'_>,
        about: &impl Fn() -> ListTasksRequest,
        listing: &Listing,
    ) -> Result<Self, ApiError> {
        let urgent = ListTasksRequest {
            state: state_called(&listing.state).into(),
            order: TaskOrder::Urgent.into(),
            offset: listing.from as u64,
            limit: ROWS as u32,
            ..about()
        };
        let page = ctx.source.tasks(urgent).await?;
        let first = ctx.source.tasks(ListTasksRequest { limit: FIRST_TASKS, ..about() }).await?;
        let are_cut = first.more;
        let slowest = match are_cut {
            false => Vec::new(),
            true => {
                let order = TaskOrder::Slowest.into();
                ctx.source.tasks(ListTasksRequest { order, limit: SLOWEST_TASKS, ..about() }).await?.tasks
            }
        };
        let of_page = page.tasks.iter().cloned();
        let looked_at: BTreeMap<_, _> =
            of_page.chain(slowest).chain(first.tasks).map(|task| (task.task.clone(), task)).collect();
        Ok(Self { page, looked_at: looked_at.into_values().collect(), are_cut, none: None })
    }
}

/// Returns the state of a name in a query; every state if it has none.
fn state_called(name: &str) -> TaskState {
    let known = TaskState::from_str_name(&format!("TASK_STATE_{}", name.to_uppercase()));
    known.unwrap_or(TaskState::Unspecified)
}
