//! Limit of open files of this process. A merge that may not open all its runs together fails.

use model::limits::{OPEN_FILES_BASE, OPEN_FILES_PER_SLOT};

/// Warning for an operator if the limit is too low for `slots`, with the numbers and the limit to raise.
pub fn shortage(slots: usize) -> Option<String> {
    describe_shortage(open_files_max()?, slots)
}

fn describe_shortage(allowed: u64, slots: usize) -> Option<String> {
    let needed = OPEN_FILES_BASE + OPEN_FILES_PER_SLOT * slots as u64;
    (allowed < needed).then(|| {
        format!(
            "this process may open {allowed} files, and {slots} slots may need {needed}: raise the hard limit of open files \
             (`ulimit -Hn`, LimitNOFILE of systemd), or give fewer slots; see docs/operations.md"
        )
    })
}

/// Soft limit, which was raised to the hard limit at the start.
#[allow(unsafe_code, reason = "the standard library does not know resource limits")]
fn open_files_max() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call takes a pointer to a local that outlives it, and writes nothing else.
    (unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0).then_some(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_is_too_low_is_told_with_what_is_needed() {
        assert_eq!(describe_shortage(4096, 8), None);
        let text = describe_shortage(1024, 8).expect("eight slots need more");
        assert!(text.contains("may open 1024") && text.contains("need 2816") && text.contains("ulimit -Hn"), "{text}");
        assert!(open_files_max().is_some_and(|allowed| allowed > 0));
    }
}
