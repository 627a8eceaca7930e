//! KEDA's external scaler: every coordinator answers with the number of workers that a pool should have, from the
//! record of the leader.
//!
//! Who leads does not matter: KEDA keeps one connection to a service of all coordinators, and does not follow the hint
//! of one that does not lead.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use format::state_keys::StateKey;
use format::state_records::DemandRecord;
use futures::{Stream, StreamExt as _, stream};
use model::error::chain;
use proto::ApiError;
use proto::externalscaler::external_scaler_server::ExternalScaler;
use proto::externalscaler::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec, MetricValue,
    ScaledObjectRef,
};
use storage::meta::MetaStore;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::Door;
use super::gates::Permit;
use super::operator::WATCH_MAX;
use crate::leader::{Pools, WORKERS_WANTED};

/// Metadata of a scaled object that names its pool.
const POOL: &str = "pool";

/// Pool of an object that names none.
const POOL_DEFAULT: &str = "default";

/// Interval between two looks at the record for a stream.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Implementation of the service for KEDA.
#[derive(Debug, Clone)]
pub(crate) struct Scaler {
    pub(crate) door: Door,
    pub(crate) store: Arc<dyn MetaStore>,
    pub(crate) pools: Pools,
}

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl ExternalScaler for Scaler {
    async fn is_active(&self, request: Request<ScaledObjectRef>) -> Answer<IsActiveResponse> {
        let _permit = self.door.gates.operator()?;
        let wanted = self.wanted(&self.pool_of(request.get_ref())?).await?;
        Ok(Response::new(IsActiveResponse { result: wanted > 0 }))
    }

    type StreamIsActiveStream = Answers<IsActiveResponse>;

    async fn stream_is_active(&self, request: Request<ScaledObjectRef>) -> Answer<Self::StreamIsActiveStream> {
        let permit = self.door.gates.watcher()?;
        let pool = self.pool_of(request.get_ref())?;
        Ok(Response::new(Box::pin(self.clone().activity(pool, permit))))
    }

    async fn get_metric_spec(&self, request: Request<ScaledObjectRef>) -> Answer<GetMetricSpecResponse> {
        self.pool_of(request.get_ref())?;
        Ok(Response::new(spec()))
    }

    async fn get_metrics(&self, request: Request<GetMetricsRequest>) -> Answer<GetMetricsResponse> {
        let _permit = self.door.gates.operator()?;
        let object = request.into_inner().scaled_object_ref.unwrap_or_default();
        let wanted = self.wanted(&self.pool_of(&object)?).await?;
        let value = MetricValue {
            metric_name: WORKERS_WANTED.to_owned(),
            metric_value: wanted.into(),
            metric_value_float: wanted.into(),
        };
        Ok(Response::new(GetMetricsResponse { metric_values: vec![value] }))
    }

    type StreamMetricSpecStream = Answers<GetMetricSpecResponse>;

    async fn stream_metric_spec(&self, request: Request<ScaledObjectRef>) -> Answer<Self::StreamMetricSpecStream> {
        let permit = self.door.gates.watcher()?;
        self.pool_of(request.get_ref())?;
        // The stream stays open, because KEDA takes its end for a failure and asks again.
        let rest = async move {
            tokio::time::sleep(WATCH_MAX).await;
            drop(permit);
        };
        let rest = stream::once(rest).filter_map(|()| async { None });
        Ok(Response::new(Box::pin(stream::iter([Ok(spec())]).chain(rest))))
    }
}

impl Scaler {
    /// Returns the pool that an object names.
    fn pool_of(&self, object: &ScaledObjectRef) -> Result<String, ApiError> {
        let named = object.scaler_metadata.get(POOL).map_or(POOL_DEFAULT, String::as_str);
        if self.pools.0.iter().any(|pool| pool.name == named) {
            return Ok(named.to_owned());
        }
        let names: Vec<_> = self.pools.0.iter().map(|pool| pool.name.as_str()).collect();
        let reason = format!(
            "`autoscaling.pools` of this coordinator has no pool {:?}; it has: {}",
            named.chars().take(64).collect::<String>(),
            names.join(", ")
        );
        Err(ApiError::Invalid { field: format!("scalerMetadata.{POOL}"), reason })
    }

    /// Reads the number of workers that a pool should have.
    async fn wanted(&self, pool: &str) -> Result<u32, ApiError> {
        let away = |reason: String| ApiError::Away { reason };
        let key = String::from(StateKey::Demand(pool.to_owned()));
        let entry = self.store.get(&key).await.map_err(|error| away(chain(&error)))?;
        let entry = entry.ok_or_else(|| away(format!("no leader has recorded the demand for pool {pool} yet")))?;
        entry.record().map(|record: DemandRecord| record.wanted).map_err(|error| away(error.to_string()))
    }

    /// Yields the activity of a pool at first and at each change, until it cannot be read or its time is over.
    fn activity(
        self,
        pool: String,
        permit: Permit,
    ) -> impl Stream<Item = Result<IsActiveResponse, Status>> + Send + 'static {
        let ends_at = Instant::now() + WATCH_MAX;
        stream::unfold((self, permit, Some(None)), move |(scaler, permit, last)| {
            let pool = pool.clone();
            async move {
                let last: Option<bool> = last?;
                loop {
                    match scaler.wanted(&pool).await.map(|wanted| wanted > 0) {
                        Err(error) => return Some((Err(error.into()), (scaler, permit, None))),
                        Ok(result) if last != Some(result) => {
                            return Some((Ok(IsActiveResponse { result }), (scaler, permit, Some(Some(result)))));
                        }
                        Ok(_) if Instant::now() >= ends_at => return None,
                        Ok(_) => tokio::time::sleep(LOOK_EVERY).await,
                    }
                }
            }
        })
    }
}

/// Builds the answer to the question for the metric: KEDA divides the value by the target, which gives the workers.
fn spec() -> GetMetricSpecResponse {
    let spec = MetricSpec { metric_name: WORKERS_WANTED.to_owned(), target_size: 1, target_size_float: 1.0 };
    GetMetricSpecResponse { metric_specs: vec![spec] }
}

#[cfg(test)]
mod tests;
