//! The keyferry program: parses its arguments, runs, and ends with an exit code.

use std::process::ExitCode;

/// Returns memory to the system after a burst, which the platform's allocator does late.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    keyferry::cli::run(std::env::args_os())
}
