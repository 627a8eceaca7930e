//! Entry of the audit log: a call that changes a job, as an object of the job.
//!
//! The same fields stand in the structured log (target `audit`), which also has the calls that were refused at the door
//! and those that have no job. Readers ignore unknown fields, so a later version may add some.

use model::TimestampMs;
use serde::{Deserialize, Serialize};

use crate::manifest::API_VERSION;

/// Decision on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditDecision {
    /// The call was carried out, or had been before.
    Allowed,
    /// The caller may not make the call, or the state does not allow it.
    Refused,
}

/// Call that changes something, with its caller and the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// [`API_VERSION`], name and version of the document.
    pub api_version: String,
    /// Always `AuditEntry`, the document's kind.
    pub kind: String,
    /// Time of the decision, by the clock of the coordinator.
    pub at_ms: TimestampMs,
    /// Name of the caller, as its certificate or token says.
    pub who: String,
    /// Role of the caller.
    pub role: String,
    /// Proof of the identity: `certificate` or `token`.
    pub proof: String,
    /// Address of the caller.
    pub from: String,
    /// Method that was called, such as `CancelJob`.
    pub verb: String,
    /// Object of the call: a job, a shard of it, a worker.
    pub object: String,
    /// Reason that the caller gave; empty if none.
    pub reason: String,
    /// Decision on the call.
    pub decision: AuditDecision,
    /// Error that the caller got; empty if none.
    pub error: String,
}

impl AuditEntry {
    /// Kind of the document.
    pub const KIND: &'static str = "AuditEntry";

    /// Version of the document.
    pub const API_VERSION: &'static str = API_VERSION;

    /// Serialises the entry.
    ///
    /// # Panics
    /// Never, because the entry has only texts and numbers.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers")
    }

    /// Parses an entry; none if the bytes are not one of ours.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let entry: Self = serde_json::from_slice(bytes).ok()?;
        (entry.api_version == API_VERSION && entry.kind == Self::KIND).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_also_with_fields_of_a_later_version() {
        let entry = AuditEntry {
            api_version: API_VERSION.to_owned(),
            kind: AuditEntry::KIND.to_owned(),
            at_ms: 1_767_225_600_000,
            who: "alice".to_owned(),
            role: "operator".to_owned(),
            proof: "certificate".to_owned(),
            from: "10.0.0.7:51234".to_owned(),
            verb: "CancelJob".to_owned(),
            object: "job nightly".to_owned(),
            reason: "wrong input".to_owned(),
            decision: AuditDecision::Allowed,
            error: String::new(),
        };
        let text = String::from_utf8(entry.to_bytes()).expect("JSON");
        expect_test::expect![[r#"{"api_version":"tailor/v1","kind":"AuditEntry","at_ms":1767225600000,"who":"alice","role":"operator","proof":"certificate","from":"10.0.0.7:51234","verb":"CancelJob","object":"job nightly","reason":"wrong input","decision":"allowed","error":""}"#]]
        .assert_eq(&text);
        let later = text.replacen('{', "{\"trace\":\"1\",", 1);
        assert_eq!(AuditEntry::from_bytes(later.as_bytes()), Some(entry));
        assert_eq!(AuditEntry::from_bytes(text.replace("AuditEntry", "Manifest").as_bytes()), None);
    }
}
