//! `tailor token`: bearer tokens for clients that have no certificate.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use model::ClientRole;
use model::identity::is_plain;
use proto::token::Token;

use crate::exit::{Code, Exit};
use crate::files::read_text;
use crate::out;

/// Verbs on tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum TokenVerb {
    /// Draw a token into a file, and print its line for the coordinators' file of tokens
    New(Args),
    /// Print the line of an existing token
    Line(Args),
}

/// Options of a token.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Role of the owner: worker, viewer, operator or admin.
    ///
    /// For example `--role operator`.
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: ClientRole,
    /// Name of the owner, for the audit log: letters, digits and -_.@.
    ///
    /// For example `--name alice`.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    /// File of the token, which only this user may read. `new` creates it, and refuses to replace a file.
    ///
    /// For example `tailor token new --role operator --name alice --token-file alice.token >>tokens`.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
}

fn role(text: &str) -> Result<ClientRole, String> {
    text.parse().map_err(|error: model::identity::ParseIdentityError| error.to_string())
}

fn name(text: &str) -> Result<String, String> {
    if is_plain(text) { Ok(text.to_owned()) } else { Err("a name has letters, digits and -_.@ alone".to_owned()) }
}

pub(crate) fn run(verb: &TokenVerb) -> Result<Code> {
    let (args, token) = match verb {
        TokenVerb::New(args) => {
            let token = Token::draw()?;
            write(&args.token_file, &token)?;
            (args, token)
        }
        TokenVerb::Line(args) => {
            let text = read_text("token", &args.token_file)?;
            let token = Token::parse(&text).map_err(|error| Exit::error(Code::Usage, error.to_string()))?;
            (args, token)
        }
    };
    out::text(token.line(args.role, &args.name)? + "\n")?;
    Ok(Code::Done)
}

/// Writes the token into a new file that nobody else may read, also for a moment.
fn write(path: &Path, token: &Token) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("make the token's file {}", path.display()))?;
    writeln!(file, "{}", token.expose()).with_context(|| format!("write the token's file {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_private_and_is_never_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("token");
        let token = Token::draw().expect("a system with randomness");
        write(&path, &token).expect("a folder that can be written");
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        write(&path, &Token::draw().expect("a system with randomness")).expect_err("there is one already");
        let kept = read_text("token", &path).expect("it may be read");
        assert_eq!(Token::parse(&kept).expect("a token"), token);
    }
}
