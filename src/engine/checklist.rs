//! The tracking issue's own part and its boxes: where it begins and ends, its digest, and which boxes are ticked.
//!
//! A box is a task-list item whose text begins with a hidden comment naming the command it stands for, and for an
//! approval the digest of the text that was shown: `- [ ] <!-- orchestrate: approve #12 @0a1b… --> Approve`. Text
//! outside the two markers belongs to people and is never touched.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::engine::id::Login;
use crate::engine::snapshot::{Actor, BodyEdit};
use crate::engine::time::Timestamp;

/// Begins our part.
pub const BEGIN: &str = "<!-- orchestrate:begin -->";
/// Ends our part.
pub const END: &str = "<!-- orchestrate:end -->";
const BOX_BEGIN: &str = "<!-- orchestrate: ";
const BOX_END: &str = " -->";
/// Most ticks taken from one body.
const TICKS_MAX: usize = 500;

/// A ticked box.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick {
    /// The command it stands for, as one would write it after `/orchestrate`.
    pub command: String,
    /// The digest of the text that was shown beside it.
    pub digest: Option<String>,
}

/// An empty box with its hidden command.
pub fn unticked(command: &str, digest: Option<&str>) -> String {
    let digest = digest.map_or_else(String::new, |digest| format!(" @{digest}"));
    format!("- [ ] {BOX_BEGIN}{command}{digest}{BOX_END} ")
}

/// Longest body of an issue that GitHub takes, in characters.
pub const BODY_CHARACTERS_MAX: usize = 65_536;

/// Characters that a body leaves for our part, markers left out, beside what people wrote.
pub fn room(body: &str) -> usize {
    let marks = BEGIN.len() + END.len() + 4;
    let own = place(body).map_or(0, |(begin, end)| body[begin..end + END.len()].chars().count());
    let others = body.chars().count() - own;
    BODY_CHARACTERS_MAX.saturating_sub(others + marks)
}

/// Our part of a body, markers left out; nothing where the markers are missing.
pub fn own_part(body: &str) -> Option<&str> {
    place(body).map(|(begin, end)| &body[begin + BEGIN.len()..end])
}

/// The body with our part replaced and everything else kept. Without markers our part goes in front.
pub fn splice(body: &str, own: &str) -> String {
    let marked = format!("{BEGIN}\n{own}\n{END}");
    match place(body) {
        Some((begin, end)) => format!("{}{marked}{}", &body[..begin], &body[end + END.len()..]),
        None if body.trim().is_empty() => format!("{marked}\n"),
        None => format!("{marked}\n\n{body}"),
    }
}

/// Where our part's markers begin: the first that ends one, and the nearest before it that begins one. What we render
/// holds neither, so a marker that people wrote before or after it never makes their words ours.
fn place(body: &str) -> Option<(usize, usize)> {
    let first = body.find(BEGIN)?;
    let end = first + body[first..].find(END)?;
    let begin = body[..end].rfind(BEGIN)?;
    Some((begin, end))
}

/// The digest of our part, line ends folded: browsers send them as CR LF.
pub fn digest(body: &str) -> String {
    let own = own_part(body).unwrap_or_default();
    // Most bodies come as we sent them.
    let folded = if own.contains('\r') { Cow::from(own.replace("\r\n", "\n")) } else { Cow::from(own) };
    hex::encode(Sha256::digest(folded.trim().as_bytes()))
}

/// The boxes ticked in our part, in order, each once.
pub fn ticks(body: &str) -> Vec<Tick> {
    // A whole history of bodies is asked each time, and few hold any: no line is looked at for nothing.
    if !body.contains("[x] <!--") && !body.contains("[X] <!--") {
        return Vec::new();
    }
    marked(own_part(body).unwrap_or_default(), &["- [x] ", "- [X] "])
}

/// The boxes that a part of ours offers, none of them ticked yet.
pub fn offered(own: &str) -> Vec<Tick> {
    marked(own, &["- [ ] "])
}

/// The ticks that people made in a body's history of edits, oldest first: who, where GitHub tells, and when. A tick
/// that a later version of ours wrote over counts like any other. What its own maker took back does not; somebody
/// else's version without it proves nothing, because who saves a body they read before writes over what came since.
pub fn made(edits: &[BodyEdit], bot: &Login) -> Vec<(Tick, Option<Actor>, Timestamp)> {
    let mut standing: Vec<Tick> = Vec::new();
    let mut made: Vec<(Tick, Option<Actor>, Timestamp)> = Vec::new();
    for edit in edits {
        let Some(body) = &edit.body else { continue };
        let shown = ticks(body);
        if !is_by(edit, bot) {
            made.retain(|(tick, by, _)| *by != edit.editor || !standing.contains(tick) || shown.contains(tick));
            let new = shown.iter().filter(|tick| !standing.contains(tick));
            made.extend(new.map(|tick| (tick.clone(), edit.editor.clone(), edit.at)));
        }
        standing = shown;
    }
    made
}

