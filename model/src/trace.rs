//! Position in a trace, in the form of W3C Trace Context (<https://www.w3.org/TR/trace-context/#traceparent-header>).

use std::fmt;
use std::str::FromStr;

/// Flag that says that a collector gets the spans of the trace.
const SAMPLED: u8 = 1;

/// Span in a trace to which others belong, or to which they are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    is_sampled: bool,
}

impl TraceParent {
    /// Creates a position; none if one of the ids is 0, which stands for no id.
    pub fn new(trace: u128, span: u64, is_sampled: bool) -> Option<Self> {
        (trace != 0 && span != 0).then_some(Self { trace, span, is_sampled })
    }

    /// Id of the trace: 32 hexadecimal digits in its text.
    pub const fn trace(&self) -> u128 {
        self.trace
    }

    /// Id of the span.
    pub const fn span(&self) -> u64 {
        self.span
    }

    /// True if a collector gets the spans of the trace.
    pub const fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    /// Returns the id of the trace as collectors show it; none if no collector gets the trace.
    pub fn shown_id(&self) -> Option<String> {
        self.is_sampled.then(|| format!("{:032x}", self.trace))
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.is_sampled))
    }
}

/// Error of a text that is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not of the form 00-<32 hexadecimal digits>-<16>-<2>")]
pub struct NoTraceParent;

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    /// Parses the value of the header. Of a later version only the parts that version 00 has are read, as the standard
    /// asks.
    fn from_str(text: &str) -> Result<Self, NoTraceParent> {
        let parts: Vec<_> = text.split('-').collect();
        let [version, trace, span, flags, more @ ..] = &parts[..] else { return Err(NoTraceParent) };
        let is_hex = |part: &str, digits: usize| {
            part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_formed = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
        if !is_formed || *version == "ff" || (*version == "00" && !more.is_empty()) {
            return Err(NoTraceParent);
        }
        let trace = u128::from_str_radix(trace, 16).map_err(|_| NoTraceParent)?;
        let span = u64::from_str_radix(span, 16).map_err(|_| NoTraceParent)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| NoTraceParent)?;
        Self::new(trace, span, flags & SAMPLED == SAMPLED).ok_or(NoTraceParent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_position_is_read_and_written_as_the_standard_has_it() {
        let parent: TraceParent = GOOD.parse().expect("the standard's example");
        assert_eq!((parent.to_string(), parent.is_sampled()), (GOOD.to_owned(), true));
        assert_eq!(parent.shown_id().as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        let unsampled: TraceParent = GOOD.replace("-01", "-02").parse().expect("another flag");
        assert_eq!((unsampled.shown_id(), unsampled.to_string()), (None, GOOD.replace("-01", "-00")));
        let later = GOOD.replacen("00", "01", 1) + "-more";
        assert_eq!(later.parse(), Ok(parent), "a later version may have more parts");
    }

    #[test]
    fn a_position_that_is_malformed_is_refused() {
        for wrong in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-\u{e4}af7651916cd43dd8448eb211c8031\u{e4}-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(wrong.parse::<TraceParent>(), Err(NoTraceParent), "{wrong}");
        }
    }
}
