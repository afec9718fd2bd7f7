//! See [`siyu::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;
use tokio::runtime::Runtime;

/// A call is many small allocations that live for microseconds: glibc's allocator took a fifth of the processor of a read.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the system gives no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(siyu::cli::run(std::env::args_os())).unwrap_or_else(|error| {
        eprintln!("error: {}", siyu::output::one_line(&error));
        ExitCode::FAILURE
    });
    // Work that did not stop when it was told to is not waited for.
    runtime.shutdown_background();
    code
}
