//! Bearer tokens: secrets that stand for a role and a name where there is no client certificate.
//!
//! A client reads its token from a file and sends it with each call, under TLS only. A coordinator has a file with the
//! SHA-256 of each token, so that neither the file nor a copy of it lets anybody in:
//!
//! ```text
//! # role name sha256
//! operator alice 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//! ```

use std::collections::HashMap;
use std::fmt;

use model::ClientRole;
use model::identity::is_plain;

use crate::secret::mark;

#[cfg(test)]
mod tests;

/// Beginning of the tokens that are drawn here, by which scanners of leaked secrets find them.
const PREFIX: &str = "tailor_";
/// Least length of a token. A shorter one could be guessed from its hash.
const TOKEN_BYTES_MIN: usize = 32;
/// Longest token: it travels in a header with each call.
const TOKEN_BYTES_MAX: usize = 512;
/// Most tokens of a file.
const TOKENS_MAX: usize = 10_000;

/// Bearer token; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Error of a token or of a file of tokens. It never quotes a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The text cannot be a token.
    #[error("the token {0}")]
    Token(&'static str),
    /// The system has no randomness.
    #[error("cannot draw a token: {0}")]
    Draw(String),
    /// A line of the file of hashes is malformed.
    #[error("line {line} of the tokens {reason}; a line is `ROLE NAME SHA256`, as `tailor token new` prints it")]
    Line {
        /// Line, counted from 1.
        line: usize,
        /// Fault of the line.
        reason: String,
    },
}

impl Token {
    /// Draws a token of 256 random bits.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn draw() -> Result<Self, TokenError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| TokenError::Draw(error.to_string()))?;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(format!("{PREFIX}{digits}")))
    }

    /// Parses the content of a file with one token; white space around it is left out.
    ///
    /// # Errors
    /// The text is too short, too long, or has characters that a header cannot carry.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let token = text.trim();
        if token.len() < TOKEN_BYTES_MIN {
            return Err(TokenError::Token(
                "has fewer than 32 characters, so it can be guessed; `tailor token new` draws one",
            ));
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Token("has more than 512 characters"));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Token("has white space or other characters that a header cannot carry"));
        }
        Ok(Self(token.to_owned()))
    }

    /// Text of the token, for its file and its header alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the line of this token in a coordinator's file of tokens.
    ///
    /// # Errors
    /// The name is not plain.
    pub fn line(&self, role: ClientRole, name: &str) -> Result<String, TokenError> {
        if !is_plain(name) {
            return Err(TokenError::Token("needs a name of letters, digits and -_.@"));
        }
        Ok(format!("{role} {name} {}", mark(self.0.as_bytes())))
    }
}

/// Owner of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenOwner {
    /// Role of the owner.
    pub role: ClientRole,
    /// Name of the owner.
    pub name: String,
}

/// Hashes of tokens with their owners.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// Owners by the SHA-256 of their tokens. The time of a search reveals at most something about hashes, which are
    /// not secret.
    owners: HashMap<String, TokenOwner>,
}

impl Tokens {
    /// Parses a file of tokens. Empty lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`TokenError::Line`]. Two lines with one hash are an error, because one of them would have no effect.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let mut owners = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fault = |reason: &str| TokenError::Line { line: at + 1, reason: reason.to_owned() };
            let (hash, owner) = parse_line(line).map_err(|reason| fault(&reason))?;
            if owners.len() >= TOKENS_MAX {
                return Err(fault("is one too many; at most 10000 are kept"));
            }
            if owners.insert(hash, owner).is_some() {
                return Err(fault("repeats the hash of an earlier line"));
            }
        }
        Ok(Self { owners })
    }

    /// Returns the owner of a token that a client sent.
    pub fn owner(&self, sent: &str) -> Option<&TokenOwner> {
        if sent.len() > TOKEN_BYTES_MAX {
            return None;
        }
        self.owners.get(&mark(sent.as_bytes()))
    }

    /// Number of tokens.
    pub fn count(&self) -> usize {
        self.owners.len()
    }
}

fn parse_line(line: &str) -> Result<(String, TokenOwner), String> {
    let mut words = line.split_ascii_whitespace();
    let (Some(role), Some(name), Some(hash), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err("does not have three words".to_owned());
    };
    // A token in the place of its hash must not be quoted.
    let role = role.parse().map_err(|_| "has an unknown role; use worker, viewer, operator or admin".to_owned())?;
    if !is_plain(name) {
        return Err("has a name that is not of letters, digits and -_.@".to_owned());
    }
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !is_hash {
        return Err("has a hash that is not of 64 lower-case hexadecimal digits".to_owned());
    }
    Ok((hash.to_owned(), TokenOwner { role, name: name.to_owned() }))
}
