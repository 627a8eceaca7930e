use std::time::Duration;

use clap::{Args as _, FromArgMatches as _};
use model::ByteSize;

use super::*;

const SHARED: &[Key] = &[
    Key::new("etcd.endpoints", Some("http://127.0.0.1:2379"), "The members of etcd", "http://e0:2379"),
    Key::new("etcd.password-file", None, "A file with the password", "/p"),
    Key::new("http.listen", None, "Where to listen", "127.0.0.1:80"),
];
const OWN: &[Key] = &[
    Key::new("http.listen", Some("0.0.0.0:8080"), "Where to listen", "127.0.0.1:80"),
    Key::new("slots", Some("4"), "Attempts at once", "8"),
    Key::new("memory", Some("2GiB"), "Of all slots", "1GiB"),
    Key::new("beat", Some("1s"), "How often to tell", "2s"),
    Key { name: "key", default: None, help: "Never shown", example: "secret", is_secret: true, is_switch: false },
];

struct Program;

impl Tables for Program {
    const TABLES: &'static [&'static [Key]] = &[SHARED, OWN];
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Loads a file with this text, these variables and these flags.
fn load(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Layers, SettingsError> {
    let folder = tempfile::tempdir().expect("a folder for the file");
    let path = folder.path().join("tailor.toml");
    std::fs::write(&path, file).expect("it can be written");
    Layers::load(Program::TABLES, Some(&path), pairs(environment), pairs(flags))
}

/// Returns the error without the folder of the file.
fn wrong(result: Result<impl Sized, SettingsError>) -> String {
    let text = result.err().expect("it is refused").to_string();
    let Some(file) = text.find("/tailor.toml") else { return text };
    let folder = text[..file].rfind(' ').map_or(0, |space| space + 1);
    format!("{}{}", &text[..folder], &text[file + 1..])
}

#[test]
fn flags_lie_over_the_environment_over_the_file_over_the_defaults() {
    let file = "slots = 1\nmemory = '1GiB'\n[http]\nlisten = 'a:1'\n";
    let environment = [("TAILOR_SLOTS", "2"), ("TAILOR_MEMORY", "3GiB"), ("PATH", "/bin"), ("TAILOR_LOG", "debug")];
    let layers = load(file, &environment, &[("slots", "3")]).expect("all are known");
    assert_eq!(layers.parse::<u32>("slots", "a number").expect("from the flag"), 3);
    assert_eq!(layers.size("memory").expect("from the environment"), ByteSize(3 << 30));
    assert_eq!(layers.string("http.listen").expect("from the file"), "a:1");
    assert_eq!(layers.duration("beat").expect("the default"), Duration::from_secs(1));
    assert_eq!(layers.optional("etcd.password-file"), None);
    let defaults = load("", &[], &[]).expect("nothing is given");
    assert_eq!(defaults.string("http.listen").expect("the last table's default"), "0.0.0.0:8080");
}

#[test]
fn a_file_has_strings_numbers_booleans_and_arrays() {
    let file = "etcd.endpoints = ['http://a:1', 'http://b:2']\nslots = 0x10\nkey = true\n";
    let layers = load(file, &[], &[]).expect("all kinds are known");
    assert_eq!(layers.list("etcd.endpoints"), ["http://a:1", "http://b:2"]);
    assert_eq!(layers.string("slots").expect("it is given"), "16");
    assert!(layers.bool("key").expect("it is given"));
    assert_eq!(
        wrong(load("slots = 1\nbeat = 2026-01-01\n", &[], &[])),
        "tailor.toml:2: beat is of a kind that no setting has; give a string, a number, a boolean or an array"
    );
    assert!(wrong(load("\nslots 1", &[], &[])).starts_with("tailor.toml:2: "));
}

#[test]
fn a_name_that_no_table_has_is_refused_with_its_source_and_the_nearest() {
    assert_eq!(
        wrong(load("\n[etcd]\nendpoint = 'http://a:1'\n", &[], &[])),
        "there is no setting etcd.endpoint (from file tailor.toml:3); did you mean etcd.endpoints?"
    );
    assert_eq!(
        wrong(load("", &[("TAILOR_SLOT", "2")], &[])),
        "there is no setting TAILOR_SLOT (from the environment); did you mean TAILOR_SLOTS?"
    );
    assert_eq!(wrong(load("colour = 'red'", &[], &[])), "there is no setting colour (from file tailor.toml:1)");
}

#[test]
fn variables_that_kubernetes_sets_for_services_of_our_name_are_passed_over() {
    let environment = [
        ("TAILOR_COORDINATOR_SERVICE_HOST", "10.0.0.1"),
        ("TAILOR_COORDINATOR_SERVICE_PORT_GRPC", "7400"),
        ("TAILOR_COORDINATOR_PORT", "tcp://10.0.0.1:7400"),
        ("TAILOR_COORDINATOR_PORT_7400_TCP_ADDR", "10.0.0.1"),
        ("TAILOR_TEST_SERVERS", "anything"),
    ];
    assert!(load("", &environment, &[]).is_ok());
    assert!(load("", &[("TAILOR_GRPC_PORT", "7400")], &[]).is_err());
}

#[test]
fn a_value_that_does_not_fit_is_told_with_its_source_and_what_it_should_be() {
    let layers =
        load("memory = 'much'", &[("TAILOR_SLOTS", "many")], &[("beat", "1"), ("key", "hush")]).expect("known");
    assert_eq!(
        wrong(layers.parse::<u32>("slots", "a number from 1 to 256")),
        "slots is 'many' (from environment TAILOR_SLOTS); it should be a number from 1 to 256"
    );
    assert!(
        wrong(layers.size("memory")).starts_with("memory is 'much' (from file tailor.toml:1); it should be a number")
    );
    assert!(wrong(layers.duration("beat")).starts_with("beat is '1' (from flag --beat); it should be a whole number"));
    assert_eq!(wrong(layers.bool("key")), "key is '***' (from flag --key); it should be true or false");
    assert_eq!(
        wrong(layers.string("etcd.password-file")),
        "etcd.password-file is not set; give --etcd-password-file, TAILOR_ETCD_PASSWORD_FILE, or etcd.password-file in the file"
    );
}

#[test]
fn an_empty_value_takes_away_what_the_layers_below_gave() {
    let layers = load("http.listen = 'a:1'", &[("TAILOR_HTTP_LISTEN", "")], &[]).expect("known");
    assert_eq!(layers.optional("http.listen"), None);
    assert_eq!(layers.parse_optional::<u32>("http.listen", "a number").expect("it is not given"), None);
}

#[test]
fn a_secret_is_read_from_the_file_that_its_setting_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("password");
    std::fs::write(&path, "hush\n").expect("it can be written");
    let name = path.to_str().expect("a name in UTF-8");
    let layers = load("", &[], &[("etcd.password-file", name)]).expect("known");
    assert_eq!(layers.secret_file("etcd.password-file").expect("it is there"), Some("hush".to_owned()));
    std::fs::write(&path, "\n").expect("it can be written");
    assert!(wrong(layers.secret_file("etcd.password-file")).ends_with("it should be a file that is not empty"));
    std::fs::remove_file(&path).expect("it is there");
    let error = wrong(layers.secret_file("etcd.password-file"));
    assert!(
        error.starts_with("cannot read the secret of etcd.password-file (from flag --etcd-password-file) from "),
        "{error}"
    );
    assert_eq!(load("", &[], &[]).expect("known").secret_file("etcd.password-file").expect("none is named"), None);
}

