//! Rows of older forms brought to today's, one step per form.
//!
//! Promises: every form that was ever stored can be read; a step says what it changes and why. The first step of the
//! engine after an upgrade writes all rows anew, so that no stored plan is of two forms.

use serde_json::{Value, json};

/// Steps from each form to the next, beginning with the first: kind of row, and the row.
const STEPS: &[fn(&str, &mut Value)] = &[plan_is_kept];

/// Brings a row to today's form. `kind` is the store's word for it; `from` its form, from 1.
pub fn upgrade(kind: &str, from: u32, row: &mut Value) {
    let done = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
    STEPS.iter().skip(done).for_each(|step| step(kind, row));
}

/// 1 → 2: the plan is kept on the state branch too. Nothing of it stands there yet.
fn plan_is_kept(kind: &str, row: &mut Value) {
    if let ("header", Value::Object(header)) = (kind, row) {
        header.insert("unkept".to_owned(), json!({ "revision": 0, "tasks": {}, "due": null }));
        header.insert("rebuilt_at".to_owned(), Value::Null);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::SCHEMA;

    #[test]
    fn there_is_a_step_from_each_form_to_the_next() {
        assert_eq!(STEPS.len() + 1, usize::try_from(SCHEMA).expect("small"));
    }
}
