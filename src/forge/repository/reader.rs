//! One `git cat-file` process that answers by name for as long as the repository is open. Most of what the API asks is
//! small and asked often; a process each time would cost more than all the rest of an answer.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::Mutex;

use crate::engine::id::Sha;
use crate::forge::repository::command::{self, OUTPUT_BYTES_MAX};
use crate::forge::repository::{Error, is_sha};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(60);
/// A process that died is started again this often for one question.
const TRIES: u32 = 2;

/// An object as git knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// Its full name.
    pub(super) name: Sha,
    /// `commit`, `tree`, `blob` or `tag`.
    pub(super) kind: String,
    /// Its bytes; empty where only the name was asked for.
    pub(super) bytes: Vec<u8>,
}

/// The process, started when it is first asked. It ends by itself when its input closes.
#[derive(Debug, Default)]
pub(super) struct Reader(Mutex<Option<Process>>);

#[derive(Debug)]
struct Process {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Ended with us, and waited for.
    child: Child,
}

/// What is asked of the process.
#[derive(Clone, Copy, Debug)]
enum Question {
    /// Its name and kind.
    Info,
    /// Its bytes too.
    Contents,
}

impl Reader {
    /// The full name and kind of what `spelled` names; nothing where there is no such object.
    pub(super) async fn info(&self, git_dir: &Path, spelled: &str) -> Result<Option<Object>, Error> {
        self.ask(git_dir, Question::Info, spelled).await
    }

    /// The object that `spelled` names with its bytes; nothing where there is none.
    pub(super) async fn contents(&self, git_dir: &Path, spelled: &str) -> Result<Option<Object>, Error> {
        self.ask(git_dir, Question::Contents, spelled).await
    }

    /// Ends the process, as a crash would; the next question meets a closed pipe.
    #[cfg(test)]
    pub(super) async fn end_for_test(&self) {
        let mut held = self.0.lock().await;
        let process = held.as_mut().expect("it was asked before");
        process.end();
        process.child.wait().await.expect("ended");
    }

    async fn ask(&self, git_dir: &Path, question: Question, spelled: &str) -> Result<Option<Object>, Error> {
        // Questions end with a zero byte, which no name of an object holds.
        if spelled.is_empty() || spelled.contains('\0') {
            return Ok(None);
        }
        let mut held = self.0.lock().await;
        let mut last = String::new();
        for _ in 0..TRIES {
            // Taken out while it is asked: a question given up halfway leaves no process whose answers are out of step.
            let mut process = match held.take() {
                Some(process) => process,
                None => Process::start(git_dir)?,
            };
            match tokio::time::timeout(ANSWER, process.ask(question, spelled)).await {
                Ok(Ok(answer)) => {
                    *held = Some(process);
                    return Ok(answer);
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => last = format!("no answer in {} s", ANSWER.as_secs()),
            }
            process.end();
        }
        Err(Error::Failed { verb: "cat-file".to_owned(), message: last })
    }
}

impl Process {
    fn start(git_dir: &Path) -> Result<Self, Error> {
        let mut command = command::isolated();
        command.arg("--git-dir").arg(git_dir).args(["cat-file", "--batch-command", "-z"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| Error::NotStarted { message: error.to_string() })?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self { input, output: BufReader::new(output), child }),
            _ => Err(Error::Failed { verb: "cat-file".to_owned(), message: "its pipes are missing".to_owned() }),
        }
    }

    /// Ends the process, whose answers are of no more use.
    fn end(&mut self) {
        if let Err(error) = self.child.start_kill() {
            tracing::debug!(%error, "the reading process had ended already");
        }
    }

    async fn ask(&mut self, question: Question, spelled: &str) -> std::io::Result<Option<Object>> {
        let verb = match question {
            Question::Info => "info",
            Question::Contents => "contents",
        };
        self.input.write_all(format!("{verb} {spelled}\0").as_bytes()).await?;
        self.input.flush().await?;
        let Some((name, kind, size)) = self.head(spelled).await? else { return Ok(None) };
        let bytes = match question {
            Question::Info => Vec::new(),
            Question::Contents => self.body(size).await?,
        };
        Ok(Some(Object { name, kind, bytes }))
    }

    /// The answer's first line: `<name> <kind> <size>`; anything else says that there is no such object. A name that
    /// holds line ends is repeated with them.
    async fn head(&mut self, spelled: &str) -> std::io::Result<Option<(Sha, String, u64)>> {
        let mut line = Vec::new();
        for _ in 0..=spelled.matches('\n').count() {
            if self.output.read_until(b'\n', &mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let text = String::from_utf8_lossy(&line);
            let fields: Vec<&str> = text.trim_end_matches('\n').split(' ').collect();
            if let [name, kind, size] = fields[..]
                && is_sha(name)
                && let Ok(size) = size.parse()
            {
                return Ok(Some((Sha::new(name), kind.to_owned(), size)));
            }
        }
        Ok(None)
    }

    async fn body(&mut self, size: u64) -> std::io::Result<Vec<u8>> {
        if size > OUTPUT_BYTES_MAX {
            return Err(std::io::Error::other(format!("an object of {size} bytes is more than is read")));
        }
        let mut bytes = Vec::new();
        (&mut self.output).take(size + 1).read_to_end(&mut bytes).await?;
        match bytes.pop() {
            Some(b'\n') if bytes.len() as u64 == size => Ok(bytes),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
