//! Limit of open files: a merge reads many runs at once, and the usual soft limit is made for a shell.

/// Raises the soft limit to the hard one. If that fails, the soft limit stays, and a job that needs more reports it.
#[allow(unsafe_code, reason = "the standard library does not know resource limits")]
pub(crate) fn raise_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take a pointer to a local that outlives them, and read or write nothing else.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 && limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}
