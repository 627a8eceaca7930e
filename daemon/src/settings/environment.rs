//! Environment variables: each that begins with `TAILOR_` is a setting, or a known variable of another purpose.

use super::{Given, Key, Origin, SettingsError};

/// Prefix of all our variables.
pub(super) const PREFIX: &str = "TAILOR_";
/// Variables of the command line, the client's commands and the tests.
const OTHERS: [&str; 6] = [
    "TAILOR_CONFIG",
    "TAILOR_LOG",
    "TAILOR_CONTEXT",
    "TAILOR_CLIENT_CONFIG",
    "TAILOR_COORDINATORS",
    "TAILOR_TOKEN_FILE",
];
const OF_TESTS: &str = "TAILOR_TEST_";

/// Lists the variables of this process; a variable that is not UTF-8 cannot be ours.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}

/// Lists the variables that are settings, by name.
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

/// True for variables that Kubernetes gives a pod for each service of its namespace: for a service
/// `tailor-coordinator` these are `TAILOR_COORDINATOR_SERVICE_HOST`, `TAILOR_COORDINATOR_PORT=tcp://...` and
/// `TAILOR_COORDINATOR_PORT_7400_TCP_ADDR`.
fn is_of_others(variable: &str, text: &str) -> bool {
    let is_of_kubernetes = variable.contains("_SERVICE_HOST")
        || variable.contains("_SERVICE_PORT")
        || (variable.ends_with("_PORT") && text.contains("://"))
        || (variable.contains("_PORT_") && (variable.contains("_TCP") || variable.contains("_UDP")));
    OTHERS.contains(&variable) || variable.starts_with(OF_TESTS) || is_of_kubernetes
}
