//! Checks of a cluster: it answers, and can work.

use proto::v1::GetClusterResponse;

use super::Check;
use crate::args::shown;
use crate::cluster::Cluster;

/// Asks for the leader; without an answer, the result is one line.
pub(super) async fn checks(cluster: &Cluster) -> Vec<Check> {
    match cluster.state().await {
        Ok(state) => checks_of(state),
        Err(error) => {
            let hint = "start a coordinator, or name those that run with --coordinators or --context";
            vec![Check::of("coordinator", Err(error.to_string()), hint)]
        }
    }
}

fn checks_of(state: GetClusterResponse) -> Vec<Check> {
    let leader = format!(
        "{} at {} leads since {} (version {})",
        state.leader,
        state.address,
        shown(state.since_ms),
        state.version
    );
    let mut checks = vec![Check::of("coordinator", Ok(leader), "")];
    checks.push(version(&state.version));
    let workers = match state.workers {
        0 => Err("none".to_owned()),
        workers => Ok(format!("{workers} with {} slots", state.slots)),
    };
    checks.push(Check::of("workers", workers, "start one: tailor worker"));
    if state.troubles.is_empty() {
        checks.push(Check::of("stores", Ok("nothing is wrong as far as the leader sees".to_owned()), ""));
    }
    let hint = "until it is mended, jobs wait; nothing is lost";
    checks.extend(state.troubles.into_iter().map(|trouble| Check::of("stores", Err(trouble), hint)));
    checks
}

fn version(leader: &str) -> Check {
    let ours = env!("CARGO_PKG_VERSION");
    let outcome = if leader == ours {
        Ok(format!("the leader has {leader}, as this client"))
    } else {
        Err(format!("the leader has {leader}, this client {ours}"))
    };
    Check::of("version", outcome, "take a client of the leader's version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_and_missing_workers_are_told_one_a_line() {
        let state = GetClusterResponse {
            leader: "c1".to_owned(),
            address: "http://c1:7070".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            troubles: vec!["etcd is out of space".to_owned()],
            ..GetClusterResponse::default()
        };
        let wrong: Vec<_> =
            checks_of(state).into_iter().filter(|check| !check.is_ok).map(|check| check.found).collect();
        assert_eq!(wrong, ["none", "etcd is out of space"]);
    }
}
