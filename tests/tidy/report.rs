//! What a check found, said so that the reader can go there and mend it.

/// Findings of one check.
#[derive(Default)]
pub(crate) struct Report {
    findings: Vec<String>,
}

impl Report {
    /// Adds a finding: where, what, and what to do.
    pub(crate) fn add(&mut self, path: &str, line: usize, what: String, remedy: &str) {
        let finding = format!("{path}:{line}: {what}\n    → {remedy}");
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// The findings, in the order they were made.
    pub(crate) fn findings(&self) -> &[String] {
        &self.findings
    }

    /// Fails the test when there is any finding.
    #[track_caller]
    pub(crate) fn conclude(&self, rule: &str) {
        assert!(self.findings.is_empty(), "{rule}\n\n{}\n\n{} in all", self.findings.join("\n"), self.findings.len());
    }
}
