//! Promises of ARCHITECTURE.md about the tree, and the rules of prose, kept by tests: arrows between crates, inherited
//! lints, links that lead somewhere, nothing left over, doc comments that need one reading.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Crates that a crate uses, as the table of ARCHITECTURE.md says. A new arrow is a decision: write it into the table.
enum Knows {
    /// Exactly these crates.
    These(Vec<String>),
    /// Any crates except these.
    AllBut(Vec<String>),
}

/// First words of a doc comment that stand for a noun without naming it, so that a reader has to look for it.
const PRONOUNS: [&str; 11] = ["What", "Whether", "Who", "How", "Where", "Why", "When", "It", "Its", "One", "All"];

/// Most doc comments of a crate, in percent, that begin with one of [`PRONOUNS`], and most that have three words or
/// fewer.
const PROSE_PERCENT_MAX: (usize, usize) = (5, 5);

/// Most letters of a test's name, which is one sentence.
const TEST_NAME_LEN_MAX: usize = 80;

/// Most columns of a comment line; rustfmt wraps code, not comments.
const COMMENT_COLUMNS_MAX: usize = 125;

/// Names of public types that two crates share, each with the reason. Another shared name needs a second word, as
/// `docs/glossary.md` gives one meaning to each.
const SHARED_TYPE_NAMES: [(&str, &str); 2] = [
    ("ServeError", "each server's own; callers name it by its module"),
    ("Settings", "each program's own; callers name it by its module"),
];

/// Names of libraries that only `storage` may use.
const ONLY_STORAGE: [&str; 4] = ["aws_sdk_s3", "etcd_client", "LocalFileSystem", "memmap2"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

/// Lists the files below `folder` that end in one of `endings`, without built or fetched ones.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" {
                found.extend(files(&path, endings));
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found
}

/// Reads the tables of dependencies of a manifest, by the table's name.
fn dependencies(manifest: &str) -> BTreeMap<String, Vec<String>> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut table = String::new();
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = name.to_owned();
        } else if let Some((name, _)) = line.split_once(['.', ' ', '=']).filter(|_| table.ends_with("dependencies")) {
            tables.entry(table.clone()).or_default().push(name.to_owned());
        }
    }
    tables
}

/// Lists all crates of the workspace.
fn crates() -> Vec<String> {
    let manifest = read(&root().join("Cargo.toml"));
    let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let (members, _) = members.expect("the workspace lists its members");
    members.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Lists the names in a cell of a table, which stand between backticks.
fn named(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).filter(|name| !name.contains(':')).map(str::to_owned).collect()
}

/// Reads the table of crates of ARCHITECTURE.md.
fn arrows() -> BTreeMap<String, Knows> {
    let text = read(&root().join("ARCHITECTURE.md"));
    let (_, table) = text.split_once("| crate | role | knows |\n|---|---|---|\n").expect("the table of crates");
    let mut arrows = BTreeMap::new();
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [names, _, knows] = cells[..] else { panic!("a row of the crates has three cells: {row}") };
        for name in named(names) {
            let is_open = knows.starts_with("all") || knows.ends_with("the crates");
            let knows = if is_open { Knows::AllBut(named(knows)) } else { Knows::These(named(knows)) };
            arrows.insert(name, knows);
        }
    }
    arrows
}

/// Extracts the names of the public types that a file declares.
fn public_types(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let declaration = line.trim_start().strip_prefix("pub ")?;
        let (kind, rest) = declaration.split_once(' ')?;
        let name = rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()?;
        ["struct", "enum", "trait", "type", "union"].contains(&kind).then_some(name)
    })
}

/// Extracts the doc comments of a file: each run of `///` or `//!` lines is one.
fn doc_comments(text: &str) -> Vec<String> {
    let mut comments: Vec<String> = Vec::new();
    let mut last_mark = "";
    for line in text.lines() {
        let line = line.trim();
        let mark = match line.get(..3) {
            Some("///") if !line.starts_with("////") => "///",
            Some("//!") => "//!",
            _ => "",
        };
        let words = line[mark.len()..].trim();
        match comments.last_mut() {
            _ if mark.is_empty() => {}
            Some(comment) if mark == last_mark => {
                comment.push(' ');
                comment.push_str(words);
            }
            _ => comments.push(words.to_owned()),
        }
        last_mark = mark;
    }
    comments
}

/// True if a doc comment begins with one of [`PRONOUNS`].
fn begins_with_a_pronoun(comment: &str) -> bool {
    let mut words = comment.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.find(|word| !word.is_empty()).is_some_and(|word| PRONOUNS.contains(&word))
}

/// True if a doc comment has at most three words, which rarely tell more than the name beside them.
fn is_filler(comment: &str) -> bool {
    (1..=3).contains(&comment.split_whitespace().count()) && !comment.starts_with('#')
}

