//! Markdown, line by line: which lines of a text people see as prose, headings, list items or code, and which not at
//! all.
//!
//! Quotes, HTML comments and HTML blocks are not what the author says and read as blank. Lines are cut from the source,
//! not from rendered text, so that `*` and `_` in a path survive.

use std::collections::BTreeSet;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ordinary text; also the further lines of a list item, and blank lines.
    Prose,
    /// A heading.
    Heading,
    /// The first line of a list item, with its marker.
    Item,
    /// Inside a fenced block of so many lines.
    Fenced {
        /// How many lines the block has between its fences.
        lines: usize,
    },
    /// An indented code block.
    Indented,
    /// A fence, a heading's underline: no content.
    Mark,
}

/// One line of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Counted from 1.
    pub number: usize,
    /// The text without the line break; what is hidden is blanks.
    pub text: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Whether it begins inside a code span opened on an earlier line.
    pub in_span: bool,
}

/// A text with its lines told apart.
#[derive(Clone, Debug)]
pub struct Document {
    text: String,
    starts: Vec<usize>,
    kinds: Vec<Kind>,
    in_span: BTreeSet<usize>,
}

impl Document {
    /// Reads a text. Time grows linearly with its length.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's events; new kinds are text like any other")]
    pub fn read(source: &str) -> Self {
        let text = source.replace("\r\n", "\n").replace('\r', "\n");
        let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut marking = Marking::new(&starts);
        let mut depth = 0_usize;
        let mut fence: Option<Range<usize>> = None;
        for (event, range) in Parser::new_ext(&text, Options::ENABLE_TASKLISTS).into_offset_iter() {
            match event {
                Event::Start(Tag::BlockQuote(_)) => {
                    if depth == 0 {
                        marking.hidden.push(range);
                    }
                    depth += 1;
                }
                Event::End(TagEnd::BlockQuote(_)) => depth -= 1,
                _ if depth > 0 => {}
                Event::Start(Tag::HtmlBlock) | Event::InlineHtml(_) => marking.hidden.push(range),
                Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => marking.fill(&range, Kind::Indented),
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => {
                    marking.fill(&range, Kind::Mark);
                    fence = Some(range);
                }
                Event::End(TagEnd::CodeBlock) => fence = None,
                Event::Text(_) if fence.is_some() => marking.code(&range, fence.as_ref()),
                Event::Start(Tag::Heading { .. }) => marking.heading(&text, &range),
                Event::Start(Tag::Item) => marking.item(&range),
                Event::Code(_) => marking.span(&range),
                _ => {}
            }
        }
        let Marking { kinds, hidden, in_span, .. } = marking;
        Self { text: blank_out(text, hidden), starts, kinds, in_span }
    }

    /// The lines, first to last.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let ends = self.starts.iter().skip(1).map(|start| start - 1).chain([self.text.len()]);
        self.starts.iter().zip(ends).zip(&self.kinds).enumerate().map(|(index, ((&start, end), &kind))| Line {
            number: index + 1,
            text: self.text.get(start..end).unwrap_or_default(),
            kind,
            in_span: self.in_span.contains(&index),
        })
    }
}

/// Kinds and hidden ranges while they are gathered.
struct Marking<'a> {
    kinds: Vec<Kind>,
    hidden: Vec<Range<usize>>,
    in_span: BTreeSet<usize>,
    starts: &'a [usize],
}

impl<'a> Marking<'a> {
    fn new(starts: &'a [usize]) -> Self {
        Self { kinds: vec![Kind::Prose; starts.len()], hidden: Vec::new(), in_span: BTreeSet::new(), starts }
    }

    /// The index of the line a byte lies in.
    fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    fn lines(&self, range: &Range<usize>) -> Range<usize> {
        self.line(range.start)..self.line(range.end.saturating_sub(1).max(range.start)) + 1
    }

    fn fill(&mut self, range: &Range<usize>, kind: Kind) {
        for index in self.lines(range) {
            self.kinds[index] = kind;
        }
    }

    fn code(&mut self, range: &Range<usize>, fence: Option<&Range<usize>>) {
        let lines = fence.map_or(0, |fence| self.lines(fence).len().saturating_sub(2));
        self.fill(range, Kind::Fenced { lines });
    }

    /// An underlined paragraph of several lines is taken as the paragraph its author meant before a rule.
    fn heading(&mut self, text: &str, range: &Range<usize>) {
        let lines = self.lines(range);
        let hashes = text.get(range.clone()).is_some_and(|heading| heading.starts_with('#'));
        if !hashes {
            self.kinds[lines.end - 1] = Kind::Mark;
        }
        if hashes || lines.len() == 2 {
            self.kinds[lines.start] = Kind::Heading;
        }
    }

    fn span(&mut self, range: &Range<usize>) {
        self.in_span.extend(self.lines(range).skip(1));
    }

    fn item(&mut self, range: &Range<usize>) {
        let index = self.line(range.start);
        self.kinds[index] = Kind::Item;
    }
}

/// Puts blanks in place of hidden bytes; line breaks stay.
fn blank_out(text: String, hidden: Vec<Range<usize>>) -> String {
    if hidden.is_empty() {
        return text;
    }
    let mut bytes = text.into_bytes();
    for range in hidden {
        for byte in bytes.get_mut(range).unwrap_or_default() {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let text = "# Head\r\nprose <!-- no --> end\n> quote\n\n- item\n  more\n\n```sh\ncode\n```\n\n    indented\n\n\
                    <!--\nhidden\n-->\n\nUnder\n===\n\nFiles: a\nPhase: 2\n---\nlast";
        let document = Document::read(text);
        let seen: Vec<(String, Kind)> = document
            .lines()
            .filter(|line| !line.text.trim().is_empty())
            .map(|line| (line.text.split_whitespace().collect::<Vec<_>>().join(" "), line.kind))
            .collect();
        let seen: Vec<(&str, Kind)> = seen.iter().map(|(text, kind)| (text.as_str(), *kind)).collect();
        assert_eq!(
            seen,
            [
                ("# Head", Kind::Heading),
                ("prose end", Kind::Prose),
                ("- item", Kind::Item),
                ("more", Kind::Prose),
                ("```sh", Kind::Mark),
                ("code", Kind::Fenced { lines: 1 }),
                ("```", Kind::Mark),
                ("indented", Kind::Indented),
                ("Under", Kind::Heading),
                ("===", Kind::Mark),
                ("Files: a", Kind::Prose),
                ("Phase: 2", Kind::Prose),
                ("---", Kind::Mark),
                ("last", Kind::Prose),
            ]
        );
    }
}
