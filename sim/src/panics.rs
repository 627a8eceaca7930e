//! Catches panics of simulated processes: a task that panics ends alone, and the panic would go unnoticed.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static SEEN: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Runs `work`; returns the messages of all panics on this thread meanwhile, including those that were caught.
pub(crate) fn watched(work: impl FnOnce()) -> Vec<String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_ours = SEEN.with_borrow_mut(|seen| seen.as_mut().map(|seen| seen.push(info.to_string())).is_some());
            if !is_ours {
                before(info);
            }
        }));
    });
    SEEN.set(Some(Vec::new()));
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let mut seen = SEEN.take().unwrap_or_default();
    if done.is_err() && seen.is_empty() {
        seen.push("the simulation itself ended".to_owned());
    }
    seen
}
