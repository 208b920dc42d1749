//! What people write: commands in comments, facts in issues.

use task_orchestrator::engine::command::{self, Command};
use task_orchestrator::engine::facts::{self, area};
use task_orchestrator::engine::footprint::Area;
use task_orchestrator::engine::id::IssueNumber;

use super::halves;

/// A comment.
pub(crate) fn command(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = command::parse(&text);
    assert!(found.len() <= 10);
    for one in &found {
        match one {
            Ok(understood) => {
                let again = command::parse(&written(understood));
                assert_eq!(again, vec![Ok(understood.clone())], "from {text:?}");
            }
            Err(mistake) => {
                assert!(mistake.line.chars().count() <= 80 && mistake.message.chars().count() <= 400, "{mistake:?}");
                let plain = |text: &str| !text.chars().any(char::is_control) && !text.contains('\n');
                assert!(plain(&mistake.line) && plain(&mistake.message), "{mistake:?}");
            }
        }
    }
    let quoted: String = text.split(['\n', '\r']).map(|line| format!("> {line}\n")).collect();
    assert_eq!(command::parse(&quoted), Vec::new(), "a quotation commands nothing: {quoted:?}");
    let fence = "`".repeat(text.chars().filter(|c| *c == '`').count() + 3);
    let code = format!("{fence}\n{text}\n{fence}\n");
    assert_eq!(command::parse(&code), Vec::new(), "code commands nothing: {code:?}");
}

/// A command as one would write it.
fn written(command: &Command) -> String {
    let about = |name: &str, issue: &IssueNumber| format!("/orchestrate {name} #{issue}");
    match command {
        Command::Help => "/orchestrate help".to_owned(),
        Command::Plan => "/orchestrate plan".to_owned(),
        Command::Status => "/orchestrate status".to_owned(),
        Command::Resume => "/orchestrate resume".to_owned(),
        Command::Pause(None) => "/orchestrate pause".to_owned(),
        Command::Pause(Some(reason)) => {
            assert!(reason.chars().count() <= 200);
            // How a reason reads in Markdown is a matter of its own.
            let words: String = reason.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
            assert_eq!(command::parse(&format!("/orchestrate pause r{words}")).len(), 1);
            format!("/orchestrate pause {reason}")
        }
        Command::Approve(None) => "/orchestrate approve".to_owned(),
        Command::Cancel(None) => "/orchestrate cancel".to_owned(),
        Command::Approve(Some(issue)) => about("approve", issue),
        Command::Cancel(Some(issue)) => about("cancel", issue),
        Command::Retry(issue) => about("retry", issue),
        Command::Merge(issue) => about("merge", issue),
    }
}

/// A title and, after a blank line, a body.
pub(crate) fn facts(data: &[u8]) {
    let (title, body) = halves(data);
    let labels: Vec<String> = title.split_whitespace().take(5).map(str::to_owned).collect();
    let found = facts::read(&title, &body, &labels);
    assert_eq!(found, facts::read(&title, &body, &labels), "the same text gives the same facts");
    assert!(found.files.len() <= 200 && found.depends_on.len() <= 100 && found.acceptance.len() <= 50);
    assert!(found.validate.len() <= 20 && found.mentions.len() <= 200);
    assert!(found.phase.is_none_or(|phase| (1..=1_000).contains(&phase)) && found.retries.is_none_or(|n| n <= 9));
    for file in &found.files {
        let (Area::File(path) | Area::Directory(path) | Area::Glob(path)) = file;
        assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."), "{file:?} leaves the repository");
        assert!(!path.chars().any(char::is_control) && path.chars().count() <= 520, "{file:?}");
        let again = area(&if path.is_empty() { "/".to_owned() } else { file.display() });
        assert_eq!(again.as_ref(), Ok(file), "an area is read as it is shown");
    }
    for problem in &found.problems {
        let message = &problem.message;
        assert!(message.chars().count() <= 1_000 && !message.chars().any(char::is_control), "{message:?}");
    }
    let crlf = body.replace("\r\n", "\n").replace('\n', "\r\n");
    if !body.contains('\r') {
        let other = facts::read(&title, &crlf, &labels);
        assert_eq!((other.files, other.depends_on), (found.files, found.depends_on), "line ends say nothing: {body:?}");
    }
}
