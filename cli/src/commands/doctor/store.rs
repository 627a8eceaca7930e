//! Checks of a store: the properties that Tailor relies on, tried on objects of the doctor's own.

use model::{Clock as _, SystemClock};
use storage::object::ObjectWriter;
use storage::{Root, StorageError};
use tokio::runtime::Handle;

use super::Check;

/// Size of an object that is uploaded in parts.
const MULTIPART_BYTES: usize = 9 << 20;

/// Checks the properties of a store that a dataset relies on.
pub(super) async fn checks_of_dataset(uri: &str) -> Vec<Check> {
    let root = match Root::open(uri) {
        Ok(root) => root,
        Err(error) => return vec![unopened("dataset", uri, &error)],
    };
    let probe = Probe { folder: format!("doctor/{}-{}", std::process::id(), SystemClock.now_ms()), root };
    let mut checks = Vec::new();
    if let Err(error) = probe.root.create_object(&probe.key("once"), "first").await {
        let hint = "check the credentials, the region, the endpoint, and whether this user may write";
        checks.push(Check::of(format!("{uri} write"), Err(described(error)), hint));
        return checks;
    }
    let mut check = |name: &str, outcome: Result<String, String>, hint| {
        checks.push(Check::of(format!("{uri} {name}"), outcome, hint));
    };
    let hint = "without conditional puts two commits could overwrite each other: use a store that has If-None-Match";
    check("create-only put", probe.refuses_a_second_put().await, hint);
    check("ranged read", probe.reads_a_range().await, "parts are read in ranges: use a store that has them");
    check("listing", probe.lists_what_was_written().await, "use a store whose listings show a write at once");
    check("multipart upload", probe.uploads_in_parts().await, "check what this user may do, and the store's limits");
    check("remove", probe.remove().await, "remove the folder doctor/ by hand, and see whether this user may delete");
    check("versions", Ok(versions(&probe.root).await), "");
    checks
}

/// Reports versioning of the bucket: some want it, and for others it is a hidden cost.
async fn versions(root: &Root) -> String {
    match root.keeps_versions().await {
        Some(false) => "what is deleted is gone".to_owned(),
        Some(true) => "the bucket keeps versions: runs and garbage that were deleted stay as noncurrent versions, and are \
                       paid for; a lifecycle rule with NoncurrentVersionExpiration and ExpiredObjectDeleteMarker removes \
                       them"
            .to_owned(),
        None => "this user may not ask, or the store does not tell, whether the bucket keeps versions of what is deleted"
            .to_owned(),
    }
}

/// Lists and reads an input.
pub(super) async fn checks_of_input(uri: &str) -> Vec<Check> {
    let root = match Root::open(uri) {
        Ok(root) => root,
        Err(error) => return vec![unopened("input", uri, &error)],
    };
    let listed = match root.list_input().await {
        Ok(listed) => listed,
        Err(error) => {
            let hint = "check the credentials, the region, the endpoint, and whether this user may list";
            return vec![Check::of(format!("{uri} listing"), Err(described(error)), hint)];
        }
    };
    let segments: Vec<_> = listed.iter().filter(|object| object.location.as_ref().ends_with(".seg")).collect();
    let found = match segments.len() {
        0 => Err(format!("none of {} objects is a segment", listed.len())),
        count => Ok(format!("{count} segments among {} objects", listed.len())),
    };
    let hint = "segments have a component shard=NAME in their key, and end in .seg";
    let mut checks = vec![Check::of(format!("{uri} listing"), found, hint)];
    if let Some(segment) = segments.iter().find(|segment| segment.size > 0) {
        let read = root.read_range(segment.location.as_ref(), 0, 1).await;
        let outcome = read.map(|_| format!("{} can be read", segment.location)).map_err(described);
        checks.push(Check::of(format!("{uri} ranged read"), outcome, "check whether this user may read"));
    }
    checks
}

fn unopened(what: &str, uri: &str, error: &StorageError) -> Check {
    let hint = "a local folder must be there; else check the URI";
    Check::of(format!("{what} {uri}"), Err(model::error::chain(error)), hint)
}

