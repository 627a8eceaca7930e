//! CPU time of this thread, by step.

use std::time::Duration;

use super::Step;

/// Stop-watch that runs for one step, or for none.
pub(super) struct Clock {
    cpu: Vec<Duration>,
    step: Option<Step>,
    entered: Duration,
}

impl Clock {
    /// Starts the clock outside of all steps.
    pub(super) fn start() -> Self {
        Self { cpu: vec![Duration::ZERO; Step::ALL.len()], step: None, entered: thread_cpu() }
    }

    /// Adds the time since the last switch to the step before, if any, and enters `step`.
    pub(super) fn enter(&mut self, step: Option<Step>) {
        let now = thread_cpu();
        if let Some(step) = self.step {
            self.cpu[step as usize] += now - self.entered;
        }
        (self.step, self.entered) = (step, now);
    }

    /// Returns the time of each step, in the order of [`Step::ALL`].
    pub(super) fn stop(mut self) -> Vec<Duration> {
        self.enter(None);
        self.cpu
    }
}

/// Returns the CPU time of this thread.
#[allow(unsafe_code, reason = "the standard library has no CPU clock")]
pub(super) fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local that outlives the call, and the clock exists on every Linux.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) } != 0;
    assert!(!failed, "every Linux has the clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
