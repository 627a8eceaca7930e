//! Runs attempts without threads: a worker's slots are coroutines on the simulation's one thread.
//!
//! The engine computes in plain blocking code. Here it runs on a stack of its own. At a blocking wait
//! (`storage::wait`) the coroutine is suspended, and resumed once the awaited result is ready. A process that crashes
//! drops its coroutines: they unwind from where they wait, as a thread ends with its process, except that destructors
//! run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use model::{Failure, FailureClass, HeldAttempt};
use storage::wait::in_place::{Driver, with};
use worker::{AttemptOutcome, InPlace, Slot, SlotLimits, SlotWork};

/// Stack for the deepest call of the engine, in bytes.
const STACK_BYTES: usize = 1 << 20;

/// Coroutine that computes, with the state of its wait. It is resumed with the waker of the task that awaits its
/// result.
struct Computing {
    coroutine: Coroutine<Waker, (), Box<AttemptOutcome>, DefaultStack>,
    driver: Rc<Driver>,
}

thread_local! {
    static COMPUTING: RefCell<(u64, BTreeMap<u64, Computing>)> = const { RefCell::new((0, BTreeMap::new())) };
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// Observer of an attempt's work, which may change the outcome.
pub(crate) trait Look: Send + Sync {
    /// Returns the duration of an attempt's computation, beyond its waits.
    fn takes(&self) -> Duration;

    /// Observes a computed attempt; returns the outcome to use.
    fn computed(&self, held: &HeldAttempt, outcome: AttemptOutcome) -> AttemptOutcome;
}

/// Slots of one process.
pub(crate) struct Coroutines {
    limits: SlotLimits,
    idle: Arc<Mutex<Vec<Slot>>>,
    look: Arc<dyn Look>,
}

impl fmt::Debug for Coroutines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutines").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Coroutines {
    /// Creates slots that work within `limits`.
    pub(crate) fn new(limits: SlotLimits, look: Arc<dyn Look>) -> Self {
        Self { limits, idle: Arc::default(), look }
    }
}

#[async_trait]
impl InPlace for Coroutines {
    async fn run(&self, held: HeldAttempt, work: SlotWork) -> AttemptOutcome {
        tokio::time::sleep(self.look.takes()).await;
        let idle = Arc::clone(&self.idle);
        let slot = lock(&idle).pop().unwrap_or_else(|| Slot::new(self.limits));
        let work = Box::new(move || {
            let mut slot = slot;
            let outcome = work(&mut slot);
            lock(&idle).push(slot);
            outcome
        });
        let outcome = Computation::begin(work).await;
        self.look.computed(&held, without_times(outcome))
    }
}

/// Removes stage times from an outcome, because they would differ from run to run.
fn without_times(mut outcome: AttemptOutcome) -> AttemptOutcome {
    match &mut outcome {
        AttemptOutcome::Mapped(report) => report.stages = model::StageTimes::default(),
        AttemptOutcome::Reduced(report) => report.stages = model::StageTimes::default(),
        AttemptOutcome::Failed(_) => {}
    }
    outcome
}

/// Future of a coroutine's result. When dropped, it ends the coroutine.
struct Computation(u64);

impl Computation {
    fn begin(work: Box<dyn FnOnce() -> AttemptOutcome>) -> Self {
        let stack = STACKS.with_borrow_mut(Vec::pop);
        let stack = stack.unwrap_or_else(|| DefaultStack::new(STACK_BYTES).expect("there is address space"));
        let place = Rc::new(Place::default());
        let own = Rc::clone(&place);
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<Waker, ()>, waker: Waker| {
            own.yielder.set(yielder);
            own.waker.replace(Some(waker));
            Box::new(work())
        });
        let driver: Rc<Driver> = Rc::new(move |poll| place.drive(poll));
        COMPUTING.with_borrow_mut(|(last, computing)| {
            *last += 1;
            computing.insert(*last, Computing { coroutine, driver });
            Self(*last)
        })
    }

    fn take(&self) -> Option<Computing> {
        COMPUTING.with_borrow_mut(|(_, computing)| computing.remove(&self.0))
    }
}

impl Future for Computation {
    type Output = AttemptOutcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<AttemptOutcome> {
        let Some(Computing { mut coroutine, driver }) = self.take() else {
            let message = "a coroutine was waited for after its end; please report this".to_owned();
            return Poll::Ready(AttemptOutcome::Failed(Failure::new(FailureClass::Bug, message)));
        };
        match with(Rc::clone(&driver), || coroutine.resume(context.waker().clone())) {
            CoroutineResult::Yield(()) => {
                COMPUTING.with_borrow_mut(|(_, all)| all.insert(self.0, Computing { coroutine, driver }));
                Poll::Pending
            }
            CoroutineResult::Return(outcome) => {
                STACKS.with_borrow_mut(|stacks| stacks.push(coroutine.into_stack()));
                Poll::Ready(*outcome)
            }
        }
    }
}

impl Drop for Computation {
    fn drop(&mut self) {
        if let Some(Computing { coroutine, driver }) = self.take() {
            with(driver, || drop(coroutine));
        }
    }
}

/// Suspension point of a coroutine.
struct Place {
    yielder: Cell<*const Yielder<Waker, ()>>,
    waker: RefCell<Option<Waker>>,
}

impl Default for Place {
    fn default() -> Self {
        Self { yielder: Cell::new(std::ptr::null()), waker: RefCell::default() }
    }
}

impl Place {
    /// Suspends the coroutine until the result that it awaits is ready.
    #[allow(unsafe_code, reason = "a yielder lives as long as its coroutine, and has no way to say so")]
    fn drive(&self, poll: &mut dyn FnMut(&mut Context<'_>) -> bool) {
        loop {
            let waker = self.waker.borrow().clone();
            if poll(&mut Context::from_waker(waker.as_ref().unwrap_or(Waker::noop()))) {
                return;
            }
            if std::thread::panicking() {
                // The coroutine unwinds and cannot be suspended. Destructors only wait for files of this machine.
                std::thread::yield_now();
                continue;
            }
            // SAFETY: a driver is in place only while its coroutine runs, which set the yielder before anything else.
            let waker = unsafe { &*self.yielder.get() }.suspend(());
            self.waker.replace(Some(waker));
        }
    }
}

fn lock(idle: &Mutex<Vec<Slot>>) -> std::sync::MutexGuard<'_, Vec<Slot>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
