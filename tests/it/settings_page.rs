//! Settings: the page for operators has each setting of the servers, its default and its bounds, and no other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use coordinator::settings::CoordinatorTables;
use daemon::{Key, Tables};
use worker::settings::WorkerTables;

/// Row of the page: the cell of defaults, and the cell of meanings.
type Row = (String, String);

/// Reads the rows of the table that begins with `| of WHOM |`, by the name of the setting. A row may have several.
fn rows(page: &str, whom: &str) -> BTreeMap<String, Row> {
    let header = format!("| of {whom} | default | meaning |\n|---|---|---|\n");
    let (_, table) = page.split_once(&header).unwrap_or_else(|| panic!("the table of settings of {whom}"));
    let mut rows = BTreeMap::new();
    for line in table.lines().take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = line.trim_matches('|').splitn(3, '|').map(str::trim).collect();
        let [names, default, meaning] = cells[..] else { panic!("a row has three cells: {line}") };
        for name in names.split('`').skip(1).step_by(2) {
            let known = rows.insert(name.to_owned(), (default.to_owned(), meaning.to_owned()));
            assert!(known.is_none(), "{name} has two rows");
        }
    }
    rows
}

/// True for a bound in a help text, such as `10m` or `102s`.
fn is_bound(word: &str) -> bool {
    let number = word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    !number.is_empty() && number.len() < word.len() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks that `page` has the settings of `tables` in the tables of both servers and of `whom`, and no others.
fn check(page: &str, whom: &str, tables: &[&[Key]]) {
    let mut rows: BTreeMap<String, Row> = rows(page, "both").into_iter().chain(rows(page, whom)).collect();
    // A later table replaces a key of an earlier one, with another default.
    let keys: BTreeMap<_, _> = tables.iter().copied().flatten().map(|key| (key.name, key)).collect();
    for key in keys.values() {
        let found = rows.remove(key.name);
        let (default, meaning) = found.unwrap_or_else(|| panic!("docs/operations.md lacks {} of {whom}", key.name));
        if let Some(value) = key.default {
            let is_told = default.contains(&format!("`{value}`"));
            assert!(is_told, "the default of {} of {whom} is {value}, the page says {default}", key.name);
        }
        let words = key.help.split(|letter: char| !letter.is_ascii_alphanumeric());
        for bound in words.filter(|word| is_bound(word)) {
            let is_told = meaning.contains(bound);
            assert!(is_told, "the help of {} of {whom} names {bound}, the page does not: {meaning}", key.name);
        }
    }
    assert!(rows.is_empty(), "docs/operations.md has settings that {whom} does not know: {:?}", rows.keys());
}

#[test]
fn the_page_for_operators_has_each_setting_with_its_default_and_bounds() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = fs::read_to_string(page).expect("the page for operators");
    check(&page, "the coordinator", CoordinatorTables::TABLES);
    check(&page, "the worker", WorkerTables::TABLES);
}
