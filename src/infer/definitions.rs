//! Which names a file defines, by a scan of its lines: the keyword that opens a definition in each language, and for
//! languages without one the shape of a method's head. A few false names cost little where names are only votes.

use crate::infer::language::Language;
use crate::infer::token::is_word;

/// One name that a file defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition<'a> {
    /// The name as written.
    pub name: &'a [u8],
    /// The line it stands in, from 0.
    pub line: usize,
}

/// Keywords after which a defined name stands.
fn keywords(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => &["fn", "struct", "enum", "trait", "type", "mod", "const", "static", "union", "macro_rules"],
        Language::Go => &["func", "type", "const", "var", "package"],
        Language::Python => &["def", "class"],
        Language::Script => &["function", "class", "interface", "type", "enum", "const", "let", "namespace"],
        Language::Java => &["class", "interface", "enum", "record", "fun", "object", "trait", "def"],
        Language::C => &["class", "struct", "enum", "namespace", "union", "define", "typename", "concept"],
        Language::Ruby => &["def", "class", "module"],
        Language::Sharp => &["class", "interface", "enum", "struct", "record", "namespace", "delegate"],
        Language::Php => &["function", "class", "interface", "trait", "enum", "const"],
        Language::Other => &[],
    }
}

/// Words that may stand before a keyword.
const MODIFIERS: [&str; 26] = [
    "pub",
    "crate",
    "async",
    "unsafe",
    "extern",
    "const",
    "default",
    "export",
    "declare",
    "abstract",
    "public",
    "private",
    "protected",
    "internal",
    "static",
    "final",
    "sealed",
    "inline",
    "virtual",
    "override",
    "partial",
    "template",
    "readonly",
    "data",
    "open",
    "super",
];
/// Words that stand before a parenthesis without naming anything.
const CONTROL: [&str; 16] = [
    "if", "for", "while", "switch", "catch", "return", "else", "do", "match", "throw", "new", "sizeof", "await",
    "case", "assert", "super",
];

/// The names that a file defines, in order.
pub fn of(text: &[u8], language: Language) -> Vec<Definition<'_>> {
    if language == Language::Other {
        return Vec::new();
    }
    let words = keywords(language);
    let heads = matches!(language, Language::Java | Language::C | Language::Sharp | Language::Script);
    let mut found = Vec::new();
    for (line, bytes) in text.split(|byte| *byte == b'\n').enumerate() {
        if let Some(name) = by_keyword(bytes, words, language).or_else(|| heads.then(|| by_head(bytes)).flatten()) {
            found.push(Definition { name, line });
        }
    }
    found
}

fn next_word(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let start = from + line.get(from..)?.iter().position(|byte| is_word(*byte))?;
    let end = line[start..].iter().position(|byte| !is_word(*byte)).map_or(line.len(), |length| start + length);
    Some((start, end))
}

fn by_keyword<'a>(line: &'a [u8], keywords: &[&str], language: Language) -> Option<&'a [u8]> {
    let mut from = 0;
    // At most a few modifiers stand before a keyword.
    for _ in 0..5 {
        let (start, end) = next_word(line, from)?;
        // What stands before must be space or punctuation of modifiers, never a comment, string or expression.
        let between = &line[from..start];
        if between.iter().any(|byte| !matches!(byte, b' ' | b'\t' | b'(' | b')' | b'#' | b'!' | b'<' | b'>')) {
            return None;
        }
        let word = std::str::from_utf8(&line[start..end]).ok()?;
        let is_keyword = keywords.contains(&word);
        if is_keyword {
            let mut after = end;
            if language == Language::Go && word == "func" {
                after = past_receiver(line, end);
            }
            let (start, end) = next_word(line, after)?;
            let name = &line[start..end];
            let again = std::str::from_utf8(name).is_ok_and(|name| keywords.contains(&name) || name == "mut");
            if !again {
                return (!name[0].is_ascii_digit()).then_some(name);
            }
            from = start;
            continue;
        }
        if !MODIFIERS.contains(&word) {
            return None;
        }
        from = end;
    }
    None
}

/// In Go, where the name stands after `func (r *Receiver)`.
fn past_receiver(line: &[u8], from: usize) -> usize {
    let rest = &line[from..];
    let opens = rest.iter().position(|byte| *byte != b' ').is_some_and(|at| rest[at] == b'(');
    if !opens {
        return from;
    }
    rest.iter().position(|byte| *byte == b')').map_or(from, |at| from + at + 1)
}

/// The head of a method or function: `… name(…` at the end of which a block opens or the head goes on.
fn by_head(line: &[u8]) -> Option<&[u8]> {
    let trimmed = line.trim_ascii_end();
    let indented = line.iter().position(|byte| !byte.is_ascii_whitespace())?;
    if !matches!(trimmed.last()?, b'{' | b',' | b'(' | b')') || indented > 12 {
        return None;
    }
    let open = trimmed.iter().position(|byte| *byte == b'(')?;
    let before = trimmed[..open].trim_ascii_end();
    if before.iter().any(|byte| matches!(byte, b'=' | b'.' | b'"' | b'\'' | b';' | b'/' | b'@' | b'!' | b'?' | b'|')) {
        return None;
    }
    let start = before.iter().rposition(|byte| !is_word(*byte)).map_or(0, |at| at + 1);
    let name = &before[start..];
    let first = next_word(line, 0).map(|(start, end)| &line[start..end])?;
    let control = |word: &[u8]| std::str::from_utf8(word).is_ok_and(|word| CONTROL.contains(&word));
    // A call ends with a parenthesis too; a head without a block has a type before its name.
    let block = trimmed.last() == Some(&b'{');
    let typed = start > indented;
    let fine = name.len() > 2 && !name[0].is_ascii_digit() && !control(name) && !control(first) && (block || typed);
    fine.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_shows_its_definitions() {
        for (language, text, expected) in [
            (
                Language::Rust,
                "pub(crate) async fn go() {\n  let x = fn_call(a);\nimpl A {\n  pub const MAX: u8 = 1;\n\
                 macro_rules! m {\n// fn no",
                "go MAX m",
            ),
            (
                Language::Go,
                "func (s *Server) Serve(x int) {\nfunc Plain() {\ntype A struct {\n  return b",
                "Serve Plain A",
            ),
            (Language::Python, "class Foo(Bar):\n    async def run(self):\n        define = 1", "Foo run"),
            (
                Language::Script,
                "export default class A {\n  private render(a: X): Y {\n  if (x) {\n\
                 export const make = () => {\n  foo(b);",
                "A render make",
            ),
            (Language::Java, "public final class A {\n    public int getX(String a) throws B {\n  call(a);", "A getX"),
            (
                Language::C,
                "class json {\n    void push_back(value&& v)\n    {\n#define FOO 1\n    x = f(a,",
                "json push_back FOO",
            ),
            (Language::Ruby, "module M\n  def go", "M go"),
            (Language::Php, "  public static function go() {", "go"),
            (Language::Sharp, "    public override async Task<int> Run(int a)", "Run"),
            (Language::Other, "fn x", ""),
        ] {
            let found = of(text.as_bytes(), language);
            let names: Vec<_> = found.iter().map(|found| String::from_utf8_lossy(found.name)).collect();
            assert_eq!(names.join(" "), expected, "{language:?}");
        }
    }
}
