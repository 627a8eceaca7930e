//! Suggestion for a misspelt name.

/// Returns the known name with the fewest edits; none if the names are too different.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let edits_max = 2.max(name.len() / 3);
    let scored = known.map(|candidate| (edits(name, &candidate), candidate));
    scored.filter(|(edits, _)| *edits <= edits_max).min().map(|(_, candidate)| candidate)
}

/// Counts the bytes to insert, delete or replace to turn `a` into `b`.
fn edits(a: &str, b: &str) -> usize {
    // `row[j]` counts the edits from the processed part of `a` to the first `j` bytes of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
