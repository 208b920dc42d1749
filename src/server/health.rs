//! What is failing right now, for `/readyz`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What fails, by name; empty while all is well.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<BTreeMap<String, String>>);

impl Health {
    /// Something fails, for this reason.
    pub(super) fn fails(&self, what: &str, reason: String) {
        self.failing().insert(what.to_owned(), reason);
    }

    /// It does its work again, or is gone.
    pub(super) fn recovers(&self, what: &str) {
        self.failing().remove(what);
    }

    /// Everything that fails, in words; nothing while all is well.
    pub(super) fn complaint(&self) -> Option<String> {
        let failing = self.failing();
        let complaints: Vec<String> = failing.iter().map(|(what, reason)| format!("{what}: {reason}")).collect();
        (!complaints.is_empty()).then(|| complaints.join("; "))
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
