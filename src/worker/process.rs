//! Runs one command line as a process group and watches it: its lines, its work tree, its time, and a request to stop.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::git::group::Group;
use crate::worker::tree::Tree;
use crate::worker::variables::Variables;

/// Longest line taken whole; a longer one comes in pieces.
const LINE_BYTES_MAX: u64 = 1024 * 1024;
/// Lines that may wait to be looked at.
const LINES_WAITING_MAX: usize = 256;
/// How long output is still read after the group has ended, should a process have left the group and kept the pipes.
const DRAIN: Duration = Duration::from_secs(2);
/// The work tree is looked at this often within the time after which silence is told, or is a stall.
const LOOKS_PER_STALL: u32 = 5;
/// Shortest time between two looks.
const LOOKS_APART_MIN: Duration = Duration::from_millis(20);

/// A program to be started with nothing but this environment.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Variables,
    pub(crate) directory: PathBuf,
    pub(crate) input: Vec<u8>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself; no code where a signal ended it.
    Exited(Option<i32>),
    /// Ended by us: nothing new for too long.
    Stalled,
    /// Ended by us: its time was up.
    TimedOut,
    /// Ended by us: the worker was asked to stop.
    Stopped,
    /// Its program does not exist.
    Missing,
    /// It could not be started.
    NotStarted(String),
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Complaint,
}

/// Hears what a process prints and shows.
pub(crate) trait Listener {
    /// Looks at a line and says whether it is progress.
    fn line(&mut self, stream: Stream, line: &str) -> bool;

    /// Nothing new came for the time after which somebody should know; told once until something new comes.
    fn quiet(&mut self) {}
}

/// When silence is told, and when it is a stall: nothing new, neither a line nor in the work tree, for so long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stall<'a> {
    pub(crate) tree: &'a Tree,
    /// The listener is told; never before a stall where this is the longer time.
    pub(crate) told_after: Duration,
    /// The process is ended.
    pub(crate) after: Duration,
}

/// Bounds of one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds<'a> {
    /// When its time is up.
    pub(crate) deadline: Instant,
    /// What counts as no progress.
    pub(crate) stall: Option<Stall<'a>>,
    /// Ends it when cancelled.
    pub(crate) stop: &'a CancellationToken,
}

/// Starts the process and stays with it until it has ended; then everything of its group is ended too. It is not
/// started where its time is up already.
pub(crate) async fn run(launch: &Launch, bounds: Bounds<'_>, listener: &mut (dyn Listener + Send)) -> End {
    if Instant::now() >= bounds.deadline {
        return End::TimedOut;
    }
    let mut command = Command::new(&launch.program);
    command.args(&launch.arguments).current_dir(&launch.directory).env_clear();
    command.envs(launch.environment.iter());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = match Group::start(&mut command) {
        Ok(group) => group,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return End::Missing,
        Err(error) => return End::NotStarted(error.to_string()),
    };
    let (sender, mut lines) = mpsc::channel(LINES_WAITING_MAX);
    let mut pipes = JoinSet::new();
    let child = group.child();
    if let Some(mut stdin) = child.stdin.take() {
        let input = launch.input.clone();
        // A program may end without having read its input.
        pipes.spawn(async move { drop(stdin.write_all(&input).await) });
    }
    pipes.spawn(read(child.stdout.take(), Stream::Output, sender.clone()));
    pipes.spawn(read(child.stderr.take(), Stream::Complaint, sender));
    let end = follow(&mut group, bounds, &mut lines, listener).await;
    group.end();
    let rest = async {
        while let Some((stream, line)) = lines.recv().await {
            listener.line(stream, &line);
        }
    };
    if tokio::time::timeout(DRAIN, rest).await.is_err() {
        tracing::warn!("a process left its group and keeps the output open");
    }
    end
}

