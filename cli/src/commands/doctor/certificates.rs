//! Checks of certificates: ours, its authority, and those of the coordinators; their ends, before they hurt.

use daemon::Tls;
use daemon::client::ClientIdentity;
use daemon::tls::{EXPIRES_SOON_MS, in_words};
use model::{Clock as _, SystemClock, TimestampMs};

use super::Check;
use crate::args::shown;

/// Advice on a certificate that has ended or ends soon.
const RENEW: &str = "renew it; servers and workers read the file again, without a restart";

/// Checks the certificates of a client and of the coordinators that it calls. Without TLS there is nothing to check.
pub(super) async fn checks(coordinators: &[String], identity: &ClientIdentity) -> Vec<Check> {
    let Some(tls) = &identity.tls else { return Vec::new() };
    let (now_ms, ends) = (SystemClock.now_ms(), tls.ends());
    let ours = [("our certificate", ends.own_ms), ("authority", ends.authority_ms)];
    let ours = ours.into_iter().filter_map(|(name, end)| Some(Check::of(name, judge(end?, now_ms), RENEW)));
    let mut checks: Vec<_> = ours.collect();
    for url in coordinators {
        checks.push(of_server(url, tls, now_ms).await);
    }
    checks
}

async fn of_server(url: &str, tls: &Tls, now_ms: TimestampMs) -> Check {
    let name = format!("certificate of {url}");
    let authority = url.trim().trim_end_matches('/').trim_start_matches("https://");
    let Some((host, port)) = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)))
    else {
        return Check::of(name, Err("its address has no port".to_owned()), "write https://host:port");
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match tls.inspect(host, port).await {
        Err(error) => Check::of(name, Err(error.to_string()), "start it, or name another"),
        Ok(inspected) => {
            let end = inspected.until_ms.map(|end_ms| judge(end_ms, now_ms));
            let found = match (inspected.verdict, end) {
                (Ok(()), Some(end)) => end,
                (Ok(()), None) => Ok("it is accepted; its end cannot be read".to_owned()),
                (Err(reason), Some(Err(end))) => Err(format!("{reason}; {end}")),
                (Err(reason), _) => Err(reason),
            };
            Check::of(name, found, RENEW)
        }
    }
}

/// Judges an end: soon is a problem.
fn judge(end_ms: TimestampMs, now_ms: TimestampMs) -> Result<String, String> {
    let left_ms = end_ms - now_ms;
    let at = format!("{}, {}", shown(end_ms), in_words(left_ms));
    match left_ms {
        ..=0 => Err(format!("it expired at {at}")),
        1..EXPIRES_SOON_MS => Err(format!("it expires at {at}")),
        _ => Ok(format!("it holds until {at}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_has_come_or_comes_soon_is_a_problem() {
        const DAY_MS: TimestampMs = 24 * 3600 * 1000;
        let now_ms = 1_767_225_600_000;
        let judged = |days| judge(now_ms + days * DAY_MS, now_ms);
        assert_eq!(judged(30), Ok("it holds until 2026-01-31T00:00:00Z, in 30 days".to_owned()));
        assert_eq!(judged(3), Err("it expires at 2026-01-04T00:00:00Z, in 3 days".to_owned()));
        assert_eq!(judged(-1), Err("it expired at 2025-12-31T00:00:00Z, 24 hours ago".to_owned()));
    }
}
