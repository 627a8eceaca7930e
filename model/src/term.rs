//! Terms of leaders: the random part that makes a fencing token unique, even if the cluster's state is lost.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{FencingToken, ParseIdError, parse_error, serde_as_text};

/// Time in office of one leader: 62 random bits, drawn anew with each election; 16 hexadecimal digits.
///
/// A revision of the cluster's state names an instant of *that* state only: an etcd that was lost, or restored from a
/// backup, gives its revisions out a second time. So a token is the sum of the term and a revision. The chance that
/// two terms draw the same bits is 1 in 2^62, so a token never comes back; inside a term tokens grow as revisions do.
///
/// A drawn term has its highest bit set and the next one clear. Revisions and tokens of versions without terms never
/// look like that, so the three can be told apart, and the sum does not overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(u64);

impl Term {
    const DRAWN: u64 = 1 << 63;

    /// Creates the term of these random bits.
    pub const fn drawn(random: u64) -> Self {
        Self(Self::DRAWN | random >> 2)
    }

    /// Returns the token of a key that was created at `revision` in this term. Versions without terms stored the
    /// leader's revision in place of the term: their tokens are the bare revisions.
    pub const fn token(self, revision: u64) -> FencingToken {
        FencingToken(if self.0 & Self::DRAWN == 0 { revision } else { self.0.wrapping_add(revision) })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Term {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || parse_error(text, "a term (16 hexadecimal digits)");
        let term = Self(u64::from_str_radix(text, 16).map_err(|_| invalid())?);
        if term.to_string() == text { Ok(term) } else { Err(invalid()) }
    }
}

serde_as_text!(Term);

/// Leader in the name of an object: the revision of its election, and its term. Within one state, names are in the
/// order of the elections; the term keeps leaders of two states apart that have the same revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderId {
    /// Revision of the leader's election.
    pub revision: u64,
    /// Term drawn by the leader.
    pub term: Term,
}

impl fmt::Display for LeaderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.revision, self.term)
    }
}

impl FromStr for LeaderId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || parse_error(text, "a leader (REVISION-TERM, 16 hexadecimal digits each)");
        let (revision, term) = text.split_once('-').ok_or_else(invalid)?;
        let revision = u64::from_str_radix(revision, 16).map_err(|_| invalid())?;
        let leader = Self { revision, term: term.parse()? };
        if leader.to_string() == text { Ok(leader) } else { Err(invalid()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tokens_grow_inside_a_term_and_are_no_bare_revisions(random: u64, revision in 0u64..1 << 62, step in 1u64..1 << 20) {
            let term = Term::drawn(random);
            prop_assert!(term.token(revision) < term.token(revision + step));
            prop_assert!(term.token(revision).0 > revision);
            prop_assert_eq!(term.to_string().parse(), Ok(term));
            let leader = LeaderId { revision, term };
            prop_assert_eq!(leader.to_string().parse(), Ok(leader));
        }

        #[test]
        fn two_terms_never_share_a_token_but_by_the_luck_of_their_draw(one: u64, other: u64, revision in 0u64..1 << 40) {
            prop_assume!(Term::drawn(one) != Term::drawn(other));
            prop_assert_ne!(Term::drawn(one).token(revision), Term::drawn(other).token(revision));
        }
    }

    #[test]
    fn a_claim_of_a_version_without_terms_keeps_its_bare_token() {
        let term: Term = "00000000000000ab".parse().expect("the token of a leader, as it was written then");
        assert_eq!(term.token(7), FencingToken(7));
    }
}