async fn follow(
    group: &mut Group,
    bounds: Bounds<'_>,
    lines: &mut mpsc::Receiver<(Stream, String)>,
    listener: &mut (dyn Listener + Send),
) -> End {
    let shortest = bounds.stall.map_or(Duration::from_secs(3600), |stall| stall.after.min(stall.told_after));
    let mut looks = tokio::time::interval((shortest / LOOKS_PER_STALL).max(LOOKS_APART_MIN));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut progress = Instant::now();
    let mut seen = None;
    let mut told = false;
    loop {
        tokio::select! {
            Some((stream, line)) = lines.recv() => {
                if listener.line(stream, &line) {
                    (progress, told) = (Instant::now(), false);
                }
            }
            status = group.wait() => return match status {
                Ok(status) => End::Exited(status.code()),
                Err(error) => End::NotStarted(error.to_string()),
            },
            () = tokio::time::sleep_until(bounds.deadline) => return End::TimedOut,
            () = bounds.stop.cancelled() => return End::Stopped,
            _ = looks.tick() => {
                let Some(stall) = bounds.stall else { continue };
                let now = stall.tree.digest().await;
                if now.is_some() && now != seen {
                    (progress, told) = (Instant::now(), false);
                    seen = now;
                    continue;
                }
                let silent = if lines.is_empty() { progress.elapsed() } else { Duration::ZERO };
                if !told && silent >= stall.told_after && stall.told_after <= stall.after {
                    listener.quiet();
                    told = true;
                }
                if silent >= stall.after {
                    return End::Stalled;
                }
            }
        }
    }
}

async fn read(stream: Option<impl AsyncRead + Unpin>, which: Stream, lines: mpsc::Sender<(Stream, String)>) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        line.clear();
        if lines.send((which, text)).await.is_err() {
            return;
        }
    }
}

/// Keeps the end of what a process printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail {
    text: String,
}

/// Bytes kept of a process's output.
const TAIL_BYTES_MAX: usize = 16 * 1024;

impl Tail {
    /// Everything kept.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Listener for Tail {
    fn line(&mut self, _stream: Stream, line: &str) -> bool {
        self.text.push_str(line);
        self.text.push('\n');
        let over = self.text.len().saturating_sub(TAIL_BYTES_MAX);
        let cut = (over..=self.text.len()).find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        self.text.drain(..cut);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for the end as soon as the process has said something.
    struct Stopper(CancellationToken);

    impl Listener for Stopper {
        fn line(&mut self, _stream: Stream, _line: &str) -> bool {
            self.0.cancel();
            true
        }
    }

    fn shell(command: &str) -> Launch {
        Launch {
            program: "sh".into(),
            arguments: vec!["-c".into(), command.into()],
            environment: Variables::from([("PATH", std::env::var_os("PATH").expect("PATH"))]),
            directory: std::env::temp_dir(),
            input: vec![b'x'; 1 << 20],
        }
    }

    fn bounds(stop: &CancellationToken) -> Bounds<'_> {
        Bounds { deadline: Instant::now() + Duration::from_secs(60), stall: None, stop }
    }

    #[tokio::test]
    async fn a_request_to_stop_ends_the_whole_group() {
        let stop = CancellationToken::new();
        let launch = shell("trap '' TERM; (echo started; exec tail -f /dev/null) & wait");
        let end = run(&launch, bounds(&stop), &mut Stopper(stop.clone())).await;
        assert_eq!(end, End::Stopped);
    }

    #[tokio::test]
    async fn output_is_kept_to_its_end_and_input_need_not_be_read() {
        let stop = CancellationToken::new();
        let mut output = Tail::default();
        let end = run(&shell("seq 100000; echo é; exit 3"), bounds(&stop), &mut output).await;
        assert_eq!(end, End::Exited(Some(3)));
        assert!(output.text().ends_with("100000\né\n") && output.text().len() <= TAIL_BYTES_MAX);
        let missing = Launch { program: "no-such-program-here".into(), ..shell("") };
        assert_eq!(run(&missing, bounds(&stop), &mut output).await, End::Missing);
    }
}
