//! The text of the one pull request in which a repository is offered its first files.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::engine::render::text;
use crate::starter::{Committer, StarterFile};

/// The branch it comes from, by which it is found again.
pub const BRANCH: &str = "orchestrate/onboarding";
/// Its title, and what its commit says.
pub const TITLE: &str = "Set up task-orchestrator";
/// Longest address of a link. GitHub refuses much longer ones; then the link fills in the name alone.
const LINK_BYTES_MAX: usize = 7_500;
/// What stays as it is in the values of a link; blanks become `+`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b':')
    .remove(b',')
    .remove(b'@')
    .remove(b'$')
    .remove(b' ');

/// Why it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody chose this very repository when they installed the App.
    Chosen,
    /// An issue was labelled.
    Labelled,
}

/// What the text tells of.
#[derive(Clone, Debug)]
pub struct Onboarding<'a> {
    /// The repository's page, without a slash at the end.
    pub page: &'a str,
    /// The default branch.
    pub branch: &'a str,
    /// The label that hands an issue over.
    pub label: &'a str,
    /// Why.
    pub reason: Reason,
}

fn encoded(value: &str) -> String {
    utf8_percent_encode(value, ENCODED).to_string().replace(' ', "+")
}

/// GitHub's editor for a new file with name and text filled in: whoever opens it commits it with their own rights.
pub fn new_file_link(page: &str, branch: &str, file: &StarterFile) -> String {
    let link = format!("{page}/new/{}?filename={}", encoded(branch), encoded(file.path));
    let whole = format!("{link}&value={}", encoded(&file.text));
    if whole.len() <= LINK_BYTES_MAX { whole } else { link }
}

/// The pull request's text.
pub fn body(onboarding: &Onboarding<'_>, files: &[StarterFile]) -> String {
    let Onboarding { branch, label, reason, .. } = onboarding;
    let (branch, label) = (text::code(branch), text::code(label));
    let reason = match reason {
        Reason::Chosen => "this repository was chosen when the App was installed".to_owned(),
        Reason::Labelled => format!("an issue here has the label `{label}`"),
    };
    let mut body = format!(
        "This is opened because {reason}. It offers the first files and changes nothing else:\n\n| file | what it does \
         |\n|---|---|\n"
    );
    for file in files.iter().filter(|file| file.committer == Committer::Anybody) {
        let _ = writeln!(body, "| `{}` | {} |", file.path, file.purpose);
    }
    let _ = write!(
        body,
        "\n**Merge** it to take them; change them on this branch first, if you like. **Close** it to go without: it is \
         never opened again, and everything works with the defaults.\n\n## What only you can add\n\nThe App may not \
         write workflow files. Nothing is dispatched before they are on `{branch}`. Each link opens GitHub's editor \
         with the file filled in; read it, and commit it there with your own rights.\n\n"
    );
    for file in files.iter().filter(|file| file.committer == Committer::Person) {
        let link = new_file_link(onboarding.page, onboarding.branch, file);
        let _ = writeln!(body, "- [Add `{}`]({link}): {}.", file.path, file.purpose);
    }
    for file in files.iter().filter(|file| file.committer == Committer::Person) {
        let fence = text::fenced(&file.text).replacen("```text", "```yaml", 1);
        let _ = write!(
            body,
            "\n<details><summary>The text of <code>{}</code></summary>\n\n{fence}\n\n</details>\n",
            file.path
        );
    }
    let _ = write!(
        body,
        "\n## Then\n\n1. Make the environment `orchestrate` in the repository's settings, with the agent's key as the \
         secret `CODEX_API_KEY`.\n2. Give an issue the label `{label}`.\n3. Within a minute or two the plan stands in \
         a pinned issue. Nothing runs before somebody who may write here has approved it there.\n"
    );
    body
}
