//! A git repository in memory: commits with parents and whole trees, branches, merges. Commit names are hashes of what
//! the commit holds, so that the same story gives the same names.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::engine::id::Sha;
use crate::engine::snapshot::Ref;
use crate::engine::time::Timestamp;
use crate::forge::memory::merge::{OnConflict, Tree, line_diff, merge_trees};
use crate::forge::world::request::{GitAnswer, GitQuestion};
use crate::github::Tip;

/// Characters of a commit's name.
const SHA_CHARACTERS: usize = 40;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its parents, first the one it stands on.
    pub parents: Vec<Sha>,
    /// All its files.
    pub tree: Tree,
    /// Its message.
    pub message: String,
    /// More than any parent's.
    generation: u64,
}

/// The repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    commits: BTreeMap<Sha, Commit>,
    branches: BTreeMap<String, Sha>,
}

impl Repository {
    /// Makes a commit that no branch names yet. Parents must be there.
    pub fn commit(&mut self, parents: Vec<Sha>, tree: Tree, message: &str, at: Timestamp) -> Sha {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        parents.iter().for_each(|parent| part(parent.as_str().as_bytes()));
        for (path, content) in &tree {
            part(path.as_bytes());
            part(content);
        }
        part(message.as_bytes());
        part(&at.0.to_be_bytes());
        let mut name = hex::encode(hash.finalize());
        name.truncate(SHA_CHARACTERS);
        let sha = Sha(name);
        let generation = parents.iter().filter_map(|parent| self.commits.get(parent)).map(|c| c.generation).max();
        let commit = Commit { parents, tree, message: message.to_owned(), generation: generation.map_or(0, |g| g + 1) };
        self.commits.insert(sha.clone(), commit);
        sha
    }

    /// A commit.
    pub fn get(&self, sha: &Sha) -> Option<&Commit> {
        self.commits.get(sha)
    }

    /// Where a branch is.
    pub fn branch(&self, branch: &str) -> Option<&Sha> {
        self.branches.get(branch)
    }

    /// All branches.
    pub fn branches(&self) -> &BTreeMap<String, Sha> {
        &self.branches
    }

    /// Puts a branch somewhere, or away, and gives where it was.
    pub fn set_branch(&mut self, branch: &str, sha: Option<Sha>) -> Option<Sha> {
        match sha {
            Some(sha) => self.branches.insert(branch.to_owned(), sha),
            None => self.branches.remove(branch),
        }
    }

    /// The commit that a branch name or a commit name names.
    pub fn resolve(&self, reference: &str) -> Option<Sha> {
        let named = Sha::new(reference);
        self.branches.get(reference).cloned().or_else(|| self.commits.contains_key(&named).then_some(named))
    }

    /// A file at a branch or commit.
    pub fn file(&self, reference: &str, path: &str) -> Option<&[u8]> {
        self.commits.get(&self.resolve(reference)?)?.tree.get(path).map(|content| &**content)
    }

    /// Whether a commit is in another's history (or is it).
    pub fn contains(&self, tip: &Sha, ancestor: &Sha) -> bool {
        let Some(oldest) = self.commits.get(ancestor).map(|commit| commit.generation) else { return false };
        let mut seen = BTreeSet::new();
        let mut open = vec![tip];
        // Every commit is opened once: a repository holds finitely many.
        while let Some(sha) = open.pop() {
            if sha == ancestor {
                return true;
            }
            let Some(commit) = self.commits.get(sha).filter(|commit| commit.generation > oldest) else { continue };
            open.extend(commit.parents.iter().filter(|parent| seen.insert(*parent)));
        }
        false
    }

    /// The youngest commit that both have in their history.
    pub fn merge_base(&self, one: &Sha, other: &Sha) -> Option<Sha> {
        // Who comes from which of both, youngest first: a parent is older than its children.
        let mut open: BTreeMap<(u64, &Sha), (bool, bool)> = BTreeMap::new();
        for (sha, from) in [(one, (true, false)), (other, (false, true))] {
            let Some((sha, commit)) = self.commits.get_key_value(sha) else { continue };
            let known = open.entry((commit.generation, sha)).or_default();
            *known = (known.0 || from.0, known.1 || from.1);
        }
        while let Some(((_, sha), from)) = open.pop_last() {
            if from == (true, true) {
                return Some(sha.clone());
            }
            let parents = self.commits.get(sha).into_iter().flat_map(|commit| &commit.parents);
            for (sha, commit) in parents.filter_map(|parent| self.commits.get_key_value(parent)) {
                let known = open.entry((commit.generation, sha)).or_default();
                *known = (known.0 || from.0, known.1 || from.1);
            }
        }
        None
    }

