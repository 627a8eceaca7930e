//! First screen of `tailor --help`: the commands by groups, which clap does not know for subcommands.

use clap::{Command as Clap, Subcommand as _};

use crate::commands::Command;

/// Groups of commands, in the order of the screen. A test compares them with the commands that there are.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Run on this machine", &["run", "plan", "gen", "import"]),
    ("Cluster", &["job", "shard", "task", "dashboard", "doctor"]),
    ("Dataset", &["dataset"]),
    ("Servers", &["coordinator", "worker", "token"]),
    ("Help", &["help", "completions"]),
];

/// Help of clap's own command, which is not among those of [`Command`].
const HELP: &str = "Show the help of a command: `tailor help job submit`";

/// Width of the column of names.
const NAME_WIDTH: usize = 13;

/// Lays out the first screen for clap: what Tailor is, the groups with a line for each command, and the global options.
pub(crate) fn template() -> String {
    let commands = Command::augment_subcommands(Clap::new("tailor"));
    let mut template = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (group, names) in GROUPS {
        template.push_str(&format!("\n{group}:\n"));
        for name in names {
            let about = commands.find_subcommand(name).and_then(Clap::get_about).map(ToString::to_string);
            let about = about.unwrap_or_else(|| HELP.to_owned());
            template.push_str(&format!("  {name:NAME_WIDTH$}{about}\n"));
        }
    }
    template + "\nOptions:\n{options}\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Arg, ArgAction, CommandFactory as _};

    use super::*;
    use crate::Tailor;

    /// Largest screen for `tailor --help`: lines and columns.
    const SCREEN: (usize, usize) = (40, 100);

    fn built() -> Clap {
        let mut tailor = Tailor::command();
        tailor.build();
        tailor
    }

    /// Lists a command and all below it, each with its full name; clap's own `help` is left out.
    fn all(command: &Clap, path: &str) -> Vec<(String, Clap)> {
        let path = format!("{path}{}", command.get_name());
        let below = command.get_subcommands().filter(|below| below.get_name() != "help");
        let below = below.flat_map(|below| all(below, &format!("{path} "))).collect::<Vec<_>>();
        [vec![(path, command.clone())], below].concat()
    }

    fn arguments() -> Vec<(String, Arg)> {
        let of_one = |(path, command): &(String, Clap)| {
            let visible = |arg: &&Arg| !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str());
            let named = |arg: &Arg| (format!("{path} {}", arg.get_id()), arg.clone());
            command.get_arguments().filter(visible).map(named).collect::<Vec<_>>()
        };
        all(&built(), "").iter().flat_map(of_one).collect()
    }

    fn long_help(arg: &Arg) -> String {
        arg.get_long_help().map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn the_first_screen_fits_and_has_every_command_in_one_group() {
        for screen in [built().render_help().to_string(), built().render_long_help().to_string()] {
            let (lines, columns) = (screen.lines().count(), screen.lines().map(|line| line.chars().count()).max());
            assert!(lines <= SCREEN.0 && columns <= Some(SCREEN.1), "{lines} lines, {columns:?} columns:\n{screen}");
        }

        let tailor = built();
        let real: BTreeSet<_> = tailor.get_subcommands().map(Clap::get_name).collect();
        let grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(grouped.len(), real.len(), "a command has one group");
        assert_eq!(grouped.into_iter().collect::<BTreeSet<_>>(), real);
    }

    #[test]
    fn every_command_says_what_it_does() {
        for (path, command) in all(&built(), "") {
            assert!(command.get_about().is_some_and(|about| !about.to_string().is_empty()), "{path} has no about");
        }
    }

    #[test]
    fn every_argument_has_help_and_an_example_of_itself() {
        let arguments = arguments();
        assert!(arguments.len() > 200, "{} arguments", arguments.len());
        for (path, arg) in arguments {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.split_whitespace().count() >= 3, "{path} says too little: {help:?}");
            let example = long_help(&arg).split_once("or example `").map(|(_, rest)| rest.to_owned());
            let example = example.unwrap_or_else(|| panic!("{path} has no example: {}", long_help(&arg)));
            let spellings =
                [arg.get_long().map(|long| format!("--{long}")), arg.get_short().map(|short| format!("-{short}"))];
            let is_itself = match spellings {
                [None, None] => example.starts_with("tailor "),
                spellings => spellings.iter().flatten().any(|spelling| example.contains(spelling.as_str())),
            };
            assert!(is_itself, "{path}: the example shows something else: {example}");
        }
    }

    #[test]
    fn every_value_that_may_be_left_out_says_what_holds_then() {
        for (path, arg) in arguments() {
            let is_switch = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Count);
            if is_switch || arg.is_required_set() {
                continue;
            }
            let has_default = !arg.get_default_values().is_empty() && !arg.is_hide_default_value_set();
            let help = long_help(&arg);
            let is_said = ["[default: ", "Without it", "Without them", "Without a", "Needed unless"]
                .iter()
                .any(|words| help.contains(words));
            assert!(has_default || is_said, "{path} does not say what holds without it: {help}");
        }
    }
}
