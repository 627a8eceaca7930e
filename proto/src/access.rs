//! Access: every method of the coordinators' services with the least role that may call it.
//!
//! This table is the only place that says so. The guard of the coordinator reads it before a request is decoded; its
//! tests compare it with the compiled `.proto` files, so that a new method without a row fails them.

use model::ClientRole;

#[cfg(test)]
mod tests;

const OPERATORS: &str = "tailor.v1.OperatorService";
const WORKERS: &str = "tailor.v1.WorkerService";
const SCALER: &str = "externalscaler.ExternalScaler";
const REFLECTION: &str = "grpc.reflection.v1.ServerReflection";

/// Service for health checks, which anybody may call: a probe has no certificate.
const HEALTH: &str = "grpc.health.v1.Health";

/// CallEffect of a call on the cluster, by which it is audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEffect {
    /// The call changes nothing.
    Reads,
    /// The call changes a job or a worker on somebody's behalf: it has a line in the audit log.
    Changes,
    /// The call is a step of the protocol between worker and leader. It is in the events of the job.
    Works,
}

/// Row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallMethod {
    /// Full name of the service.
    pub service: &'static str,
    /// Name of the method in its service.
    pub name: &'static str,
    /// Least role that may call the method.
    pub least: ClientRole,
    /// CallEffect of the call.
    pub effect: CallEffect,
}

const fn row(service: &'static str, name: &'static str, least: ClientRole, effect: CallEffect) -> CallMethod {
    CallMethod { service, name, least, effect }
}

/// Table of all methods that need a role. A dry run needs an operator, because it makes a coordinator list stores.
///
/// No row needs an admin. What deletes or turns back data (`dataset gc`, `dataset rollback`) are commands on the dataset:
/// they ask no coordinator, and the rights of their user on the store decide.
pub const METHODS: [CallMethod; 27] = {
    use CallEffect::{Changes, Reads, Works};
    use ClientRole::{Operator, Viewer, Worker};
    [
        row(OPERATORS, "SubmitJob", Operator, Changes),
        row(OPERATORS, "PlanJob", Operator, Reads),
        row(OPERATORS, "ListJobs", Viewer, Reads),
        row(OPERATORS, "GetJob", Viewer, Reads),
        row(OPERATORS, "WatchJob", Viewer, Reads),
        row(OPERATORS, "CancelJob", Operator, Changes),
        row(OPERATORS, "RetryJob", Operator, Changes),
        row(OPERATORS, "ReplayShard", Operator, Changes),
        row(OPERATORS, "ListTasks", Viewer, Reads),
        row(OPERATORS, "GetTask", Viewer, Reads),
        row(OPERATORS, "ListEvents", Viewer, Reads),
        row(OPERATORS, "ListWorkers", Viewer, Reads),
        row(OPERATORS, "DrainWorker", Operator, Changes),
        row(OPERATORS, "GetCluster", Viewer, Reads),
        row(OPERATORS, "GetCoverage", Viewer, Reads),
        row(WORKERS, "Hello", Worker, Works),
        row(WORKERS, "Claim", Worker, Works),
        row(WORKERS, "Complete", Worker, Works),
        row(WORKERS, "Fail", Worker, Works),
        row(WORKERS, "HandBack", Worker, Works),
        row(WORKERS, "Heartbeat", Worker, Works),
        row(SCALER, "IsActive", Viewer, Reads),
        row(SCALER, "StreamIsActive", Viewer, Reads),
        row(SCALER, "GetMetricSpec", Viewer, Reads),
        row(SCALER, "GetMetrics", Viewer, Reads),
        row(SCALER, "StreamMetricSpec", Viewer, Reads),
        row(REFLECTION, "ServerReflectionInfo", Viewer, Reads),
    ]
};

/// CallRule for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallRule {
    /// Anybody may call it, also without an identity.
    Anybody,
    /// The method needs a role.
    Needs(&'static CallMethod),
    /// No row has the method, so nobody may call it.
    Nobody,
}

/// Returns the rule for the path of a call, such as `/tailor.v1.OperatorService/GetJob`.
pub fn rule(path: &str) -> CallRule {
    let Some((service, name)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else {
        return CallRule::Nobody;
    };
    if service == HEALTH && ["Check", "Watch", "List"].contains(&name) {
        return CallRule::Anybody;
    }
    let found = METHODS.iter().find(|method| method.service == service && method.name == name);
    found.map_or(CallRule::Nobody, CallRule::Needs)
}
