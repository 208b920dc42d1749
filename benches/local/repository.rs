//! The repository that is measured on: one that is named, or one that is made up, always the same.

use std::fmt::Write as _;
use std::path::Path;

use crate::chance::Chance;
use crate::program::{git, make_repository};

/// Text files of the made-up repository.
const FILES: usize = 1_000;
/// Folders on each of its three levels.
const FOLDERS: [usize; 3] = [5, 5, 8];
/// Lines of a made-up file: from a few to what people begin to take apart.
const LINES: (u64, u64) = (20, 400);
/// Largest file that is worked on, in bytes.
const WORKED_BYTES_MAX: u64 = 100_000;

const WORDS: &[&str] = &[
    "account", "batch", "cache", "cursor", "digest", "entry", "filter", "handle", "index", "journal", "key", "limit",
    "message", "node", "offset", "parser", "queue", "record", "schema", "token", "update", "value", "window", "writer",
];

/// Makes the repository up: a thousand text files in nested folders.
pub(crate) fn make(folder: &Path) {
    // A seed of its own: only the moments of the kills are to differ between two runs of the bench.
    let mut chance = Chance::new(1);
    let files: Vec<(String, String)> = (0..FILES).map(|at| (path(at), text(at, &mut chance))).collect();
    make_repository(folder, &files);
}

fn path(at: usize) -> String {
    let [one, two, three] = FOLDERS;
    let word = |at: usize| WORDS[at % WORDS.len()];
    let (first, second, third) = (word(at % one), word(at / one % two + 5), word(at / one / two % three + 10));
    let ending = ["rs", "py", "txt", "toml"][at % 4];
    format!("{first}/{second}/{third}/{}_{at}.{ending}", word(at))
}

fn text(at: usize, chance: &mut Chance) -> String {
    let mut text = format!("# Part {at}\n");
    for line in 0..chance.between(LINES.0, LINES.1) {
        let mut word = || WORDS[usize::try_from(chance.below(WORDS.len() as u64)).expect("small")];
        let _written = match line % 4 {
            0 => writeln!(text),
            1 => writeln!(text, "{}_{} = {}", word(), word(), word()),
            2 => writeln!(text, "    {}({}, {}, {line})", word(), word(), word()),
            _ => writeln!(text, "    # The {} of each {} comes before its {}.", word(), word(), word()),
        };
    }
    text
}

/// So many text files of a checkout, spread over it.
pub(crate) fn pick(checkout: &Path, count: usize) -> Vec<String> {
    let listed = git(checkout, &["ls-files"]);
    let usable = |path: &&str| {
        let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        let data = std::fs::metadata(checkout.join(path));
        let small = data.is_ok_and(|data| data.is_file() && data.len() < WORKED_BYTES_MAX);
        let hidden =
            path.split('/').any(|part| part.starts_with('.')) || path.ends_with(".md") || path.ends_with(".lock");
        plain && small && !hidden && std::fs::read_to_string(checkout.join(path)).is_ok_and(|text| text.ends_with('\n'))
    };
    let usable: Vec<&str> = listed.lines().filter(usable).collect();
    let step = (usable.len() / count).max(1);
    let mut files: Vec<String> = usable.into_iter().step_by(step).take(count).map(str::to_owned).collect();
    assert_eq!(files.len(), count, "the repository has too few text files");
    // The order in which issues name them and publish lists them.
    files.sort();
    files
}
