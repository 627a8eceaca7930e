//! Pictures of the answer: a sentence, the matrix, and the shards that are not complete.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::cells::{ShardState, WindowFacts};
use super::{Coverage, Question};
use crate::html::{Links, instant, long, name, state, table, warnings};
use crate::text;
use crate::views::{Page, Section, document};

/// Most cells of the matrix: each takes some 200 bytes at worst.
const CELLS_MAX: usize = 780;
/// Most rows of the table below it; each takes a kilobyte at worst.
const ROWS_MAX: usize = 50;
/// Most notes of one window.
const NOTES_MAX: usize = 3;
/// Most datasets to choose from.
const DATASETS_MAX: usize = 50;

pub(super) fn page(coverage: &Coverage, question: &Question, links: &Links) -> Page {
    let command = match coverage.dataset.as_str() {
        "" => "tailor dataset coverage URI".to_owned(),
        uri => {
            let org = coverage.org.as_ref().map(|org| format!(" --org {org}")).unwrap_or_default();
            let window = coverage.window.as_ref().map(|window| format!(" --window {window}")).unwrap_or_default();
            format!("tailor dataset coverage {uri}{org}{window}")
        }
    };
    Page {
        title: "Coverage".to_owned(),
        nav: "Coverage",
        crumbs: Vec::new(),
        sections: vec![
            Section::still("question", form(coverage, question, links)),
            Section::live("answer", answer(coverage)),
            Section::live("matrix", matrix(coverage, question, links)),
            Section::live("lacking", lacking(coverage, links)),
            Section::live("warnings", warnings("Left out", &coverage.warnings)),
        ],
        document: document("CoveragePage", coverage),
        command,
        actions: Vec::new(),
        is_over: false,
    }
}

fn form(coverage: &Coverage, question: &Question, links: &Links) -> Markup {
    let to = |uri: &str| links.to(&Question { dataset: uri.to_owned(), ..Question::default() }.url());
    html! {
        form method="get" action=(links.to("coverage")) {
            @if coverage.is_fixed { span { "Dataset " (name(&coverage.dataset)) } }
            @else { label { "Dataset " input name="dataset" type="text" value=(coverage.dataset) required maxlength="2048"; } }
            label { "Organisation " input name="org" type="text" inputmode="numeric" value=(question.org) placeholder="all" maxlength="20"; }
            label { "Window " input name="window" type="text" value=(question.window) placeholder="START/END; the newest" maxlength="64"; }
            button { "Show" }
        }
        @if !coverage.datasets.is_empty() {
            p { "Datasets of the latest jobs:" }
            ul { @for uri in coverage.datasets.iter().take(DATASETS_MAX) { li { a href=(to(uri)) { (name(uri)) } } } }
        }
    }
}

fn answer(coverage: &Coverage) -> Markup {
    let of_org = coverage.org.as_ref().map(|org| format!(" for organisation {org}")).unwrap_or_default();
    let complete = coverage.windows.iter().filter(|window| is_complete(window)).count() as u64;
    html! {
        @match coverage.windows.as_slice() {
            [] if coverage.dataset.is_empty() => p.answer { "Name a dataset." },
            [] => p.answer { "No window of this dataset is on record." },
            [one] => p.answer { (state(&one.state)) " " (long("sentence", &one.answer)) },
            windows => p.answer {
                (text::count(complete)) " of " (text::counted(windows.len() as u64, "window")) " shown are complete" (of_org) "."
            },
        }
        @if let Some(as_of_ms) = coverage.as_of_ms { p { "As of " (instant(as_of_ms)) "." } }
        @if coverage.org.is_some() { (routes(coverage)) }
    }
}

fn is_complete(window: &WindowFacts) -> bool {
    matches!(window.state.as_str(), "complete" | "empty")
}

/// Says in which shards an organisation lies, and why.
fn routes(coverage: &Coverage) -> Markup {
    let shards = coverage.windows.iter().flat_map(|window| &window.shards);
    let reasons: BTreeSet<_> =
        shards.filter_map(|shard| Some((shard.shard.as_str(), shard.routed_because.as_deref()?))).collect();
    html! {
        @if !reasons.is_empty() {
            ul.reasons { @for (shard, reason) in reasons.iter().take(ROWS_MAX) { li { strong { (name(shard)) } ": " (reason) "." } } }
        }
    }
}

/// Chooses the shards that have a column: if there are too many, those that are complete everywhere are left out first.
fn columns(coverage: &Coverage) -> (BTreeSet<&str>, usize) {
    let mut is_lacking: BTreeMap<&str, bool> = BTreeMap::new();
    for shard in coverage.windows.iter().flat_map(|window| &window.shards) {
        *is_lacking.entry(&shard.shard).or_default() |= !shard.is_complete();
    }
    let mut shards: Vec<_> = is_lacking.into_iter().collect();
    shards.sort_by_key(|(_, is_lacking)| !is_lacking);
    let left_out = shards.len().saturating_sub(CELLS_MAX / coverage.windows.len().max(1));
    shards.truncate(shards.len() - left_out);
    (shards.into_iter().map(|(shard, _)| shard).collect(), left_out)
}

