//! Deterministic segments of any size and shape.
//!
//! The bytes are a pure function of the settings: every series, slice and chunk is drawn from the seed and its own
//! place (`random`). So segments can be made on many threads, in bounded memory, with the same result as on one.
//!
//! ```text
//! settings -> streams (layout) -> segments with damage (plan) -> chunks (emission, series, values) -> frames, objects (run)
//! ```

mod random;
pub mod settings; // settings: the shape of the data
mod layout;
mod series;
mod values;
mod emission;
pub mod damage; //   bad frames and odd payloads
mod plan;
mod chunk;
mod run;
pub mod summary; //  summary of the data that was written

use futures::StreamExt;
use storage::StorageError;

pub use damage::DamageKind;
pub use plan::NoRoom;
pub use settings::{BIG_ORG, Damage, GenSettings, SeriesKind, SettingError};
pub use summary::{GenSummary, GenTotals, PlantedDamage, SIDECAR};

use crate::segment::SegmentOutput;

/// Error of a generation; nothing or not everything was written.
#[derive(Debug, thiserror::Error)]
pub enum GenError {
    /// A setting makes no sense: fix it.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The damage does not fit: ask for less damage or for more points.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The place is not empty: new data would mix with old data.
    #[error("{object} is there already: give an empty place, or empty this one")]
    NotEmpty {
        /// URI of one of the objects found.
        object: String,
    },
    /// The object store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Writes the segments that `settings` describe under `output`, and then [`SIDECAR`].
///
/// Blocks: call it from a thread that may, not from an async task. `progress` hears of emitted points as they are
/// written, from several threads.
///
/// # Errors
/// See [`GenError`].
pub fn generate(
    settings: &GenSettings,
    output: &SegmentOutput,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<GenSummary, GenError> {
    settings.validate()?;
    refuse_old_data(output)?;
    let streams = layout::streams(settings);
    let segments = plan::plan(settings, &streams)?;
    let written = run::run(settings, &segments, output, threads(settings), progress)?;
    let mut summary = GenSummary::new(settings);
    for (segment, written) in segments.iter().zip(written) {
        summary.totals.add(&written.totals);
        summary.shards.entry(segment.shard.to_string()).or_default().add(&written.totals);
        summary.damages.extend(written.damages);
    }
    summary.damages.sort_by(|a, b| (&a.segment, a.offset).cmp(&(&b.segment, b.offset)));
    let sidecar = serde_json::to_vec_pretty(&summary).expect("plain data");
    output.wait(output.root().replace(SIDECAR, sidecar))?;
    Ok(summary)
}

/// Refuses a place with old data: segments of other settings would count as part of the new data.
fn refuse_old_data(output: &SegmentOutput) -> Result<(), GenError> {
    let first = output.wait(output.root().store().list(None).next());
    match first {
        None => Ok(()),
        Some(Ok(old)) => Err(GenError::NotEmpty { object: output.root().object(old.location.as_ref()) }),
        Some(Err(error)) => {
            let object = output.root().uri().to_owned();
            Err(StorageError::Failed { operation: "list", object, source: Box::new(error) }.into())
        }
    }
}

fn threads(settings: &GenSettings) -> usize {
    match settings.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
}

#[cfg(test)]
mod tests;
