//! Sizes: functions, files, lines.

use crate::report::Report;
use crate::source::{Source, block_end, is_word, line_of, words};

/// Longest function, in lines, signature and closing brace included.
pub(crate) const FUNCTION_LINES_MAX: usize = 70;
/// Longest file, in lines.
pub(crate) const FILE_LINES_MAX: usize = 400;
/// Longest file that an entry of [`LONG_FILES`] can excuse.
pub(crate) const FILE_LINES_HARD_MAX: usize = 500;
/// Widest line, in characters.
pub(crate) const WIDTH_MAX: usize = 120;

/// Files that may pass [`FILE_LINES_MAX`], with the reason.
pub(crate) const LONG_FILES: &[(&str, &str)] = &[];

/// Checks that no function that ships is too long.
pub(crate) fn functions(source: &Source, report: &mut Report) {
    for start in words(&source.shipped, "fn") {
        let after = source.shipped[start + 2..].trim_start();
        let name: String = after.chars().take_while(|c| is_word(*c)).collect();
        let Some(open) = (!name.is_empty()).then(|| body(&source.shipped, start)).flatten() else { continue };
        let end = block_end(&source.shipped, open).unwrap_or(source.shipped.len());
        let lines = source.shipped[start..end].matches('\n').count() + 1;
        if lines > FUNCTION_LINES_MAX {
            let what = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX} are allowed");
            report.add(&source.path, line_of(&source.shipped, start), what, "split it: one function does one thing");
        }
    }
}

/// The byte of the brace that opens a function's body; nothing where it has none.
fn body(masked: &str, start: usize) -> Option<usize> {
    let mut depth = 0i32;
    for (offset, c) in masked[start..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(start + offset),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Checks a file's length and the width of its lines.
pub(crate) fn file(source: &Source, report: &mut Report) {
    let lines = source.text.lines().count();
    let excused = LONG_FILES.iter().any(|(path, _)| *path == source.path);
    let most = if excused { FILE_LINES_HARD_MAX } else { FILE_LINES_MAX };
    if lines > most {
        let remedy = "split it along its parts; long tests go to a `tests.rs` beside the module";
        report.add(&source.path, lines, format!("{lines} lines, at most {most} are allowed"), remedy);
    }
    for (number, line) in source.text.lines().enumerate() {
        let width = line.chars().count();
        if width > WIDTH_MAX {
            let what = format!("{width} characters wide, at most {WIDTH_MAX} are allowed");
            report.add(&source.path, number + 1, what, "break the line");
        }
    }
}
