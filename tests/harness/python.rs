//! Data and readers of other projects, from the Python environment that `make venv` makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tailor::repository;

/// Runs `script` with `args` in the environment of the tests; returns its output.
///
/// # Panics
/// The environment is missing, or the script fails.
pub fn python(script: &[&str], args: &[&Path]) -> String {
    let python = repository().join(".cache/venv/bin/python");
    assert!(python.exists(), "the Python environment of the tests is missing: run `make venv` (scripts/venv.sh) once");
    let output = Command::new(python).args(script).args(args).output().expect("run python");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "python {script:?} failed:\n{}", text(&output.stderr));
    text(&output.stdout)
}

/// Returns the path of the file `name` in the package bokeh-sampledata.
pub fn sample_data(name: &str) -> PathBuf {
    let code =
        "import pathlib, sys, bokeh_sampledata as b; print(pathlib.Path(b.__file__).parent / '_data' / sys.argv[1])";
    PathBuf::from(python(&["-c", code], &[Path::new(name)]).trim())
}

/// Returns the folder of the package `name`.
pub fn package_folder(name: &str) -> PathBuf {
    let code = "import importlib.util, sys; print(importlib.util.find_spec(sys.argv[1]).submodule_search_locations[0])";
    PathBuf::from(python(&["-c", code], &[Path::new(name)]).trim())
}
