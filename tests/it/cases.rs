//! Inputs that imports handled wrongly, elsewhere or here: one folder each in `tests/cases`, with the input, the
//! command (`cmd.sh`), the right result with the reason (`expected.txt`), and Tailor's output (`output.txt`), which
//! is compared completely.
//!
//! `UPDATE_CASES=1` writes `output.txt` again; compare it with `expected.txt` before you commit it.

use std::path::{Path, PathBuf};
use std::process::Command;

use tests::tailor::{binary, repository};

fn cases() -> Vec<PathBuf> {
    let folder = repository().join("tests/cases");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut cases: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    cases.sort();
    cases
}

/// Runs the command; returns its output without the names of temporary folders.
fn output(case: &Path) -> String {
    let scratch = tempfile::tempdir().expect("a folder");
    let script = format!("bash '{}' 2>&1", case.join("cmd.sh").display());
    let output =
        Command::new("bash").args(["-c", &script]).env("TAILOR", binary()).env("TMPDIR", scratch.path()).output();
    let text = String::from_utf8_lossy(&output.expect("run bash").stdout).into_owned();
    let scratch = format!("{}/", scratch.path().display());
    let lines = text.lines().map(|line| {
        let mut line = line.to_owned();
        while let Some(at) = line.find(&scratch) {
            let rest = at + scratch.len();
            let end = line[rest..].find('/').map_or(line.len(), |len| rest + len);
            line.replace_range(at..end, "$W");
        }
        line + "\n"
    });
    lines.collect()
}

#[test]
fn every_case_says_what_it_should() {
    let cases = cases();
    assert!(cases.len() >= 30, "the cases are there");
    let mut wrong = Vec::new();
    for case in cases {
        let (found, kept) = (output(&case), case.join("output.txt"));
        if std::env::var_os("UPDATE_CASES").is_some() {
            std::fs::write(&kept, &found).expect("write the output");
        }
        let expected = std::fs::read_to_string(&kept).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{}\n--- expected\n{expected}--- found\n{found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
