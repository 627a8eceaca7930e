//! Pieces of event logs that were read: each is read again only once it has grown, so that a page that is watched costs
//! a listing a second, and not the whole log of a large job.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use format::keys;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::JobId;
use storage::{Root, StorageError};

/// Most pieces of a log that are read at once: each is 256 KiB, and a coordinator answers others meanwhile.
const PIECES_AT_ONCE: usize = 8;

/// Facts of type `T` from each piece of one log.
#[derive(Debug)]
pub(crate) struct ReadPieces<T> {
    /// Bytes that were read of each piece, and the facts in them, by key.
    pieces: BTreeMap<String, (u64, T)>,
}

impl<T> Default for ReadPieces<T> {
    fn default() -> Self {
        Self { pieces: BTreeMap::new() }
    }
}

impl<T: Send> ReadPieces<T> {
    /// Reads the new pieces of a job's log. If one cannot be read, those before it are kept, and another try goes on
    /// from there.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn read_new(
        &mut self,
        dataset: &Root,
        job: &JobId,
        parse: impl Fn(&str) -> T + Sync,
    ) -> Result<(), StorageError> {
        let listed = dataset.list(&keys::events_of(job)).await?;
        let listed: BTreeMap<_, _> = listed.into_iter().map(|piece| (piece.location.to_string(), piece.size)).collect();
        // A collector or an operator may have removed pieces.
        self.pieces.retain(|key, _| listed.contains_key(key));
        let is_new = |(key, size): &(String, u64)| self.pieces.get(key).is_none_or(|(read, _)| read < size);
        let new: Vec<_> = listed.into_iter().filter(is_new).map(|(key, _)| key).collect();
        let parse = &parse;
        let read = |key: String| async move {
            match dataset.read(&key).await {
                Ok(bytes) => Ok(Some((key, bytes.len() as u64, parse(&String::from_utf8_lossy(&bytes))))),
                Err(StorageError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let mut reads = stream::iter(new).map(read).buffered(PIECES_AT_ONCE);
        while let Some(read) = reads.try_next().await? {
            self.pieces.extend(read.map(|(key, bytes, facts)| (key, (bytes, facts))));
        }
        Ok(())
    }

    /// Facts of the pieces, in order of time under each leader.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &T> {
        self.pieces.values().map(|(_, facts)| facts)
    }
}

/// Facts of the logs that were read last, by the key of each. Clones of an entry share it.
#[derive(Debug)]
pub(crate) struct KeptLogs<K, T> {
    entries: Mutex<VecDeque<(K, Entry<T>)>>,
    entries_max: usize,
}

/// Entry, which one request at a time reads on.
type Entry<T> = Arc<tokio::sync::Mutex<ReadPieces<T>>>;

impl<K: PartialEq, T> KeptLogs<K, T> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { entries: Mutex::default(), entries_max }
    }

    /// Returns the entry of a key, empty if it was forgotten; the one that was used longest ago makes room.
    pub(crate) fn of(&self, key: K) -> Entry<T> {
        // No code panics while it holds the lock.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let at = entries.iter().position(|(known, _)| *known == key);
        let entry = at.and_then(|at| entries.remove(at)).map_or_else(Entry::default, |(_, entry)| entry);
        entries.truncate(self.entries_max - 1);
        entries.push_front((key, Arc::clone(&entry)));
        entry
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn a_piece_is_read_again_only_once_it_has_grown() {
        let dataset = Root::of_store("memory", Arc::new(InMemory::new()));
        let job: JobId = "j".parse().expect("a name");
        let key = |at: u32| format!("{}/{at}.jsonl", keys::events_of(&job));
        for at in 0..3 {
            dataset.replace(&key(at), b"a\n".to_vec()).await.expect("memory");
        }
        let (mut pieces, reads) = (ReadPieces::<String>::default(), AtomicUsize::new(0));
        let parse = |text: &str| {
            reads.fetch_add(1, Ordering::Relaxed);
            text.to_owned()
        };
        for _ in 0..2 {
            pieces.read_new(&dataset, &job, parse).await.expect("memory");
            assert_eq!(reads.load(Ordering::Relaxed), 3);
        }
        dataset.replace(&key(2), b"a\nb\n".to_vec()).await.expect("memory");
        pieces.read_new(&dataset, &job, parse).await.expect("memory");
        assert_eq!(reads.load(Ordering::Relaxed), 4);
        assert_eq!(pieces.facts().map(String::as_str).collect::<String>(), "a\na\na\nb\n");
        dataset.remove(&key(0)).await.expect("memory");
        pieces.read_new(&dataset, &job, parse).await.expect("memory");
        assert_eq!((pieces.facts().count(), reads.load(Ordering::Relaxed)), (2, 4));
    }

    #[test]
    fn the_logs_that_were_used_last_are_kept() {
        let kept = KeptLogs::<u32, ()>::new(2);
        let (first, second) = (kept.of(1), kept.of(2));
        assert!(Arc::ptr_eq(&first, &kept.of(1)));
        kept.of(3);
        assert!(Arc::ptr_eq(&first, &kept.of(1)) && !Arc::ptr_eq(&second, &kept.of(2)));
    }
}
