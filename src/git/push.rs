//! What `git push --porcelain` answered, ref by ref.

use crate::git::command::Output;

/// How a push ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Every ref stands as asked.
    Done,
    /// A ref was not where it was expected, or somebody moved it at the same moment.
    Moved,
    /// The remote refused for good.
    Refused(String),
    /// Nobody knows whether it happened.
    Unknown(String),
}

/// Words of a remote that lost a race for a ref's lock: another push got there first.
const RACES: [&str; 8] = [
    "stale info",
    "cannot lock ref",
    "reference already exists",
    "failed to update ref",
    "incorrect old value",
    "remote ref updated since checkout",
    "fetch first",
    "non-fast-forward",
];

/// Words of a remote that failed, rather than refused.
const FAILURES: [&str; 3] = ["unpacker error", "internal", "timeout"];

/// Reads a finished `git push --porcelain`.
pub(crate) fn pushed(output: &Output) -> Pushed {
    if output.code == 0 {
        return Pushed::Done;
    }
    let text = output.text();
    let rejected: Vec<&str> = text.lines().filter(|line| line.starts_with('!')).collect();
    let complaint = output.stderr.to_ascii_lowercase();
    let says = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
    // An atomic push names the ref that lost the race only among what the remote says.
    let moved = |line: &&str| says(&line.to_ascii_lowercase(), &RACES);
    if rejected.iter().any(moved) || (!rejected.is_empty() && says(&complaint, &RACES)) {
        return Pushed::Moved;
    }
    let failed = rejected.iter().any(|line| says(&line.to_ascii_lowercase(), &FAILURES));
    if (rejected.is_empty() || failed) && !complaint.contains("returned error: 403") {
        return Pushed::Unknown(format!("{} {}", rejected.join("; "), output.stderr).trim().to_owned());
    }
    // A ref held back only because another one of an atomic push failed says nothing of its own.
    let own: Vec<&str> = rejected.into_iter().filter(|line| !line.contains("atomic push failed")).collect();
    let reason = output.stderr.lines().filter(|line| line.contains("remote:")).collect::<Vec<_>>().join(" ");
    Pushed::Refused(format!("{} {reason}", own.join("; ")).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i32, stdout: &str, stderr: &str) -> Pushed {
        pushed(&Output { code, stdout: stdout.as_bytes().to_vec(), stderr: stderr.to_owned() })
    }

    #[test]
    fn answers_are_told_apart() {
        let stale = "To x\n!\tabc:refs/heads/a\t[rejected] (stale info)\nDone";
        let raced = "!\tabc:refs/heads/a\t[remote rejected] (cannot lock ref 'refs/heads/a': reference already exists)";
        let guarded = "!\tabc:refs/heads/a\t[remote rejected] (protected branch hook declined)";
        assert_eq!(answer(0, "", ""), Pushed::Done);
        assert_eq!(answer(1, stale, ""), Pushed::Moved);
        assert_eq!(answer(1, raced, ""), Pushed::Moved);
        let atomic = "!\tabc:refs/heads/a\t[remote rejected] (atomic transaction failed)";
        assert_eq!(answer(1, atomic, "remote: error: cannot lock ref 'refs/heads/a'"), Pushed::Moved);
        assert!(matches!(answer(1, "!\ta:b\t[remote rejected] (unpacker error)", ""), Pushed::Unknown(_)));
        assert!(matches!(answer(1, guarded, "remote: GH006"), Pushed::Refused(why) if why.contains("GH006")));
        assert!(matches!(answer(128, "", "The requested URL returned error: 403"), Pushed::Refused(_)));
        assert!(matches!(answer(128, "", "Connection reset by peer"), Pushed::Unknown(_)));
        assert!(matches!(answer(128, "", "The requested URL returned error: 502"), Pushed::Unknown(_)));
    }
}
