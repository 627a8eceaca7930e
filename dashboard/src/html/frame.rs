//! Frame of a page: head, navigation, the sections of a view, and the command that says the same.

use maud::{DOCTYPE, Markup, html};

use super::Links;
use crate::http::assets;
use crate::source::PageAction;
use crate::views::{Page, Section};

/// Surroundings of a view.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) links: &'a Links,
    /// Name of the viewer; none where nobody is asked for an identity.
    pub(crate) viewer: Option<&'a str>,
    /// Link to the view itself, with its query.
    pub(crate) here: &'a str,
    /// Reason for which the page is not of this moment, if it is not.
    pub(crate) stale: Option<String>,
    /// True if a cluster is shown, and not the records of a dataset.
    pub(crate) is_cluster: bool,
    /// Changes that the viewer may make here.
    pub(crate) actions: &'a [PageAction],
}

/// Views that the navigation names: path, text, and true if only a cluster has them.
const NAVIGATION: [(&str, &str, bool); 4] =
    [("", "Jobs", false), ("coverage", "Coverage", false), ("trouble", "Trouble", true), ("workers", "Workers", true)];

/// Renders a whole page.
pub(crate) fn frame(page: &Page, frame: &Frame<'_>) -> Markup {
    let links = frame.links;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (crate::text::printable(&page.title)) " · Tailor" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href=(links.to(assets::ICON.path));
                link rel="stylesheet" href=(links.to(assets::STYLE.path));
                script src=(links.to(assets::SCRIPT.path)) defer {}
            }
            body data-live=(format!("{}&version={}", with_format(frame.here, "live"), page.version())) {
                a.skip href="#main" { "Skip to the content" }
                header {
                    nav aria-label="Views" {
                        ul {
                            @for (path, text, _) in NAVIGATION.into_iter().filter(|(.., of_cluster)| frame.is_cluster || !of_cluster) {
                                @let is_here = page.crumbs.is_empty() && page.nav == text;
                                li { a href=(links.to(path)) aria-current=[is_here.then_some("page")] { (text) } }
                            }
                        }
                    }
                    p #live role="status" { (frame.stale.as_deref().unwrap_or_default()) }
                }
                main #main tabindex="-1" {
                    @if !page.crumbs.is_empty() {
                        nav.crumbs aria-label="Path" {
                            ol { @for (text, link) in &page.crumbs { li { a href=(link) { (super::name(text)) } } } }
                        }
                    }
                    h1 { (super::name(&page.title)) }
                    @for section in &page.sections { (placed(section)) }
                    (actions(frame))
                }
                footer {
                    p { "The same by the command line: " code { (crate::text::printable(&page.command)) } }
                    p {
                        a href=(with_format(frame.here, "json")) { "JSON of this page" }
                        @if let Some(viewer) = frame.viewer { " · you are " (super::name(viewer)) }
                    }
                }
            }
        }
    }
}

/// Shows a form for each change: the name has to be typed, and a reason given.
fn actions(frame: &Frame<'_>) -> Markup {
    html! {
        @if !frame.actions.is_empty() {
            section #actions {
                h2 { "Change" }
                @for (at, action) in frame.actions.iter().enumerate() { (form(at, action, frame.links)) }
            }
        }
    }
}

fn form(at: usize, action: &PageAction, links: &Links) -> Markup {
    let (path, verb, typed) = match action {
        PageAction::CancelJob { job } => (format!("{}/cancel", links.job(job)), "Cancel this job", job.as_str()),
        PageAction::RetryJob { job } => {
            (format!("{}/retry", links.job(job)), "Run failed and cancelled shards again", job.as_str())
        }
        PageAction::ReplayShard { job, shard } => {
            (format!("{}/replay", links.shard(job, shard)), "Replay this shard into a new version", shard.as_str())
        }
        PageAction::DrainWorker { .. } => (links.to("workers/drain"), "Drain a worker", "the name of the worker"),
    };
    html! {
        details id=(format!("action-{at}")) {
            summary { (verb) }
            form method="post" action=(path) {
                label { "Type " (super::name(typed)) " " input name="name" type="text" required autocomplete="off" maxlength="256"; }
                label { "Reason, which is kept " input name="reason" type="text" required maxlength="1024"; }
                button { (verb) }
            }
        }
    }
}

fn placed(section: &Section) -> Markup {
    html! { section id=(section.id) data-live[section.is_live] { (section.html) } }
}

/// Adds a format to the query of a link.
fn with_format(link: &str, format: &str) -> String {
    let joint = if link.contains('?') { '&' } else { '?' };
    format!("{link}{joint}format={format}")
}
