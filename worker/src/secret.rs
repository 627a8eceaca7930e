//! The secret of a worker process: the leader serves only who knows it.
//!
//! A worker's id is its lease, which operators see in listings and logs. The secret is drawn when the process starts, and its
//! SHA-256, the *mark*, stands in the worker's record in etcd. Whoever leads reads the mark there, so nothing has to be agreed
//! again after a change of the leader. Who can only reach the leader cannot speak for a worker; who can write etcd can.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A secret. It is not shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 16]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A secret from the system's source of randomness.
    ///
    /// # Errors
    /// If the system has none.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The secret of a seed: for worlds where all is drawn from one, and where nobody is a stranger.
    pub const fn seeded(seed: u64) -> Self {
        Self((seed as u128).to_be_bytes())
    }

    /// As it travels.
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// What a record has of it: 64 hexadecimal digits.
    pub fn mark(self) -> String {
        mark(&self.0)
    }
}

/// The mark of a secret that was sent; of bytes that are none, one that no worker has.
pub fn mark(secret: &[u8]) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_sha_256_of_what_travels_and_two_secrets_differ() {
        let [one, other] = [Secret::draw(), Secret::draw()].map(|drawn| drawn.expect("a system with randomness"));
        assert_eq!(mark(&one.to_bytes()), one.mark());
        assert_ne!(one.mark(), other.mark());
        assert_eq!(mark(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(!format!("{one:?}").contains(char::is_numeric), "it is not shown");
    }
}
