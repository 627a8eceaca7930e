//! Places that jobs may touch: the URI prefixes of `roots.allowed`.
//!
//! | rule | refuses |
//! |---|---|
//! | a prefix counts by whole components | `s3://metrics/landing-evil` beside `s3://metrics/landing` |
//! | bucket and key are compared as they are | another case, another bucket, `s3://metrics@evil`, `s3://metrics?endpoint=...` |
//! | a component is not empty, not `.` or `..`, and has no escape `%XX` | `landing/../secret`, `landing/%2e%2e/secret` |
//! | a folder is an absolute path, and what it *is* counts, all links followed, before it is made and after it is opened | a link out of an allowed folder |
//! | a segment lies in its folder, all links followed (`Root::confined`) | a link among the segments |
//!
//! The endpoint of S3 comes from the environment of the server alone: no URI names one.
//!
//! A person with an account on the server who may write into an allowed folder can still turn a link between a check and
//! its use. Against such a person only the permissions of files help.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use crate::opener::{Missing, Open, Opener};
use crate::reach::reach_by;
use crate::{Root, StorageError};

#[cfg(test)]
mod tests;

/// Rule for the places that a server opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedRoots {
    /// Any place.
    Any,
    /// Any bucket that the credentials open, and no folder of the server.
    Buckets,
    /// Places below these prefixes.
    Listed(Vec<RootPrefix>),
}

/// Prefix of a place, by whole components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootPrefix(Location);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Location {
    Bucket { bucket: String, key: Vec<String> },
    Folder(PathBuf),
}

/// Place that a server may not touch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{uri}: {reason}")]
pub struct RootNotAllowed {
    uri: String,
    reason: String,
}

impl AllowedRoots {
    /// Parses prefixes.
    ///
    /// # Errors
    /// A prefix is not a plain place: it names its first fault.
    pub fn listed(prefixes: &[String]) -> Result<Self, RootNotAllowed> {
        let parse = |prefix: &String| locate(prefix).map(RootPrefix).map_err(|reason| refusal(prefix, reason));
        prefixes.iter().map(parse).collect::<Result<_, _>>().map(Self::Listed)
    }

    /// Checks a URI by its text alone, without a look at the file system.
    ///
    /// # Errors
    /// The place is not below a prefix, or its URI has a form that could mean another place.
    pub fn check(&self, uri: &str) -> Result<(), RootNotAllowed> {
        let is_within = |location: &Location| match self {
            Self::Any => true,
            Self::Buckets => matches!(location, Location::Bucket { .. }),
            Self::Listed(prefixes) => prefixes.iter().any(|prefix| prefix.0.holds(location)),
        };
        if *self == Self::Any {
            return Ok(());
        }
        match locate(uri) {
            Ok(location) if is_within(&location) => Ok(()),
            Ok(_) => Err(refusal(uri, "it is not below a place of roots.allowed".to_owned())),
            Err(reason) => Err(refusal(uri, reason)),
        }
    }

    /// Checks a folder after all links were followed; parts of the path that are not there yet are taken as they are.
    /// Blocks.
    fn check_folder(&self, uri: &str, folder: &Path) -> Result<(), RootNotAllowed> {
        let Self::Listed(prefixes) = self else { return Ok(()) };
        let real = real_path(folder).map_err(|error| refusal(uri, error.to_string()))?;
        let is_within = prefixes.iter().any(|prefix| match &prefix.0 {
            // A prefix may itself lie behind a link, which the administrator has set.
            Location::Folder(prefix) => real_path(prefix).is_ok_and(|prefix| real.starts_with(prefix)),
            Location::Bucket { .. } => false,
        });
        match is_within {
            true => Ok(()),
            false => Err(refusal(uri, "behind a link, it is not below a place of roots.allowed".to_owned())),
        }
    }
}

impl Location {
    /// True if `other` is this place or lies below it.
    fn holds(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bucket { bucket, key }, Self::Bucket { bucket: other, key: below }) => {
                bucket == other && below.starts_with(key)
            }
            (Self::Folder(folder), Self::Folder(below)) => below.starts_with(folder),
            _ => false,
        }
    }
}

fn refusal(uri: &str, reason: String) -> RootNotAllowed {
    RootNotAllowed { uri: uri.to_owned(), reason }
}