    /// The tree of two commits merged, or the paths that conflict.
    ///
    /// # Errors
    /// The paths that do not merge.
    pub fn merged_tree(&self, ours: &Sha, theirs: &Sha, on_conflict: OnConflict) -> Result<Tree, Vec<String>> {
        let none = Tree::new();
        let tree = |sha: &Sha| self.commits.get(sha).map_or(&none, |commit| &commit.tree);
        let base = self.merge_base(ours, theirs);
        merge_trees(base.as_ref().map_or(&none, tree), tree(ours), tree(theirs), on_conflict)
    }

    /// What a commit changed in these files since it and another one parted: lines taken out and put in, without their
    /// surroundings.
    pub fn changes(&self, other: &Sha, commit: &Sha, paths: &[String]) -> String {
        let tree = |sha: &Sha| self.commits.get(sha).map(|commit| &commit.tree);
        let Some(parted) = self.merge_base(other, commit) else { return String::new() };
        let (Some(before), Some(after)) = (tree(&parted), tree(commit)) else { return String::new() };
        let diff = |path: &String| match (before.get(path), after.get(path)) {
            (old, new) if old == new => String::new(),
            (old, new) => {
                let text = |content: Option<&std::sync::Arc<[u8]>>| content.map_or(&[][..], |content| content).to_vec();
                format!("--- a/{path}\n+++ b/{path}\n{}", line_diff(&text(old), &text(new)))
            }
        };
        paths.iter().map(diff).collect()
    }

    /// Answers the world's question; branches move by it.
    pub fn answer(&mut self, question: GitQuestion, now: Timestamp) -> GitAnswer {
        match question {
            GitQuestion::Branch { branch } => match self.branches.get(&branch) {
                Some(sha) => GitAnswer::At(sha.clone()),
                None => missing(format!("branch `{branch}`")),
            },
            GitQuestion::Branches { prefix } => {
                let refs = self.branches.iter().filter(|(branch, _)| branch.starts_with(&prefix));
                GitAnswer::Refs(refs.map(|(branch, sha)| Ref { branch: branch.clone(), sha: sha.clone() }).collect())
            }
            GitQuestion::Tips { branches, path } => {
                let text = |sha: &Sha| String::from_utf8(self.file(sha.as_str(), &path)?.to_vec()).ok();
                let tip = |sha: &Sha| Tip { sha: sha.clone(), file: text(sha) };
                GitAnswer::Tips(branches.iter().map(|branch| self.branches.get(branch).map(tip)).collect())
            }
            GitQuestion::CreateBranch { branch, sha } => self.create(&branch, sha),
            GitQuestion::AdvanceBranch { branch, sha } => self.advance(&branch, sha),
            GitQuestion::DeleteBranch { branch } => {
                self.branches.remove(&branch);
                GitAnswer::Done
            }
            GitQuestion::Commit { message, files, parent } => {
                let mut tree = match parent.as_ref().map(|parent| self.commits.get(parent)) {
                    None => Tree::new(),
                    Some(Some(commit)) => commit.tree.clone(),
                    Some(None) => return missing("the parent commit"),
                };
                tree.extend(files.into_iter().map(|file| (file.path, file.content.into_bytes().into())));
                GitAnswer::Commit(self.commit(parent.into_iter().collect(), tree, &message, now))
            }
            GitQuestion::CommitOnBranch { branch, expected, message, files } => {
                match self.branches.get(&branch) {
                    None => return missing(format!("branch `{branch}`")),
                    Some(found) if *found != expected => {
                        let message = format!("Expected branch to point to \"{expected}\" but it did not.");
                        return GitAnswer::Refused { message };
                    }
                    Some(_) => {}
                }
                let made = self.answer(GitQuestion::Commit { message, files, parent: Some(expected) }, now);
                if let GitAnswer::Commit(sha) = made { self.advance(&branch, sha) } else { made }
            }
            GitQuestion::File { reference, path } => match self.file(&reference, &path) {
                Some(bytes) => GitAnswer::File(bytes.to_vec()),
                None => missing(format!("`{path}` at {reference}")),
            },
            GitQuestion::Folder { commit, path } => match self.commits.get(&commit) {
                Some(commit) => GitAnswer::Folder(folder(&commit.tree, &path)),
                None => missing(format!("commit {commit}")),
            },
            GitQuestion::Ahead { base, head } => match (self.resolve(&base), self.resolve(&head)) {
                (Some(base), Some(head)) => GitAnswer::Ahead(!self.contains(&base, &head)),
                (None, _) | (_, None) => missing(format!("`{base}` or `{head}`")),
            },
            GitQuestion::Mergeable { base, head } => {
                GitAnswer::Mergeable(self.merged_tree(&base, &head, OnConflict::Refuse).is_ok())
            }
            GitQuestion::Merges { ends } => {
                let clean = |(base, head): &(Option<Sha>, Sha)| {
                    base.as_ref().is_some_and(|base| self.merged_tree(base, head, OnConflict::Refuse).is_ok())
                };
                GitAnswer::Merges(ends.iter().map(clean).collect())
            }
            GitQuestion::Merge { into, from, message } => self.merge(&into, &from, &message, now),
        }
    }

