//! The bundled sample project of the demo: a small shop's stockroom in plain shell, seventeen issues in three phases,
//! and an agent that solves them by number. Each merged change leaves `check.sh` green, in any order the plan allows.
//!
//! Two pairs of issues touch the same file and say so (2 and 4, 10 and 12), a third (14 and 15) names no file, and only
//! its words lead to the one that both change. 5 depends on 2, fails once and needs its error to succeed, 7 falls
//! silent once in each work tree, 11 needs no change, 8 fails every time, and 9 waits for 8. Nothing says that 16 and
//! 17 both touch the end of README.md: their real work tells, and whoever comes second is brought onto the other's
//! merge.

/// The project's files: path and text. The first commit of the demo's repository holds exactly these.
pub const FILES: &[(&str, &str)] = &[
    (".gitignore", include_str!("sample/project/.gitignore")),
    ("README.md", include_str!("sample/project/README.md")),
    ("check.sh", include_str!("sample/project/check.sh")),
    ("commands/help.sh", include_str!("sample/project/commands/help.sh")),
    ("commands/list.sh", include_str!("sample/project/commands/list.sh")),
    ("commands/receive.sh", include_str!("sample/project/commands/receive.sh")),
    ("commands/report.sh", include_str!("sample/project/commands/report.sh")),
    ("commands/ship.sh", include_str!("sample/project/commands/ship.sh")),
    ("commands/show.sh", include_str!("sample/project/commands/show.sh")),
    ("data/items.csv", include_str!("sample/project/data/items.csv")),
    ("data/suppliers.csv", include_str!("sample/project/data/suppliers.csv")),
    ("docs/commands.md", include_str!("sample/project/docs/commands.md")),
    ("docs/data.md", include_str!("sample/project/docs/data.md")),
    ("lib/format.sh", include_str!("sample/project/lib/format.sh")),
    ("lib/items.sh", include_str!("sample/project/lib/items.sh")),
    ("lib/money.sh", include_str!("sample/project/lib/money.sh")),
    ("stock.sh", include_str!("sample/project/stock.sh")),
    ("tests/lib/expect.sh", include_str!("sample/project/tests/lib/expect.sh")),
    ("tests/list.sh", include_str!("sample/project/tests/list.sh")),
    ("tests/money.sh", include_str!("sample/project/tests/money.sh")),
    ("tests/receive.sh", include_str!("sample/project/tests/receive.sh")),
    ("tests/report.sh", include_str!("sample/project/tests/report.sh")),
    ("tests/ship.sh", include_str!("sample/project/tests/ship.sh")),
];

/// The issues, in the form of `gh issue list --json number,title,body,labels`.
pub const ISSUES: &str = include_str!("sample/issues.json");

/// The agent: a POSIX shell script that speaks the shell agent's protocol. Run it as `sh agent.sh` in the work tree;
/// each start takes about a second, or `STOCKROOM_PACE` seconds.
pub const AGENT: &str = include_str!("sample/agent.sh");

/// The file that issues 14 and 15 both change, and that neither names.
pub const COMMON_FILE: &str = "lib/items.sh";

/// The command that checks the project, run in its root; a second at most.
pub const CHECK: &str = "sh check.sh";

#[cfg(test)]
mod tests;
