use super::*;
use crate::engine::time::Timestamp;

const ISSUE: IssueNumber = IssueNumber(7);

fn listed(issue: IssueNumber) -> bool {
    [7, 3, 4].contains(&issue.0)
}

fn text(files: &str, new_files: &str, depends_on: &str, rest: &str) -> String {
    format!(r#"{{"files":{files},"new_files":{new_files},"depends_on":{depends_on},{rest}}}"#)
}

const REST: &str = r#""estimate_minutes":20,"confidence":0.85"#;

#[test]
fn a_good_answer_is_read_in_its_order_and_without_repeats() {
    let written = text(r#"["src/b.rs","src/a.rs","src/b.rs"]"#, r#"["new/[id].ts","src/a.rs"]"#, "[4,3,4]", REST);
    let answer = read(&written, ISSUE, listed).expect("it stands");
    assert_eq!(answer.files, ["src/b.rs", "src/a.rs"]);
    assert_eq!(answer.new_files, ["new/[id].ts"]);
    assert_eq!(answer.depends_on, [IssueNumber(3), IssueNumber(4)]);
    assert_eq!((answer.estimate_minutes, answer.confidence), (20, 85));
}

#[test]
fn nonsense_is_refused_with_its_reason() {
    let many: Vec<String> = (0..31).map(|n| format!("\"f{n}\"")).collect();
    let many = format!("[{}]", many.join(","));
    let files = r#"["a.rs"]"#;
    for (written, reason) in [
        ("the files are a.rs and b.rs".to_owned(), "not the JSON asked for"),
        (format!(r#"{{"files":{files}}}"#), "missing field `new_files`"),
        (text(files, "[]", "[]", &format!("{REST},\"merge\":true")), "unknown field `merge`"),
        (text("[]", "[]", "[]", REST), "names no file"),
        (text(&many, "[]", "[]", REST), "names 31 files, more than the 30"),
        (text(r#"["../etc/passwd"]"#, "[]", "[]", REST), "`..` leaves the repository"),
        (text(r#"["/etc/passwd"]"#, "[]", "[]", REST), "not relative to the repository"),
        (text(r#"[".git/config"]"#, "[]", "[]", REST), "git's own"),
        (text(r#"["src/"]"#, "[]", "[]", REST), "a directory, not a file"),
        (text("[]", r#"["src/**/x.rs"]"#, "[]", REST), "a pattern, not a file"),
        (text("[]", r#"["./a.rs"]"#, "[]", REST), "it is written `a.rs`"),
        (text(r#"["a\nb"]"#, "[]", "[]", REST), "control characters"),
        (text(files, "[]", "[99]", REST), "depends on #99"),
        (text(files, "[]", "[7]", REST), "depends on #7"),
        (text(files, "[]", "[]", r#""estimate_minutes":0,"confidence":0.5"#), "estimate is 0 minutes"),
        (text(files, "[]", "[]", r#""estimate_minutes":5,"confidence":1.5"#), "confidence is 1.5"),
        ("x".repeat(ANSWER_BYTES_MAX + 1), "at most 65536 are read"),
    ] {
        let refused = read(&written, ISSUE, listed).expect_err(reason);
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
}

#[test]
fn an_answer_is_held_against_the_tree() {
    let answer = |files: &[&str]| Answer {
        files: files.iter().map(|path| (*path).to_owned()).collect(),
        new_files: Vec::new(),
        depends_on: Vec::new(),
        estimate_minutes: 5,
        confidence: 50,
    };
    let tree: BTreeSet<String> = ["a", "b", "c", "d"].map(str::to_owned).into();
    assert_eq!(check(&answer(&["a", "b"]), &tree, 4), Ok(()));
    assert!(check(&answer(&["a", "A"]), &tree, 4).is_err_and(|why| why.ends_with("does not have: `A`")));
    assert!(check(&answer(&["a", "b", "c", "d"]), &tree, 4).is_err_and(|why| why.contains("all 4 files")));
    // Three files are few enough to be touched all.
    let small: BTreeSet<String> = ["a", "b", "c"].map(str::to_owned).into();
    assert_eq!(check(&answer(&["a", "b", "c"]), &small, 3), Ok(()));
}

#[test]
fn what_a_run_confirmed_takes_the_place_of_a_guess_for_its_own_text_alone() {
    let mut task = Task::waiting(ISSUE, "T", "See `x.rs`.", &[], Timestamp(0));
    let attempt = AttemptId { issue: ISSUE, n: 2 };
    begin(&mut task, attempt);
    let written = text(r#"["src/b.rs"]"#, r#"["c.rs"]"#, "[]", REST);
    let answer = read(&written, ISSUE, listed).expect("it stands");
    let guess = Footprint::from_claims([Claim {
        area: Area::File("x.rs".to_owned()),
        strength: Strength::Soft,
        source: Source::Inferred,
        evidence: "mentioned in the body".to_owned(),
    }]);
    assert_eq!(footprint(&task, guess.clone()), guess);
    task.plannings[0].stand = PlanningStand::Confirmed { answer };
    let confirmed = footprint(&task, guess.clone());
    assert_eq!(confirmed.paths(), ["c.rs", "src/b.rs"]);
    let hard = |claim: &Claim| {
        (claim.strength, claim.source) == (Strength::Hard, Source::Confirmed) && claim.evidence.contains("t7.2 read")
    };
    assert!(confirmed.claims.iter().all(hard), "{confirmed:?}");
    task.digest = "another text's".to_owned();
    assert_eq!(footprint(&task, guess.clone()), guess);
    // As a row it comes back as it was.
    let row = serde_json::to_string(&task).expect("it is written");
    assert_eq!(serde_json::from_str::<Task>(&row).expect("it is read"), task);
}

#[test]
fn only_the_newest_texts_are_remembered() {
    let mut task = Task::waiting(ISSUE, "T", "", &[], Timestamp(0));
    for n in 0..20 {
        task.digest = format!("text {n}");
        begin(&mut task, AttemptId { issue: ISSUE, n });
        begin(&mut task, AttemptId { issue: ISSUE, n: n + 100 });
    }
    assert_eq!(task.plannings.len(), TEXTS_MAX);
    assert_eq!(task.planning().and_then(|planning| planning.attempt).map(|attempt| attempt.n), Some(119));
}
