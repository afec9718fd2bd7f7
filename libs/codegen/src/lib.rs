//! Turns what the protos declare into Rust: `buf.validate` rules into validation code ([`validation`]) and
//! `siyu.common.v1.policy` options into the table of who may call what ([`policy`]). Secrets are left out of what `Debug`
//! shows ([`redaction`]).
//!
//! The first two refuse what they do not understand: a rule that would not be enforced, or a method that nobody decided
//! about, fails the build of `siyu-proto`.

pub mod policy;
pub mod redaction;
pub mod validation;

use prost_reflect::MessageDescriptor;

/// Why code could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A `buf.validate` rule that the generator cannot turn into code.
    #[error("{field}: the rule `{rule}` is not supported; extend siyu-codegen or choose another rule")]
    UnsupportedRule {
        /// Full name of the field.
        field: String,
        /// The rule, e.g. `string.email`.
        rule: String,
    },
    /// A `pattern` that is no regular expression.
    #[error("{field}: the pattern is no regular expression: {problem}")]
    BadPattern {
        /// Full name of the field.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A method without `option (siyu.common.v1.policy)`.
    #[error("{method}: no policy; add `option (siyu.common.v1.policy) = {{…}}` to say who may call it")]
    MissingPolicy {
        /// Full name of the method.
        method: String,
    },
    /// A policy that contradicts itself or its request.
    #[error("{method}: {problem}")]
    BadPolicy {
        /// Full name of the method.
        method: String,
        /// What is wrong.
        problem: String,
    },
    /// A method that changes something and cannot be repeated safely.
    #[error(
        "{method}: give {request} a field `string request_id`, or say `option idempotency_level = IDEMPOTENT` and why \
         repeating it is harmless"
    )]
    MissingRequestId {
        /// Full name of the method.
        method: String,
        /// Full name of its request.
        request: String,
    },
    /// The descriptors lack an option that the generator reads.
    #[error("the descriptors do not define `{0}`")]
    MissingExtension(&'static str),
}

/// The Rust path of a type in `siyu-proto`: `siyu.crm.v1.Fan` is `crate::crm::v1::Fan`.
fn rust_path(package: &str, name: &str) -> String {
    format!("crate::{}::{name}", package.trim_start_matches("siyu.").replace('.', "::"))
}

/// Whether generated code exists for a message: those of the suite, without map entries.
fn is_ours(message: &MessageDescriptor) -> bool {
    message.package_name().starts_with("siyu.") && !message.is_map_entry()
}
