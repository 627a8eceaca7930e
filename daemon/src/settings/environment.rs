//! The environment: every variable that begins with `TAILOR_` is a setting, or somebody else's that is known here.

use super::{Given, Key, Origin, SettingsError};

/// How all our variables begin.
pub(super) const PREFIX: &str = "TAILOR_";
/// What the command line, the client's commands and the tests read.
const OTHERS: [&str; 5] =
    ["TAILOR_CONFIG", "TAILOR_LOG", "TAILOR_CONTEXT", "TAILOR_CLIENT_CONFIG", "TAILOR_COORDINATORS"];
const OF_TESTS: &str = "TAILOR_TEST_";

/// The variables of this process; one that is no UTF-8 is none of ours.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}

/// Those that are settings, by name.
pub(super) fn given(
    keys: &[Key],
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<Given>, SettingsError> {
    let mut given = Vec::new();
    for (variable, text) in environment {
        if !variable.starts_with(PREFIX) {
            continue;
        }
        match keys.iter().find(|key| key.variable() == variable) {
            Some(key) => {
                let origin = Origin::Environment(Some(variable));
                given.push(Given { name: key.name.to_owned(), text, origin });
            }
            None if is_of_others(&variable, &text) => {}
            None => {
                let known = keys.iter().map(Key::variable);
                return Err(SettingsError::unknown(variable, Origin::Environment(None), known));
            }
        }
    }
    Ok(given)
}

/// Kubernetes gives a pod variables for each service of its namespace: for one that is called `tailor-coordinator`,
/// `TAILOR_COORDINATOR_SERVICE_HOST`, `TAILOR_COORDINATOR_PORT=tcp://...` and `TAILOR_COORDINATOR_PORT_7400_TCP_ADDR`.
fn is_of_others(variable: &str, text: &str) -> bool {
    let is_of_kubernetes = variable.contains("_SERVICE_HOST")
        || variable.contains("_SERVICE_PORT")
        || (variable.ends_with("_PORT") && text.contains("://"))
        || (variable.contains("_PORT_") && (variable.contains("_TCP") || variable.contains("_UDP")));
    OTHERS.contains(&variable) || variable.starts_with(OF_TESTS) || is_of_kubernetes
}
