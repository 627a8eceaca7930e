//! File system that does not answer, like a network mount whose server is gone: calls on some paths never return.
//!
//! A preloaded library intercepts calls to the C library. Unlike a mount, it needs no privileges and no kernel
//! module.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cluster::until;

/// Library whose calls wait for ever if the path contains `TAILOR_TEST_HANG`, after creating the file
/// `TAILOR_TEST_HANG_MARK`.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <dirent.h>
#include <unistd.h>

static void look(const char *path) {
    const char *part = getenv("TAILOR_TEST_HANG"), *mark = getenv("TAILOR_TEST_HANG_MARK");
    if (!path || !part || !mark || !strstr(path, part)) return;
    syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_WRONLY, 0600);
    for (;;) pause();
}

#define MODE va_list args; va_start(args, flags); mode_t mode = va_arg(args, int); va_end(args)
#define NEXT(name) __typeof__(&name) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int open(const char *path, int flags, ...) { MODE; look(path); NEXT(open); return next(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE; look(path); NEXT(open64); return next(path, flags, mode); }
int mkdir(const char *path, mode_t mode) { look(path); NEXT(mkdir); return next(path, mode); }
DIR *opendir(const char *path) { look(path); NEXT(opendir); return next(path); }
int statx(int at, const char *restrict path, int flags, unsigned mask, struct statx *restrict found) {
    look(path); NEXT(statx); return next(at, path, flags, mask, found);
}
"#;

/// Library, and the file that it creates when a call hangs.
#[derive(Debug)]
pub struct Hang {
    library: PathBuf,
    mark: PathBuf,
    part: String,
}

impl Hang {
    /// Makes a library, in `folder`, whose calls hang on paths that contain `part`.
    ///
    /// # Panics
    /// There is no C compiler, which cargo needs as well.
    pub fn on(part: &str, folder: &Path) -> Self {
        let (source, library) = (folder.join("hang.c"), folder.join("hang.so"));
        std::fs::write(&source, SOURCE).expect("write the library's source");
        let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl").status();
        assert!(made.expect("run cc").success(), "the library is made");
        Self { library, mark: folder.join("hangs"), part: part.to_owned() }
    }

    /// Lists the environment variables with which a process's calls hang.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.display().to_string();
        vec![
            ("LD_PRELOAD".to_owned(), text(&self.library)),
            ("TAILOR_TEST_HANG".to_owned(), self.part.clone()),
            ("TAILOR_TEST_HANG_MARK".to_owned(), text(&self.mark)),
        ]
    }

    /// Waits until a call hangs.
    pub fn wait(&self, limit: Duration) {
        until("a call hangs", limit, || self.mark.exists().then_some(()));
    }
}