#[test]
fn what_is_printed_tells_every_source_and_no_secret_and_can_be_read_back() {
    let layers = load("slots = 8", &[("TAILOR_BEAT", "2s")], &[("key", "hush"), ("etcd.endpoints", "http://a:1")]);
    let printed = layers.expect("known").print();
    assert!(!printed.contains("hush"));
    let lines: Vec<_> = printed.lines().map(|line| line.replace("  # ", " # ")).collect();
    assert_eq!(lines[0], r#"etcd.endpoints = "http://a:1" # from flag --etcd-endpoints"#);
    assert_eq!(lines[1], "# etcd.password-file is not set");
    assert_eq!(lines[2], r#"http.listen = "0.0.0.0:8080" # default"#);
    assert!(lines[3].starts_with(r#"slots = "8" # from file "#) && lines[3].ends_with("tailor.toml:1"), "{}", lines[3]);
    assert_eq!(lines[5..], [r#"beat = "2s" # from environment TAILOR_BEAT"#, r#"key = "***" # from flag --key"#]);
    assert_eq!(load(&printed, &[], &[]).expect("it is a settings file").string("slots").expect("it is there"), "8");
}

#[test]
fn a_command_takes_a_flag_for_each_setting() {
    let command = Flags::<Program>::augment_args(clap::Command::new("tailor"));
    let given = ["tailor", "--etcd-endpoints", "http://b:2", "--slots", "9", "--print-config"];
    let matches = command.clone().try_get_matches_from(given).expect("all are flags");
    let flags = Flags::<Program>::from_arg_matches(&matches).expect("none is required");
    assert!(flags.is_print && flags.file.is_none());
    let layers = flags.layers([]).expect("flags are settings");
    assert_eq!(
        (layers.list("etcd.endpoints"), layers.string("slots").expect("given")),
        (vec!["http://b:2".into()], "9".into())
    );
    assert!(command.try_get_matches_from(["tailor", "--slot", "9"]).is_err());
    assert!(!crate::common::KEYS.iter().any(|key| key.name == "config" || key.name == "print-config"));
}
