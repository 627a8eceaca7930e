//! Question of the view: dataset, organisation and window, as the URL and the form have them.

use std::collections::BTreeMap;

use model::Window;
use proto::ApiError;

/// Longest value of a query that is kept, in bytes.
const VALUE_BYTES_MAX: usize = 2048;

/// Question, as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// URI of the dataset; empty to choose one.
    pub(crate) dataset: String,
    /// Number of the organisation; empty for every shard.
    pub(crate) org: String,
    /// Window by its name or as START/END; empty for the newest ones.
    pub(crate) window: String,
    /// Last window of the page before; empty for the first page.
    pub(crate) before: String,
}

/// Values of a question that could be read.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) org: Option<u64>,
    pub(super) window: Option<Window>,
}

impl Question {
    /// Reads the query of a URL.
    pub(crate) fn of(query: &BTreeMap<String, String>) -> Self {
        let value = |key: &str| {
            let value = query.get(key).map(|value| value.trim()).filter(|value| value.len() <= VALUE_BYTES_MAX);
            value.unwrap_or_default().to_owned()
        };
        Self { dataset: value("dataset"), org: value("org"), window: value("window"), before: value("before") }
    }

    /// Creates the question about one window of a dataset.
    pub(crate) fn about(dataset: &str, window: &str) -> Self {
        Self { dataset: dataset.to_owned(), window: window.to_owned(), ..Self::default() }
    }

    /// Path and query of the question; the same question has one spelling.
    pub(crate) fn url(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let pairs =
            [("dataset", &self.dataset), ("org", &self.org), ("window", &self.window), ("before", &self.before)];
        for (key, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(key, value);
        }
        match query.finish() {
            query if query.is_empty() => "coverage".to_owned(),
            query => format!("coverage?{query}"),
        }
    }

    /// Reads organisation and window. A mistyped one must not look like an answer about all of them.
    pub(super) fn checked(&self) -> Result<Asked, ApiError> {
        let org = match self.org.as_str() {
            "" => None,
            org => Some(org.parse().map_err(|_| invalid("org", "it is not the number of an organisation"))?),
        };
        let window = match self.window.as_str() {
            "" => None,
            window => Some(parsed(window).ok_or_else(|| {
                invalid("window", "give START/END, such as 2026-01-01T00:00:00Z/2026-01-01T04:00:00Z, or `all`")
            })?),
        };
        Ok(Asked { org, window })
    }
}

fn invalid(field: &str, reason: &str) -> ApiError {
    ApiError::Invalid { field: field.to_owned(), reason: reason.to_owned() }
}

/// Parses a window by its name, as START/END, or as pages write it: START to END.
fn parsed(text: &str) -> Option<Window> {
    if let Ok(window) = text.parse() {
        return Some(window);
    }
    let (start, end) = text.split_once('/').or_else(|| text.split_once(" to "))?;
    let at_ms = |text: &str| text.trim().parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
    Window::new(at_ms(start)?, at_ms(end)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_typed_as_people_and_as_listings_write_it() {
        let window = Window::new(1_767_225_600_000, 1_767_240_000_000).expect("a window");
        for text in [
            "1767225600000-1767240000000",
            "2026-01-01T00:00:00Z/2026-01-01T04:00:00Z",
            "2026-01-01T00:00:00Z to 2026-01-01T04:00:00Z",
        ] {
            assert_eq!(parsed(text), Some(window), "{text}");
        }
        assert_eq!(parsed("all"), Some(Window::ALL));
        for text in ["yesterday", "2026-01-01T04:00:00Z/2026-01-01T00:00:00Z", "2026-01-01T04:00:00Z/"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn what_was_mistyped_is_refused_and_not_left_out() {
        let field = |question: Question| match question.checked() {
            Err(ApiError::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(Question { org: "seven".to_owned(), ..Question::default() }), "org");
        assert_eq!(field(Question { org: "-1".to_owned(), ..Question::default() }), "org");
        assert_eq!(field(Question { window: "yesterday".to_owned(), ..Question::default() }), "window");
    }
}
