//! The program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    task_orchestrator::cli::main()
}