#[test]
fn crates_point_at_each_other_only_as_the_architecture_says() {
    let (ours, arrows) = (crates(), arrows());
    for name in &ours {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} inherits the lints");
        let mut used = dependencies(&manifest).remove("dependencies").unwrap_or_default();
        used.retain(|dependency| ours.contains(dependency));
        match arrows.get(name).unwrap_or_else(|| panic!("{name} is not in the table of ARCHITECTURE.md")) {
            Knows::These(told) => {
                let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
                assert_eq!(sorted(&used), sorted(told), "{name} uses the crates that ARCHITECTURE.md says it knows");
            }
            Knows::AllBut(refused) => {
                let broken = used.iter().find(|dependency| refused.contains(dependency));
                assert_eq!(broken, None, "{name} must not use it");
            }
        }
    }
}

#[test]
fn only_storage_knows_where_bytes_live() {
    for path in files(&root(), &[".rs"]) {
        let relative = path.strip_prefix(root()).expect("below the root").to_owned();
        if relative.starts_with("storage") || relative.ends_with("it/tidy.rs") {
            continue;
        }
        let text = read(&path);
        for name in ONLY_STORAGE {
            let is_told = text.lines().any(|line| line.contains(name) && !line.trim_start().starts_with("//"));
            assert!(!is_told, "{} names {name}", relative.display());
        }
    }
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    for path in files(&root(), &[".md"]) {
        let text = read(&path);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let linked = path.parent().expect("a file has a folder").join(target);
            assert!(linked.exists(), "{} links to {target}, which is not there", path.display());
        }
    }
}

/// Lists the words of a document that stand between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// True for a word that can only be the name of a test: a snake-case sentence. Metrics begin with the program's name.
fn is_test_name(word: &str) -> bool {
    let is_snake = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    is_snake && word.matches('_').count() >= 4 && !word.starts_with("tailor_")
}

#[test]
fn tests_and_files_that_the_documents_name_are_there() {
    let sources = files(&root(), &[".rs", ".py", ".sh", ".mjs"]);
    let code: String = sources
        .iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
        .map(|path| read(path))
        .collect();
    let mut named = 0;
    for path in files(&root(), &[".md"]) {
        let text = read(&path);
        for word in quoted(&text) {
            let test = word.trim_end_matches("...").trim_end_matches('_');
            if is_test_name(test) {
                let declared = if word == test { format!("fn {test}(") } else { format!("fn {test}") };
                assert!(code.contains(&declared), "{} names {word}, and there is no such test", path.display());
                named += 1;
            } else if word.contains('/')
                && (word.ends_with(".rs") || word.ends_with(".py"))
                && !word.contains([' ', '*', '<'])
            {
                let is_there = sources.iter().any(|source| source.ends_with(word.trim_start_matches("../")));
                assert!(is_there, "{} names {word}, which is not there", path.display());
                named += 1;
            }
        }
    }
    assert!(named > 50, "{named} tests and files are named");
}

#[test]
fn nothing_is_left_over() {
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["#[ig", "nore"].concat()];
    for path in files(&root(), &[".rs", ".sh", ".toml", ".md"]) {
        let text = read(&path);
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{} has a {mark}", path.display());
        }
    }
}

#[test]
fn doc_comments_name_their_subject_and_say_more_than_the_name() {
    for name in crates() {
        let sources = files(&root().join(&name), &[".rs"]);
        let comments: Vec<String> = sources.iter().flat_map(|path| doc_comments(&read(path))).collect();
        let pronouns = comments.iter().filter(|comment| begins_with_a_pronoun(comment)).count();
        let fillers = comments.iter().filter(|comment| is_filler(comment)).count();
        let exceeds = |found: usize, max_percent: usize| found * 100 > max_percent * comments.len();

        let (pronouns_max, fillers_max) = PROSE_PERCENT_MAX;
        let all = comments.len();
        assert!(!exceeds(pronouns, pronouns_max), "{pronouns} of {all} doc comments of {name} begin with {PRONOUNS:?}");
        assert!(!exceeds(fillers, fillers_max), "{fillers} of {all} doc comments of {name} have at most three words");
    }
}

#[test]
fn scenarios_look_for_words_that_logs_have() {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let sources = crates().into_iter().flat_map(|name| files(&root().join(name), &[".rs"]));
    let code: String = sources.map(|path| read(&path).lines().filter(is_code).collect::<Vec<_>>().join("\n")).collect();
    let mut words = 0;
    for path in files(&root().join("chaos/scenarios"), &[".toml"]) {
        for condition in read(&path).split('"').filter_map(|text| text.strip_prefix("log ")) {
            let Some((server, looked_for)) = condition.split_once(" says ") else { continue };
            // etcd is another program; its words are its own.
            let is_said = server == "etcd" || code.contains(looked_for);
            assert!(is_said, "{}: no log of ours says '{looked_for}'", path.display());
            words += 1;
        }
    }
    assert!(words > 5, "{words} conditions on logs were found");
}

