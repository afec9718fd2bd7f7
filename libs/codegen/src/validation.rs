//! `buf.validate` rules as plain Rust.
//!
//! Supported: `required` and `ignore` on every field; `min_len`, `max_len`, `pattern` of strings; bounds of numbers
//! and durations; `defined_only`, `not_in` of enums; `min_items`, `max_items`, `unique`, `items` of repeated fields.
//! Messages inside messages are validated with them, as protovalidate does.

use std::fmt::Write;

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value,
};

use crate::{Error, is_ours, rust_path};

const EXTENSION: &str = "buf.validate.field";
/// `buf.validate.Ignore`
const IGNORE_IF_ZERO_VALUE: i32 = 1;
const IGNORE_ALWAYS: i32 = 3;

/// Generates one `impl Validate` per message of the `siyu.` packages.
///
/// # Errors
/// [`Error::UnsupportedRule`] for a rule that would not be enforced.
pub fn generate(pool: &DescriptorPool) -> Result<String, Error> {
    let extension = pool.get_extension_by_name(EXTENSION).ok_or(Error::MissingExtension(EXTENSION))?;
    let mut code = String::new();
    for message in pool.all_messages().filter(is_ours) {
        let body = message_checks(&message, &extension)?;
        writeln!(
            code,
            "impl crate::Validate for {} {{\n    fn validate(&self, out: &mut crate::Violations) {{\n        \
             let _ = &out;\n{body}    }}\n}}",
            rust_path(&message)
        )
        .expect("writing to a String");
    }
    Ok(code)
}

fn message_checks(message: &MessageDescriptor, extension: &ExtensionDescriptor) -> Result<String, Error> {
    if message.oneofs().any(|oneof| !oneof.is_synthetic()) {
        // Their Rust shape differs; add support with the first contract that needs one.
        return Err(Error::UnsupportedRule {
            field: message.full_name().to_owned(),
            rule: "oneof".to_owned(),
        });
    }
    let mut body = String::new();
    for field in message.fields() {
        let options = field.options();
        let rules = options.has_extension(extension).then(|| options.get_extension(extension).into_owned());
        let rules = rules.as_ref().and_then(Value::as_message);
        body.push_str(&Checks { field: &field, rules }.generate()?);
    }
    Ok(body)
}

/// The checks of one field.
struct Checks<'a> {
    field: &'a FieldDescriptor,
    rules: Option<&'a DynamicMessage>,
}

