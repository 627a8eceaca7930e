//! Attributes a thread's time to the stages of its work.
//!
//! Stages are switched once per batch of frames or series, not once per frame: reading the CPU clock is a system
//! call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Stage, StageTimes};

use crate::task::Progress;

/// Stop-watch that always runs for exactly one stage, and shows it in the attempt's progress.
#[derive(Debug)]
pub(crate) struct StageClock {
    times: StageTimes,
    stage: Stage,
    wall: Instant,
    cpu: Duration,
    progress: Arc<Progress>,
}

impl StageClock {
    /// Starts the clock in `stage`.
    pub(crate) fn start(stage: Stage, progress: &Arc<Progress>) -> Self {
        progress.enter(stage);
        let progress = Arc::clone(progress);
        Self { times: StageTimes::default(), stage, wall: Instant::now(), cpu: thread_cpu(), progress }
    }

    /// Adds the time since the last switch to the stage before, and enters `stage`.
    pub(crate) fn enter(&mut self, stage: Stage) {
        let (wall, cpu) = (Instant::now(), thread_cpu());
        self.times.add(self.stage, wall - self.wall, cpu.saturating_sub(self.cpu));
        (self.stage, self.wall, self.cpu) = (stage, wall, cpu);
        self.progress.enter(stage);
    }

    /// Stops the clock; returns the times of all stages.
    pub(crate) fn stop(mut self) -> StageTimes {
        self.enter(self.stage);
        self.times
    }
}

/// Returns the CPU time of this thread.
#[allow(unsafe_code, reason = "the standard library has no CPU clock")]
fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local that outlives the call, and the clock exists on every Linux.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) } != 0;
    if failed { Duration::ZERO } else { Duration::new(time.tv_sec as u64, time.tv_nsec as u32) }
}
