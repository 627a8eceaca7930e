//! From a signal to a clean end.
//!
//! ```text
//!             SIGTERM, SIGINT, or request()              a signal again
//!   running ---------------------------------> requested ----------------> now
//!                                              finish or hand back,        leave at once
//!                                              then leave
//! ```
//!
//! Everybody who runs a loop holds a [`Shutdown`] and waits for it beside its work. It only goes forward.

use std::future::pending;
use std::io;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    Requested,
    Now,
}

/// Tells when to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    stage: watch::Receiver<Stage>,
}

/// Stops whoever holds a [`Shutdown`] of it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ShutdownTrigger {
    stage: Arc<watch::Sender<Stage>>,
}

impl Shutdown {
    /// One that is triggered by hand.
    pub fn new() -> (ShutdownTrigger, Self) {
        let (sender, stage) = watch::channel(Stage::Running);
        (ShutdownTrigger { stage: Arc::new(sender) }, Self { stage })
    }

    /// One that SIGTERM and SIGINT trigger, and whoever has the trigger.
    ///
    /// # Errors
    /// If the system does not let us listen for signals.
    pub fn on_signals() -> io::Result<(ShutdownTrigger, Self)> {
        let (trigger, shutdown) = Self::new();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let signalled = trigger.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    Some(()) = terminate.recv() => "SIGTERM",
                    Some(()) = interrupt.recv() => "SIGINT",
                    else => return,
                };
                tracing::info!(signal = name, "told to stop");
                signalled.signal();
            }
        });
        Ok((trigger, shutdown))
    }

    /// Waits until somebody wants this process to stop.
    pub async fn requested(&self) {
        self.reached(Stage::Requested).await;
    }

    /// Waits until it must stop at once.
    pub async fn now(&self) {
        self.reached(Stage::Now).await;
    }

    /// Whether somebody wants this process to stop.
    pub fn is_requested(&self) -> bool {
        *self.stage.borrow() >= Stage::Requested
    }

    async fn reached(&self, stage: Stage) {
        if self.stage.clone().wait_for(|reached| *reached >= stage).await.is_err() {
            // Nobody is left who could ask for it.
            pending().await
        }
    }
}

impl ShutdownTrigger {
    /// Asks for a clean end. Asking again changes nothing.
    pub fn request(&self) {
        self.stage.send_if_modified(|stage| {
            let is_first = *stage == Stage::Running;
            if is_first {
                *stage = Stage::Requested;
            }
            is_first
        });
    }

    /// What a signal does: the first asks for a clean end, the second for any.
    pub fn signal(&self) {
        self.stage.send_modify(|stage| {
            *stage = if *stage == Stage::Running { Stage::Requested } else { Stage::Now };
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        let (_trigger, shutdown) = Shutdown::on_signals().expect("signals can be listened for");
        let status = std::process::Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status();
        assert!(status.expect("there is a kill").success());
        timeout(Duration::from_secs(10), shutdown.requested()).await.expect("the signal arrives");
    }
}
