//! The command line, as a part of a `clap` parser: `#[command(flatten)] settings: Flags<MyTables>`.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{Key, Layers, SettingsError, merged};

const CONFIG: &str = "config";
const PRINT_CONFIG: &str = "print-config";

/// Tables of settings of a program.
pub trait Tables {
    /// Shared tables first, the program's own last.
    const TABLES: &'static [&'static [Key]];
}

/// Flags for each setting of `T`, and `--config FILE` and `--print-config`.
pub struct Flags<T> {
    /// Path of the settings file.
    pub file: Option<PathBuf>,
    /// True to print every setting with its origin, and exit.
    pub is_print: bool,
    /// Flags that were given: names and texts.
    given: Vec<(String, String)>,
    tables: PhantomData<fn() -> T>,
}

impl<T: Tables> Flags<T> {
    /// Loads the layers: these flags over `environment` over the file over the defaults.
    ///
    /// # Errors
    /// As [`Layers::load`].
    pub fn layers(&self, environment: impl IntoIterator<Item = (String, String)>) -> Result<Layers, SettingsError> {
        Layers::load(T::TABLES, self.file.as_deref(), environment, self.given.clone())
    }
}

impl<T: Tables> clap::Args for Flags<T> {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .env("TAILOR_CONFIG")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Settings file (TOML); environment and flags take precedence. Without it, no file is read")
            .long_help(
                "Settings file (TOML); environment and flags take precedence. Without it, no file is read.\n\n\
                 For example `--config /etc/tailor/settings.toml`.",
            );
        let print = Arg::new(PRINT_CONFIG)
            .long(PRINT_CONFIG)
            .action(ArgAction::SetTrue)
            .help("Print every setting with the origin of its value, and exit")
            .long_help(
                "Print every setting with the origin of its value, and exit.\n\n\
                 For example `tailor worker --slots 8 --print-config`.",
            );
        command.arg(config).arg(print).args(merged(T::TABLES).iter().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn arg(key: &Key) -> Arg {
    let default = key.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
    let help = format!("{}{default} [env: {}]", key.help, key.variable());
    let arg = Arg::new(key.name).long(key.flag()).help_heading("Settings");
    let (arg, example) = match key.is_switch {
        true => {
            let arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("true|false");
            (arg, format!("--{}", key.flag()))
        }
        false => (arg.value_name("VALUE"), format!("--{} {}", key.flag(), key.example)),
    };
    arg.long_help(format!("{help}\n\nFor example `{example}`.")).help(help)
}

impl<T: Tables> clap::FromArgMatches for Flags<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let keys = merged(T::TABLES);
        let given = keys.iter().filter_map(|key| {
            let text = matches.get_one::<String>(key.name)?;
            Some((key.name.to_owned(), text.clone()))
        });
        Ok(Self {
            file: matches.get_one(CONFIG).cloned(),
            is_print: matches.get_flag(PRINT_CONFIG),
            given: given.collect(),
            tables: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<T> fmt::Debug for Flags<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The texts are left out, because some are secrets.
        let names: Vec<_> = self.given.iter().map(|(name, _)| name).collect();
        f.debug_struct("Flags").field("file", &self.file).field("given", &names).finish_non_exhaustive()
    }
}

impl<T> Clone for Flags<T> {
    fn clone(&self) -> Self {
        Self { file: self.file.clone(), is_print: self.is_print, given: self.given.clone(), tables: PhantomData }
    }
}
