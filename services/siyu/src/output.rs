//! What the commands say to whoever typed them.

use std::{
    fmt::Display,
    io::{ErrorKind, Write, stdout},
};

use siyu_rpc::ERROR_DOMAIN;
use tonic::Status;
use tonic_types::StatusExt;

/// Prints a text to standard output. A reader who has seen enough (`siyu report … | head`) is no error.
///
/// # Errors
/// When standard output cannot be written for another reason.
pub fn print(text: impl Display) -> anyhow::Result<()> {
    match writeln!(stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// An error as one line. What a server answered is shown as its message and reason, not as a data structure.
#[must_use]
pub fn one_line(error: &anyhow::Error) -> String {
    let part = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<Status>() {
        Some(status) => of_server(status),
        None => cause.to_string(),
    };
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = part(cause);
        // Some errors already end with what is behind them.
        if !parts.last().is_some_and(|before| before.ends_with(&text)) {
            parts.push(text);
        }
        if cause.is::<Status>() {
            break;
        }
    }
    parts.join(": ")
}

fn of_server(status: &Status) -> String {
    let details = status.get_error_details();
    let reason =
        details.error_info().filter(|info| info.domain == ERROR_DOMAIN).map(|info| info.reason.as_str());
    match reason {
        Some(reason) => format!("{} ({reason})", status.message()),
        None => format!("{} ({:?})", status.message(), status.code()),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn an_answer_of_a_server_is_shown_as_message_and_reason() {
        let status = Status::from(siyu_rpc::Error::not_found("accounts/x"));
        let error = Err::<(), _>(status).context("cannot open the import i").unwrap_err();
        assert_eq!(
            one_line(&error),
            "cannot open the import i: accounts/x does not exist (RESOURCE_NOT_FOUND)"
        );
    }

    #[test]
    fn what_was_said_is_not_said_twice() {
        let missing = std::io::Error::from(ErrorKind::NotFound);
        let text = missing.to_string();
        let error = anyhow::Error::new(missing).context(format!("keys: {text}"));
        assert_eq!(one_line(&error), format!("keys: {text}"));
    }
}
