//! Regular expressions of operators: searched in linear time, and none larger than it may be.

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::fold::Folding;

/// Most bytes of one expression as it is compiled. All of an account are limited by their number.
const MOST_BYTES: usize = 128 * 1024;
/// Parentheses within each other.
const MOST_NESTED: u32 = 20;
/// Most bytes of all of them. With fewer than `MOST_PATTERNS` of `MOST_BYTES` each it is not reached.
const MOST_BYTES_OF_ALL: usize = 64 * 1024 * 1024;
/// Most bytes that one search may keep of what it has learnt.
const MOST_CACHED: usize = 1024 * 1024;

/// Whether it is an expression that may be used.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn check(pattern: &str, folding: Folding) -> Result<(), String> {
    let compiled = compile(&folding.fold_pattern(pattern), folding)?;
    if compiled.is_match("") {
        return Err("must not match an empty text".to_owned());
    }
    Ok(())
}

fn compile(pattern: &str, folding: Folding) -> Result<Regex, String> {
    let compiled = RegexBuilder::new(pattern)
        .case_insensitive(folding.case)
        .size_limit(MOST_BYTES)
        .nest_limit(MOST_NESTED)
        .build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "is too large: repeat less, or smaller parts".to_owned(),
        // The first line says "regex parse error", the last what it is.
        other => format!(
            "must be a regular expression (RE2 syntax): {}",
            other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ")
        ),
    })
}

/// Those of several, each of which was checked, as one.
///
/// # Errors
/// What is wrong with them together.
pub(crate) fn compile_all(patterns: &[String], folding: Folding) -> Result<RegexSet, regex::Error> {
    RegexSetBuilder::new(patterns)
        .case_insensitive(folding.case)
        .size_limit(MOST_BYTES_OF_ALL)
        .dfa_size_limit(MOST_CACHED)
        .nest_limit(MOST_NESTED)
        .build()
}
