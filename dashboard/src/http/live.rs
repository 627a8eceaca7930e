//! Streams of changed sections, as server-sent events.
//!
//! | event | data | the page |
//! |---|---|---|
//! | `sections` | `{"id": "html", ...}`: the sections that have changed | puts them in place of those with these ids |
//! | `stale` | reason for which nothing newer is known, as a JSON string; empty once there is | shows it |
//!
//! A stream ends after [`STREAM_MAX`]; the page opens another, and so the viewer's identity is checked again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::stream::{self, Stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::looks::{LOOK_EVERY, Seen, Watched};
use crate::text;
use crate::views::{Page, Section};

/// Longest stream.
const STREAM_MAX: Duration = Duration::from_secs(10 * 60);

/// Stream of one page of one viewer.
struct Following {
    watched: Watched,
    ends_at: Instant,
    /// Page whose sections the viewer has; none before the first.
    sent: Option<Arc<Page>>,
    /// Version of the page that the viewer has loaded: the first look may find it unchanged.
    version: String,
    /// Staleness as the page shows it.
    stale: String,
    is_first: bool,
    _permit: OwnedSemaphorePermit,
}

/// Answers with the stream of a view.
pub(super) fn stream(watched: Watched, version: String, permit: OwnedSemaphorePermit) -> Response {
    let following = Following {
        watched,
        ends_at: Instant::now() + STREAM_MAX,
        sent: None,
        version,
        stale: String::new(),
        is_first: true,
        _permit: permit,
    };
    Sse::new(events(following)).keep_alive(KeepAlive::default()).into_response()
}

fn events(following: Following) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(following, |mut following| async move {
        loop {
            if Instant::now() >= following.ends_at {
                return None;
            }
            if !std::mem::take(&mut following.is_first) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            let event = following.next().await;
            if let Some(event) = event {
                return Some((Ok(event), following));
            }
        }
    })
}

impl Following {
    /// Looks once; returns what the page does not have yet.
    async fn next(&mut self) -> Option<Event> {
        let (page, stale) = match self.watched.see().await {
            Ok(seen) => (Some(Arc::clone(&seen.page)), stale(&seen).unwrap_or_default()),
            Err(error) => (None, error.to_string()),
        };
        if stale != self.stale {
            self.stale.clone_from(&stale);
            return Some(Event::default().event("stale").data(serde_json::Value::from(stale).to_string()));
        }
        let page = page?;
        let earlier = self.sent.replace(Arc::clone(&page));
        if earlier.is_none() && page.version() == self.version {
            return None;
        }
        let had = earlier.as_ref().map(|earlier| earlier.sections.as_slice()).unwrap_or_default();
        let is_known = |section: &Section| had.iter().any(|had| had.id == section.id && had.html.0 == section.html.0);
        let changed = page.sections.iter().filter(|section| section.is_live && !is_known(section));
        let changed: serde_json::Map<_, _> =
            changed.map(|section| (section.id.to_owned(), section.html.0.clone().into())).collect();
        (!changed.is_empty())
            .then(|| Event::default().event("sections").data(serde_json::Value::from(changed).to_string()))
    }
}

/// Says since when nothing newer is known, and why; none of a fresh page.
pub(super) fn stale(seen: &Seen) -> Option<String> {
    let reason = seen.stale.as_ref()?;
    let since = text::instant(seen.at_ms).unwrap_or_default();
    Some(format!("As of {since}: {reason}"))
}
