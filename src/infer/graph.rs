//! Which file imports which, by the ends of paths: cheap, and right often enough for a vote.

use std::collections::BTreeMap;

use crate::infer::corpus::{Corpus, FileId};
use crate::infer::language;
use crate::infer::library::Library;

/// Files that stand for their folder.
const FOLDER_FILES: [&str; 3] = ["mod", "__init__", "index"];

/// Imports between the files of a corpus.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    imports: Vec<Vec<FileId>>,
    importers: Vec<Vec<FileId>>,
}

impl Graph {
    /// Resolves what each file imports.
    pub fn new(corpus: &Corpus, library: &Library) -> Self {
        let stems = stems(corpus);
        let mut graph = Self { imports: Vec::new(), importers: vec![Vec::new(); corpus.files.len()] };
        for (at, file) in corpus.files.iter().enumerate() {
            let written = file.blob.and_then(|key| library.get(&key)).map_or(&[][..], |kept| kept.imports.as_slice());
            let found = written.iter().filter_map(|import| resolve(corpus, &stems, &file.path, import));
            let mut found: Vec<FileId> = found.filter(|other| *other as usize != at).collect();
            found.sort_unstable();
            found.dedup();
            for other in &found {
                graph.importers[*other as usize].push(u32::try_from(at).unwrap_or(u32::MAX));
            }
            graph.imports.push(found);
        }
        graph
    }

    /// The files that a file imports.
    pub fn imports(&self, file: FileId) -> &[FileId] {
        self.imports.get(file as usize).map_or(&[], Vec::as_slice)
    }

    /// The files that import a file.
    pub fn importers(&self, file: FileId) -> &[FileId] {
        self.importers.get(file as usize).map_or(&[], Vec::as_slice)
    }
}

/// Candidates by folded name without ending; a folder's own file by the folder's name as well.
fn stems(corpus: &Corpus) -> BTreeMap<String, Vec<FileId>> {
    let mut stems: BTreeMap<String, Vec<FileId>> = BTreeMap::new();
    for (number, file) in (0..).zip(&corpus.files).filter(|(_, file)| file.candidate) {
        let stem = language::stem(&file.path).to_lowercase();
        if FOLDER_FILES.contains(&stem.as_str()) {
            let folder = language::name(language::folder(&file.path)).to_lowercase();
            stems.entry(folder).or_default().push(number);
        }
        stems.entry(stem).or_default().push(number);
    }
    stems
}

/// The file that an import means: the one whose path shares most parts with its end, and of several the one nearest to
/// the importer. Up to two last parts of an import may be names within the file.
fn resolve(corpus: &Corpus, stems: &BTreeMap<String, Vec<FileId>>, from: &str, import: &str) -> Option<FileId> {
    let parts: Vec<String> = import.split('/').filter(|part| !part.is_empty()).map(str::to_lowercase).collect();
    for end in (1..=parts.len()).rev().take(3) {
        let Some(candidates) = stems.get(&parts[end - 1]) else { continue };
        let close = |file: &FileId| {
            let path = corpus.files[*file as usize].path.to_lowercase();
            let path = path.rsplit_once('.').map_or(path.as_str(), |(path, _)| path);
            let own = FOLDER_FILES.iter().find_map(|name| path.strip_suffix(name)?.strip_suffix('/'));
            let path = own.unwrap_or(path);
            let shared = path.rsplit('/').zip(parts[..end].iter().rev()).take_while(|(a, b)| a == b).count();
            let near = from.split('/').zip(path.split('/')).take_while(|(a, b)| a == b).count();
            (shared, near)
        };
        let best = candidates.iter().map(|file| (close(file), *file)).max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        match best {
            Some(((shared, _), file)) if shared >= 2 => return Some(file),
            Some(((1, near), file)) if near > 0 || candidates.len() == 1 => return Some(file),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::corpus::tests::corpus;

    #[test]
    fn imports_lead_to_files() {
        let (library, corpus) = corpus(&[
            ("src/lib.rs", "mod parse;"),
            ("src/parse/mod.rs", "use crate::parse::lexer::Token;"),
            ("src/parse/lexer.rs", ""),
            ("other/lexer.rs", ""),
            ("web/a.ts", "import { b } from './b';"),
            ("web/b.ts", ""),
        ]);
        let graph = Graph::new(&corpus, &library);
        let paths = |files: &[FileId]| files.iter().map(|f| corpus.files[*f as usize].path.clone()).collect::<Vec<_>>();
        let of = |path: &str| corpus.find(path).expect("a file");
        assert_eq!(paths(graph.imports(of("src/parse/mod.rs"))), ["src/parse/lexer.rs"]);
        assert_eq!(paths(graph.importers(of("web/b.ts"))), ["web/a.ts"]);
        assert_eq!(paths(graph.imports(of("src/lib.rs"))), ["src/parse/mod.rs"]);
    }
}
