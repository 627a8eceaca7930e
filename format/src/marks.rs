//! The dataset's marker, and the marks of its jobs: what a collector reads before it deletes anything.
//!
//! ```text
//! mark of a run:  (none) --planned--> open --refreshed while it runs--> open --ended--> over --swept--> (none)
//!                                      \--nobody refreshes it--> stale: as over
//! ```
//!
//! Readers ignore unknown fields, so a later version may add some. A document that is not readable is
//! never permission to delete: an unreadable marker does not count as a marker, an unreadable mark counts as open.

use serde::{Deserialize, Serialize};

use crate::keys::ProcessName;
use crate::manifest::API_VERSION;

/// Version of the key layout that this build writes and cleans.
pub const LAYOUT: u32 = 1;

/// Marker of a dataset: the place belongs to Tailor, and objects whose keys parse may be collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetMarker {
    /// [`API_VERSION`], name and version of the document.
    pub api_version: String,
    /// Always `Dataset`, the document's kind.
    pub kind: String,
    /// Random id, 32 hexadecimal digits. It distinguishes a dataset from another that was made later in the same place.
    pub id: String,
    /// Version of the keys, see [`LAYOUT`].
    pub layout: u32,
}

impl DatasetMarker {
    /// Creates the marker of a new dataset; `id` is random.
    pub fn new(id: u128) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: "Dataset".to_owned(),
            id: format!("{id:032x}"),
            layout: LAYOUT,
        }
    }

    /// Serialises the marker.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes(self)
    }

    /// Parses a marker; none if the bytes are not a marker of ours.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let marker: Self = serde_json::from_slice(bytes).ok()?;
        (marker.api_version == API_VERSION && marker.kind == "Dataset").then_some(marker)
    }
}

/// State of a marked run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkState {
    /// The run may still write and commit.
    Open,
    /// The run has ended; its leftovers are not yet collected.
    Over,
}

/// Mark of one run of a job, or of a rollback to its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobMark {
    /// State of the run.
    pub state: MarkState,
    /// Process that runs the job, if its scratch lies in this dataset. A live process holds a lock there, so the mark
    /// of a dead process is recognised before it becomes stale.
    #[serde(default, with = "name_of_process", skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessName>,
}

impl JobMark {
    /// Serialises the mark.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes(self)
    }

    /// Parses a mark; none if this build does not know the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

fn bytes(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec_pretty(document).expect("a mark is numbers and names")
}

/// Serialises a process by its name.
mod name_of_process {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::keys::ProcessName;

    pub(super) fn serialize<S: Serializer>(process: &Option<ProcessName>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&process.map(|process| process.to_string()).unwrap_or_default())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ProcessName>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        name.map(|name| name.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_read_back_and_pass_over_what_a_later_version_adds() {
        let process = Some(ProcessName { pid: 7, began_at_ms: 99 });
        for mark in [JobMark { state: MarkState::Open, process }, JobMark { state: MarkState::Over, process: None }] {
            assert_eq!(JobMark::from_bytes(&mark.to_bytes()), Some(mark));
        }
        let later = br#"{"state": "open", "process": "tailor-7-99", "color": "red"}"#;
        assert_eq!(JobMark::from_bytes(later), Some(JobMark { state: MarkState::Open, process }));
        for unknown in [&b"{}"[..], br#"{"state": "paused"}"#, br#"{"state": "open", "process": "me"}"#] {
            assert_eq!(JobMark::from_bytes(unknown), None);
        }
        let marker = DatasetMarker::new(0xab);
        assert_eq!(DatasetMarker::from_bytes(&marker.to_bytes()), Some(marker));
        assert_eq!(DatasetMarker::from_bytes(br#"{"name": "my tailor shop"}"#), None);
    }
}
