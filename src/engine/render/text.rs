//! Making the text of others harmless.

use crate::engine::report::head;

/// Longest title or reason shown on one line, in characters.
const LINE_CHARACTERS_MAX: usize = 200;

/// What counting the lines that do not fit takes, in characters.
const REST_CHARACTERS: usize = 60;

/// One line of somebody's text: no line breaks, no control or direction characters, no tags, mentions, issue
/// references or Markdown that reaches beyond it; cut.
pub fn line(text: &str) -> String {
    let cut = head(text.trim(), LINE_CHARACTERS_MAX);
    let dots = if cut.chars().count() < text.trim().chars().count() { "…" } else { "" };
    format!("{}{dots}", escape(&cut))
}

/// One line of a text of ours that quotes others, made as harmless as [`line()`] does; its code spans stay code spans.
pub fn with_code(text: &str) -> String {
    let cut = head(text.trim(), LINE_CHARACTERS_MAX);
    let dots = if cut.chars().count() < text.trim().chars().count() { "…" } else { "" };
    let pieces: Vec<&str> = cut.split('`').collect();
    let mut safe = String::with_capacity(cut.len());
    for (at, piece) in pieces.iter().enumerate() {
        let closes = at + 1 < pieces.len();
        match at % 2 {
            1 if closes && !piece.trim().is_empty() => safe.push_str(&format!("`{}`", code(&visible(piece)))),
            1 => safe.push_str(&escape(&format!("`{piece}{}", if closes { "`" } else { "" }))),
            _ => safe.push_str(&escape(piece)),
        }
    }
    format!("{safe}{dots}")
}

/// One line of somebody's text for places that show signs as they are, as terminals and programs do: no line breaks,
/// control or direction characters; cut.
pub fn plain(text: &str) -> String {
    let cut = head(text.trim(), LINE_CHARACTERS_MAX);
    let dots = if cut.chars().count() < text.trim().chars().count() { "…" } else { "" };
    let clean: String = visible(&cut).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{clean}{dots}")
}

/// Several lines of somebody's text as a quotation, cut to so many characters.
pub fn quote(text: &str, characters: usize) -> String {
    let cut = head(text.trim(), characters);
    let dots = if cut.chars().count() < text.trim().chars().count() { "\n…" } else { "" };
    let quoted: Vec<String> = format!("{cut}{dots}").lines().map(|line| format!("> {}", escape(line))).collect();
    quoted.join("\n")
}

/// The first whole lines of a text of ours that fit into so many characters; what does not fit is counted.
pub fn first_lines(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let mut left = characters.saturating_sub(REST_CHARACTERS);
    let lines: Vec<&str> = text.lines().collect();
    let fits = lines.iter().take_while(|line| {
        let size = line.chars().count() + 1;
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    });
    let kept = fits.count();
    format!("{}\n- and {} lines more that do not fit here", lines[..kept].join("\n"), lines.len() - kept)
}

/// Text to stand inside a code span.
pub fn code(text: &str) -> String {
    head(text, LINE_CHARACTERS_MAX).chars().filter(|c| !c.is_control() && *c != '`').collect()
}

/// Text as a fenced block whose fence is longer than any inside it.
pub fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let clean: String = text.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect();
    format!("{fence}text\n{}\n{fence}", clean.trim_end())
}

/// Text without characters that change how what stands around them is read.
pub fn visible(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).collect()
}

/// Words in a commit's message that keep GitHub's checks from running.
const SKIPS: &[&str] = &["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"];

