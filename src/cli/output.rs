//! What commands print: results to standard output, words to people to standard error, coloured on terminals only.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::cli::failure::Failure;

/// Prints a result. A reader that has seen enough (`| head`) is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::failed(format!("standard output cannot be written: {error}"))),
    }
}

/// Tells something beside the result.
pub fn note(text: &str) {
    complain("note", text);
}

/// Prints a line that begins with what it is.
pub(super) fn complain(what: &str, text: &str) {
    let style = match what {
        "error" => AnsiColor::Red.on_default().bold(),
        "note" => AnsiColor::Cyan.on_default(),
        _ => Style::new().bold(),
    };
    let style = if coloured() { style } else { Style::new() };
    // Where nobody can be told, the exit code still tells.
    let _ = writeln!(std::io::stderr(), "{style}{what}:{style:#} {}", printable(text));
}

/// Whether standard error shows colours.
pub fn coloured() -> bool {
    std::io::stderr().is_terminal() && is_colour_wanted()
}

/// Whether standard output shows colours.
pub(super) fn coloured_result() -> bool {
    std::io::stdout().is_terminal() && is_colour_wanted()
}

fn is_colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What the flags' reader has to say: help and version on standard output with 0, mistakes on standard error with 2.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    // A reader that has seen enough is no error.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Text from elsewhere (a title, a path, an answer) must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
