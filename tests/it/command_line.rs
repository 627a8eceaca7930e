//! Arguments of any kind: long, odd, raw. The command line refuses them with a code of its own, never with a panic,
//! and none of them steers the terminal.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use tests::tailor::{binary, code};

/// Verbs with their required arguments, up to the odd one. Nobody listens at the address they use.
const LINES: [&str; 35] = [
    "job get",
    "job events",
    "dashboard --trace-url",
    "job wait --timeout 1s",
    "job cancel j --yes --reason",
    "job retry j --reason",
    "job submit --input /nowhere --dataset /nowhere/dataset --reason",
    "job submit --input /nowhere --dataset /nowhere/dataset --job",
    "job submit --dataset /nowhere/dataset --input",
    "job list --dataset",
    "shard replay org-mod-01 --job j --yes --reason",
    "shard list --job",
    "shard route",
    "task list --job",
    "worker drain w1 --yes --reason",
    "worker drain --reason r --yes",
    "dataset manifests",
    "dataset cat /nowhere --org",
    "dataset cat /nowhere --org 1 --metric",
    "dataset verify",
    "dataset verify /nowhere --level oracle --input",
    "dataset diff /nowhere",
    "dataset rollback /nowhere --yes --reason",
    "dataset gc",
    "dataset export /nowhere --out",
    "gen --out /proc/nowhere --seed",
    "import csv --out /proc/nowhere --input",
    "run --input /nowhere --dataset /proc/nowhere --job",
    "run --input /nowhere --dataset /proc/nowhere --shard-config",
    "run --dataset /proc/nowhere --input",
    "coordinator --print-config --name",
    "worker --print-config --etcd-namespace",
    "worker --print-config --scratch-dir",
    "job watch",
    "plan --input /nowhere --dataset /nowhere/dataset --window",
];

/// Generates arguments that people, scripts and attackers might use.
fn odd() -> impl Strategy<Value = OsString> {
    let raw = prop::collection::vec(1u8.., 0..64).prop_map(OsString::from_vec);
    let steering = prop_oneof![Just("\u{1b}[31m"), Just("\u{9b}2J"), Just("\u{202e}"), Just("\r\n"), Just("\u{7}")];
    let steered = (".{0,8}", steering, ".{0,8}").prop_map(|(before, steer, after)| format!("{before}{steer}{after}"));
    let steered = steered.prop_map(|text| OsString::from(text.replace('\0', "")));
    let long = (1usize..120_000).prop_map(|len| OsString::from("x".repeat(len)));
    let words = prop_oneof![Just(""), Just("-"), Just("--"), Just("-1"), Just("%s%n"), Just("{}"), Just("s3://")];
    prop_oneof![raw, steered, long, words.prop_map(OsString::from)]
}

fn run(line: &str, odd: &OsString) -> (Option<i32>, Vec<u8>) {
    let mut command = Command::new(binary());
    command.args(line.split_whitespace()).arg(odd);
    const ASKS: [&str; 6] = ["job", "shard list", "shard replay", "task", "worker drain", "worker list"];
    if ASKS.iter().any(|verb| line.starts_with(verb)) {
        command.args(["--coordinators", "http://127.0.0.1:1", "--request-timeout", "10ms"]);
    }
    let output = command.env_remove("TAILOR_LOG").stdin(Stdio::null()).output().expect("it starts");
    (output.status.code(), [output.stdout, output.stderr].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_argument_makes_it_panic_or_reaches_the_terminal_raw(at in 0..LINES.len(), odd in odd()) {
        // A watch of a possible job waits a minute for a coordinator, whatever the job's name.
        let is_job = odd.to_str().is_some_and(|name| name.parse::<model::JobId>().is_ok());
        prop_assume!(!(is_job && LINES[at] == "job watch"));
        let (code, shown) = run(LINES[at], &odd);
        let text = String::from_utf8_lossy(&shown);
        prop_assert!(code.is_some_and(|code| code <= 9), "`tailor {} {odd:?}` ended with {code:?}:\n{text}", LINES[at]);
        let steers = |letter: char| model::admission::is_unprintable(letter) && !matches!(letter, '\n' | '\t');
        prop_assert!(!text.contains(steers), "`tailor {} {odd:?}` shows {text:?}", LINES[at]);
    }
}

/// Names that somebody else gave: they come from folders, variables and files, and into messages and tables.
#[test]
fn names_that_others_gave_do_not_steer_the_terminal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let steering = "\u{1b}[31m\u{202e}\r";
    let put = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
        std::fs::write(path, "no segment").expect("a file");
    };
    put(&format!("in/shard=org-mod-01/{steering}.seg"));
    put(&format!("in/{steering}.seg"));
    put(&format!("bad/shard={steering}/a.seg"));
    put(&format!("dataset/manifests/window=all/shard=org-mod-01/{steering}.json"));
    put(&format!("{steering}.toml"));
    let at = |name: &str| folder.path().join(name).display().to_string();
    let lines = [
        vec!["plan".to_owned(), "--input".to_owned(), at("in"), "--dataset".to_owned(), at("d")],
        vec!["plan".to_owned(), "--input".to_owned(), at("bad"), "--dataset".to_owned(), at("d")],
        vec!["run".to_owned(), "--input".to_owned(), at("in"), "--dataset".to_owned(), at("d")],
        vec!["dataset".to_owned(), "manifests".to_owned(), at("dataset")],
        vec!["dataset".to_owned(), "verify".to_owned(), at("dataset")],
        vec!["worker".to_owned(), "--config".to_owned(), at(&format!("{steering}.toml"))],
    ];
    for line in lines {
        for (variable, value) in [("TAILOR_COORDINATORS", "http://127.0.0.1:1"), ("TAILOR_LOG", steering)] {
            let output = Command::new(binary()).args(&line).env(variable, value).stdin(Stdio::null()).output();
            let output = output.expect("it starts");
            let shown = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&shown);
            assert!(output.status.code().is_some_and(|code| code <= 9), "{line:?}: {:?}\n{text}", output.status);
            let steers = |letter: char| model::admission::is_unprintable(letter) && !matches!(letter, '\n' | '\t');
            assert!(!text.contains(steers), "{line:?} shows {text:?}");
        }
    }
}

#[test]
fn a_closed_stderr_is_no_panic() {
    for line in ["job get j --coordinators http://127.0.0.1:1 --request-timeout 10ms", "job get", "--nonsense"] {
        let script = format!("exec '{}' {line} 2>&-", binary().display());
        let ended = Command::new("bash").args(["-c", &script]).stdin(Stdio::null()).output().expect("it starts");
        let ended = ended.status.code();
        assert!([code::TIMED_OUT, code::USAGE].map(Some).contains(&ended), "`tailor {line} 2>&-` ended with {ended:?}");
    }
}