impl Checks<'_> {
    fn generate(&self) -> Result<String, Error> {
        let field = self.field;
        let name = field.name();
        let access = format!("self.{}", rust_field(name));
        let ignore = self.rules.map_or(0, ignore_of);
        if ignore == IGNORE_ALWAYS {
            return Ok(String::new());
        }
        let required = self.rules.is_some_and(|rules| flag(rules, "required"));
        let mut code = String::new();
        if field.is_list() {
            if required {
                code += &check(&format!("!{access}.is_empty()"), name, "must not be empty");
            }
            code += &self.repeated(&access)?;
        } else if let Kind::Message(message) = field.kind() {
            if required {
                code += &check(&format!("{access}.is_some()"), name, "is required");
            }
            let inner = self.value_checks("value", "\"\"")?;
            let nested =
                is_ours(&message).then_some("crate::Validate::validate(value, out);").unwrap_or_default();
            if !inner.is_empty() || !nested.is_empty() {
                let body = format!("{}{nested}", inner.replace("out.check(", "out.check_here("));
                write!(
                    code,
                    "if let Some(value) = &{access} {{ out.within({name:?}, |out| {{ {body} }}); }}\n"
                )
                .expect("writing to a String");
            }
        } else {
            let zero = match field.kind() {
                Kind::String | Kind::Bytes => format!("{access}.is_empty()"),
                Kind::Bool => format!("!{access}"),
                Kind::Double | Kind::Float => format!("{access} == 0.0"),
                _ => format!("{access} == 0"),
            };
            if required {
                code += &check(&format!("!({zero})"), name, "is required");
            }
            let value = if matches!(field.kind(), Kind::String) {
                format!("{access}.as_str()")
            } else {
                access.clone()
            };
            let checks = self.value_checks(&value, &format!("{name:?}"))?;
            code += &if ignore == IGNORE_IF_ZERO_VALUE && !checks.is_empty() {
                format!("if !({zero}) {{ {checks} }}\n")
            } else {
                checks
            };
        }
        Ok(code)
    }

    fn repeated(&self, access: &str) -> Result<String, Error> {
        let name = self.field.name();
        let mut code = String::new();
        let mut item_rules = None;
        if let Some((kind, rules)) = self.rules.and_then(typed_rules) {
            if kind != "repeated" {
                return Err(self.unsupported(&kind));
            }
            for (rule, value) in rules.fields() {
                match rule.name() {
                    "min_items" => {
                        let least = number(value);
                        code += &check(
                            &format!("{access}.len() >= {least}"),
                            name,
                            &format!("must have at least {least} items"),
                        );
                    }
                    "max_items" => {
                        let most = number(value);
                        code += &check(
                            &format!("{access}.len() <= {most}"),
                            name,
                            &format!("must have at most {most} items"),
                        );
                    }
                    "unique" => {
                        code += &check(
                            &format!("crate::all_distinct(&{access})"),
                            name,
                            "must not have equal items",
                        );
                    }
                    "items" => item_rules = value.as_message().cloned(),
                    other => return Err(self.unsupported(&format!("repeated.{other}"))),
                }
            }
        }
        if item_rules.as_ref().map_or(0, ignore_of) == IGNORE_ALWAYS {
            return Ok(code);
        }
        let items = Checks { field: self.field, rules: item_rules.as_ref() };
        let value =
            if matches!(self.field.kind(), Kind::String | Kind::Message(_)) { "value" } else { "*value" };
        let inner = items.value_checks(value, "\"\"")?.replace("out.check(", "out.check_here(");
        let nested = matches!(self.field.kind(), Kind::Message(message) if is_ours(&message));
        let nested = if nested { "crate::Validate::validate(value, out);" } else { "" };
        if !inner.is_empty() || !nested.is_empty() {
            write!(
                code,
                "for (index, value) in {access}.iter().enumerate() {{ out.within_item({name:?}, index, |out| {{ {inner}{nested} }}); }}\n"
            )
            .expect("writing to a String");
        }
        Ok(code)
    }

    /// Checks of one value; `value` is its Rust expression, `at` the literal of the field name.
    fn value_checks(&self, value: &str, at: &str) -> Result<String, Error> {
        let Some((kind, rules)) = self.rules.and_then(typed_rules) else { return Ok(String::new()) };
        let mut code = String::new();
        for (rule, argument) in rules.fields() {
            let (condition, message) = match (kind.as_str(), rule.name()) {
                ("string", "min_len") => {
                    let n = number(argument);
                    (format!("{value}.chars().count() >= {n}"), format!("must have at least {n} characters"))
                }
                ("string", "max_len") => {
                    let n = number(argument);
                    (
                        format!("crate::at_most_chars({value}, {n})"),
                        format!("must have at most {n} characters"),
                    )
                }
                ("string", "pattern") => {
                    let pattern = argument.as_str().unwrap_or_default();
                    (
                        format!(
                            "{{ static PATTERN: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| \
                             regex::Regex::new({pattern:?}).expect(\"patterns are tested\")); PATTERN.is_match({value}) }}"
                        ),
                        format!("must match {pattern}"),
                    )
                }
                (
                    "int32" | "int64" | "uint32" | "uint64" | "double" | "float",
                    bound @ ("gt" | "gte" | "lt" | "lte"),
                ) => {
                    let n = number(argument);
                    let (operator, words) = comparison(bound);
                    (format!("{value} {operator} {n}"), format!("must be {words} {n}"))
                }
                ("duration", bound @ ("gt" | "gte" | "lt" | "lte")) => {
                    let (operator, words) = comparison(bound);
                    let (seconds, nanos) = duration(argument);
                    (
                        format!("({value}.seconds, {value}.nanos) {operator} ({seconds}, {nanos})"),
                        format!("must be {words} {seconds} s"),
                    )
                }
                ("enum", "defined_only") => {
                    let Kind::Enum(descriptor) = self.field.kind() else {
                        return Err(self.unsupported("enum"));
                    };
                    let known: Vec<String> = descriptor.values().map(|v| v.number().to_string()).collect();
                    (
                        format!("matches!({value}, {})", known.join(" | ")),
                        "must be a defined value".to_owned(),
                    )
                }
                ("enum", "not_in") => {
                    let numbers: Vec<String> =
                        argument.as_list().unwrap_or_default().iter().map(number).collect();
                    (format!("!matches!({value}, {})", numbers.join(" | ")), "must be set".to_owned())
                }
                (kind, rule) => return Err(self.unsupported(&format!("{kind}.{rule}"))),
            };
            writeln!(code, "out.check({at}, {condition}, {message:?});").expect("writing to a String");
        }
        Ok(code)
    }

    fn unsupported(&self, rule: &str) -> Error {
        Error::UnsupportedRule { field: self.field.full_name().to_owned(), rule: rule.to_owned() }
    }
}

fn check(condition: &str, name: &str, message: &str) -> String {
    format!("out.check({name:?}, {condition}, {message:?});\n")
}

/// The rules of the one type that is set, e.g. (`string`, StringRules).
fn typed_rules(rules: &DynamicMessage) -> Option<(String, DynamicMessage)> {
    let (descriptor, value) =
        rules.fields().find(|(descriptor, _)| descriptor.containing_oneof().is_some())?;
    Some((descriptor.name().to_owned(), value.as_message()?.clone()))
}

fn flag(rules: &DynamicMessage, name: &str) -> bool {
    rules.get_field_by_name(name).and_then(|v| v.as_bool()).unwrap_or(false)
}

fn ignore_of(rules: &DynamicMessage) -> i32 {
    rules.get_field_by_name("ignore").and_then(|v| v.as_enum_number()).unwrap_or(0)
}

fn comparison(bound: &str) -> (&'static str, &'static str) {
    match bound {
        "gt" => (">", "greater than"),
        "gte" => (">=", "at least"),
        "lt" => ("<", "less than"),
        _ => ("<=", "at most"),
    }
}

fn number(value: &Value) -> String {
    match value {
        Value::I32(n) => n.to_string(),
        Value::I64(n) => n.to_string(),
        Value::U32(n) => n.to_string(),
        Value::U64(n) => n.to_string(),
        Value::EnumNumber(n) => n.to_string(),
        Value::F32(n) => format!("{n:?}"),
        Value::F64(n) => format!("{n:?}"),
        other => unreachable!("validate.proto gives numbers here, not {other:?}"),
    }
}

fn duration(value: &Value) -> (i64, i32) {
    let message = value.as_message().expect("validate.proto gives a Duration here");
    let seconds = message.get_field_by_name("seconds").and_then(|v| v.as_i64()).unwrap_or_default();
    let nanos = message.get_field_by_name("nanos").and_then(|v| v.as_i32()).unwrap_or_default();
    (seconds, nanos)
}

/// Field names that are Rust keywords are raw identifiers in prost's output.
fn rust_field(name: &str) -> String {
    match name {
        "type" | "match" | "ref" | "use" | "where" | "in" | "for" | "move" | "loop" => format!("r#{name}"),
        _ => name.to_owned(),
    }
}
