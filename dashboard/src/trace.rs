//! Links to the traces of attempts, at the place where an installation keeps them.

use std::str::FromStr;

use axum::http::Uri;

/// Mark that stands for the id of a trace.
const MARK: &str = "{trace_id}";
/// Longest template, in bytes.
const TEMPLATE_BYTES_MAX: usize = 2048;
/// Length of an id: 16 bytes as hexadecimal digits.
const ID_DIGITS: usize = 32;

/// Template of the link to a trace: a URL of HTTP with `{trace_id}` in its path, its query or its fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceUrl(String);

/// Text that is not a template of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoTraceUrl;

impl TraceUrl {
    /// Form of a template, for messages about others.
    pub const FORM: &str = "an http:// or https:// URL with {trace_id} behind its host, such as https://traces.example.com/trace/{trace_id}";

    /// Returns the link to a trace; none if this is not the id of one.
    pub(crate) fn link(&self, trace_id: &str) -> Option<String> {
        let is_id = trace_id.len() == ID_DIGITS && trace_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| self.0.replace(MARK, trace_id))
    }
}

impl FromStr for TraceUrl {
    type Err = NoTraceUrl;

    fn from_str(template: &str) -> Result<Self, Self::Err> {
        let is_plain = template.len() <= TEMPLATE_BYTES_MAX && template.bytes().all(|byte| byte.is_ascii_graphic());
        let example = template.replace(MARK, &"0".repeat(ID_DIGITS));
        let uri: Uri = example.parse().map_err(|_| NoTraceUrl)?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        // A mark in the host would let an id choose whom a browser asks.
        let host = uri.authority().filter(|host| !host.host().is_empty()).ok_or(NoTraceUrl)?;
        let behind_host = template.split_once("://").and_then(|(_, rest)| rest.strip_prefix(host.as_str()));
        let is_marked = behind_host.is_some_and(|rest| rest.starts_with(['/', '?', '#']) && rest.contains(MARK));
        if is_plain && is_http && is_marked { Ok(Self(template.to_owned())) } else { Err(NoTraceUrl) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_a_url_of_http_with_a_mark_behind_its_host() {
        let id = "0123456789abcdef0123456789ABCDEF";
        for (template, link) in [
            ("https://traces.example.com/trace/{trace_id}", format!("https://traces.example.com/trace/{id}")),
            ("http://127.0.0.1:16686/?q={trace_id}&x='", format!("http://127.0.0.1:16686/?q={id}&x='")),
            ("https://t.example.com/a#/{trace_id}", format!("https://t.example.com/a#/{id}")),
        ] {
            let url: TraceUrl = template.parse().unwrap_or_else(|_| panic!("{template}"));
            assert_eq!(url.link(id), Some(link));
            for strange in ["", "0", "javascript:alert(1)", "0123456789abcdef0123456789abcde/"] {
                assert_eq!(url.link(strange), None, "{strange}");
            }
        }
    }

    #[test]
    fn other_texts_are_no_template() {
        let long = format!("https://t.example.com/{{trace_id}}{}", "x".repeat(TEMPLATE_BYTES_MAX));
        for text in [
            "",
            "javascript:alert({trace_id})",
            "data:text/html,{trace_id}",
            "ftp://t.example.com/{trace_id}",
            "//t.example.com/{trace_id}",
            "/trace/{trace_id}",
            "https://t.example.com/trace",
            "https://{trace_id}.example.com/",
            "https://{trace_id}.example.com/{trace_id}",
            "https://t.example.com{trace_id}",
            "https:///{trace_id}",
            "https://t.example.com/ {trace_id}",
            "https://t.example.com/\u{202e}{trace_id}",
            &long,
        ] {
            assert_eq!(text.parse::<TraceUrl>(), Err(NoTraceUrl), "{text}");
        }
    }
}
