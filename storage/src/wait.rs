//! Waits of a computing thread for an asynchronous result; no other module blocks like this.
//!
//! A slot has a thread of its own, which blocks. A simulation has a single thread: there the attempt is suspended
//! until the result is ready, by the simulation's driver (`in_place`).

use tokio::runtime::Handle;

/// Waits for `future`, which `runtime` drives.
pub fn wait<F: Future>(runtime: &Handle, future: F) -> F::Output {
    #[cfg(feature = "testing")]
    if let Some(driver) = in_place::driver() {
        return in_place::drive(&*driver, future);
    }
    runtime.block_on(future)
}

/// Waiting without a thread, for the simulation.
#[cfg(feature = "testing")]
pub mod in_place {
    use std::cell::RefCell;
    use std::pin::pin;
    use std::rc::Rc;
    use std::task::{Context, Poll};

    /// Driver that calls its argument until it returns true, and lets others run in between.
    pub type Driver = dyn Fn(&mut dyn FnMut(&mut Context<'_>) -> bool);

    thread_local! {
        static DRIVER: RefCell<Option<Rc<Driver>>> = const { RefCell::new(None) };
    }

    /// Runs `work`, whose waits use `driver`, on this thread.
    pub fn with<T>(driver: Rc<Driver>, work: impl FnOnce() -> T) -> T {
        let before = DRIVER.replace(Some(driver));
        let result = work();
        DRIVER.replace(before);
        result
    }

    pub(super) fn driver() -> Option<Rc<Driver>> {
        DRIVER.with_borrow(Clone::clone)
    }

    pub(super) fn drive<F: Future>(driver: &Driver, future: F) -> F::Output {
        let (mut future, mut output) = (pin!(future), None);
        driver(&mut |context| match future.as_mut().poll(context) {
            Poll::Ready(value) => {
                output = Some(value);
                true
            }
            Poll::Pending => false,
        });
        output.expect("a driver goes on until the future is ready")
    }
}
