//! The state folder: only its owner may look into it, and it belongs to one checkout.

use std::path::Path;

use crate::local::options::Mistake;

/// The file that names the checkout a state folder belongs to.
const CHECKOUT_FILE: &str = "checkout";

/// Makes the folder, if need be, so that only its owner may look into it. Where it lies in a checkout, git is told to
/// leave it alone; a folder that holds anything else already is not told so.
///
/// # Errors
/// [`Mistake`] where it cannot be made or is no folder.
pub(super) fn make_private(folder: &Path) -> Result<(), Mistake> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.and_then(|()| {
        let is_empty = std::fs::read_dir(folder)?.next().is_none();
        if is_empty { std::fs::write(folder.join(".gitignore"), "*\n") } else { Ok(()) }
    })
    .map_err(|error| unusable(folder, &error))
}

/// Binds the folder to the checkout at its first start and compares at every later one, by real paths: what it holds
/// was cloned from that checkout and fits no other.
///
/// # Errors
/// [`Mistake`] that names both where it belongs to another checkout, or where the folder cannot be read or written.
pub(super) fn bind(folder: &Path, checkout: &Path) -> Result<(), Mistake> {
    use std::os::unix::ffi::OsStrExt as _;
    let checkout = checkout.canonicalize().map_err(|error| unusable(checkout, &error))?;
    let file = folder.join(CHECKOUT_FILE);
    let kept = match std::fs::read(&file) {
        Ok(kept) => kept,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return write_whole(&file, checkout.as_os_str().as_bytes()).map_err(|error| unusable(folder, &error));
        }
        Err(error) => return Err(unusable(folder, &error)),
    };
    if kept == checkout.as_os_str().as_bytes() {
        return Ok(());
    }
    Err(Mistake::new(format!(
        "the state folder {} belongs to the checkout {}, not to {}; give another folder with --state DIR (where the \
         checkout was only moved: write its new path into {})",
        folder.display(),
        String::from_utf8_lossy(&kept),
        checkout.display(),
        file.display()
    )))
}

/// Writes a file that is never seen half written.
pub(super) fn write_whole(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = file.with_extension("new");
    std::fs::write(&unfinished, bytes)?;
    std::fs::rename(unfinished, file)
}

fn unusable(folder: &Path, error: &std::io::Error) -> Mistake {
    Mistake::new(format!(
        "the state folder {} cannot be used; give another one with --state DIR: {error}",
        folder.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_knows_its_checkout_by_its_whole_real_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let [state, one, other] = ["state", "one/same", "other/same"].map(|name| folder.path().join(name));
        make_private(&state).expect("made");
        assert_eq!(std::fs::read_to_string(state.join(".gitignore")).expect("written"), "*\n");
        let full = folder.path().join("full");
        std::fs::create_dir_all(full.join("work")).expect("made");
        make_private(&full).expect("made");
        assert!(!full.join(".gitignore").exists(), "somebody's own folder is hidden from git");
        [&one, &other].iter().for_each(|checkout| std::fs::create_dir_all(checkout).expect("made"));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&one, &link).expect("linked");
        assert_eq!(bind(&state, &link), Ok(()));
        assert_eq!(bind(&state, &one), Ok(()));
        let told = bind(&state, &other).expect_err("another checkout").message;
        for named in [&state, &one, &other] {
            assert!(told.contains(&named.canonicalize().expect("real").display().to_string()), "{told}");
        }
        std::fs::rename(&one, folder.path().join("moved")).expect("moved");
        assert_eq!(bind(&state, &other).expect_err("still another").message, told);
        std::fs::write(folder.path().join("file"), "").expect("written");
        assert!(make_private(&folder.path().join("file")).expect_err("a file").message.contains("--state"));
    }
}
