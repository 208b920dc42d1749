//! A question on the terminal.

use std::io::{BufRead as _, Write as _};

use anyhow::Context as _;

use crate::local::interrupts::Interrupts;

/// What the person answers; nothing after Ctrl-C. A thread of its own reads: nothing waits for it at the end.
pub(super) async fn answer(question: String, interrupts: &mut Interrupts) -> anyhow::Result<Option<String>> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || tell.send(prompt(&question)));
    tokio::select! {
        answer = told => Ok(Some(answer.context("the terminal was not read")??)),
        () = interrupts.next() => Ok(None),
    }
}

fn prompt(question: &str) -> std::io::Result<String> {
    // What was typed before the question was shown is no answer to it; where that cannot be dropped, it is no terminal.
    rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush).ok();
    let mut screen = std::io::stderr();
    screen.write_all(question.as_bytes())?;
    screen.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}
