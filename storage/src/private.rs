//! Private folders of this process in places that others may write to, and safe opening of files in such places.
//!
//! A folder of spilled data holds customers' points, and its place is often shared: `/tmp`, `/var/tmp`, a mounted
//! disk. So it is made for its owner only; its parent must be a folder in which nobody else can rename or replace it;
//! links are not followed; and nothing that could block is opened, such as a pipe or a device.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Mode of a folder that only its owner may use.
const OWNER_ONLY: u32 = 0o700;
/// Bits of a mode that let users other than the owner write.
const OTHERS_WRITE: u32 = 0o022;
/// In a folder with this bit, only the owner of an entry may rename or remove it.
const STICKY: u32 = 0o1000;
/// User id of the superuser.
const ROOT_UID: u32 = 0;

/// Makes the folder at `path` with mode 0700. An existing folder may belong to somebody else, so it is an error.
///
/// # Errors
/// The system's error, `AlreadyExists` included.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(OWNER_ONLY).create(path)
}

/// Makes the folder at `path` and its missing parents, with mode 0700. Refuses a folder in which other users could
/// replace the entries of this process.
///
/// # Errors
/// The system's error, or `PermissionDenied` with the reason and the next step.
pub fn make_parent(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(OWNER_ONLY).create(path)?;
    let found = std::fs::symlink_metadata(path)?;
    if found.is_symlink() {
        refuse_foreign(&found, "is a link that belongs")?;
    }
    let found = std::fs::metadata(path)?;
    refuse_foreign(&found, "belongs")?;
    let mode = found.permissions().mode();
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        let mode = mode & 0o7777;
        return Err(refused(format!(
            "others may write to it (mode {mode:04o}): name a folder inside it, which is then made for this user alone, or take the permission away (chmod go-w)"
        )));
    }
    Ok(())
}

/// Opens the regular file at `path` for reading, if it belongs to this user. Links are not followed, and nothing that
/// may block is opened.
///
/// # Errors
/// The system's error; `InvalidInput` if it is not a regular file, `PermissionDenied` if it is another user's.
pub fn open_file(path: &Path) -> io::Result<File> {
    // Checked before opening, because opening a device or a pipe already has effects.
    check_file(&std::fs::symlink_metadata(path)?)?;
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    check_file(&file.metadata()?)?;
    Ok(file)
}

/// Opens the regular file at `path` for reading, through links. A pipe or a device is an error, and is not waited
/// for.
///
/// # Errors
/// The system's error; `InvalidInput` if it is not a regular file.
pub fn open_nonblocking(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    Ok(file)
}

/// True if `path` itself, without following links, is a folder of this user.
pub fn is_own_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == own_uid())
}

fn check_file(found: &Metadata) -> io::Result<()> {
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if found.uid() != own_uid() {
        return Err(refused(format!("it belongs to user {}", found.uid())));
    }
    Ok(())
}

fn refuse_foreign(found: &Metadata, how: &str) -> io::Result<()> {
    let (owner, own) = (found.uid(), own_uid());
    if owner == own || owner == ROOT_UID {
        return Ok(());
    }
    Err(refused(format!("it {how} to user {owner}, and this process runs as user {own}: name a folder of its own")))
}

fn refused(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, reason)
}

/// Returns the effective user id of this process.
#[allow(unsafe_code, reason = "the standard library does not tell the user")]
fn own_uid() -> u32 {
    // SAFETY: the call takes nothing, changes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the folder is ours");
    }

    #[test]
    fn a_parent_that_others_may_write_to_is_refused_unless_it_is_sticky() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let parent = place.path().join("a/b");
        make_parent(&parent).expect("it is made");
        for made in [&parent, &place.path().join("a")] {
            assert_eq!(std::fs::metadata(made).expect("it is there").permissions().mode() & 0o7777, 0o700);
        }
        for (mode, is_taken) in [(0o755, true), (0o1777, true), (0o777, false), (0o770, false), (0o702, false)] {
            set_mode(&parent, mode);
            let made = make_parent(&parent);
            assert_eq!(made.is_ok(), is_taken, "mode {mode:o}: {made:?}");
        }
        set_mode(&parent, 0o777);
        let told = make_parent(&parent).expect_err("others may write").to_string();
        assert!(told.contains("0777") && told.contains("chmod go-w"), "{told}");
    }

    #[test]
    fn a_parent_of_somebody_else_is_refused() {
        let place = tempfile::tempdir().expect("a temporary folder");
        // Only the superuser can give a folder to another user.
        if std::os::unix::fs::chown(place.path(), Some(12_345), None).is_ok() {
            let told = make_parent(place.path()).expect_err("it is not ours").to_string();
            assert!(told.contains("user 12345"), "{told}");
            let link = place.path().with_extension("link");
            symlink("/tmp", &link).expect("a link");
            std::os::unix::fs::lchown(&link, Some(12_345), None).expect("the link is given away");
            assert!(make_parent(&link).is_err(), "whoever owns the link decides where it leads");
            std::fs::remove_file(link).expect("it is there");
        }
        make_parent(Path::new("/tmp")).expect("the superuser's, and sticky");
    }

    #[test]
    fn only_regular_files_are_opened_and_links_are_not_followed() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let (file, link, pipe) = (place.path().join("file"), place.path().join("link"), place.path().join("pipe"));
        std::fs::write(&file, "x").expect("a file");
        symlink(&file, &link).expect("a link");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("there is mkfifo");
        assert!(made.success());
        open_file(&file).expect("a regular file");
        for other in [&link, &pipe, &place.path().to_owned(), &place.path().join("gone")] {
            assert!(open_file(other).is_err(), "{}", other.display());
        }
        open_nonblocking(&link).expect("links of a dataset are its owner's");
        open_nonblocking(&pipe).expect_err("nobody writes to it");
        assert!(is_own_folder(place.path()) && !is_own_folder(&file));
        let folder_link = place.path().join("folder-link");
        symlink("/tmp", &folder_link).expect("a link");
        assert!(!is_own_folder(&folder_link));
    }
}