    fn create(&mut self, branch: &str, sha: Sha) -> GitAnswer {
        if self.branches.contains_key(branch) {
            return GitAnswer::Refused { message: "Reference already exists".to_owned() };
        }
        if !self.commits.contains_key(&sha) {
            return missing(format!("commit {sha}"));
        }
        self.branches.insert(branch.to_owned(), sha.clone());
        GitAnswer::At(sha)
    }

    fn advance(&mut self, branch: &str, sha: Sha) -> GitAnswer {
        let Some(before) = self.branches.get(branch) else { return missing(format!("branch `{branch}`")) };
        if !self.commits.contains_key(&sha) {
            return missing(format!("commit {sha}"));
        }
        if !self.contains(&sha, before) {
            return GitAnswer::Refused { message: "Update is not a fast forward".to_owned() };
        }
        self.branches.insert(branch.to_owned(), sha.clone());
        GitAnswer::At(sha)
    }

    fn merge(&mut self, into: &str, from: &str, message: &str, now: Timestamp) -> GitAnswer {
        let (Some(ours), Some(theirs)) = (self.branches.get(into).cloned(), self.resolve(from)) else {
            return missing(format!("`{into}` or `{from}`"));
        };
        if self.contains(&ours, &theirs) {
            return GitAnswer::NothingToDo;
        }
        match self.merged_tree(&ours, &theirs, OnConflict::Refuse) {
            Err(paths) => GitAnswer::Conflict { paths },
            Ok(tree) => {
                let sha = self.commit(vec![ours, theirs], tree, message, now);
                self.branches.insert(into.to_owned(), sha.clone());
                GitAnswer::Merged(sha)
            }
        }
    }
}

/// The texts of a folder's files.
fn folder(tree: &Tree, path: &str) -> BTreeMap<String, Option<String>> {
    let within = |(name, bytes): (&String, &std::sync::Arc<[u8]>)| {
        let name = name.strip_prefix(path)?.strip_prefix('/').filter(|name| !name.contains('/'))?;
        Some((name.to_owned(), String::from_utf8(bytes.to_vec()).ok()))
    };
    tree.iter().filter_map(within).collect()
}

