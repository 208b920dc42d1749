//! What a task's text says, read the plain way: one key a line.

/// What matters of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::simulate) struct Said {
    /// Files, folded.
    pub(in crate::simulate) files: Vec<String>,
    /// Where it names none: the file whose words it speaks.
    pub(in crate::simulate) about: Option<String>,
    /// Issues it depends on.
    pub(in crate::simulate) depends_on: Vec<u64>,
    /// Its phase; 0: none is stated.
    pub(in crate::simulate) phase: u32,
}

/// Reads a text that the scenario wrote.
pub(in crate::simulate) fn read(body: &str) -> Said {
    let value = |key: &str| body.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned();
    let files = value("Files: ");
    let files = files.split(", ").map(|file| file.trim().to_ascii_lowercase()).filter(|file| !file.is_empty());
    let depends_on = value("Depends on: ");
    let depends_on = depends_on
        .split(", ")
        .filter_map(|issue| issue.trim().strip_prefix('#')?.parse().ok())
        .filter(|issue| *issue > 0);
    let phase = value("Phase: ").trim().parse().unwrap_or_default();
    let plain = |file: &String| !file.contains("..") && !file.contains('`');
    let files: Vec<String> = files.filter(plain).collect();
    let words = [("amber", "src/a.rs"), ("basil", "src/b.rs")];
    let about = words.into_iter().find(|(word, _)| files.is_empty() && body.contains(&format!("The {word} is wrong.")));
    Said { files, about: about.map(|(_, file)| file.to_owned()), depends_on: depends_on.collect(), phase }
}

/// A path or directory of one list that meets one of the other.
pub(in crate::simulate) fn meeting<'a>(ours: &'a [String], theirs: &[String]) -> Option<&'a String> {
    let under = |file: &str, folder: &str| folder.ends_with('/') && file.starts_with(folder);
    ours.iter().find(|one| theirs.iter().any(|other| *one == other || under(one, other) || under(other, one)))
}

/// Whether a list covers a file.
pub(super) fn covers(list: &[String], file: &str) -> bool {
    meeting(std::slice::from_ref(&file.to_ascii_lowercase()), list).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_meet_by_name_and_by_folder_whatever_their_letters() {
        let said = read("Files: SRC/a.rs, docs/\n\nDepends on: #3");
        assert_eq!(
            (said.files.as_slice(), said.depends_on.as_slice()),
            (&["src/a.rs".into(), "docs/".into()][..], &[3][..])
        );
        assert!(meeting(&said.files, &["src/".to_owned()]).is_some());
        assert!(meeting(&said.files, &["docs/x.md".to_owned()]).is_some());
        assert!(meeting(&said.files, &["src/ab.rs".to_owned()]).is_none());
        assert!(covers(&said.files, "Src/A.rs") && !covers(&said.files, "src/b.rs"));
    }
}
