//! The demo as people run it, judged by what it recorded and by what git holds afterwards.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use task_orchestrator::demo::sample;

use crate::support::program::{PROGRAM, Running, git, most_at_once, outcomes, run, spans, task};

/// How long the story may take beside other work: some forty seconds where there is none.
const STORY_WITHIN: Duration = Duration::from_secs(180);
/// What the demo runs at once.
const MAX_PARALLEL: usize = 4;

/// Issues whose overlap only their words tell.
const GUESSED: [u64; 2] = [14, 15];

/// The demo after its end.
struct Told {
    summary: Value,
    project: PathBuf,
    _folder: tempfile::TempDir,
}

#[test]
fn the_demo_ends_as_told_and_its_records_prove_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let keep = folder.path().join("kept");
    let demo = Running::start(Command::new(PROGRAM).args(["demo", "--json", "--keep"]).arg(&keep));
    let ended = demo.wait_at_most(STORY_WITHIN).expect(0);
    assert!(ended.err.contains("The story ended as told"), "{}", ended.err);
    let is_told = |line: &str| line.contains("#7 ") && line.contains("nothing new for 2s; it is restarted at 3s");
    assert!(ended.err.lines().any(is_told), "{}", ended.err);
    let most = most_at_once(&ended.json());
    assert!(ended.err.contains(&format!("at most {most} agents at once, ")), "{}", ended.err);
    for secret in ["PRIVATE KEY", "ghs_", "eyJ", "x-access-token", "sha256="] {
        assert!(!ended.err.contains(secret) && !ended.out.contains(secret), "`{secret}` is printed:\n{}", ended.err);
    }
    let key = std::fs::read_to_string(keep.join("state/forge/app-key.pem")).expect("the App's key is kept");
    assert!(key.lines().filter(|line| line.len() > 20).all(|line| !ended.err.contains(line)), "the key is printed");

    let told = Told { summary: ended.json(), project: keep.join("stockroom"), _folder: folder };
    told.outcomes();
    told.slots();
    told.locks();
    told.gates();
    told.late_overlap(&ended.err);
    told.merged_tree();
}

impl Told {
    fn tasks(&self) -> &Vec<Value> {
        self.summary["tasks"].as_array().expect("tasks")
    }

    fn outcomes(&self) {
        assert_eq!(self.tasks().len(), 17);
        let expected: &[(u64, &str, &[&str])] = &[
            (5, "merged", &["failed", "changed"]),
            (7, "merged", &["changed"]),
            (8, "escalated", &["failed", "failed", "failed"]),
            (11, "no_change", &["no_change"]),
        ];
        for (issue, verdict, attempts) in expected {
            let task = task(&self.summary, *issue);
            assert_eq!((&task["verdict"], outcomes(task)), (&Value::from(*verdict), attempts.to_vec()), "#{issue}");
        }
        let waiting = task(&self.summary, 9);
        assert_eq!((&waiting["verdict"], &waiting["blocked_by"][0]), (&Value::Null, &Value::from("t8")));
        assert!(outcomes(waiting).is_empty(), "#9 was started");
        let merged = self.tasks().iter().filter(|task| task["verdict"] == "merged").count();
        assert_eq!(merged, 14);
        let pulls: BTreeSet<u64> = self.tasks().iter().filter_map(|task| task["pr"].as_u64()).collect();
        assert_eq!(pulls.len(), merged, "one pull request for each merged task");
    }

    fn slots(&self) {
        let most = most_at_once(&self.summary);
        assert!((2..=MAX_PARALLEL).contains(&most), "{most} at once");
    }

