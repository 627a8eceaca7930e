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
