//! What predicting files costs: `cargo bench --bench footprint`. A repository of 5,000 files and some 30 MB of source
//! is made (or `ORCHESTRATOR_BENCH_REPOSITORY` names one), read, read again after a commit of 20 files, and asked about
//! one issue and about a thousand; ten thousand issues are paired. `ctags -R` and `git grep` on the same tree stand
//! beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use task_orchestrator::engine::footprint::RankedFile;
use task_orchestrator::engine::overlap::risk::{self, Risk};
use task_orchestrator::git::Files;
use task_orchestrator::git::command::Program;
use task_orchestrator::infer::library::Library;
use task_orchestrator::infer::query::Query;
use task_orchestrator::infer::rank::Weights;
use task_orchestrator::survey::{Known, Surveyor, Text};

/// Files of the repository that is made.
const FILES: u64 = 5_000;
/// Lines of each, on average: 30 MB in all.
const LINES: u64 = 130;
/// Different words that names are made of.
const WORDS: u64 = 3_000;
/// Commits upon the first one, each of three files.
const COMMITS: u64 = 300;
/// Files of the last commit.
const CHANGED: u64 = 20;
/// Issues of a large plan.
const ISSUES: u64 = 1_000;
/// Issues whose pairs are looked at.
const PAIRED: u64 = 10_000;
/// Times that a thing is measured; the median counts.
const MEASURED: usize = 3;

