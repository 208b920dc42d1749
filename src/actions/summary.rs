//! What a run says of itself: a page for people, and one JSON object for machines.

use serde_json::{Value, json};

use crate::actions::session::Session;
use crate::engine::draft::Draft;
use crate::engine::render;
use crate::engine::summary::summary;
use crate::engine::time::Timestamp;

/// What a run did.
#[derive(Clone, Debug)]
pub struct Told {
    /// What woke it.
    pub event: String,
    /// Its work; nothing where another process works the repository.
    pub session: Option<Session>,
    /// What people should know besides.
    pub notes: Vec<String>,
    /// Requests that GitHub allows in this hour, and how many are left, where it says so.
    pub requests: Option<(u64, u64)>,
}

impl Told {
    /// The job's summary in Markdown. Texts of others are made harmless.
    pub fn page(&self, now: Timestamp) -> String {
        let mut parts = vec![format!("### task-orchestrator\n\nWoken by `{}`.", render::text::code(&self.event))];
        match &self.session {
            None => parts.push("Another process works this repository; nothing was done here.".to_owned()),
            Some(session) => {
                parts.push(render::status(&Draft::view(&session.plan, now)));
                if let Some(tracking) = &session.plan.header.tracking {
                    parts.push(format!("Everything stands on #{}.", tracking.number));
                }
                parts.extend(moves(session));
                if let Some(at) = session.wake_at {
                    parts.push(format!("Next due: {}.", at.seconds_text()));
                }
            }
        }
        parts.extend(self.notes.iter().map(|note| format!("> {note}")));
        if let Some((allowed, left)) = self.requests {
            parts.push(format!("GitHub allows {left} more of {allowed} requests in this hour."));
        }
        parts.join("\n\n") + "\n"
    }

    /// The same for machines.
    pub fn json(&self, now: Timestamp) -> Value {
        let session = self.session.as_ref().map(|session| {
            let moves = session.moves.iter().map(|made| {
                json!({ "task": made.task, "from": made.from, "trigger": made.trigger.to_string(), "to": made.to })
            });
            json!({
                "status": session.plan.header.status,
                "plan": summary(&session.plan, now),
                "turns": session.turns,
                "moves": moves.collect::<Vec<_>>(),
                "wake_at": session.wake_at.map(|at| at.to_string()),
                "more": session.more,
            })
        });
        let requests = self.requests.map(|(allowed, left)| json!({ "allowed": allowed, "left": left }));
        json!({ "event": self.event, "worked": session, "notes": self.notes, "requests": requests })
    }
}

fn moves(session: &Session) -> Option<String> {
    let line = |made: &crate::engine::task::Move| {
        let to = made.to.map_or_else(|| "nowhere".to_owned(), |to| to.to_string());
        format!("- #{}: {} → {to}", made.task.0, made.from)
    };
    let lines: Vec<String> = session.moves.iter().map(line).collect();
    (!lines.is_empty()).then(|| format!("In this run:\n\n{}", lines.join("\n")))
}
