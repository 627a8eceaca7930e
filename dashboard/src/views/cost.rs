//! Cost of a job: slots, requests and storage, with the wasted part apart, and a forecast for more data; of a job that
//! runs, its cost so far, and the range of its cost at the end.

use std::collections::BTreeMap;

use maud::{Markup, html};
use model::{JobId, RequestKind};
use proto::ApiError;
use serde::Serialize;

use super::facts::JobFacts;
use super::{Page, Section, ViewContext, document};
use crate::cost::{Cost, DataForecast, EndForecast, Spending};
use crate::html::{Links, facts, name, state, table};
use crate::price::{PagePrices, money};
use crate::text;

/// Facts of the view.
#[derive(Debug, Serialize)]
struct CostOfJob {
    #[serde(flatten)]
    job: JobFacts,
    prices: PagePrices,
    /// Figures of the job; none if its record or its leader lacks them: unknown is not 0.
    figures: Option<Figures>,
    /// Sentences about costs that are not counted.
    incomplete: Vec<String>,
}

/// Figures of a job.
#[derive(Debug, Serialize)]
struct Figures {
    /// True if the job has not ended, and the figures are those so far.
    so_far: bool,
    /// Attempts that count; those that run, too, while the job does.
    useful: Spent,
    /// Attempts that do not.
    wasted: Spent,
    cost: f64,
    /// Range in which the cost of a job that runs will end; none before enough is done.
    at_end: Option<EndForecast>,
    cost_per_trillion_points: Option<f64>,
    bytes_stored: Option<u64>,
    stored_per_month: Option<f64>,
    forecast: Vec<DataForecast>,
}

/// Time and requests, with their price.
#[derive(Debug, Serialize)]
struct Spent {
    slot_ms: u64,
    slot_cost: f64,
    requests: BTreeMap<&'static str, u64>,
    request_cost: f64,
    throttled_ms: u64,
}

impl From<crate::cost::Spent> for Spent {
    fn from(spent: crate::cost::Spent) -> Self {
        let effort = spent.effort;
        let counts = RequestKind::ALL.into_iter().map(|kind| (kind.name(), effort.requests.of(kind)));
        Self {
            slot_ms: effort.wall.as_millis() as u64,
            slot_cost: spent.slots,
            requests: counts.filter(|(_, count)| *count > 0).collect(),
            request_cost: spent.requests,
            throttled_ms: effort.throttled.as_millis() as u64,
        }
    }
}

impl Spent {
    fn total(&self) -> f64 {
        self.slot_cost + self.request_cost
    }

    fn requests(&self) -> u64 {
        self.requests.values().sum()
    }
}

impl Figures {
    fn of(spending: &Spending, prices: &PagePrices) -> Self {
        let cost = Cost::of(spending, prices);
        Self {
            so_far: spending.is_running,
            useful: cost.useful.into(),
            wasted: cost.wasted.into(),
            cost: cost.total,
            at_end: cost.at_end,
            cost_per_trillion_points: cost.per_trillion_points,
            bytes_stored: spending.bytes_stored,
            stored_per_month: cost.stored_per_month,
            forecast: cost.forecast,
        }
    }
}

pub(super) async fn load(ctx: &ViewContext<'_>, job: &JobId) -> Result<Page, ApiError> {
    let seen = ctx.source.job(job.as_str()).await?;
    let spending = Spending::of_job(&seen);
    let cost = CostOfJob {
        job: JobFacts::from(&seen.job.unwrap_or_default()),
        prices: ctx.settings.prices,
        figures: spending.as_ref().map(|spending| Figures::of(spending, &ctx.settings.prices)),
        incomplete: spending.map_or_else(|| Spending::incomplete(0), |spending| spending.incomplete),
    };
    Ok(page(&cost, &ctx.links))
}

fn page(cost: &CostOfJob, links: &Links) -> Page {
    let job = &cost.job.job;
    Page {
        title: format!("Cost of {job}"),
        nav: "Jobs",
        crumbs: vec![("Jobs".to_owned(), links.to("")), (job.clone(), links.job(job))],
        sections: vec![
            Section::live("answer", headline(cost)),
            Section::live("figures", figures(cost)),
            Section::live("about", about(cost)),
        ],
        document: document("CostPage", cost),
        command: format!("tailor job cost {job}"),
        actions: Vec::new(),
        is_over: cost.figures.as_ref().is_none_or(|figures| !figures.so_far),
    }
}

