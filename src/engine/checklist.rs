//! The tracking issue's own part and its boxes: where it begins and ends, its digest, and which boxes are ticked.
//!
//! A box is a task-list item whose text begins with a hidden comment naming the command it stands for, and for an
//! approval the digest of the text that was shown: `- [ ] <!-- orchestrate: approve #12 @0a1b… --> Approve`. Text
//! outside the two markers belongs to people and is never touched.

use sha2::{Digest, Sha256};

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

/// Our part of a body, markers left out; nothing where the markers are missing.
pub fn own_part(body: &str) -> Option<&str> {
    let start = body.find(BEGIN)? + BEGIN.len();
    let end = body.rfind(END).filter(|end| *end >= start)?;
    Some(&body[start..end])
}

/// The body with our part replaced and everything else kept. Without markers our part goes in front.
pub fn splice(body: &str, own: &str) -> String {
    let marked = format!("{BEGIN}\n{own}\n{END}");
    let place = body.find(BEGIN).zip(body.rfind(END).map(|end| end + END.len())).filter(|(start, end)| start < end);
    match place {
        Some((start, end)) => format!("{}{marked}{}", &body[..start], &body[end..]),
        None if body.trim().is_empty() => format!("{marked}\n"),
        None => format!("{marked}\n\n{body}"),
    }
}

/// The digest of our part, line ends folded: browsers send them as CR LF.
pub fn digest(body: &str) -> String {
    let own = own_part(body).unwrap_or_default().replace("\r\n", "\n");
    hex::encode(Sha256::digest(own.trim().as_bytes()))
}

/// The boxes ticked in our part, in order, each once.
pub fn ticks(body: &str) -> Vec<Tick> {
    marked(own_part(body).unwrap_or_default(), &["- [x] ", "- [X] "])
}

/// The boxes that a part of ours offers, none of them ticked yet.
pub fn offered(own: &str) -> Vec<Tick> {
    marked(own, &["- [ ] "])
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
    fn text_outside_the_markers_is_kept_and_does_not_count() {
        let body = format!("before\n{BEGIN}\nold\n{END}\nafter - [x] <!-- orchestrate: cancel --> no");
        let spliced = splice(&body, "new");
        assert!(spliced.starts_with("before\n") && spliced.ends_with("no") && !spliced.contains("old"));
        assert_eq!(ticks(&spliced), []);
        assert_eq!(digest(&spliced), digest(&spliced.replace('\n', "\r\n")));
        assert_eq!(splice("people's words", "ours"), format!("{BEGIN}\nours\n{END}\n\npeople's words"));
    }
}
