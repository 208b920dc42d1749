//! What is failing right now, for `/readyz`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The failures that stand in the log, by what fails; empty while all is well. Whoever asks `/readyz` may be anybody:
/// names and reasons are for the log alone.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<BTreeMap<String, String>>);

impl Health {
    /// Something fails; the log tells of it under this name of the failure.
    pub(super) fn fails(&self, what: &str, failure: String) {
        self.failing().insert(what.to_owned(), failure);
    }

    /// It does its work again, or is gone.
    pub(super) fn recovers(&self, what: &str) {
        self.failing().remove(what);
    }

    /// One failure of those there are, and how many more; nothing while all is well.
    pub(super) fn failure(&self) -> Option<(String, usize)> {
        let failing = self.failing();
        failing.values().next().map(|failure| (failure.clone(), failing.len() - 1))
    }

    fn failing(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name for one failure, to be found in the log by.
pub(super) fn failure_id() -> String {
    // Without randomness the failure is still logged, only harder to find.
    format!("{:08x}", getrandom::u32().unwrap_or_default())
}