#[test]
fn a_public_type_name_stands_in_one_crate() {
    let mut crates_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in crates() {
        for path in files(&root().join(&name), &[".rs"]) {
            for found in public_types(&read(&path)) {
                crates_of.entry(found.to_owned()).or_default().insert(name.clone());
            }
        }
    }
    assert!(crates_of.len() > 300, "{} public types were found", crates_of.len());
    let shared: BTreeMap<_, _> = crates_of.into_iter().filter(|(_, crates)| crates.len() > 1).collect();
    for (name, crates) in &shared {
        let is_known = SHARED_TYPE_NAMES.iter().any(|(known, _)| known == name);
        assert!(is_known, "{name} is a public type of {crates:?}: give all but one another name");
    }
    for (name, _) in SHARED_TYPE_NAMES {
        assert!(shared.contains_key(name), "{name} stands in one crate by now: remove it from SHARED_TYPE_NAMES");
    }
}

/// Extracts the names of the tests that a file declares.
fn test_names(text: &str) -> Vec<&str> {
    let (mut names, mut is_test) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        let declared = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        match declared {
            Some(rest) if is_test => names.extend(rest.split('(').next()),
            _ => {}
        }
        is_test = line == "#[test]" || line.starts_with("#[tokio::test") || (is_test && line.starts_with("#["));
    }
    names
}

#[test]
fn names_of_tests_are_sentences_and_not_paragraphs() {
    let mut found = 0;
    for path in crates().into_iter().flat_map(|name| files(&root().join(name), &[".rs"])) {
        for name in test_names(&read(&path)) {
            assert!(name.len() <= TEST_NAME_LEN_MAX, "{}: {name} has {} letters", path.display(), name.len());
            found += 1;
        }
    }
    assert!(found > 500, "{found} tests were found");
}

/// Lists the files of the folder of a module that are its production submodules: neither its tests nor `mod.rs`.
fn submodules(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("a readable folder").path());
    let names = entries.filter(|path| path.is_dir() || path.extension().is_some_and(|kind| kind == "rs"));
    let names = names.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    let names: BTreeSet<_> = names.filter(|name| name != "mod" && name != "tests").collect();
    names.into_iter().collect()
}

#[test]
fn modules_with_several_submodules_are_folders_with_a_mod_file() {
    let mut folders = 0;
    for path in crates().into_iter().flat_map(|name| files(&root().join(name), &[".rs"])) {
        let (stem, folder) = (path.file_stem().unwrap_or_default(), path.with_extension(""));
        let is_root = ["lib", "main"].iter().any(|name| stem == *name) || path.ends_with("build.rs");
        if stem == "mod" {
            let found = submodules(path.parent().expect("a file has a folder"));
            assert!(found.len() > 1, "{} has the submodules {found:?}: name it after its folder", path.display());
            folders += 1;
        } else if !is_root && stem != "tests" {
            let found = submodules(&folder);
            assert!(
                found.len() < 2,
                "{} has the submodules {found:?}: make it {}/mod.rs",
                path.display(),
                folder.display()
            );
        }
    }
    assert!(folders > 50, "{folders} modules are folders");
}

#[test]
fn tables_of_contents_have_one_form() {
    for path in crates().into_iter().flat_map(|name| files(&root().join(name), &[".rs"])) {
        let is_root = path.ends_with("lib.rs") || path.ends_with("main.rs");
        let mut above = String::new();
        for line in read(&path).lines().map(str::trim).filter(|line| !line.starts_with("#[")) {
            let declared = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
            if declared.starts_with("mod ") && declared.contains(';') {
                let has_form = if is_root {
                    !declared.contains("//")
                } else {
                    declared.contains("//") || !above.starts_with("// ")
                };
                let form = "a crate's root describes a module above its line, other files behind it";
                assert!(has_form, "{}: `{declared}`: {form}", path.display());
            }
            above = line.to_owned();
        }
    }
}

#[test]
fn comments_fit_the_width() {
    for path in crates().into_iter().flat_map(|name| files(&root().join(name), &[".rs"])) {
        for (at, line) in read(&path).lines().enumerate() {
            let text = line.trim_start();
            // A row of a table cannot be wrapped.
            let is_row = text.trim_start_matches(['/', '!', ' ']).starts_with('|');
            let fits = !text.starts_with("//") || is_row || line.chars().count() <= COMMENT_COLUMNS_MAX;
            assert!(fits, "{}:{} is a comment of more than {COMMENT_COLUMNS_MAX} columns", path.display(), at + 1);
        }
    }
}