/// Whether an account made an edit.
pub fn is_by(edit: &BodyEdit, login: &Login) -> bool {
    edit.editor.as_ref().is_some_and(|editor| editor.login.same(login))
}

fn marked(own: &str, marks: &[&str]) -> Vec<Tick> {
    let mut found = Vec::new();
    for line in own.lines().map(str::trim_start) {
        let Some(tick) = marks.iter().find_map(|mark| line.strip_prefix(mark)).and_then(read_box) else { continue };
        if !found.contains(&tick) && found.len() < TICKS_MAX {
            found.push(tick);
        }
    }
    found
}

fn read_box(text: &str) -> Option<Tick> {
    let (inside, _) = text.strip_prefix(BOX_BEGIN)?.split_once(BOX_END)?;
    let (command, digest) = match inside.split_once(" @") {
        Some((command, digest)) => (command, Some(digest.trim().to_owned())),
        None => (inside, None),
    };
    Some(Tick { command: command.trim().to_owned(), digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_tells_its_command_and_what_it_was_shown_with() {
        let own = format!(
            "{}Approve\n- [x] a person's own box\n{}Retry",
            unticked("approve #3", Some("ab")),
            unticked("retry #4", None)
        );
        let body = splice("mine\n", &own);
        assert_eq!(ticks(&body), []);
        let ticked = body.replacen("- [ ] <!-- orchestrate: approve", "- [x] <!-- orchestrate: approve", 1);
        assert_eq!(ticks(&ticked), [Tick { command: "approve #3".to_owned(), digest: Some("ab".to_owned()) }]);
        assert_ne!(digest(&body), digest(&ticked));
    }

    #[test]
    fn ticks_are_found_in_the_history_though_written_over() {
        let fresh = splice("", &format!("{}One\n{}Two", unticked("retry #1", None), unticked("retry #2", None)));
        let one = fresh.replacen("[ ] <!-- orchestrate: retry #1", "[x] <!-- orchestrate: retry #1", 1);
        let both = one.replacen("[ ] <!-- orchestrate: retry #2", "[x] <!-- orchestrate: retry #2", 1);
        let two = fresh.replacen("[ ] <!-- orchestrate: retry #2", "[x] <!-- orchestrate: retry #2", 1);
        let found = |versions: &[(&str, &str)]| -> Vec<String> {
            let edits: Vec<BodyEdit> = versions
                .iter()
                .zip(1..)
                .map(|((login, body), at)| BodyEdit {
                    editor: Some(Actor { login: Login::new(*login), bot: false }),
                    at: Timestamp(at),
                    body: Some((*body).into()),
                })
                .collect();
            let told = |(tick, by, at): (Tick, Option<Actor>, Timestamp)| {
                format!("{} by {} at {}", tick.command, by.expect("known").login, at.0)
            };
            made(&edits, &Login::new("bot")).into_iter().map(told).collect()
        };
        assert_eq!(found(&[("bot", &fresh), ("ann", &one), ("bot", &fresh)]), ["retry #1 by ann at 2"]);
        let second = found(&[("bot", &fresh), ("ann", &one), ("ben", &both)]);
        assert_eq!(second, ["retry #1 by ann at 2", "retry #2 by ben at 3"]);
        let saved_over = found(&[("bot", &fresh), ("ann", &one), ("ben", &two)]);
        assert_eq!(saved_over, ["retry #1 by ann at 2", "retry #2 by ben at 3"]);
        assert!(found(&[("bot", &fresh), ("ann", &one), ("ann", &fresh)]).is_empty());
        let again = found(&[("bot", &fresh), ("ann", &one), ("bot", &fresh), ("ann", &one)]);
        assert_eq!(again, ["retry #1 by ann at 2", "retry #1 by ann at 4"]);
    }

    #[test]
    fn text_outside_the_markers_is_kept_and_does_not_count() {
        let body = format!("before\n{BEGIN}\nold\n{END}\nafter - [x] <!-- orchestrate: cancel --> no");
        let spliced = splice(&body, "new");
        assert!(spliced.starts_with("before\n") && spliced.ends_with("no") && !spliced.contains("old"));
        assert_eq!(ticks(&spliced), []);
        assert_eq!(digest(&spliced), digest(&spliced.replace('\n', "\r\n")));
        assert_eq!(splice("people's words", "ours"), format!("{BEGIN}\nours\n{END}\n\npeople's words"));
        let quoted = format!("{BEGIN} begins it\n{BEGIN}\nold\n{END}\nand {END} ends it");
        let told = format!("{BEGIN} begins it\n{BEGIN}\nours\n{END}\nand {END} ends it");
        assert_eq!((splice(&quoted, "ours"), own_part(&quoted)), (told, Some("\nold\n")));
    }
}
