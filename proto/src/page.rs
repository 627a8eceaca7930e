//! Pages of listings: as many entries as one answer carries.

use model::limits::PAGE_BYTES_MAX;
use prost::Message;

/// Cuts `entries` to one page, of at least one entry; returns true if any were cut.
pub fn cut<M: Message>(entries: &mut Vec<M>) -> bool {
    let mut bytes = 0;
    let fits = |entry: &M| {
        bytes += entry.encoded_len();
        bytes <= PAGE_BYTES_MAX
    };
    let fitting = entries.iter().map(fits).take_while(|fits| *fits).count().max(1);
    let is_cut = fitting < entries.len();
    entries.truncate(fitting);
    is_cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::ShardSummary;

    #[test]
    fn a_page_has_at_least_one_entry_and_never_more_than_fits() {
        let entry = |bytes: usize| ShardSummary { cause: "x".repeat(bytes), ..ShardSummary::default() };
        let cut_to = |mut entries: Vec<ShardSummary>| (cut(&mut entries), entries.len());
        assert_eq!(cut_to(vec![]), (false, 0));
        assert_eq!(cut_to(vec![entry(10); 5]), (false, 5));
        assert_eq!(cut_to(vec![entry(PAGE_BYTES_MAX / 3); 5]), (true, 2));
        assert_eq!(cut_to(vec![entry(2 * PAGE_BYTES_MAX); 2]), (true, 1));
    }
}
