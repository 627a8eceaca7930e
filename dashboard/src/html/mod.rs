//! Pieces of HTML. `maud` escapes every value; [`name`] and [`long`] also spell out what would steer a page's text.
//!
//! Rules that `tests/browser` checks by axe: a state is a word beside its colour, a link's label begins with the text
//! that is shown, a table has a caption and scoped headers, and nothing is styled in place, because the policy of the
//! page forbids it.

mod frame; //            frame of a page: head, navigation, footer
pub(crate) mod links; // links to views, relative to the page
mod table; //            tables with captions, and the way to their other pages
pub(crate) mod svg; //   pictures as SVG

use maud::{Markup, html};

pub(crate) use frame::{Frame, frame};
pub(crate) use links::Links;
pub(crate) use table::{Pager, pager, table};

use crate::text;

/// Shows a name of a stranger on one line, apart from the direction of its surroundings.
pub(crate) fn name(name: &str) -> Markup {
    let (kept, is_cut) = text::cut(name, text::CELL_LETTERS_MAX);
    html! { bdi { (text::printable(kept)) @if is_cut { "…" } } }
}

/// Shows a text of a stranger: the beginning, and the rest on demand. `id` keeps it open while the page changes.
pub(crate) fn long(id: &str, whole: &str) -> Markup {
    let (beginning, is_cut) = text::cut(whole, text::CELL_LETTERS_MAX);
    if !is_cut {
        return html! { bdi.long { (text::printable(whole)) } };
    }
    let (kept, is_left_out) = text::cut(whole, text::TEXT_LETTERS_MAX);
    html! {
        details id=(id) {
            summary { bdi { (text::printable(beginning)) "…" } }
            bdi.long { (text::printable(kept)) @if is_left_out { " … (JSON has the rest)" } }
        }
    }
}

/// Shows a state: a word on its colour. The word comes from a fixed list.
pub(crate) fn state(word: &str) -> Markup {
    let class = format!("state s-{}", word.replace(' ', "-"));
    html! { span class=(class) { (word) } }
}

/// Shows a share as a bar with its number; a dash if there is nothing to have a share of.
pub(crate) fn bar(label: &str, part: u64, whole: u64) -> Markup {
    match text::percent(part, whole) {
        None => html! { "-" },
        Some(percent) => html! {
            progress max="100" value=(percent) aria-label=(label) {} " " (percent) " %"
        },
    }
}

/// Shows an instant; a dash for 0, which stands for none.
pub(crate) fn instant(at_ms: i64) -> Markup {
    match text::instant(at_ms) {
        None => html! { "-" },
        Some(at) => html! { time datetime=(at) { (at) } },
    }
}

/// Shows named values, and leaves the empty ones out.
pub(crate) fn facts(facts: &[(&str, Option<Markup>)]) -> Markup {
    html! {
        dl.facts {
            @for (label, value) in facts {
                @if let Some(value) = value {
                    div { dt { (label) } dd { (value) } }
                }
            }
        }
    }
}

/// Shows warnings, if there are any.
pub(crate) fn warnings(heading: &str, warnings: &[String]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            h2 { (heading) }
            ul.warnings {
                @for (at, warning) in warnings.iter().enumerate() {
                    li { (long(&format!("w-{at}"), warning)) }
                }
            }
        }
    }
}