#[expect(clippy::print_stdout, reason = "the figures are what a bench is for")]
fn main() -> ExitCode {
    // Only `cargo bench` says so; run as a test there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    match measure() {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("it could not be measured: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failed = Box<dyn std::error::Error>;

fn measure() -> Result<String, Failed> {
    let folder = tempfile::tempdir()?;
    let given = std::env::var_os("ORCHESTRATOR_BENCH_REPOSITORY").map(PathBuf::from);
    let made = folder.path().join("made.git");
    let repository = match given {
        Some(repository) => repository,
        None => {
            make(&made)?;
            made
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut told = String::new();
    runtime.block_on(indexed(&repository, folder.path(), &mut told))?;
    runtime.block_on(asked(&repository, folder.path(), &mut told))?;
    paired(&mut told)?;
    if let Some(peak) = peak_mib() {
        writeln!(told, "peak memory of all of this: {peak} MiB")?;
    }
    Ok(told)
}

/// Cold, after a commit, one issue; and the yardsticks.
async fn indexed(repository: &Path, folder: &Path, told: &mut String) -> Result<(), Failed> {
    let (last, before) = (commit(repository, "HEAD")?, commit(repository, "HEAD~1")?);
    let (mut cold, mut warm, mut one, mut bytes, mut files) = (Vec::new(), Vec::new(), Vec::new(), 0, 0);
    for _ in 0..MEASURED {
        let mut surveyor = Surveyor::new(Program::default(), repository, Library::default());
        let began = Instant::now();
        let snapshot = surveyor.at(&before).await?;
        cold.push(began.elapsed());
        (bytes, files) = (snapshot.bytes_read, snapshot.files_read);
        let began = Instant::now();
        let snapshot = surveyor.at(&last).await?;
        warm.push(began.elapsed());
        let ranker = surveyor.ranker(&snapshot, Weights::default());
        let (title, body) = issue(7);
        let query = Query::new(&title, &body);
        let began = Instant::now();
        let found = ranker.rank(&query, 10);
        one.push(began.elapsed());
        drop(found);
    }
    let (cold, warm, one) = (median(cold), median(warm), median(one));
    let megabytes = bytes as f64 / 1e6;
    writeln!(told, "{files} files, {megabytes:.1} MB read")?;
    writeln!(told, "cold index: {:.2} s, {:.1} MB/s (aim 25)", cold.as_secs_f64(), megabytes / cold.as_secs_f64())?;
    writeln!(told, "after a commit of {CHANGED} files: {} ms (aim 200)", warm.as_millis())?;
    writeln!(told, "one issue ranked: {:.1} ms (aim 10)", one.as_secs_f64() * 1e3)?;
    yardsticks(repository, folder, cold, told)
}

/// `ctags -R` over a checkout and `git grep` over the commit, where the programs are there.
fn yardsticks(repository: &Path, folder: &Path, cold: Duration, told: &mut String) -> Result<(), Failed> {
    let tree = folder.join("tree");
    std::fs::create_dir(&tree)?;
    let mut archive = git(repository).args(["archive", "HEAD"]).stdout(Stdio::piped()).spawn()?;
    let packed = archive.stdout.take().ok_or("no output of git archive")?;
    let unpacked = Command::new("tar").args(["-x", "-C"]).arg(&tree).stdin(packed).status()?;
    if !archive.wait()?.success() || !unpacked.success() {
        return Err("the tree could not be checked out".into());
    }
    let tags =
        || Command::new("ctags").args(["-R", "-f", "/dev/null", "."]).current_dir(&tree).stderr(Stdio::null()).status();
    match timed(tags) {
        Ok(took) => writeln!(
            told,
            "`ctags -R`: {:.2} s; the index takes {:.2} times as long",
            took.as_secs_f64(),
            ratio(cold, took)
        )?,
        Err(error) => writeln!(told, "`ctags -R` could not be run: {error}")?,
    }
    let grep = || git(repository).args(["grep", "-c", "-I", "-w", "retry", "HEAD"]).stdout(Stdio::null()).status();
    let took = timed(grep)?;
    writeln!(told, "`git grep`: {:.2} s; the index takes {:.2} times as long", took.as_secs_f64(), ratio(cold, took))?;
    Ok(())
}

/// A plan of a thousand issues, from nothing and from what was kept on disk.
async fn asked(repository: &Path, folder: &Path, told: &mut String) -> Result<(), Failed> {
    let last = commit(repository, "HEAD")?;
    let texts: Vec<Text> = (0..ISSUES).map(issue).map(|(title, body)| Text { title, body }).collect();
    let kept = folder.join("kept");
    let (mut cold, mut warm, mut pairs) = (Vec::new(), Vec::new(), 0);
    for round in 0..MEASURED * 2 {
        if round % 2 == 0 && kept.exists() {
            std::fs::remove_file(&kept)?;
        }
        let files = Files::Directory {
            program: Program::default(),
            directory: repository.to_owned(),
            cache: Some(kept.clone()),
        };
        let began = Instant::now();
        let (_, answer) = Known::default().rank(files, &last, texts.clone()).await;
        let rankings = answer?.rankings;
        let files: Vec<&[RankedFile]> = rankings.iter().map(|ranking| ranking.files.as_slice()).collect();
        pairs = risk::pairs(&files, Risk::thousandths(risk::POSSIBLE)).len();
        if round % 2 == 0 { &mut cold } else { &mut warm }.push(began.elapsed());
    }
    let (cold, warm) = (median(cold), median(warm));
    let kept = std::fs::metadata(&kept)?.len() as f64 / 1e6;
    writeln!(
        told,
        "{ISSUES} issues ranked and paired ({pairs} pairs): {:.2} s from nothing (aim 15), {:.2} s from \
         {kept:.1} MB kept (aim 5)",
        cold.as_secs_f64(),
        warm.as_secs_f64()
    )?;
    Ok(())
}

/// Pairs of ten thousand rankings over as many files, a few of which many name.
fn paired(told: &mut String) -> Result<(), Failed> {
    let mut numbers = Numbers(11);
    let rankings: Vec<Vec<RankedFile>> = (0..PAIRED)
        .map(|_| {
            let mut files = BTreeMap::new();
            for rank in 1..=10_u32 {
                let shared = numbers.below(4) == 0;
                let file = if shared { numbers.below(200) } else { numbers.below(FILES) };
                files.insert(file, 1_000 / rank);
            }
            let file = |(file, share)| RankedFile { path: format!("src/{file}.rs"), share, evidence: String::new() };
            files.into_iter().map(file).collect()
        })
        .collect();
    let files: Vec<&[RankedFile]> = rankings.iter().map(Vec::as_slice).collect();
    let (mut times, mut found) = (Vec::new(), 0);
    for _ in 0..MEASURED {
        let began = Instant::now();
        found = risk::pairs(&files, Risk::thousandths(risk::POSSIBLE)).len();
        times.push(began.elapsed());
    }
    writeln!(told, "pairs of {PAIRED} issues ({found} found): {:.2} s (aim 1)", median(times).as_secs_f64())?;
    Ok(())
}

/// Numbers that look random and are the same every time (a linear congruential generator with Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    /// The next number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }

    /// A word, the more often the smaller its number: the lesser of three draws.
    fn word(&mut self) -> String {
        let number = (0..3).map(|_| self.below(WORDS)).min().unwrap_or_default();
        let syllables =
            ["ra", "to", "mi", "sel", "pon", "ke", "dur", "vi", "lan", "sho", "gre", "ba", "nu", "fi", "tor"];
        let mut word = String::new();
        let mut rest = number + 15;
        while rest > 0 {
            word.push_str(syllables[usize::try_from(rest % 15).unwrap_or_default()]);
            rest /= 15;
        }
        word
    }

    fn name(&mut self) -> String {
        format!("{}_{}", self.word(), self.word())
    }
}

/// What a file of the made repository says.
fn contents(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    for _ in 0..numbers.below(LINES * 2) / 6 + 1 {
        let (name, argument, called) = (numbers.name(), numbers.name(), numbers.name());
        let words = [numbers.word(), numbers.word(), numbers.word(), numbers.word()].join(" ");
        let [one, two] = [numbers.name(), numbers.name()];
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "/// The {words}.\npub fn {name}({argument}: &str) -> Option<{one}> {{\n    \
             let {two} = {called}({argument}, retry);\n    {two}.map(|{one}| {one}.{called}())\n}}\n"
        );
    }
    text
}

fn path(file: u64) -> String {
    format!("src/part{}/module{}/file{file}.rs", file % 23, file % 211)
}

/// An issue that speaks of some names.
fn issue(number: u64) -> (String, String) {
    let mut numbers = Numbers(number + 1_000);
    let title = format!("{} fails after {}", numbers.name(), numbers.word());
    let body: Vec<String> = (0..60).map(|_| numbers.word()).collect();
    (title, format!("When `{}` is called, {}.", numbers.name(), body.join(" ")))
}

/// Makes the repository by one stream of `git fast-import`.
fn make(directory: &Path) -> Result<(), Failed> {
    let made =
        Command::new("git").args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(directory).status()?;
    if !made.success() {
        return Err("git init failed".into());
    }
    let mut import = git(directory).args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn()?;
    let mut stream = std::io::BufWriter::new(import.stdin.take().ok_or("no input of git fast-import")?);
    let mut numbers = Numbers(3);
    for commit in 0..COMMITS + 2 {
        let message = format!("{} {}\n", numbers.name(), numbers.word());
        writeln!(stream, "commit refs/heads/main\ncommitter A <a@example.org> {} +0000", 1_700_000_000 + commit)?;
        writeln!(stream, "data {}\n{message}", message.len())?;
        let changed: Vec<u64> = match commit {
            0 => (0..FILES).collect(),
            _ if commit == COMMITS + 1 => (0..CHANGED).map(|at| at * 97 % FILES).collect(),
            _ => (0..3).map(|_| numbers.below(FILES)).collect(),
        };
        for file in changed {
            let text = contents(&mut numbers);
            writeln!(stream, "M 100644 inline {}\ndata {}\n{text}", path(file), text.len())?;
        }
    }
    stream.flush()?;
    drop(stream);
    if import.wait()?.success() { Ok(()) } else { Err("git fast-import failed".into()) }
}

fn git(repository: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(repository);
    command
}

fn commit(repository: &Path, name: &str) -> Result<String, Failed> {
    let said = git(repository).args(["rev-parse", "--verify", name]).output()?;
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}

fn timed(run: impl Fn() -> std::io::Result<std::process::ExitStatus>) -> Result<Duration, Failed> {
    let mut times = Vec::new();
    for _ in 0..MEASURED {
        let began = Instant::now();
        if !run()?.success() {
            return Err("it ended with an error".into());
        }
        times.push(began.elapsed());
    }
    Ok(median(times))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64().max(1e-9)
}

/// The most memory this process has had, by Linux's account.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}