/// Formats an error with its causes.
fn described(error: StorageError) -> String {
    model::error::chain(&error)
}

/// Objects of one run of the doctor.
struct Probe {
    root: Root,
    folder: String,
}

impl Probe {
    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    async fn refuses_a_second_put(&self) -> Result<String, String> {
        let key = self.key("once");
        match self.root.create_object(&key, "second").await {
            Err(StorageError::AlreadyExists { .. }) => {}
            Ok(()) => return Err("a second put of one object was taken".to_owned()),
            Err(error) => return Err(described(error)),
        }
        match self.root.read(&key).await.map_err(described)?.as_ref() {
            b"first" => Ok("a second put is refused, the first stays".to_owned()),
            _ => Err("a second put was refused, and overwrote the first all the same".to_owned()),
        }
    }

    async fn reads_a_range(&self) -> Result<String, String> {
        match self.root.read_range(&self.key("once"), 1, 3).await.map_err(described)?.as_ref() {
            b"irs" => Ok("gives the bytes that were asked for".to_owned()),
            other => Err(format!("3 bytes were asked for, {} came, or others", other.len())),
        }
    }

    async fn lists_what_was_written(&self) -> Result<String, String> {
        let keys: Vec<_> = ["a", "a-b", "b"].map(|name| self.key(name)).into();
        for key in &keys {
            self.root.create_object(key, "listed").await.map_err(described)?;
        }
        let listed = self.root.list(&self.folder).await.map_err(described)?;
        let listed: Vec<_> = listed.iter().map(|object| object.location.to_string()).collect();
        if listed == [keys, vec![self.key("once")]].concat() {
            Ok("shows what was written, in order".to_owned())
        } else {
            Err(format!("{} objects were written, {} are listed, or others", 4, listed.len()))
        }
    }

    async fn uploads_in_parts(&self) -> Result<String, String> {
        let (root, key, runtime) = (self.root.clone(), self.key("parts"), Handle::current());
        // A writer waits for its uploads, which is allowed only on a thread that may block.
        let upload = tokio::task::spawn_blocking(move || {
            let mut writer = ObjectWriter::begin(&root, &key, &runtime)?;
            writer.write(&vec![b'x'; MULTIPART_BYTES])?;
            writer.write(b"end")?;
            writer.finish()
        });
        let written = upload.await.map_err(|error| error.to_string())?.map_err(described)?;
        let end = self.root.read_range(&self.key("parts"), written.size - 3, 3).await.map_err(described)?;
        if end.as_ref() == b"end" {
            Ok(format!("{} went up and can be read", model::ByteSize(written.size)))
        } else {
            Err("what was uploaded is not what is read".to_owned())
        }
    }

    async fn remove(&self) -> Result<String, String> {
        let left = self.root.list(&self.folder).await.map_err(described)?;
        for object in &left {
            self.root.remove(object.location.as_ref()).await.map_err(described)?;
        }
        if let Some(folder) = self.root.local_folder() {
            // Local folders belong to the doctor alone; a folder with objects of another doctor stays.
            let _ = std::fs::remove_dir(folder.join(&self.folder));
            let _ = std::fs::remove_dir(folder.join("doctor"));
        }
        Ok(format!("{} objects are gone again", left.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_local_folder_is_well_and_stays_as_it_was() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let checks = checks_of_dataset(&dir.path().display().to_string()).await;
        let wrong: Vec<_> = checks.iter().filter(|check| !check.is_ok).collect();
        assert!(wrong.is_empty() && checks.len() == 6, "{checks:?}");
        assert_eq!(std::fs::read_dir(dir.path()).expect("it is there").count(), 0);
    }

    #[tokio::test]
    async fn a_folder_that_is_missing_is_one_line() {
        let checks = checks_of_dataset("/nowhere/at/all").await;
        assert!(matches!(checks.as_slice(), [Check { is_ok: false, .. }]), "{checks:?}");
    }
}