/// Reads a URI strictly. A form that is refused here may open a place elsewhere, but never under a rule.
fn locate(uri: &str) -> Result<Location, String> {
    if let Some(at) = uri.find('%').filter(|at| is_escape(&uri.as_bytes()[at + 1..])) {
        return Err(format!(
            "it has the escape {} at byte {at}; nothing decodes it, so write the letter itself",
            &uri[at..at + 3]
        ));
    }
    if uri.chars().any(|letter| letter.is_control() || letter == '\\') {
        return Err("it has a control character or a backslash".to_owned());
    }
    match uri.split_once("://") {
        Some(("s3", rest)) => bucket(rest),
        Some(("file", path)) => folder(path),
        None => folder(uri),
        Some((scheme, _)) => Err(format!("{scheme}:// is not a place; give s3://BUCKET/PREFIX or an absolute path")),
    }
}

fn is_escape(after: &[u8]) -> bool {
    matches!(after, [first, second, ..] if first.is_ascii_hexdigit() && second.is_ascii_hexdigit())
}

fn bucket(rest: &str) -> Result<Location, String> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (bucket, key) = rest.split_once('/').map_or((rest, None), |(bucket, key)| (bucket, Some(key)));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if bucket.is_empty() || !bucket.bytes().all(is_plain) {
        return Err(format!("'{bucket}' is not the name of a bucket"));
    }
    let key: Vec<_> = key.into_iter().flat_map(|key| key.split('/')).map(str::to_owned).collect();
    match key.iter().find(|component| ["", ".", ".."].contains(&component.as_str())) {
        Some(component) => Err(format!("it has a component '{component}'")),
        None => Ok(Location::Bucket { bucket: bucket.to_owned(), key }),
    }
}

fn folder(path: &str) -> Result<Location, String> {
    if !path.starts_with('/') {
        return Err("its path does not begin with /, so it means another folder to each process".to_owned());
    }
    if path.split('/').any(|component| component == ".." || component == ".") {
        return Err("its path has a component . or ..".to_owned());
    }
    let plain = Path::new(path).components().filter(|component| !matches!(component, Component::CurDir));
    Ok(Location::Folder(plain.collect()))
}

/// Resolves all links of the part of a path that exists, and appends the rest. Blocks.
fn real_path(path: &Path) -> std::io::Result<PathBuf> {
    let mut missing = Vec::new();
    let mut known = path;
    loop {
        match known.canonicalize() {
            Ok(real) => return Ok(missing.iter().rev().fold(real, |real, name| real.join(name))),
            // A link that leads nowhere exists, though its target does not: the folder would be made at the target.
            Err(_) if known.symlink_metadata().is_ok() => {
                return Err(std::io::Error::other(format!("{} cannot be followed", known.display())));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => match (known.parent(), known.file_name()) {
                (Some(parent), Some(name)) => {
                    missing.push(name.to_owned());
                    known = parent;
                }
                _ => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
}

/// Opener of the allowed places.
#[derive(Debug)]
struct Within(Arc<AllowedRoots>);

impl Opener {
    /// Opens folders and buckets by their URIs, if they are allowed.
    pub fn within(allowed: AllowedRoots) -> Self {
        match allowed {
            AllowedRoots::Any => Self::by_uri(),
            allowed => Self::new(Arc::new(Within(Arc::new(allowed)))),
        }
    }
}

#[async_trait]
impl Open for Within {
    async fn open(&self, uri: &str, missing: Missing) -> Result<Root, StorageError> {
        self.0.check(uri).map_err(not_opened)?;
        let allowed = Arc::clone(&self.0);
        let open = move |uri: &str| {
            if let Ok(Location::Folder(folder)) = locate(uri) {
                allowed.check_folder(uri, &folder).map_err(not_opened)?;
            }
            let root = match missing {
                Missing::Refuse => Root::open(uri),
                Missing::Make => Root::create(uri),
            }?;
            if let Some(folder) = root.local_folder() {
                allowed.check_folder(uri, folder).map_err(not_opened)?;
            }
            Ok(root.confined())
        };
        reach_by((missing, Arc::as_ptr(&self.0).addr()), open, uri).await
    }

    fn allows(&self, uri: &str) -> Result<(), RootNotAllowed> {
        self.0.check(uri)
    }
}

fn not_opened(refused: RootNotAllowed) -> StorageError {
    StorageError::Open { uri: refused.uri, cause: format!("this server may not touch it: {}", refused.reason) }
}
