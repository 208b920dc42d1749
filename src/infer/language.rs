//! What a path says of a file: its language, and whether it is source, test, prose, lock or somebody else's.

/// A language whose definitions are known, as far as telling definitions goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// Rust.
    Rust,
    /// Go.
    Go,
    /// Python.
    Python,
    /// TypeScript and JavaScript, with JSX.
    Script,
    /// Java, Kotlin, Scala.
    Java,
    /// C and C++.
    C,
    /// Ruby.
    Ruby,
    /// C#.
    Sharp,
    /// PHP.
    Php,
    /// Anything else.
    Other,
}

/// What role a file has in its repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// What fixes are made in.
    Source,
    /// Tests and their data.
    Test,
    /// Documentation and change logs.
    Prose,
    /// Lock files: written by tools.
    Lock,
    /// Copied from elsewhere.
    Vendored,
}

/// Folders that hold tests, whatever they are called in.
const TEST_FOLDERS: [&str; 14] = [
    "test",
    "tests",
    "__tests__",
    "spec",
    "specs",
    "testdata",
    "test_data",
    "fixtures",
    "fixture",
    "e2e",
    "goldens",
    "snapshots",
    "__snapshots__",
    "testcases",
];
/// Folders that hold prose.
const PROSE_FOLDERS: [&str; 5] = ["doc", "docs", "documentation", "release-notes", "changelogs"];
/// Folders of code that came from elsewhere.
const VENDORED_FOLDERS: [&str; 6] = ["vendor", "node_modules", "third_party", "thirdparty", "bower_components", "dist"];
/// Endings of prose.
const PROSE_ENDINGS: [&str; 8] = ["md", "rst", "adoc", "asciidoc", "txt", "mdx", "po", "mailmap"];
/// Endings that are never text.
const BINARY_ENDINGS: [&str; 26] = [
    "png", "jpg", "jpeg", "gif", "ico", "webp", "svg", "pdf", "zip", "gz", "tar", "xz", "bz2", "woff", "woff2", "ttf",
    "otf", "eot", "mp4", "mp3", "wasm", "so", "dll", "exe", "jar", "snap",
];
/// Names of lock files.
const LOCKS: [&str; 12] = [
    "cargo.lock",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "poetry.lock",
    "gemfile.lock",
    "composer.lock",
    "uv.lock",
    "pipfile.lock",
    "bun.lockb",
    "flake.lock",
    "packages.lock.json",
];
/// How names of prose begin.
const PROSE_NAMES: [&str; 9] =
    ["changelog", "changes.", "readme", "license", "licence", "contributing", "authors", "codeowners", "release_notes"];

/// A file's name: what follows the last slash.
pub fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The folder a file stands in; empty at the root.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A file's name without its last ending.
pub fn stem(path: &str) -> &str {
    let name = name(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem })
}

/// What follows the last dot of a file's name; nothing where there is none.
pub fn ending(path: &str) -> &str {
    name(path).rsplit_once('.').map_or("", |(_, ending)| ending)
}

impl Language {
    /// By the file's ending.
    pub fn of(path: &str) -> Self {
        match ending(path) {
            "rs" => Self::Rust,
            "go" => Self::Go,
            "py" | "pyi" | "pyx" => Self::Python,
            "ts" | "tsx" | "js" | "jsx" | "mjs" | "cjs" | "mts" | "cts" | "vue" | "svelte" => Self::Script,
            "java" | "kt" | "kts" | "scala" | "groovy" => Self::Java,
            "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "hh" | "hxx" | "re2c" | "inl" | "ipp" => Self::C,
            "rb" => Self::Ruby,
            "cs" => Self::Sharp,
            "php" => Self::Php,
            _ => Self::Other,
        }
    }
}

impl Role {
    /// By folders and name.
    pub fn of(path: &str) -> Self {
        let folded = path.to_ascii_lowercase();
        let folders = || folder(&folded).split('/');
        let name = name(&folded);
        if LOCKS.contains(&name) {
            return Self::Lock;
        }
        if folders().any(|folder| VENDORED_FOLDERS.contains(&folder)) {
            return Self::Vendored;
        }
        if folders().any(|folder| TEST_FOLDERS.contains(&folder)) || is_test(name, self::name(path)) {
            return Self::Test;
        }
        let prose = PROSE_ENDINGS.contains(&ending(name)) && name != "cmakelists.txt" && name != "requirements.txt";
        if prose || PROSE_NAMES.iter().any(|start| name.starts_with(start)) {
            return Self::Prose;
        }
        if folders().any(|folder| PROSE_FOLDERS.contains(&folder)) && Language::of(path) == Language::Other {
            return Self::Prose;
        }
        Self::Source
    }
}

/// Whether a file is a test by its name; `written` as it stands, the other folded.
fn is_test(name: &str, written: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_tests")
        || stem.ends_with("_spec")
        || stem == "tests"
        || stem == "conftest"
        || name.contains(".test.")
        || name.contains(".spec.")
        || self::stem(written).ends_with("Test")
        || self::stem(written).ends_with("Tests")
}

/// Whether a file is never text, by its ending alone.
pub fn is_binary_name(path: &str) -> bool {
    BINARY_ENDINGS.contains(&ending(path).to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_roles() {
        for (path, role) in [
            ("src/parse/parser.rs", Role::Source),
            ("tests/help.rs", Role::Test),
            ("internal/config/config_test.go", Role::Test),
            ("packages/build/src/options_spec.ts", Role::Test),
            ("src/main/java/JsonParserTest.java", Role::Test),
            ("src/builders/unit-test/builder.ts", Role::Source),
            ("CHANGELOG.md", Role::Prose),
            ("docs/conf.py", Role::Source),
            ("docs/schema.json", Role::Prose),
            ("CMakeLists.txt", Role::Source),
            ("ui/package-lock.json", Role::Lock),
            ("vendor/zlib/inflate.c", Role::Vendored),
            (".github/workflows/ci.yml", Role::Source),
            ("Dockerfile", Role::Source),
        ] {
            assert_eq!(Role::of(path), role, "{path}");
        }
        assert_eq!((stem("a/b.tar.gz"), ending("a/b.tar.gz"), stem(".gitignore")), ("b.tar", "gz", ".gitignore"));
    }
}
