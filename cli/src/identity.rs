//! Identity of this client: the authority by which servers are checked, and a certificate or a token to show them.

use std::path::PathBuf;

use anyhow::Result;
use daemon::TlsFiles;
use daemon::client::{ClientFiles, ClientIdentity};
use daemon::reread::NamedFile;

use crate::exit::{Code, Exit};

/// Options of the identity, shared by every verb that asks a cluster.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct IdentityArgs {
    /// Authority (PEM) by which coordinators are checked; switches TLS on [env: TAILOR_TLS_CA]. Without it, that of the
    /// context, or no TLS.
    ///
    /// For example `--tls-ca /etc/tailor/ca.crt`.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Certificate (PEM) that says who asks [env: TAILOR_TLS_CERT]. Without it, that of the context, or none.
    ///
    /// For example `--tls-cert ~/.config/tailor/alice.crt`.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Key (PEM) of that certificate [env: TAILOR_TLS_KEY]. Without it, that of the context, or none.
    ///
    /// For example `--tls-key ~/.config/tailor/alice.key`.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// File with a bearer token that says who asks, in place of a certificate [env: TAILOR_TOKEN_FILE]. Without it, that
    /// of the context, or none.
    ///
    /// For example `--token-file ~/.config/tailor/token`.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Files that a context of the client's file names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ProfileFiles {
    pub(crate) tls_ca: Option<PathBuf>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) token_file: Option<PathBuf>,
}

impl IdentityArgs {
    /// Reads the files: each is named by a flag, else by a variable, else by the context.
    pub(crate) fn load(
        &self,
        context: &ProfileFiles,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<ClientIdentity> {
        let files = self.resolve(context, variable)?;
        let usage = |error| Exit::error(Code::Usage, model::error::chain(&error));
        ClientIdentity::load(&files).map_err(usage)
    }

    fn resolve(&self, context: &ProfileFiles, variable: impl Fn(&str) -> Option<String>) -> Result<ClientFiles> {
        let file = |setting, flag: &Option<PathBuf>, name: &str, context: &Option<PathBuf>| {
            let path = flag.clone().or_else(|| variable(name).map(PathBuf::from)).or_else(|| context.clone());
            path.map(|path| NamedFile { setting, path })
        };
        let cert = file("--tls-cert", &self.tls_cert, "TAILOR_TLS_CERT", &context.tls_cert);
        let key = file("--tls-key", &self.tls_key, "TAILOR_TLS_KEY", &context.tls_key);
        let authority = file("--tls-ca", &self.tls_ca, "TAILOR_TLS_CA", &context.tls_ca);
        let token = file("--token-file", &self.token_file, "TAILOR_TOKEN_FILE", &context.token_file);
        if cert.is_some() != key.is_some() {
            let reason = "--tls-cert and --tls-key go together; give both, or none";
            return Err(Exit::error(Code::Usage, reason));
        }
        if cert.is_some() && authority.is_none() {
            let reason =
                "a certificate is shown under TLS alone; give --tls-ca, too, by which coordinators are checked";
            return Err(Exit::error(Code::Usage, reason));
        }
        Ok(ClientFiles { tls: TlsFiles { own: cert.zip(key), authority }, token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_a_variable_and_this_over_the_context() {
        let context =
            ProfileFiles { tls_ca: Some("/context".into()), token_file: Some("/t".into()), ..Default::default() };
        let variable = |name: &str| (name == "TAILOR_TLS_CA").then(|| "/variable".to_owned());
        let authority = |args: &IdentityArgs, variable: &dyn Fn(&str) -> Option<String>| {
            let files = args.resolve(&context, variable).expect("they fit together");
            assert_eq!(files.token.expect("the context's").path, PathBuf::from("/t"));
            files.tls.authority.expect("one is named").path
        };
        let flag = IdentityArgs { tls_ca: Some("/flag".into()), ..Default::default() };
        assert_eq!(authority(&flag, &variable), PathBuf::from("/flag"));
        assert_eq!(authority(&IdentityArgs::default(), &variable), PathBuf::from("/variable"));
        assert_eq!(authority(&IdentityArgs::default(), &|_| None), PathBuf::from("/context"));
    }

    #[test]
    fn halves_are_refused() {
        let cert = IdentityArgs { tls_cert: Some("/c".into()), ..Default::default() };
        let both = IdentityArgs { tls_key: Some("/k".into()), ..cert.clone() };
        for (args, advice) in [(cert, "--tls-key"), (both, "--tls-ca")] {
            let error = args.resolve(&ProfileFiles::default(), |_| None).expect_err("something is missing");
            assert!(error.to_string().contains(advice) && Code::of(&error) == Code::Usage, "{error}");
        }
    }
}
