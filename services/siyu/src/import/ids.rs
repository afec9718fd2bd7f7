//! Names: of the account, the import, and every event. The same file gives the same event ids every time, which is
//! what makes an import safe to repeat.

use std::{fmt::Write, path::Path};

use sha2::{Digest, Sha256};

const MAX_IMPORT_ID: usize = 64;
const MAX_EVENT_ID: usize = 128;
/// The longest import id that leaves room for a line in the id of a message, which has 64 characters at most.
pub(super) const MAX_MESSAGES_IMPORT_ID: usize = 52;

/// Reads `accounts/ID` or `ID` as `accounts/ID`.
pub(super) fn parse_account(text: &str) -> Result<String, String> {
    let id = text.strip_prefix("accounts/").unwrap_or(text);
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=63).contains(&id.len()) && id.bytes().all(allowed) {
        Ok(format!("accounts/{id}"))
    } else {
        Err("expected accounts/ID, an id being 1 to 63 of a-z 0-9 -".to_owned())
    }
}

fn allowed_in_import_id(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-')
}

/// Checks an import id.
pub(super) fn parse_import_id(text: &str) -> Result<String, String> {
    if (1..=MAX_IMPORT_ID).contains(&text.len()) && text.chars().all(allowed_in_import_id) {
        Ok(text.to_owned())
    } else {
        Err(format!("expected 1 to {MAX_IMPORT_ID} of A-Z a-z 0-9 . _ -"))
    }
}

/// The import id of a file that was given none: `cdnow-CDNOW_master`.
pub(super) fn default_import_id(format: &str, file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    format!("{format}-{stem}")
        .chars()
        .map(|letter| if allowed_in_import_id(letter) { letter } else { '-' })
        .take(MAX_IMPORT_ID)
        .collect()
}

/// The event id of the row that starts at a line.
pub(super) fn row_event_id(import_id: &str, line: u64) -> String {
    format!("{import_id}:{line:010}")
}

/// The id of the message whose row starts at a line.
pub(super) fn message_id(import_id: &str, line: u64) -> String {
    format!("{import_id}:{line:010}")
}

/// The event id of the follow that is added for a customer: no two customers share one.
pub(super) fn follow_event_id(import_id: &str, customer: &str) -> String {
    let prefix = format!("{import_id}:follow:");
    let mut escaped = String::with_capacity(customer.len());
    for byte in customer.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-') {
            escaped.push(char::from(byte));
        } else {
            push_hex(&mut escaped, ".", &[byte]);
        }
    }
    if prefix.len() + escaped.len() > MAX_EVENT_ID {
        // `.h` begins no escape, so a digest equals no escaped id.
        escaped.clear();
        push_hex(&mut escaped, ".h", &Sha256::digest(customer.as_bytes())[..24]);
    }
    prefix + &escaped
}

fn push_hex(text: &mut String, prefix: &str, bytes: &[u8]) {
    text.push_str(prefix);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
}

/// The user that stands in for the missing one of a row.
pub(super) fn guest(import_id: &str, line: u64) -> String {
    format!("guest-{import_id}-{line}")
}