fn missing(what: impl Into<String>) -> GitAnswer {
    GitAnswer::Missing { what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::NewFile;

    const NOW: Timestamp = Timestamp(5);

    fn tree(files: &[(&str, &str)]) -> Tree {
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().into())).collect()
    }

    /// `main` at `first`; `ahead` one commit on; `aside` another commit on `first` that meets it in `a`.
    fn repository() -> (Repository, Sha, Sha, Sha) {
        let mut repository = Repository::default();
        let first = repository.commit(Vec::new(), tree(&[("a", "1\n"), ("b", "1\n")]), "first", NOW);
        let ahead = repository.commit(vec![first.clone()], tree(&[("a", "2\n"), ("b", "1\n")]), "ahead", NOW);
        let aside = repository.commit(vec![first.clone()], tree(&[("a", "3\n"), ("b", "1\n")]), "aside", NOW);
        for (branch, sha) in [("main", &first), ("ahead", &ahead), ("aside", &aside)] {
            repository.set_branch(branch, Some(sha.clone()));
        }
        (repository, first, ahead, aside)
    }

    fn kind(answer: &GitAnswer) -> String {
        format!("{answer:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned()
    }

    #[test]
    fn branches_are_created_once_and_advance_only_forward() {
        let (_, first, ahead, aside) = repository();
        let create =
            |branch: &str, sha: &Sha| GitQuestion::CreateBranch { branch: branch.to_owned(), sha: sha.clone() };
        let advance =
            |branch: &str, sha: &Sha| GitQuestion::AdvanceBranch { branch: branch.to_owned(), sha: sha.clone() };
        let on = |branch: &str, expected: &Sha| GitQuestion::CommitOnBranch {
            branch: branch.to_owned(),
            expected: expected.clone(),
            message: "m".to_owned(),
            files: Vec::new(),
        };
        let unknown = Sha::new("unknown");
        for (question, expected, branch, after) in [
            (create("new", &ahead), "At", "new", Some(&ahead)),
            (create("main", &ahead), "Refused", "main", Some(&first)),
            (create("new", &unknown), "Missing", "new", None),
            (advance("main", &ahead), "At", "main", Some(&ahead)),
            (advance("ahead", &aside), "Refused", "ahead", Some(&ahead)),
            (advance("ahead", &first), "Refused", "ahead", Some(&ahead)),
            (advance("gone", &first), "Missing", "gone", None),
            (advance("main", &unknown), "Missing", "main", Some(&first)),
            (on("ahead", &first), "Refused", "ahead", Some(&ahead)),
            (on("gone", &first), "Missing", "gone", None),
            (GitQuestion::DeleteBranch { branch: "ahead".to_owned() }, "Done", "ahead", None),
            (GitQuestion::DeleteBranch { branch: "gone".to_owned() }, "Done", "gone", None),
        ] {
            let (mut repository, ..) = repository();
            assert_eq!(kind(&repository.answer(question.clone(), NOW)), expected, "{question:?}");
            assert_eq!(repository.branch(branch), after, "{question:?}");
        }
    }

    #[test]
    fn merges_make_a_commit_with_both_parents_or_nothing_or_name_the_conflict() {
        let (mut repository, first, ahead, _) = repository();
        let mut merge = |into: &str, from: &str| {
            let (into, from, message) = (into.to_owned(), from.to_owned(), "merge".to_owned());
            let answer = repository.answer(GitQuestion::Merge { into, from, message }, NOW);
            (answer, repository.clone())
        };
        assert_eq!(merge("ahead", "main").0, GitAnswer::NothingToDo);
        let conflict = GitAnswer::Conflict { paths: vec!["a".to_owned()] };
        assert_eq!(merge("ahead", "aside").0, conflict);
        assert_eq!(kind(&merge("gone", "main").0), "Missing");
        assert_eq!(kind(&merge("main", "gone").0), "Missing");
        let (answer, after) = merge("main", ahead.as_str());
        let GitAnswer::Merged(sha) = answer else { panic!("{answer:?}") };
        assert_eq!(after.branch("main"), Some(&sha));
        assert_eq!(after.get(&sha).map(|commit| commit.parents.clone()), Some(vec![first.clone(), ahead.clone()]));
        assert_eq!(after.file("main", "a"), Some(&b"2\n"[..]));
        assert_eq!(after.merge_base(&sha, after.branch("aside").expect("there")), Some(first));
    }

    #[test]
    fn commits_stand_on_their_parents_tree_and_are_named_by_what_they_hold() {
        let (mut repository, first, ahead, _) = repository();
        let ask = |parent: Option<Sha>| {
            let files = vec![NewFile { path: "new".to_owned(), content: "x".to_owned() }];
            GitQuestion::Commit { message: "m".to_owned(), files, parent }
        };
        let GitAnswer::Commit(one) = repository.answer(ask(Some(first.clone())), NOW) else { panic!("a commit") };
        assert_eq!(repository.get(&one).map(|commit| commit.tree.len()), Some(3));
        assert_eq!(repository.answer(ask(Some(first)), NOW), GitAnswer::Commit(one.clone()));
        let GitAnswer::Commit(root) = repository.answer(ask(None), NOW) else { panic!("a commit") };
        assert_eq!(repository.get(&root).map(|commit| commit.tree.len()), Some(1));
        assert_eq!((one == root, one.as_str().len()), (false, SHA_CHARACTERS));
        assert_eq!(kind(&repository.answer(ask(Some(Sha::new("unknown"))), NOW)), "Missing");
        let compare = |base: &str, head: &str| GitQuestion::Ahead { base: base.to_owned(), head: head.to_owned() };
        assert_eq!(repository.answer(compare("main", "ahead"), NOW), GitAnswer::Ahead(true));
        assert_eq!(repository.answer(compare("ahead", "main"), NOW), GitAnswer::Ahead(false));
        let aside = repository.branch("aside").cloned().expect("there");
        let mergeable = GitQuestion::Mergeable { base: aside, head: ahead };
        assert_eq!(repository.answer(mergeable, NOW), GitAnswer::Mergeable(false));
        let named = GitQuestion::Branches { prefix: "a".to_owned() };
        let GitAnswer::Refs(refs) = repository.answer(named, NOW) else { panic!("refs") };
        assert_eq!(refs.iter().map(|found| found.branch.as_str()).collect::<Vec<_>>(), ["ahead", "aside"]);
    }
}
