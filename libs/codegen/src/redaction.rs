//! `Debug` of messages with secrets: a field marked `debug_redact` does not show what is in it, so that no log does.

use std::fmt::Write;

use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor};

use crate::{is_ours, rust_path, validation::rust_field};

/// The full name of every message that has such a field.
pub fn messages(pool: &DescriptorPool) -> impl Iterator<Item = String> {
    redacted(pool).map(|message| message.full_name().to_owned())
}

/// Generates one `impl Debug` for each of [`messages`].
#[must_use]
pub fn generate(pool: &DescriptorPool) -> String {
    let mut code = String::new();
    for message in redacted(pool) {
        let name = message.name();
        let fields: String = message.fields().map(|field| shown(&field)).collect();
        writeln!(
            code,
            "impl ::core::fmt::Debug for {} {{\n    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n        \
             f.debug_struct({name:?}){fields}.finish()\n    }}\n}}",
            rust_path(message.package_name(), name)
        )
        .expect("writing to a String");
    }
    code
}

fn redacted(pool: &DescriptorPool) -> impl Iterator<Item = MessageDescriptor> {
    pool.all_messages().filter(is_ours).filter(|message| message.fields().any(|field| is_redacted(&field)))
}

fn shown(field: &FieldDescriptor) -> String {
    let name = field.name();
    if is_redacted(field) {
        format!(".field({name:?}, &\"[redacted]\")")
    } else {
        format!(".field({name:?}, &self.{})", rust_field(name))
    }
}

fn is_redacted(field: &FieldDescriptor) -> bool {
    let options = field.options();
    options.get_field_by_name("debug_redact").and_then(|value| value.as_bool()) == Some(true)
}
