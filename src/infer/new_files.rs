//! Files that a text asks for and that do not exist yet.

use crate::infer::corpus::Corpus;
use crate::infer::language;
use crate::infer::query::Query;

/// Most of them told.
const NEW_FILES_MAX: usize = 10;

/// Paths in the text that are no files but could be: their folder exists, and files with their ending do. In the order
/// of the text. What stands in a stack trace is no wish.
pub fn asked_for(query: &Query, corpus: &Corpus) -> Vec<String> {
    let known = |path: &str| corpus.named(language::name(path)).iter().any(|file| ends(corpus, *file, path));
    let possible = query.paths.iter().filter(|path| {
        let (folder, ending) = (language::folder(path), language::ending(path));
        !folder.is_empty() && !ending.is_empty() && corpus.has_folder(folder) && corpus.has_ending(ending)
    });
    let wished = possible.filter(|path| !query.frames.contains(path) && !known(path));
    wished.take(NEW_FILES_MAX).cloned().collect()
}

fn ends(corpus: &Corpus, file: u32, path: &str) -> bool {
    let known = &corpus.files[file as usize].path;
    known.strip_suffix(path).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::corpus::tests::corpus;

    #[test]
    fn only_what_could_become_a_file_is_asked_for() {
        let (_, corpus) = corpus(&[("src/net/mod.rs", ""), ("README.md", "")]);
        let text = "Add src/net/retry.rs beside src/net/mod.rs and net/mod.rs; not gone/x.rs, \
                    src/net/a.py or retry.rs.\nAlso src/net/wish.rs.\n at src/net/frame.rs:3:1";
        let query = Query::new("", text);
        assert_eq!(asked_for(&query, &corpus), ["src/net/retry.rs", "src/net/wish.rs"]);
    }
}