/// A title for places where GitHub reads no Markdown but still closes issues, names people and skips checks, commit
/// messages above all: it can do nothing of that.
pub fn plain_title(title: &str) -> String {
    let clean: String = visible(title).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut plain = String::with_capacity(clean.len());
    let mut rest = clean.chars().peekable();
    while let Some(c) = rest.next() {
        let acts = match c {
            '#' => rest.peek().is_some_and(char::is_ascii_digit),
            '@' => rest.peek().is_some_and(|next| next.is_ascii_alphanumeric()),
            _ => false,
        };
        if !acts {
            plain.push(c);
        }
    }
    let plain = end_differently(&plain.replace("://", ": //"), "gh-", " ");
    let lower = plain.to_ascii_lowercase();
    let skips = SKIPS.iter().any(|skip| lower.contains(skip));
    if skips { plain.replace('[', "(").replace(']', ")") } else { plain }
}

/// Whether a character changes how text around it is read without being seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn escape(text: &str) -> String {
    // Nothing can be made of letters, digits, blanks and slashes alone.
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'/' | b',' | b'(' | b')')) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !is_invisible(*c)) {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '@' => escaped.push_str("&#64;"),
            '#' => escaped.push_str("&#35;"),
            '|' => escaped.push_str("&#124;"),
            '[' | ']' | '*' | '_' | '`' | '\\' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    // A bare address becomes a link, and `GH-12` or `owner/name#12` a reference, without any sign of ours to stop it.
    let escaped = end_differently(&escaped.replace("://", ":&#8203;//"), "gh-", "&#45;");
    end_differently(&escaped, "www.", "&#46;")
}

/// The text with the last sign of each such ASCII word replaced, in whatever case the word is written.
fn end_differently(text: &str, word: &str, end: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut changed = String::with_capacity(text.len());
    let mut rest = 0;
    for (at, _) in lower.match_indices(word) {
        changed.push_str(&text[rest..at + word.len() - 1]);
        changed.push_str(end);
        rest = at + word.len();
    }
    changed + &text[rest..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_text_can_name_nobody_and_close_nothing() {
        let hostile = "Fixes #12 @everyone <!-- orchestrate: approve --> [x](http://evil) `a` | b\n- [x] t\u{202e}";
        let safe = line(hostile);
        for sign in ["Fixes #12", "@every", "<!--", "[x](", "://", "\n", "\u{202e}", " | "] {
            assert!(!safe.contains(sign), "{sign} in {safe}");
        }
        assert_eq!(line("é Gh-4 Www.x.y gh-5"), "é Gh&#45;4 Www&#46;x.y gh&#45;5");
        assert!(quote("a\n- [x] b", 100).lines().all(|line| line.starts_with("> ")));
    }

    #[test]
    fn code_of_ours_stays_code_and_lets_nothing_out() {
        for (text, expected) in [
            ("did you mean `/orchestrate retry`?", "did you mean `/orchestrate retry`?"),
            ("`a` is #7 by @x", "`a` is &#35;7 by &#64;x"),
            ("an `open @x", "an \\`open &#64;x"),
            ("`` @x `<!-- a", "\\`\\` &#64;x \\`&lt;!-- a"),
        ] {
            assert_eq!(with_code(text), expected, "{text}");
        }
        assert_eq!(plain("a #7\n`b`\u{202e} @x"), "a #7 `b` @x");
    }

    #[test]
    fn a_plain_title_closes_nothing_and_names_nobody() {
        let hostile = "Fixes #12, closes a/b#3, GH-4, Gh-4, gH-4 and https://x/y/issues/5 for @all\u{202e} at a@b # 7";
        let plain = plain_title(hostile);
        assert_eq!(plain_title("[Bug] x"), "[Bug] x");
        assert_eq!(plain_title("please [Skip CI] this"), "please (Skip CI) this");
        assert_eq!(plain, "Fixes 12, closes a/b3, GH 4, Gh 4, gH 4 and https: //x/y/issues/5 for all at ab # 7");
    }

    #[test]
    fn a_fence_is_longer_than_any_inside() {
        assert!(fenced("a ```` b").starts_with("`````text\n"));
        assert!(fenced("plain").starts_with("```text\n"));
    }

    #[test]
    fn long_lines_are_cut_and_say_so() {
        assert!(line(&"x".repeat(500)).ends_with('…'));
    }
}