fn headline(cost: &CostOfJob) -> Markup {
    let Some(figures) = &cost.figures else {
        return html! { p.answer { (state(&cost.job.state)) " The cost is not known: neither its record nor its leader tells what its workers spent." } };
    };
    let requests = figures.useful.request_cost + figures.wasted.request_cost;
    let wasted = if figures.cost > 0.0 { figures.wasted.total() / figures.cost * 100.0 } else { 0.0 };
    html! {
        p.answer {
            @if figures.so_far { (state(&cost.job.state)) " So far it costs " } @else { "It cost " }
            (money(figures.cost)) ": " (money(requests)) " for requests, "
            (money(figures.cost - requests)) " for slots; " (format!("{wasted:.1}")) " % of it was wasted."
        }
        @if let Some(price) = figures.cost_per_trillion_points { p { "That is " (money(price)) " for 10" sup { "12" } " points." } }
        (forecasts(figures))
    }
}

/// Formats the cost of a running job at its end, or of an ended job for more data.
fn forecasts(figures: &Figures) -> Markup {
    html! {
        @if let Some(EndForecast { low, high }) = figures.at_end {
            p { "At its end it will have cost " (money(low)) " to " (money(high)) ", by the shares of the bytes and of the tasks that are done." }
        } @else if figures.so_far { p { "Too little is done to tell what it will have cost at its end." } }
        @if !figures.forecast.is_empty() {
            p {
                "By the same prices, it costs "
                @for (at, forecast) in figures.forecast.iter().enumerate() {
                    @if at > 0 { " and " }
                    (money(forecast.cost)) " for " (forecast.times) " times the data"
                }
                @if let Some(price) = figures.stored_per_month { "; what it stored costs " (money(price)) " a month" }
                "."
            }
        }
    }
}

fn figures(cost: &CostOfJob) -> Markup {
    let Some(figures) = &cost.figures else { return html! {} };
    let (useful, wasted) = (&figures.useful, &figures.wasted);
    let row = |label: &str, useful: String, wasted: String, price: String| {
        html! {
            th scope="row" { (label) }
            td.number { (useful) }
            td.number { (wasted) }
            td.number { (price) }
        }
    };
    let time = |ms: u64| text::span_ms(ms);
    let mut rows = vec![row(
        "Time of slots",
        time(useful.slot_ms),
        time(wasted.slot_ms),
        money(useful.slot_cost + wasted.slot_cost),
    )];
    let count = |spent: &Spent, kind: &str| text::count(spent.requests.get(kind).copied().unwrap_or_default());
    let kinds = RequestKind::ALL.into_iter().map(RequestKind::name);
    let kinds = kinds.filter(|kind| useful.requests.contains_key(kind) || wasted.requests.contains_key(kind));
    rows.extend(kinds.map(|kind| {
        html! {
            th scope="row" { "Requests: " (name(kind)) }
            td.number { (count(useful, kind)) }
            td.number { (count(wasted, kind)) }
            td {}
        }
    }));
    let all = money(useful.request_cost + wasted.request_cost);
    rows.push(row("All requests", text::count(useful.requests()), text::count(wasted.requests()), all));
    rows.push(row("Waits for a throttling store", time(useful.throttled_ms), time(wasted.throttled_ms), String::new()));
    rows.push(row("Total", money(useful.total()), money(wasted.total()), money(figures.cost)));
    html! {
        h2 { "Figures" }
        (table("Attempts that count or run, and those that were wasted", &["Of", "Useful", "Wasted", "Price"], &rows))
    }
}

fn about(cost: &CostOfJob) -> Markup {
    let prices = &cost.prices;
    html! {
        h2 { "Prices" }
        (facts(&[
            ("A slot for an hour", Some(html! { (money(prices.slot_hour)) })),
            ("A thousand writes or listings", Some(html! { (money(prices.put_thousand)) })),
            ("A thousand reads", Some(html! { (money(prices.get_thousand)) })),
            ("A gigabyte for a month", Some(html! { (money(prices.stored_gb_month)) })),
        ]))
        h2 { "Not counted" }
        ul { @for said in &cost.incomplete { li { (said) } } }
    }
}
