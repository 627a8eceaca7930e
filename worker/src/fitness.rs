//! Checks that this machine may take work. An attempt that runs out of disk wastes time, and is charged to its task.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use model::ByteSize;

/// Requirement for the disk.
#[derive(Debug, Clone)]
pub(crate) struct Fitness {
    /// The folder of spilled data.
    pub(crate) folder: PathBuf,
    /// Free bytes that the folder must have.
    pub(crate) free_min: ByteSize,
}

impl Fitness {
    /// Returns the reason for which no work should be taken now, if there is one.
    pub(crate) fn trouble(&self) -> Option<String> {
        let folder = self.folder.display();
        match free_bytes(&self.folder) {
            Ok(free) if free.0 >= self.free_min.0 => None,
            Ok(free) => Some(format!("{free} are free in scratch folder {folder}, {} are needed", self.free_min)),
            Err(error) => Some(format!("cannot look at scratch folder {folder}: {error}")),
        }
    }
}

/// Bytes that an unprivileged process may still write.
#[allow(unsafe_code, reason = "the standard library does not tell the free space of a disk")]
fn free_bytes(folder: &Path) -> io::Result<ByteSize> {
    let path = CString::new(folder.as_os_str().as_bytes()).map_err(io::Error::other)?;
    let mut found = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: both pointers are to locals that outlive the call, and the path ends in a zero byte.
    if unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it has written the whole value.
    let found = unsafe { found.assume_init() };
    Ok(ByteSize(found.f_bavail.saturating_mul(found.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_too_little_room_and_a_folder_that_is_gone_are_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let fitness = |folder: PathBuf, free_min| Fitness { folder, free_min: ByteSize(free_min) }.trouble();
        assert_eq!(fitness(folder.path().to_owned(), 0), None);
        let full = fitness(folder.path().to_owned(), u64::MAX).expect("no disk is that large");
        assert!(full.contains("are needed"), "{full}");
        let gone = fitness(folder.path().join("gone"), 0).expect("there is no such folder");
        assert!(gone.contains("No such file"), "{gone}");
    }
}
