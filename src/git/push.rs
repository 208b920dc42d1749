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
const RACES: [&str; 6] = [
    "stale info",
    "cannot lock ref",
    "reference already exists",
    "failed to update ref",
    "incorrect old value",
    "remote ref updated since checkout",
];

/// Reads a finished `git push --porcelain`.
pub(crate) fn pushed(output: &Output) -> Pushed {
    if output.code == 0 {
        return Pushed::Done;
    }
    let text = output.text();
    let rejected: Vec<&str> = text.lines().filter(|line| line.starts_with('!')).collect();
    let words = format!("{text}\n{}", output.stderr).to_ascii_lowercase();
    let moved = |line: &&str| {
        let line = line.to_ascii_lowercase();
        RACES.iter().any(|race| line.contains(race))
            || line.contains("fetch first")
            || line.contains("non-fast-forward")
    };
    if rejected.iter().any(moved) {
        return Pushed::Moved;
    }
    // A ref held back only because another one of an atomic push failed says nothing of its own.
    let own: Vec<&str> = rejected.into_iter().filter(|line| !line.contains("atomic push failed")).collect();
    if !own.is_empty() || words.contains("returned error: 403") {
        let reason = output.stderr.lines().filter(|line| line.contains("remote:")).collect::<Vec<_>>().join(" ");
        return Pushed::Refused(format!("{} {reason}", own.join("; ")).trim().to_owned());
    }
    Pushed::Unknown(output.stderr.trim().to_owned())
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
        assert!(matches!(answer(1, guarded, "remote: GH006"), Pushed::Refused(why) if why.contains("GH006")));
        assert!(matches!(answer(128, "", "The requested URL returned error: 403"), Pushed::Refused(_)));
        assert!(matches!(answer(128, "", "Connection reset by peer"), Pushed::Unknown(_)));
        assert!(matches!(answer(128, "", "The requested URL returned error: 502"), Pushed::Unknown(_)));
    }
}
