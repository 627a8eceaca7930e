//! Tables, and the way to their other pages.

use maud::{Markup, html};

use crate::text;

/// Shows a table: its caption, its headers, and rows that are already cells (`th scope="row"` and `td`).
pub(crate) fn table(caption: &str, headers: &[&str], rows: &[Markup]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for header in headers { th scope="col" { (header) } } } }
                tbody { @for row in rows { tr { (row) } } }
            }
        }
    }
}

/// Place of a page in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pager {
    /// Number of entries before the page.
    pub(crate) offset: usize,
    /// Number of entries on the page.
    pub(crate) shown: usize,
    /// Number of entries that match.
    pub(crate) total: usize,
}

/// Shows the place of a page and links to its neighbours. `link` makes the link to the page that begins at an offset.
pub(crate) fn pager(noun: &str, place: Pager, page_len: usize, link: impl Fn(usize) -> String) -> Markup {
    let Pager { offset, shown, total } = place;
    let next = offset + shown;
    html! {
        nav.pager aria-label=(format!("Pages of {noun}")) {
            span {
                @if shown == total && offset == 0 { (text::count(total as u64)) " " (noun) }
                @else if shown == 0 { "none of " (text::count(total as u64)) " " (noun) " here" }
                @else {
                    (text::count(offset as u64 + 1)) " to " (text::count(next as u64)) " of " (text::count(total as u64))
                    " " (noun)
                }
            }
            @if offset > 0 { " " a href=(link(offset.saturating_sub(page_len))) rel="prev" { "Earlier" } }
            @if next < total && shown > 0 { " " a href=(link(next)) rel="next" { "Later" } }
        }
    }
}
