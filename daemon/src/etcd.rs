//! Connection to etcd, as both servers have it: its settings, and the wait until it has answered once.

use std::time::Duration;

use model::error::chain;
use storage::meta::{EtcdSettings, EtcdTls, EtcdUser, MetaError};

use crate::{Health, Layers, SettingsError};

/// Condition of readiness: the state can be used, and there is a lease.
pub const CONDITION: &str = "etcd";

/// Pause before another try to connect.
const CONNECT_PAUSE: Duration = Duration::from_secs(1);

/// Tries `connect` until it succeeds or fails for good, and says meanwhile in the log and in `health` why the server is
/// not ready.
///
/// # Errors
/// The first error that does not pass by itself: settings that are invalid, an etcd that refuses them.
pub async fn connect_patiently<T, C>(health: &Health, mut connect: impl FnMut() -> C) -> Result<T, MetaError>
where
    C: Future<Output = Result<T, MetaError>>,
{
    loop {
        match connect().await {
            Err(error) if error.is_transient() => {
                tracing::warn!(error = chain(&error), "failed to reach etcd; trying again");
                health.set(CONDITION, Err(chain(&error)));
                tokio::time::sleep(CONNECT_PAUSE).await;
            }
            connected => return connected,
        }
    }
}

/// Builds the settings of etcd, for workers and coordinators. `seed` differs from process to process, and picks the
/// endpoint to try first.
///
/// # Errors
/// A setting without its partner: a user without a password, a certificate without its key.
pub fn settings(layers: &Layers, seed: u64) -> Result<EtcdSettings, SettingsError> {
    refuse_halves(layers)?;
    let password = layers.secret_file("etcd.password-file")?;
    let user = match (layers.optional("etcd.user"), password) {
        (Some(name), Some(password)) => Some(EtcdUser { name, password }),
        _ => None,
    };
    let pem = |name| layers.secret_file(name).map(|text| text.map(String::into_bytes));
    let identity_pem = match (pem("etcd.cert-file")?, pem("etcd.key-file")?) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => None,
    };
    let tls = pem("etcd.ca-file")?.map(|ca_pem| EtcdTls { ca_pem, identity_pem, server_name: None });
    let namespace = layers.string("etcd.namespace")?;
    Ok(EtcdSettings { first: seed as usize, namespace, user, tls, ..EtcdSettings::of(layers.list("etcd.endpoints")) })
}

/// Refuses a setting that has no effect without its partner.
fn refuse_halves(layers: &Layers) -> Result<(), SettingsError> {
    /// Setting, its partner, and advice for the first.
    const HALVES: [(&str, &str, &str); 5] = [
        ("etcd.user", "etcd.password-file", "a user with a password"),
        ("etcd.password-file", "etcd.user", "the password of a user"),
        ("etcd.cert-file", "etcd.key-file", "a certificate with its key"),
        ("etcd.key-file", "etcd.cert-file", "the key of a certificate"),
        ("etcd.cert-file", "etcd.ca-file", "a certificate shown to a server that etcd.ca-file trusts"),
    ];
    for (given, needed, wanted) in HALVES {
        if layers.optional(given).is_some() && layers.optional(needed).is_none() {
            return Err(layers.refuse(given, &format!("{wanted}; set {needed}, too, or leave {given} out")));
        }
    }
    let endpoints = layers.list("etcd.endpoints");
    let is_plain = |endpoint: &String| endpoint.starts_with("http://");
    if layers.optional("etcd.ca-file").is_some() && endpoints.iter().any(is_plain) {
        let wanted = "what https:// endpoints are trusted by; write https:// before each of etcd.endpoints, or leave etcd.ca-file out";
        return Err(layers.refuse("etcd.ca-file", wanted));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_etcd_that_is_away_is_asked_again_and_its_refusal_is_returned() {
        let health = Health::new(&[CONDITION]);
        let refusal = || MetaError::Settings { endpoints: "e".to_owned(), reason: "no such user".to_owned() };
        let away = || {
            let source = "connection refused".into();
            MetaError::Unavailable { operation: "connect to", object: "e".to_owned(), source }
        };
        let mut answers = vec![Err(refusal()), Ok(7), Err(away()), Err(away())];
        let began = tokio::time::Instant::now();
        let mut next = || std::future::ready(answers.pop().expect("no more calls than answers"));
        assert_eq!(connect_patiently(&health, &mut next).await.expect("it came back"), 7);
        assert_eq!(began.elapsed(), 2 * CONNECT_PAUSE);
        let refused = connect_patiently(&health, &mut next).await;
        assert!(matches!(refused, Err(MetaError::Settings { .. })), "{refused:?}");
    }
}
