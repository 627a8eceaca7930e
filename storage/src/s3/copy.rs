//! Copies within the store, up to the 5 GiB that S3 copies in one request.

use object_store::path::Path;
use object_store::{CopyMode, CopyOptions};

use super::{Failure, Kind, S3Store};

impl S3Store {
    pub(super) async fn copy_object(&self, from: &Path, to: &Path, options: &CopyOptions) -> Result<(), Failure> {
        let connection = self.connection().await?;
        let request = || {
            let source = format!("{}/{}", self.bucket(), encode(&self.key(from)));
            let request = connection.client.copy_object().bucket(self.bucket()).key(self.key(to)).copy_source(source);
            let request = match options.mode {
                CopyMode::Overwrite => request,
                CopyMode::Create => request.if_none_match("*"),
            };
            request.send()
        };
        let attempts = self.attempts("CopyObject", connection, to);
        match attempts.until_done(request).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == Kind::Refused && options.mode == CopyMode::Create => {
                Err(failure.into_kind(Kind::Exists))
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Escapes a key for the header that names the source: all letters except the unreserved ones and `/`.
fn encode(key: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    key.bytes().map(escape).collect()
}
