//! Folders under a root: their direct content, and operations for local folders only.

use std::path::Path as FsPath;

use futures::StreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::root::path_of;
use crate::{Root, StorageError};

/// Direct content of a folder.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    /// Names of the subfolders, without their parents.
    pub folders: Vec<String>,
    /// Objects directly in the folder.
    pub objects: Vec<ObjectMeta>,
}

impl Root {
    /// Lists the direct content of the folder at `key`; empty if there is no such folder. It takes one request per
    /// thousand names, however many objects lie further down.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn list_folder(&self, key: &str) -> Result<Folder, StorageError> {
        let path = path_of(key);
        let listed = self.store().list_with_delimiter(Some(&path)).await;
        let listed = match listed {
            Err(object_store::Error::NotFound { .. }) => return Ok(Folder::default()),
            listed => listed.map_err(|error| StorageError::of("list", self.uri(), &path, error))?,
        };
        let name = |folder: &Path| folder.filename().map(str::to_owned);
        let folders = listed.common_prefixes.iter().filter_map(name).collect();
        Ok(Folder { folders, objects: listed.objects })
    }

    /// Lists all objects under the folder `prefix`, and keeps the values that `keep` returns. Other objects take no
    /// memory.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn list_each<T>(
        &self,
        prefix: &str,
        keep: impl Fn(&ObjectMeta) -> Option<T>,
    ) -> Result<Vec<T>, StorageError> {
        let path = path_of(prefix);
        let mut listed = self.store().list((!prefix.is_empty()).then_some(&path));
        let mut kept = Vec::new();
        while let Some(object) = listed.next().await {
            match object {
                Ok(object) => kept.extend(keep(&object)),
                // The object vanished during the listing.
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(StorageError::of("list", self.uri(), &path, error)),
            }
        }
        Ok(kept)
    }

    /// Removes the folder at `key` and its parents up to this root, as far as they are empty. Only local folders can
    /// be empty.
    pub fn prune(&self, key: &str) {
        let Some(top) = self.local_folder() else { return };
        let place = top.join(key);
        remove_empty_below(&place);
        // Removing a folder that is not empty fails, which ends the loop.
        let mut folders = place.ancestors().take_while(|folder| *folder != top && folder.starts_with(top));
        while folders.next().is_some_and(|folder| std::fs::remove_dir(folder).is_ok() || !folder.exists()) {}
    }

    /// True if the bucket keeps old versions of deleted objects; `None` if that cannot be determined.
    pub async fn keeps_versions(&self) -> Option<bool> {
        match self.bucket() {
            None => Some(false),
            Some(bucket) => bucket.keeps_versions().await.ok(),
        }
    }
}

/// Removes the empty folders inside a folder. If another process has just filled one, removing it fails, and it
/// stays.
fn remove_empty_below(folder: &FsPath) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    // Check the entry itself: a link must never be followed out of the dataset.
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_empty_below(&entry.path());
        let _ = std::fs::remove_dir(entry.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_lists_what_is_directly_in_it_and_empty_ones_are_pruned_up_to_the_root() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let root = Root::create(&dir.path().join("root").display().to_string()).expect("a folder");
        for key in ["a/b/c/one", "a/b/two", "x/three"] {
            root.create_object(key, "x").await.expect("the folder is ours");
        }
        let folder = root.list_folder("a/b").await.expect("it can be listed");
        assert_eq!(folder.folders, ["c"]);
        assert_eq!(folder.objects.iter().map(|object| object.location.as_ref()).collect::<Vec<_>>(), ["a/b/two"]);
        assert!(root.list_folder("nowhere").await.expect("no folder is no error").objects.is_empty());
        root.remove_all(vec!["a/b/c/one".to_owned(), "a/b/gone".to_owned()]).await.expect("one that is gone is fine");
        root.prune("a/b/c");
        assert!(dir.path().join("root/a/b/two").exists() && !dir.path().join("root/a/b/c").exists());
        root.remove_all(vec!["a/b/two".to_owned()]).await.expect("it is there");
        root.prune("a");
        assert!(!dir.path().join("root/a").exists() && dir.path().join("root/x/three").exists());
        let kept = root.list_each("", |object| object.location.filename().map(str::to_owned)).await;
        assert_eq!(kept.expect("it can be listed"), ["three"]);
    }
}
