//! Measures a whole run of `local`: forty generated issues over fifteen files of a real repository, eight at once.
//!
//! `cargo bench --bench local -- --repo DIR [--kills N] [--seconds S]` prints the bound and the makespan; with
//! `--kills` the same run is killed N times with all its processes and started again each time, and must come to the
//! same end. A task's length is its agent's time plus `c`, the mean gap between the agents of a chain of three one-file
//! tasks measured first; the bound is the longest of the busiest file, the longest dependency chain, and all work
//! divided by eight.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const ISSUES: u64 = 40;
const FILES: usize = 15;
const PARALLEL: u64 = 8;
/// The makespan may exceed the bound by this factor.
const ALLOWED: f64 = 1.25;
/// No run may take longer.
const PATIENCE: Duration = Duration::from_secs(900);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let value =
        |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let Some(repository) = value("--repo") else {
        println!(
            "local: skipped, give a repository: cargo bench --bench local -- --repo DIR [--kills N] [--seconds S]"
        );
        return;
    };
    let kills: u32 = value("--kills").map_or(0, |text| text.parse().expect("--kills takes a number"));
    let seconds: f64 = value("--seconds").map_or(3.0, |text| text.parse().expect("--seconds takes a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let stage = Stage::new(folder.path(), Path::new(repository), seconds);

    let chain = stage.run("chain", &stage.chain(), 0);
    let gap = mean_gap(&chain);
    println!("chain of three: c = {gap:.2} s");
    assert!(gap <= 2.0, "c is over 2 s");

    let issues = stage.forty();
    let free = stage.run("free", &issues, 0);
    let bound = bound(&free, &issues, gap);
    let makespan = free["makespan_s"].as_f64().expect("a number");
    println!(
        "forty issues: makespan {makespan:.1} s, bound {bound:.1} s, ratio {:.2}, parallelism {}",
        makespan / bound,
        free["parallelism"]
    );
    stage.check("free", &free);
    assert!(makespan <= bound * ALLOWED, "the makespan is over {ALLOWED} times the bound");

    if kills > 0 {
        let killed = stage.run("killed", &issues, kills);
        stage.check("killed", &killed);
        assert_eq!(ends(&free), ends(&killed), "killed runs end as undisturbed ones");
        println!("killed {kills} times: the same end, every attempt run once, one pull request per task");
    }
}

/// A clone to work on and a shell agent that notes when it begins.
struct Stage {
    root: PathBuf,
    checkout: PathBuf,
    agent: PathBuf,
    files: Vec<String>,
}

impl Stage {
    fn new(root: &Path, repository: &Path, seconds: f64) -> Self {
        let checkout = root.join("checkout");
        git(root, &["clone", "--quiet", "--no-hardlinks", &repository.to_string_lossy(), "checkout"]);
        git(&checkout, &["checkout", "--quiet", "-B", "measured"]);
        let agent = root.join("agent.sh");
        let script = format!(
            "set -eu\n\
             field() {{ sed -n 's/^.*\"'\"$1\"'\": *\\([0-9]*\\).*$/\\1/p' \"$ORCHESTRATOR_TASK\" | head -n 1; }}\n\
             issue=$(field issue)\nattempt=$(field attempt)\necho \"$issue.$attempt\" >> '{}'/\"$(cat '{}')\".log\n\
             sleep {seconds}\n\
             while read -r path; do printf '# by issue %s\\n' \"$issue\" >> \"$path\"; done < '{}'/\"$issue\".files\n\
             echo \"done\"\n",
            root.display(),
            root.join("stage").display(),
            root.display(),
        );
        std::fs::write(&agent, script).expect("written");
        let files = pick_files(&checkout);
        Self { root: root.to_owned(), checkout, agent, files }
    }

    /// Three tasks on one file, one after the other.
    fn chain(&self) -> Vec<Value> {
        (1..=3).map(|number| self.issue(number, &[0], None)).collect()
    }

    /// Forty tasks over fifteen files: one or two files each, every fifth after another.
    fn forty(&self) -> Vec<Value> {
        (1..=ISSUES)
            .map(|number| {
                let first = usize::try_from(number * 7 % 15).expect("small");
                let second = usize::try_from((number * 11 + 3) % 15).expect("small");
                let places =
                    if number.is_multiple_of(4) && first != second { vec![first, second] } else { vec![first] };
                let after = (number > 5 && number.is_multiple_of(5)).then(|| number - 3);
                self.issue(number, &places, after)
            })
            .collect()
    }

    fn issue(&self, number: u64, places: &[usize], after: Option<u64>) -> Value {
        let paths: Vec<&str> = places.iter().map(|place| self.files[*place].as_str()).collect();
        std::fs::write(self.root.join(format!("{number}.files")), paths.join("\n") + "\n").expect("written");
        let mut body =
            format!("Files: {}\n", paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", "));
        if let Some(after) = after {
            let _ = writeln!(body, "\nDepends on: #{after}");
        }
        json!({"number": number, "title": format!("Task {number}"), "body": body, "labels": [{"name": "orchestrate"}]})
    }

    /// Runs to the end, killed so many times on the way; gives the summary.
    fn run(&self, name: &str, issues: &[Value], kills: u32) -> Value {
        for issue in issues {
            let number = issue["number"].as_u64().expect("a number");
            let files = issue["body"].as_str().expect("text").lines().next().expect("a line");
            let paths: Vec<&str> = files.split('`').skip(1).step_by(2).collect();
            std::fs::write(self.root.join(format!("{number}.files")), paths.join("\n") + "\n").expect("written");
        }
        std::fs::write(self.root.join("stage"), name).expect("written");
        let list = self.root.join(format!("{name}.json"));
        std::fs::write(&list, serde_json::to_vec(issues).expect("plain data")).expect("written");
        let mut pause = 0x9e37_79b9_u64;
        for _ in 0..kills {
            let mut child = self.start(name, &list);
            pause = pause.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(Duration::from_millis(800 + (pause >> 33) % 3_000));
            kill_tree(&mut child);
        }
        let began = Instant::now();
        let mut child = self.start(name, &list);
        while child.try_wait().expect("waited").is_none() {
            if began.elapsed() > PATIENCE {
                kill_tree(&mut child);
                panic!("{name}: not done after {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let output = std::fs::read_to_string(self.root.join(format!("{name}.out"))).expect("read");
        serde_json::from_str(output.lines().last().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{name}: no summary ({error}); see {}", self.log(name)))
    }

    fn start(&self, name: &str, list: &Path) -> Child {
        use std::os::unix::process::CommandExt as _;
        let file = |ending: &str| std::fs::File::create(self.root.join(format!("{name}.{ending}"))).expect("made");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.root.join(format!("{name}.err")))
            .expect("made");
        Command::new(env!("CARGO_BIN_EXE_task-orchestrator"))
            .args(["local", "--auto-approve", "--auto-merge", "--json", "--agent", "shell", "--max-parallel"])
            .arg(PARALLEL.to_string())
            .arg("--repo")
            .arg(&self.checkout)
            .arg("--issues")
            .arg(list)
            .arg("--agent-command")
            .arg(format!("sh '{}'", self.agent.display()))
            .arg("--state")
            .arg(self.root.join(format!("state-{name}")))
            .arg("--merge-into")
            .arg(format!("merged-{name}"))
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("the program starts")
    }

    fn log(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.root.join(format!("{name}.err"))).unwrap_or_default();
        text.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// All merged, no conflict, every attempt run once, one pull request per task, every change in the merged tree.
    fn check(&self, name: &str, summary: &Value) {
        let tasks = summary["tasks"].as_array().expect("tasks");
        assert_eq!(tasks.len() as u64, ISSUES);
        let mut pulls = BTreeSet::new();
        for task in tasks {
            assert_eq!(task["verdict"], "merged", "{name}: {task:#}\n{}", self.log(name));
            let attempts = task["attempts"].as_array().expect("attempts");
            assert!(attempts.iter().all(|attempt| attempt["outcome"] != "conflict"), "{name}: a conflict: {task:#}");
            pulls.insert(task["pr"].as_u64().expect("a pull request"));
        }
        // Issues and pull requests share their numbers: after the issues and the tracking issue come the pull requests.
        assert_eq!(
            pulls.iter().copied().collect::<Vec<_>>(),
            (ISSUES + 2..=2 * ISSUES + 1).collect::<Vec<_>>(),
            "{name}"
        );
        let began = std::fs::read_to_string(self.root.join(format!("{name}.log"))).expect("the agent's notes");
        let unique: BTreeSet<&str> = began.lines().collect();
        assert_eq!(unique.len(), began.lines().count(), "{name}: an attempt ran twice:\n{began}");
        let branch = format!("merged-{name}");
        for number in 1..=ISSUES {
            let files = std::fs::read_to_string(self.root.join(format!("{number}.files"))).expect("read");
            for path in files.lines() {
                let text = git(&self.checkout, &["show", &format!("{branch}:{path}")]);
                let line = format!("# by issue {number}");
                assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{name}: {path} lacks {line}");
            }
        }
    }
}

/// Fifteen text files of the repository, spread over it.
fn pick_files(checkout: &Path) -> Vec<String> {
    let listed = git(checkout, &["ls-files"]);
    let usable = |path: &&str| {
        let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        let small = std::fs::metadata(checkout.join(path)).is_ok_and(|data| data.is_file() && data.len() < 100_000);
        let hidden =
            path.split('/').any(|part| part.starts_with('.')) || path.ends_with(".md") || path.ends_with(".lock");
        plain && small && !hidden && std::fs::read_to_string(checkout.join(path)).is_ok_and(|text| text.ends_with('\n'))
    };
    let usable: Vec<&str> = listed.lines().filter(usable).collect();
    let step = (usable.len() / FILES).max(1);
    let files: Vec<String> = usable.into_iter().step_by(step).take(FILES).map(str::to_owned).collect();
    assert_eq!(files.len(), FILES, "the repository has too few text files");
    files
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Kills a process and everything below it at once.
fn kill_tree(child: &mut Child) {
    let mut parents: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").expect("proc").flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).and_then(|text| text.parse().ok());
        if let Some(parent) = parent {
            parents.entry(parent).or_default().push(process);
        }
    }
    let mut doomed = vec![child.id()];
    let mut at = 0;
    while at < doomed.len() {
        doomed.extend(parents.get(&doomed[at]).cloned().unwrap_or_default());
        at += 1;
    }
    let list: Vec<String> = doomed.iter().map(ToString::to_string).collect();
    let _ = Command::new("kill").arg("-9").args(&list).stderr(Stdio::null()).status();
    child.wait().expect("waited");
}

fn moment(value: &Value) -> f64 {
    let text = value.as_str().expect("a moment");
    let moment: jiff::Timestamp = text.parse().expect("RFC 3339");
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century are exact")]
    let seconds = moment.as_millisecond() as f64 / 1000.0;
    seconds
}

/// First start and last end of a task's attempts.
fn span(task: &Value) -> (f64, f64) {
    let attempts = task["attempts"].as_array().expect("attempts");
    (moment(&attempts[0]["started_at"]), moment(&attempts[attempts.len() - 1]["ended_at"]))
}

/// The mean gap between one task's end and the next one's start.
fn mean_gap(summary: &Value) -> f64 {
    let mut spans: Vec<(f64, f64)> = summary["tasks"].as_array().expect("tasks").iter().map(span).collect();
    spans.sort_by(|one, other| one.0.total_cmp(&other.0));
    let gaps: Vec<f64> = spans.windows(2).map(|pair| pair[1].0 - pair[0].1).collect();
    #[expect(clippy::cast_precision_loss, reason = "two gaps")]
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    mean
}

/// The longest of dependency chain, busiest file, and work divided by eight.
fn bound(summary: &Value, issues: &[Value], gap: f64) -> f64 {
    let mut length: BTreeMap<u64, f64> = BTreeMap::new();
    for task in summary["tasks"].as_array().expect("tasks") {
        let (start, end) = span(task);
        length.insert(task["issue"].as_u64().expect("a number"), end - start + gap);
    }
    let mut chain: BTreeMap<u64, f64> = BTreeMap::new();
    let mut file: BTreeMap<String, f64> = BTreeMap::new();
    for issue in issues {
        let number = issue["number"].as_u64().expect("a number");
        let body = issue["body"].as_str().expect("text");
        let before = body.split("Depends on: #").nth(1).and_then(|rest| rest.trim().parse::<u64>().ok());
        let earlier = before.and_then(|before| chain.get(&before)).copied().unwrap_or(0.0);
        chain.insert(number, earlier + length[&number]);
        for path in body.lines().next().unwrap_or_default().split('`').skip(1).step_by(2) {
            *file.entry(path.to_owned()).or_default() += length[&number];
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "eight")]
    let share = length.values().sum::<f64>() / PARALLEL as f64;
    let longest = |lengths: Vec<f64>| lengths.into_iter().fold(0.0, f64::max);
    println!(
        "longest chain {:.1} s, busiest file {:.1} s, work by eight {share:.1} s",
        longest(chain.values().copied().collect()),
        longest(file.values().copied().collect())
    );
    share.max(longest(chain.into_values().collect())).max(longest(file.into_values().collect()))
}

/// How every task ended: verdict and files.
fn ends(summary: &Value) -> Vec<(u64, String, String)> {
    let mut ends: Vec<_> = summary["tasks"]
        .as_array()
        .expect("tasks")
        .iter()
        .map(|task| {
            (task["issue"].as_u64().unwrap_or(0), task["verdict"].to_string(), task["files_touched"].to_string())
        })
        .collect();
    ends.sort();
    ends
}
