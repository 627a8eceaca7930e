//! Cost of a job that has ended: slots, requests and storage, with what was wasted apart, and a forecast for more data.

use maud::{Markup, html};
use model::JobId;
use proto::ApiError;
use serde::Serialize;

use super::facts::JobFacts;
use super::{Look, Page, Section, document};
use crate::html::{Links, facts, name, state, table};
use crate::price::{PagePrices, money};
use crate::record::{JobRecord, RecordedEffort};
use crate::text;

/// Factors of the data for which the cost is forecast.
const FORECASTS: [u32; 2] = [2, 10];

/// Facts of the view.
#[derive(Debug, Serialize)]
struct Cost {
    #[serde(flatten)]
    job: JobFacts,
    prices: PagePrices,
    /// Figures of a job that has ended; none before, or if its record does not tell them: unknown is not 0.
    figures: Option<Figures>,
    /// Sentences about what is not counted.
    incomplete: Vec<String>,
}

/// Figures of a job that has ended.
#[derive(Debug, Serialize)]
struct Figures {
    /// Attempts that count.
    useful: Spent,
    /// Attempts that do not.
    wasted: Spent,
    cost: f64,
    cost_per_trillion_points: Option<f64>,
    bytes_stored: u64,
    stored_per_month: f64,
    forecast: Vec<Forecast>,
}

/// Time and requests, with their price.
#[derive(Debug, Serialize)]
struct Spent {
    slot_ms: u64,
    slot_cost: f64,
    requests: std::collections::BTreeMap<String, u64>,
    request_cost: f64,
    throttled_ms: u64,
}

/// Cost for so many times the data.
#[derive(Debug, Serialize)]
struct Forecast {
    times: u32,
    cost: f64,
}

impl Spent {
    fn of(effort: &RecordedEffort, prices: &PagePrices) -> Self {
        Self {
            slot_ms: effort.wall.as_millis() as u64,
            slot_cost: prices.slots(effort),
            requests: effort
                .requests
                .iter()
                .filter(|(_, count)| **count > 0)
                .map(|(kind, count)| (kind.clone(), *count))
                .collect(),
            request_cost: prices.requests(effort),
            throttled_ms: effort.throttled.as_millis() as u64,
        }
    }

    fn total(&self) -> f64 {
        self.slot_cost + self.request_cost
    }

    fn requests(&self) -> u64 {
        self.requests.values().sum()
    }
}

impl Figures {
    fn of(record: &JobRecord, prices: &PagePrices) -> Self {
        let mut wasted = RecordedEffort::default();
        record.shards.iter().for_each(|shard| wasted.add(&shard.wasted));
        let (useful, wasted) = (Spent::of(&record.totals.effort, prices), Spent::of(&wasted, prices));
        let cost = useful.total() + wasted.total();
        let points = record.totals.books.reduce.points_written;
        let bytes_stored = record.totals.bytes_raw + record.totals.bytes_rollup;
        Self {
            useful,
            wasted,
            cost,
            cost_per_trillion_points: (points > 0).then(|| cost / points as f64 * 1e12),
            bytes_stored,
            stored_per_month: prices.stored(bytes_stored),
            forecast: FORECASTS.map(|times| Forecast { times, cost: cost * f64::from(times) }).into(),
        }
    }
}

pub(super) async fn look(look: &Look<'_>, job: &JobId) -> Result<Page, ApiError> {
    let seen = look.source.job(job.as_str()).await?;
    let record = JobRecord::parse(&seen.record);
    let cost = Cost {
        job: JobFacts::from(&seen.job.clone().unwrap_or_default()),
        prices: look.prices,
        figures: record.as_ref().filter(|record| is_known(record)).map(|record| Figures::of(record, &look.prices)),
        incomplete: incomplete(record.as_ref()),
    };
    Ok(page(&cost, &look.links))
}

/// True if the workers of the job told what they spent.
fn is_known(record: &JobRecord) -> bool {
    !record.totals.effort.wall.is_zero() || record.totals.books.map.frames_read == 0
}

fn incomplete(record: Option<&JobRecord>) -> Vec<String> {
    let mut said = vec!["requests of coordinators, and those for plans and reports, are not counted".to_owned()];
    let Some(record) = record else { return said };
    if !is_known(record) {
        said.push("the workers told neither slot time nor requests: they are of an older version".to_owned());
    }
    let open = record.shards.iter().filter(|shard| shard.state != "done").count() as u64;
    if open > 0 {
        said.push(format!("{} not done, and only what was wasted there is known", text::counted(open, "shard")));
    }
    said
}

fn page(cost: &Cost, links: &Links) -> Page {
    let job = &cost.job.job;
    Page {
        title: format!("Cost of {job}"),
        nav: "Jobs",
        crumbs: vec![("Jobs".to_owned(), links.to("")), (job.clone(), links.job(job))],
        sections: vec![
            Section::live("answer", told(cost)),
            Section::live("figures", figures(cost)),
            Section::live("about", about(cost)),
        ],
        document: document("CostPage", cost),
        command: format!("tailor job cost {job}"),
        actions: Vec::new(),
    }
}

fn told(cost: &Cost) -> Markup {
    let Some(figures) = &cost.figures else {
        return html! { p.answer { (state(&cost.job.state)) " The cost is not known: it is told once a job has ended, if its workers told what they spent." } };
    };
    let requests = figures.useful.request_cost + figures.wasted.request_cost;
    let wasted = if figures.cost > 0.0 { figures.wasted.total() / figures.cost * 100.0 } else { 0.0 };
    html! {
        p.answer {
            "It cost " (money(figures.cost)) ": " (money(requests)) " for requests, "
            (money(figures.cost - requests)) " for slots; " (format!("{wasted:.1}")) " % of it was wasted."
        }
        @if let Some(price) = figures.cost_per_trillion_points { p { "That is " (money(price)) " for 10" sup { "12" } " points." } }
        p {
            "By the same prices, it costs "
            @for (at, forecast) in figures.forecast.iter().enumerate() {
                @if at > 0 { " and " }
                (money(forecast.cost)) " for " (forecast.times) " times the data"
            }
            "; what it stored costs " (money(figures.stored_per_month)) " a month."
        }
    }
}

fn figures(cost: &Cost) -> Markup {
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
    let kinds: std::collections::BTreeSet<_> = useful.requests.keys().chain(wasted.requests.keys()).collect();
    let count = |spent: &Spent, kind: &String| text::count(spent.requests.get(kind).copied().unwrap_or_default());
    rows.extend(kinds.into_iter().map(|kind| {
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
        (table("Attempts that count, and those that were wasted", &["Of", "Useful", "Wasted", "Price"], &rows))
    }
}

fn about(cost: &Cost) -> Markup {
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
