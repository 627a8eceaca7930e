//! Orderly end of a process after a signal.
//!
//! ```text
//!             SIGTERM, SIGINT, or request()              a signal again
//!   running ---------------------------------> requested ----------------> now
//!                                              finish or hand back,        leave at once
//!                                              then leave
//! ```
//!
//! Each loop holds a [`Shutdown`] and waits for it beside its work. The stage only goes forward.
//!
//! Signals have a thread of their own. If the others hang (a file system that does not answer, a full pipe of
//! logs), that thread ends the process: `leave_max` after the first signal, `AT_ONCE_MAX` after the second.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

/// Time that a process gets to leave by itself after the second signal.
const AT_ONCE_MAX: Duration = Duration::from_secs(1);

/// Longest wait for a last log line.
const SAY_MAX: Duration = Duration::from_millis(100);

/// Exit code of a process that did not leave by itself.
const ENDED: i32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    Requested,
    Now,
}

/// Receiver of the request to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    stage: watch::Receiver<Stage>,
}

/// Sender of the request to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ShutdownTrigger {
    stage: Arc<watch::Sender<Stage>>,
}

impl Shutdown {
    /// Creates a shutdown that is triggered by hand.
    pub fn new() -> (ShutdownTrigger, Self) {
        let (sender, stage) = watch::channel(Stage::Running);
        (ShutdownTrigger { stage: Arc::new(sender) }, Self { stage })
    }

    /// Creates a shutdown that SIGTERM, SIGINT and the trigger request. A process that has not left `leave_max` after
    /// the first signal is ended; after a second signal it is ended soon. If nobody holds a `Shutdown` any more, the
    /// process is not ended.
    ///
    /// # Errors
    /// The system does not let us listen for signals.
    pub fn on_signals(leave_max: Duration) -> io::Result<(ShutdownTrigger, Self)> {
        let (trigger, shutdown) = Self::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let signals = {
            // From here on no signal is lost, and no signal ends the process by itself.
            let _guard = runtime.enter();
            Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? }
        };
        let signalled = trigger.clone();
        let listen = move || runtime.block_on(signals.listen(signalled, leave_max));
        std::thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
        Ok((trigger, shutdown))
    }

    /// Waits until the process is asked to stop.
    pub async fn requested(&self) {
        self.reached(Stage::Requested).await;
    }

    /// Waits until the process must stop at once.
    pub async fn now(&self) {
        self.reached(Stage::Now).await;
    }

    /// True if the process was asked to stop.
    pub fn is_requested(&self) -> bool {
        *self.stage.borrow() >= Stage::Requested
    }

    async fn reached(&self, stage: Stage) {
        if self.stage.clone().wait_for(|reached| *reached >= stage).await.is_err() {
            // The sender is gone, so no request can come.
            pending().await
        }
    }
}

impl ShutdownTrigger {
    /// Asks for an orderly end. Asking again changes nothing.
    pub fn request(&self) {
        self.stage.send_if_modified(|stage| {
            let is_first = *stage == Stage::Running;
            if is_first {
                *stage = Stage::Requested;
            }
            is_first
        });
    }

    /// Handles a signal: the first asks for an orderly end, the second for an end at once.
    pub fn signal(&self) {
        self.stage.send_modify(|stage| {
            *stage = if *stage == Stage::Running { Stage::Requested } else { Stage::Now };
        });
    }
}

/// Signals that ask a process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn listen(mut self, trigger: ShutdownTrigger, leave_max: Duration) {
        let mut end_at: Option<Instant> = None;
        loop {
            let name = tokio::select! {
                Some(()) = self.terminate.recv() => "SIGTERM",
                Some(()) = self.interrupt.recv() => "SIGINT",
                () = trigger.stage.closed() => return,
                () = tokio::time::sleep_until(end_at.unwrap_or_else(Instant::now)), if end_at.is_some() => {
                    return end(*trigger.stage.borrow(), leave_max);
                }
            };
            trigger.signal();
            let left = if *trigger.stage.borrow() == Stage::Now { AT_ONCE_MAX } else { leave_max };
            let at = Instant::now() + left;
            end_at = Some(end_at.map_or(at, |end_at| end_at.min(at)));
            say(move || tracing::info!(signal = name, "received a signal to stop"));
        }
    }
}

/// Ends the process, even if its threads hang.
#[allow(
    clippy::disallowed_methods,
    reason = "the other threads hang; what they leave behind, the next process removes"
)]
fn end(stage: Stage, leave_max: Duration) {
    let seconds = leave_max.as_secs();
    say(move || match stage {
        Stage::Now => tracing::warn!("a thread hung after a second signal to stop; ending the process"),
        _ => tracing::error!(seconds, "the process did not leave in time because a thread hung; ending it"),
    });
    std::process::exit(ENDED);
}

/// Logs a line, unless the reader of the log hangs too.
fn say(line: impl FnOnce() + Send + 'static) {
    let (sender, said) = std::sync::mpsc::channel();
    let speaking = std::thread::Builder::new().name("signals-log".to_owned()).spawn(move || {
        line();
        let _ = sender.send(());
    });
    if speaking.is_ok() {
        let _ = said.recv_timeout(SAY_MAX);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    async fn is_resolved(future: impl Future<Output = ()>) -> bool {
        timeout(Duration::from_millis(20), future).await.is_ok()
    }

    #[tokio::test]
    async fn the_first_signal_asks_for_a_clean_end_and_the_second_for_any() {
        let (trigger, shutdown) = Shutdown::new();
        assert!(!is_resolved(shutdown.requested()).await);
        trigger.signal();
        assert!(is_resolved(shutdown.requested()).await && shutdown.is_requested());
        assert!(!is_resolved(shutdown.now()).await);
        trigger.signal();
        assert!(is_resolved(shutdown.clone().now()).await);
        trigger.request();
        assert!(is_resolved(shutdown.now()).await, "it only goes forward");
    }

    #[tokio::test]
    async fn asking_again_without_a_signal_never_hurries_it() {
        let (trigger, shutdown) = Shutdown::new();
        trigger.request();
        trigger.request();
        assert!(is_resolved(shutdown.requested()).await && !is_resolved(shutdown.now()).await);
        drop(trigger);
        assert!(!is_resolved(shutdown.now()).await, "nobody is left to ask, so nothing is asked");
    }

    #[tokio::test]
    async fn signals_of_the_system_trigger_it() {
        let (_trigger, shutdown) = Shutdown::on_signals(Duration::from_secs(600)).expect("signals can be listened for");
        let status = std::process::Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status();
        assert!(status.expect("there is a kill").success());
        timeout(Duration::from_secs(10), shutdown.requested()).await.expect("the signal arrives");
    }
}
