//! Catches panics of simulated processes: a task that panics ends alone, and the panic would go unnoticed.

use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;

use model::{Broken, Invariant};

thread_local! {
    static SEEN: RefCell<Option<Vec<Panic>>> = const { RefCell::new(None) };
}

/// Panic of a simulated process.
pub(crate) struct Panic {
    pub(crate) message: String,
    /// Broken invariant, if the panic carries one.
    pub(crate) violates: Option<Invariant>,
}

impl Panic {
    fn of(info: &PanicHookInfo<'_>) -> Self {
        match info.payload().downcast_ref::<Broken>() {
            Some(broken) => Self { message: format!("{info}: {broken}"), violates: Some(broken.invariant) },
            None => Self { message: info.to_string(), violates: None },
        }
    }
}

/// Runs `work`; returns all panics on this thread meanwhile, including those that were caught.
pub(crate) fn watched(work: impl FnOnce()) -> Vec<Panic> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_ours = SEEN.with_borrow_mut(|seen| seen.as_mut().map(|seen| seen.push(Panic::of(info))).is_some());
            if !is_ours {
                before(info);
            }
        }));
    });
    SEEN.set(Some(Vec::new()));
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let mut seen = SEEN.take().unwrap_or_default();
    if done.is_err() && seen.is_empty() {
        seen.push(Panic { message: "the simulation itself ended".to_owned(), violates: None });
    }
    seen
}