fn matrix(coverage: &Coverage, question: &Question, links: &Links) -> Markup {
    let (columns, left_out) = columns(coverage);
    let shorts: Vec<_> = columns.iter().map(|shard| short(shard)).collect();
    let headers: Vec<_> = ["Window", "State"].into_iter().chain(shorts.iter().map(String::as_str)).collect();
    let rows: Vec<_> = coverage.windows.iter().map(|window| row(window, &columns, question, links)).collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Windows and shards" }
            (table("Windows, the newest first; a column for each shard", &headers, &rows))
            p.legend {
                "C complete, E empty, H complete with holes, R running, F failed, M missing, U unknown, and the version"
                @if left_out > 0 { "; " (text::counted(left_out as u64, "more shard")) " are in the JSON of this page" } "."
            }
            @for window in &coverage.windows {
                @for note in window.notes.iter().take(NOTES_MAX) { p { (name(&text::window(&window.window))) ": " (name(note)) } }
            }
        }
        @if let Some(next) = &coverage.next {
            @let earlier = Question { before: next.clone(), ..question.clone() };
            nav.pager aria-label="Pages of windows" { a href=(links.to(&earlier.url())) rel="next" { "Earlier windows" } }
        }
    }
}

/// Shortens the name of a shard: columns are many.
fn short(shard: &str) -> String {
    let short = shard.strip_prefix("org-mod-").unwrap_or(shard);
    text::printable(text::cut(short, 24).0).into_owned()
}

fn row(window: &WindowFacts, columns: &BTreeSet<&str>, question: &Question, links: &Links) -> Markup {
    let cells: BTreeMap<_, _> = window.shards.iter().map(|shard| (shard.shard.as_str(), shard)).collect();
    let alone = Question { window: window.window.clone(), before: String::new(), ..question.clone() };
    html! {
        th scope="row" { a href=(links.to(&alone.url())) { (name(&text::window(&window.window))) } }
        td { (state(&window.state)) }
        @for shard in columns { td { @if let Some(shard) = cells.get(shard) { (cell(shard, links)) } @else { "-" } } }
    }
}

/// Shows a shard of a window: its state as a letter and a colour, its version, and the share that is read.
fn cell(shard: &ShardState, links: &Links) -> Markup {
    let letter = shard.state.chars().next().unwrap_or('?').to_ascii_uppercase();
    let mut shown = letter.to_string();
    if let Some(version) = shard.version {
        shown.push_str(&format!(" v{version}"));
    }
    if let Some(percent) = shard.read_percent {
        shown.push_str(&format!(" {percent} %"));
    }
    let class = format!("cell s-{}", shard.state);
    let label = format!("{shown}: {}", shard.state);
    match shard.telling_job() {
        Some(job) => html! { a class=(class) href=(links.shard(job, &shard.shard)) aria-label=(label) { (shown) } },
        None => html! { span class=(class) { (shown) } },
    }
}

/// Lists the shards that are not complete, with the cause and the command that helps.
fn lacking(coverage: &Coverage, links: &Links) -> Markup {
    let all = coverage.windows.iter().flat_map(|window| window.shards.iter().map(move |shard| (window, shard)));
    let lacking: Vec<_> = all.filter(|(_, shard)| !shard.is_complete()).collect();
    let rows: Vec<_> = lacking.iter().take(ROWS_MAX).map(|(window, shard)| lacking_row(window, shard, links)).collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Not complete" }
            (table("Shards that are not complete", &["Window", "Shard", "State", "Version", "Job", "Cause", "Next step"], &rows))
            @if lacking.len() > rows.len() { p.legend { (text::count((lacking.len() - rows.len()) as u64)) " more are in the JSON of this page." } }
        }
    }
}

fn lacking_row(window: &WindowFacts, shard: &ShardState, links: &Links) -> Markup {
    html! {
        th scope="row" { (name(&text::window(&window.window))) }
        td { (name(&shard.shard)) }
        td { (state(&shard.state)) }
        td.number { @if let Some(version) = shard.version { "v" (version) } @else { "-" } }
        td { @if let Some(job) = shard.telling_job() { a href=(links.shard(job, &shard.shard)) { (name(job)) } } @else { "-" } }
        td { (name(&cause(shard))) }
        td { @if let Some(step) = &shard.next_step { code { (text::printable(step)) } } @else { "-" } }
    }
}

/// Describes the holes of a shard, and the cause of its state.
fn cause(shard: &ShardState) -> String {
    let mut said = Vec::new();
    if shard.frames_quarantined > 0 {
        said.push(format!("{} in quarantine", text::counted(shard.frames_quarantined, "frame")));
    }
    if shard.frames_misplaced > 0 {
        said.push(format!("{} of another shard", text::counted(shard.frames_misplaced, "frame")));
    }
    if shard.segments_lacking > 0 || shard.bytes_lacking > 0 {
        let segments = text::counted(shard.segments_lacking, "segment");
        said.push(format!("{segments}, {} of a later plan are lacking", text::bytes(shard.bytes_lacking)));
    }
    said.extend(shard.cause.clone());
    said.join("; ")
}