    /// A task that began on files which another task held must stand on that task's merge: the base of an attempt is
    /// chosen when it is dispatched, so the merge is in it exactly if the other was settled by then.
    fn locks(&self) {
        let mut met = Vec::new();
        for first in self.tasks() {
            for second in self.tasks() {
                let (held, wanted) = (hard_files(first), hard_files(second));
                let (Some(began), Some(later)) = (spans(first).first().copied(), spans(second).first().copied()) else {
                    continue;
                };
                if first["id"] == second["id"]
                    || began > later
                    || held.is_disjoint(&wanted)
                    || unforeseen(first, second)
                {
                    continue;
                }
                // That these two meet is only guessed before their work is there: no slot stays empty for that.
                if [first, second].iter().all(|task| GUESSED.contains(&task["issue"].as_u64().unwrap_or_default())) {
                    assert!(held.contains(sample::COMMON_FILE) && wanted.contains(sample::COMMON_FILE));
                    continue;
                }
                met.push((first["issue"].as_u64(), second["issue"].as_u64()));
                assert!(spans(first).iter().all(|(_, ended)| *ended <= later.0), "{first} and {second} ran together");
                if second["verdict"] == "merged" {
                    let merge = self.merge(first);
                    let base = self.work(second) + "^";
                    assert!(self.contains(&base, &merge), "{second} began before {first} was merged");
                }
            }
        }
        for pair in [(2, 4), (10, 12), (4, 6), (7, 12), (5, 13)] {
            let (one, other) = (Some(pair.0), Some(pair.1));
            assert!(met.contains(&(one, other)) || met.contains(&(other, one)), "{pair:?} do not meet");
        }
    }

    /// Nothing says that #16 and #17 touch one file: they run together, and whoever is second there is told of the
    /// conflict by a dry-run merge, before a pull request, and brought onto the other's merge.
    fn late_overlap(&self, said: &str) {
        let pair = [16, 17].map(|issue| task(&self.summary, issue));
        assert!(pair.iter().all(|task| !task["files_predicted"].to_string().contains("README.md")), "{pair:#?}");
        assert!(pair.iter().all(|task| task["files_touched"].to_string().contains("README.md")), "{pair:#?}");
        let conflicted: Vec<&&Value> = pair.iter().filter(|task| outcomes(task).contains(&"conflict")).collect();
        assert_eq!(conflicted.len(), 1, "one of the two was first: {pair:#?}");
        assert_eq!(outcomes(conflicted[0]), ["conflict", "changed"]);
        let text = git(&self.project, &["show", "finished:README.md"]);
        assert!(text.contains("ask at the counter") && text.contains("refused, and nothing is changed"), "{text}");
        let line = format!("#{} ", conflicted[0]["issue"]);
        assert!(said.lines().any(|told| told.contains(&line) && told.contains("rebase")), "{said}");
    }

    /// Phase by phase: every attempt of the next stands on every merge of the one before and begins after its last end.
    /// #8 of the second has escalated with `On fail: continue`, which opens the gate as well.
    fn gates(&self) {
        let phases = self.summary["phases"].as_array().expect("phases");
        assert_eq!(phases.len(), 3);
        let of = |phase: &Value| -> Vec<&Value> {
            let ids = phase["tasks"].as_array().expect("ids").clone();
            self.tasks().iter().filter(|task| ids.contains(&task["id"])).collect()
        };
        for pair in phases.windows(2) {
            for before in of(&pair[0]) {
                for after in of(&pair[1]) {
                    let first = spans(after).into_iter().map(|(start, _)| start).min();
                    let Some(first) = first else { continue };
                    assert!(
                        spans(before).iter().all(|(_, ended)| *ended <= first),
                        "{after} began before {before} ended"
                    );
                    if before["verdict"] == "merged" && after["verdict"] == "merged" {
                        let base = self.work(after) + "^";
                        assert!(self.contains(&base, &self.merge(before)), "{after} began before {before} was merged");
                    }
                }
            }
        }
    }

