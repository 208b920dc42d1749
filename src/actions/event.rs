//! What woke a workflow run, as its runner tells it.

use std::path::Path;

use crate::engine::event::{Event, Hint};
use crate::github::webhook::{self, Parsed};

/// The event of clocks.
pub const SCHEDULE: &str = "schedule";

/// The events a run begins with: a look at everything, and where the event's file names one thing, a look there.
/// `name` is the event's; a file that cannot be read, or says nothing that is known, narrows nothing.
pub fn events(name: &str, file: Option<&Path>) -> Vec<Event> {
    let mut events = vec![Event::Tick];
    let Some(path) = file else { return events };
    match std::fs::read(path).map_err(|error| error.to_string()).and_then(|body| hint(name, &body)) {
        Ok(hint) => events.extend(hint.map(Event::Hint)),
        Err(error) => tracing::warn!(event = name, error, "the event cannot be read; everything is looked at"),
    }
    events
}

fn hint(name: &str, body: &[u8]) -> Result<Option<Hint>, String> {
    let Parsed::Delivery(heard) = webhook::parse(name, body).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    Ok(heard.hint().narrow())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::id::IssueNumber;

    #[test]
    fn everything_is_looked_at_and_what_the_event_names_besides() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("event.json");
        let of = |name: &str, body: &str| {
            std::fs::write(&file, body).expect("a file");
            events(name, Some(&file))
        };
        let issue = r#"{"action":"labeled","issue":{"number":7},"repository":{"full_name":"acme/widgets"}}"#;
        assert_eq!(of("issues", issue), [Event::Tick, Event::Hint(Hint::Issue(IssueNumber(7)))]);
        for (name, body) in [
            ("schedule", r#"{"schedule":"*/30 * * * *"}"#),
            ("workflow_dispatch", r#"{"inputs":null,"ref":"refs/heads/main"}"#),
            ("issues", "{"),
            ("issues", r#"{"repository":{"full_name":"acme/widgets"}}"#),
        ] {
            assert_eq!(of(name, body), [Event::Tick], "{name} {body}");
        }
        assert_eq!(events("issues", None), [Event::Tick]);
        assert_eq!(events("issues", Some(&folder.path().join("missing"))), [Event::Tick]);
    }
}
