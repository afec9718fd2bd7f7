//! See [`siyu::cli`].

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match siyu::cli::run(std::env::args_os()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", siyu::output::one_line(&error));
            ExitCode::FAILURE
        }
    }
}