    /// Every merged task's commit, and the files it changed, are in the branch `finished`, whose checks pass; the
    /// checkout itself stands as it began.
    fn merged_tree(&self) {
        for task in self.tasks().iter().filter(|task| task["verdict"] == "merged") {
            let work = self.work(task);
            assert!(self.contains("finished", &work), "{task} is not in the merged tree");
            let changed = git(&self.project, &["diff", "--name-only", &format!("{work}^"), &work]);
            let changed: BTreeSet<&str> = changed.lines().collect();
            let recorded = task["files_touched"].as_array().expect("files");
            assert_eq!(recorded.iter().filter_map(Value::as_str).collect::<BTreeSet<_>>(), changed, "{task}");
        }
        assert_eq!(git(&self.project, &["symbolic-ref", "HEAD"]), "refs/heads/main");
        assert_eq!(git(&self.project, &["status", "--porcelain"]), "");
        assert_eq!(git(&self.project, &["rev-list", "--count", "main"]), "1");
        let tree = self.project.with_file_name("merged");
        git(&self.project, &["worktree", "add", "--quiet", &tree.display().to_string(), "finished"]);
        let checked = Command::new("sh").args(["-c", sample::CHECK]).current_dir(&tree).output().expect("sh runs");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
        for (path, words) in
            [("commands/report.sh", "low: "), ("commands/report.sh", "value"), ("lib/money.sh", "%02d")]
        {
            let text = std::fs::read_to_string(tree.join(path)).expect("read");
            assert!(text.contains(words), "{path} lacks `{words}`:\n{text}");
        }
    }

    /// The commit of a task's work: what its pull request was opened with, or that before the base was merged into it.
    fn work(&self, task: &Value) -> String {
        let branch = format!("orchestrate/issue-{}", task["issue"]);
        let own = git(&self.project, &["rev-list", "--first-parent", "--no-merges", "--max-count=1", &branch]);
        assert!(!own.is_empty(), "{branch} has no commit");
        own
    }

    /// The merge commit of a task's pull request.
    fn merge(&self, task: &Value) -> String {
        let words = format!("--grep=^Merge pull request #{} ", task["pr"]);
        let found = git(&self.project, &["rev-list", "--merges", &words, "finished"]);
        assert_eq!(found.lines().count(), 1, "one merge of {task}: {found}");
        found
    }

    fn contains(&self, branch: &str, commit: &str) -> bool {
        contains(&self.project, branch, commit)
    }
}

fn contains(repository: &Path, branch: &str, commit: &str) -> bool {
    let mut command = Command::new("git");
    command.arg("-C").arg(repository).args(["merge-base", "--is-ancestor", commit, branch]);
    command.status().expect("git runs").success()
}

/// Whether only their real work tells that two tasks touch one file.
fn unforeseen(first: &Value, second: &Value) -> bool {
    [first, second].iter().all(|task| ["t16", "t17"].contains(&task["id"].as_str().unwrap_or_default()))
}

/// The files that a task holds: those its issue declares, and those its work really changed.
fn hard_files(task: &Value) -> BTreeSet<String> {
    let issues: Vec<Value> = serde_json::from_str(sample::ISSUES).expect("JSON");
    let issue = issues.iter().find(|issue| issue["number"] == task["issue"]).expect("the issue");
    let declared = declared(issue["body"].as_str().expect("a body"));
    let touched = task["files_touched"].as_array().expect("files").iter().filter_map(Value::as_str);
    declared.into_iter().chain(touched.map(str::to_owned)).collect()
}

/// The paths below a body's `Files:` or its heading, as a person reads them.
fn declared(body: &str) -> BTreeSet<String> {
    let lines = body.lines().skip_while(|line| !line.trim_start_matches(['#', ' ']).starts_with("Files"));
    let lines = lines.take_while(|line| !line.starts_with("## Acceptance") && !line.starts_with("On fail"));
    let words = lines.flat_map(|line| line.split(|c: char| c.is_whitespace() || "`,".contains(c)));
    words.filter(|word| word.contains('/')).map(str::to_owned).collect()
}

#[test]
fn without_git_the_demo_says_so() {
    let empty = tempfile::tempdir().expect("a folder");
    let ended = run(Command::new(PROGRAM).arg("demo").env("PATH", empty.path())).expect(1);
    let ended = ended.says(&["git", "PATH"]);
    assert!(!ended.err.contains("The story"), "{}", ended.err);
}
