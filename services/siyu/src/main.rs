//! See [`siyu::cli`].

use std::process::ExitCode;

use tokio::runtime::Runtime;

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
