//! The program: everything is in the library.

use std::process::ExitCode;

/// A story of the simulator, a webhook and a plan all live on many small allocations: the system's allocator takes a
/// fifth longer over the same stories (docs/reliability.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    task_orchestrator::cli::main()
}
