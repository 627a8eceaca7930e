//! Lists that the server filters, orders and cuts: the filter comes first, then the order, then the page.

use std::collections::BTreeMap;

use super::ROWS;
use crate::html::Pager;

/// Query of a list: `?state=failed&sort=bytes&from=200`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Listing {
    /// State to show; empty for all.
    pub(crate) state: String,
    /// Name of the order; empty for that of the view.
    pub(crate) sort: String,
    /// Number of entries before the page.
    pub(crate) from: usize,
}

/// Longest value of a query that is kept.
const VALUE_BYTES_MAX: usize = 64;

impl Listing {
    /// Reads the query; a value that none of `states` or `sorts` is stands for the default.
    pub(crate) fn of(query: &BTreeMap<String, String>, states: &[&str], sorts: &[&str]) -> Self {
        let known = |key: &str, known: &[&str]| {
            let value =
                query.get(key).filter(|value| value.len() <= VALUE_BYTES_MAX && known.contains(&value.as_str()));
            value.cloned().unwrap_or_default()
        };
        let from = query.get("from").and_then(|from| from.parse::<u32>().ok()).unwrap_or_default();
        Self { state: known("state", states), sort: known("sort", sorts), from: from as usize }
    }

    /// Query of the same list from another entry on; empty for that of the first page without a filter.
    pub(crate) fn query(&self, from: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in [("state", &self.state), ("sort", &self.sort)] {
            if !value.is_empty() {
                query.append_pair(key, value);
            }
        }
        if from > 0 {
            query.append_pair("from", &from.to_string());
        }
        match query.finish() {
            query if query.is_empty() => query,
            query => format!("?{query}"),
        }
    }

    /// Cuts entries that are filtered and ordered to the page, and returns its place.
    pub(crate) fn cut<T>(&self, entries: &mut Vec<T>) -> Pager {
        let total = entries.len();
        let offset = self.from.min(total);
        entries.drain(..offset);
        entries.truncate(ROWS);
        Pager { offset, shown: entries.len(), total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Listing {
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Listing::of(&query, &["failed"], &["bytes"])
    }

    #[test]
    fn a_query_is_read_and_written_and_strange_values_are_the_default() {
        let listing = of("state=failed&sort=bytes&from=200&other=1");
        assert_eq!(listing.query(400), "?state=failed&sort=bytes&from=400");
        assert_eq!(of("state=%3Cscript%3E&sort=x&from=-1"), Listing::default());
        assert_eq!(Listing::default().query(0), "");
    }

    #[test]
    fn a_page_says_where_it_is_also_past_the_end() {
        let cut = |from: usize, len: usize| {
            let mut entries: Vec<_> = (0..len).collect();
            let place = Listing { from, ..Listing::default() }.cut(&mut entries);
            (entries.first().copied(), place)
        };
        assert_eq!(cut(200, 450), (Some(200), Pager { offset: 200, shown: 200, total: 450 }));
        assert_eq!(cut(400, 450), (Some(400), Pager { offset: 400, shown: 50, total: 450 }));
        assert_eq!(cut(900, 450), (None, Pager { offset: 450, shown: 0, total: 450 }));
    }
}
