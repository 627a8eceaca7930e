//! Plot of days: the workers wanted and the workers there, over time.

use std::fmt::Write as _;

use crate::cluster::Moment;

const WIDTH: u64 = 720;
const HEIGHT: u64 = 120;
const LEFT: u64 = 48;
/// Space of a day with its title.
const DAY_HEIGHT: u64 = HEIGHT + 48;
/// Seconds of a point of the lines.
const STEP: usize = 15;

/// Draws one panel a day, as an SVG document.
pub(crate) fn draw(days: &[(&str, Vec<Moment>)]) -> String {
    let height = days.len() as u64 * DAY_HEIGHT + 24;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Workers wanted and workers there</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"16\" fill=\"#c2410c\">tailor_workers_wanted</text>\n\
         <text x=\"{}\" y=\"16\" fill=\"#1d4ed8\">workers, under a horizontal pod autoscaler</text>\n",
        WIDTH + LEFT + 24,
        LEFT + 160,
    );
    for (ordinal, (name, moments)) in days.iter().enumerate() {
        let top = 24 + ordinal as u64 * DAY_HEIGHT + 24;
        panel(&mut svg, top, name, moments);
    }
    svg + "</svg>\n"
}

fn panel(svg: &mut String, top: u64, name: &str, moments: &[Moment]) {
    let end = moments.iter().rposition(|moment| moment.replicas > 0).unwrap_or(0) + 10 * STEP;
    let moments = &moments[..end.min(moments.len())];
    let most = moments.iter().map(|moment| moment.wanted.max(moment.replicas)).max().unwrap_or(1).max(1);
    let minutes = moments.len() as u64 / 60;
    let bottom = top + HEIGHT;
    let line = |value: fn(&Moment) -> u32| -> String {
        let points = moments.iter().enumerate().step_by(STEP).map(|(at, moment)| {
            let x = LEFT + at as u64 * WIDTH / moments.len() as u64;
            let y = bottom - u64::from(value(moment)) * HEIGHT / u64::from(most);
            format!("{x},{y}")
        });
        points.collect::<Vec<_>>().join(" ")
    };
    let (wanted, replicas) = (line(|moment| moment.wanted), line(|moment| moment.replicas));
    let written = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\">{name}: {minutes} min, at most {most} workers</text>\n\
         <path d=\"M{LEFT},{top} V{bottom} H{}\" fill=\"none\" stroke=\"#999\"/>\n\
         <polyline points=\"{replicas}\" fill=\"none\" stroke=\"#1d4ed8\" stroke-width=\"2\"/>\n\
         <polyline points=\"{wanted}\" fill=\"none\" stroke=\"#c2410c\"/>\n",
        top - 6,
        LEFT + WIDTH,
    );
    written.expect("a string takes everything");
}
