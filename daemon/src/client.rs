//! Security of a client's calls to coordinators, from files: TLS, and a bearer token.
//!
//! Both are read again when they change. A long-lived client (a worker) follows the files; a command reads them once.

use std::io;
use std::sync::Arc;

use proto::client::{ClientSecurity, Dial, Dialling, TokenSource, Wire};
use proto::token::Token;

use crate::reread::{FileError, NamedFile, Reread};
use crate::tls::{Tls, TlsFiles};

/// Files of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFiles {
    /// Certificate, key, authority.
    pub tls: TlsFiles,
    /// Bearer token.
    pub token: Option<NamedFile>,
}

/// Files of a client, as they were read.
#[derive(Debug, Clone, Default)]
pub struct ClientIdentity {
    /// TLS, if any file of it is set.
    pub tls: Option<Tls>,
    token: Option<Arc<Reread<Token>>>,
}

impl ClientIdentity {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, does not parse, or its certificate has expired.
    pub fn load(files: &ClientFiles) -> Result<Self, FileError> {
        let tls = Tls::load(&files.tls)?;
        let token = files.token.clone().map(|file| {
            let named = file.clone();
            let parse = move |contents: &[Vec<u8>]| {
                let text = std::str::from_utf8(&contents[0]).map_err(|_| FileError::new(&named, "it is not text"))?;
                Token::parse(text).map_err(|error| FileError::new(&named, error))
            };
            Reread::load(vec![file], parse).map(Arc::new)
        });
        Ok(Self { tls, token: token.transpose()? })
    }

    /// Returns the security of calls: TLS if there is an authority to check servers by.
    pub fn security(&self) -> ClientSecurity {
        let tls = self.tls.clone().filter(Tls::has_authority);
        ClientSecurity {
            tls: tls.map(|tls| Arc::new(tls) as Arc<dyn Dial>),
            token: self.token.clone().map(|token| token as Arc<dyn TokenSource>),
        }
    }

    /// Reads the token again and again, for as long as the process lives; TLS has a method of its own.
    pub async fn follow_token(self) {
        match self.token {
            Some(token) => token.follow(|_| ()).await,
            None => std::future::pending().await,
        }
    }
}

impl TokenSource for Reread<Token> {
    fn token(&self) -> Token {
        self.current().as_ref().clone()
    }
}

impl Dial for Tls {
    fn generation(&self) -> u64 {
        Tls::generation(self)
    }

    fn dial(&self, host: String, port: u16) -> Dialling {
        let tls = self.clone();
        Box::pin(async move {
            let stream = Tls::dial(&tls, &host, port).await;
            // The error of TLS alone does not say which of the two sides it is about.
            let stream =
                stream.map_err(|error| io::Error::new(error.kind(), format!("TLS to {host}:{port}: {error}")))?;
            Ok(Box::new(stream) as Box<dyn Wire>)
        })
    }
}
