//! The secret of a worker process, without which the leader does not serve it.
//!
//! A worker's id is its lease, which operators see in listings and logs. The secret is drawn when the process starts,
//! and its SHA-256, the *mark*, is part of the worker's record in etcd. Every leader reads the mark there, so nothing
//! has to be agreed again after a change of leader. A process that can only reach the leader cannot act as a worker;
//! a process that can write etcd can.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Secret of a worker process; `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 16]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Draws a secret from the system's source of randomness.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Derives a secret from a seed, for simulations in which everything is drawn from one seed.
    pub const fn seeded(seed: u64) -> Self {
        Self((seed as u128).to_be_bytes())
    }

    /// Bytes as sent with each request.
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// Mark of the secret: 64 hexadecimal digits, stored in the worker's record.
    pub fn mark(self) -> String {
        mark(&self.0)
    }
}

/// Computes the mark of bytes that were received. Bytes that are not a secret give a mark that no worker has.
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
