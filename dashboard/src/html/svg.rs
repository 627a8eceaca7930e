//! Pictures as SVG, without a library: each shape has its value as text, for a pointer and for a screen reader.

use maud::{Markup, html};

/// Height of a strip, in units of its own.
const STRIP_HEIGHT: u32 = 24;
/// Width of a strip, in units of its own.
const STRIP_WIDTH: u32 = 600;

/// Part of a strip.
#[derive(Debug, Clone)]
pub(crate) struct Piece<'a> {
    /// Class that colours it, from a fixed list.
    pub(crate) class: &'static str,
    /// Name and value, as text.
    pub(crate) label: &'a str,
    /// Size against the other pieces.
    pub(crate) size: f64,
}

/// Draws pieces of a whole beside each other.
pub(crate) fn strip(label: &str, pieces: &[Piece<'_>]) -> Markup {
    let whole: f64 = pieces.iter().map(|piece| piece.size).sum();
    let mut at = 0.0;
    let placed = pieces.iter().filter(|piece| piece.size > 0.0).map(|piece| {
        let width = piece.size / whole * f64::from(STRIP_WIDTH);
        let begin = at;
        at += width;
        (piece, begin, width)
    });
    let placed: Vec<_> = placed.collect();
    html! {
        @if whole > 0.0 {
            svg.strip role="img" aria-label=(label) viewBox=(format!("0 0 {STRIP_WIDTH} {STRIP_HEIGHT}")) preserveAspectRatio="none" {
                @for (piece, begin, width) in &placed {
                    rect class=(piece.class) x=(format!("{begin:.1}")) y="0" width=(format!("{width:.1}")) height=(STRIP_HEIGHT) {
                        title { (piece.label) }
                    }
                }
            }
            ul.legend { @for (piece, _, _) in &placed { li { span class=(format!("key {}", piece.class)) {} (piece.label) } } }
        }
    }
}

/// Block of a timeline.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// Class that colours it, from a fixed list.
    pub(crate) class: &'static str,
    /// Name and value, as text.
    pub(crate) label: String,
    /// Begin and end, in the unit of the timeline's length.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// Narrowest block that can be seen, in units of a strip.
const BLOCK_WIDTH_MIN: f64 = 0.5;

/// Draws blocks at their place on a line of `length`.
pub(crate) fn timeline(label: &str, length: u64, blocks: &[Block]) -> Markup {
    let scaled = |at: u64| at as f64 / length.max(1) as f64 * f64::from(STRIP_WIDTH);
    html! {
        svg.strip role="img" aria-label=(label) viewBox=(format!("0 0 {STRIP_WIDTH} {STRIP_HEIGHT}")) preserveAspectRatio="none" {
            @for block in blocks {
                @let (begin, end) = (scaled(block.start), scaled(block.end));
                rect class=(block.class) x=(format!("{begin:.1}")) y="0" width=(format!("{:.1}", (end - begin).max(BLOCK_WIDTH_MIN))) height=(STRIP_HEIGHT) {
                    title { (block.label) }
                }
            }
        }
    }
}
