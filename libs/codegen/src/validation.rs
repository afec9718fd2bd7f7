//! `buf.validate` rules as plain Rust.
//!
//! Supported: `required` on every field, `ignore` on every one that is not `optional`; `min_len`, `max_len`, `pattern` of
//! strings; bounds of numbers and durations; `defined_only`, `not_in` of enums; `min_items`, `max_items`, `unique`, `items`
//! of repeated fields. The rules of an `optional` field count where it is set. Messages inside messages are validated with
//! them, as protovalidate does. No string may contain U+0000.

use std::fmt::Write;

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value,
};

use crate::{Error, is_ours, rust_path};

const EXTENSION: &str = "buf.validate.field";
const OF_MESSAGE: &str = "buf.validate.message";
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
            rust_path(message.package_name(), message.name())
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
    let of_message = message.parent_pool().get_extension_by_name(OF_MESSAGE);
    if of_message.is_some_and(|rules| message.options().has_extension(&rules)) {
        return Err(Error::UnsupportedRule {
            field: message.full_name().to_owned(),
            rule: OF_MESSAGE.to_owned(),
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

/// What a check blames.
#[derive(Clone, Copy)]
enum Blame<'a> {
    /// The field of that name.
    Field(&'a str),
    /// The value that is being looked at: an item, or the content of a message field.
    Here,
}

impl Blame<'_> {
    fn check(self, condition: &str, rule: &str) -> String {
        match self {
            Self::Field(name) => format!("out.check({name:?}, {condition}, {rule:?});\n"),
            Self::Here => format!("out.check_here({condition}, {rule:?});\n"),
        }
    }
}

impl Checks<'_> {
    fn generate(&self) -> Result<String, Error> {
        self.refuse_all_but(&["required", "ignore"])?;
        let access = format!("self.{}", rust_field(self.field.name()));
        if self.ignore() == IGNORE_ALWAYS {
            Ok(String::new())
        } else if self.field.is_list() {
            self.repeated(&access)
        } else if let Kind::Message(message) = self.field.kind() {
            self.message(&access, &message)
        } else if self.field.containing_oneof().is_some() {
            self.optional(&access)
        } else {
            self.scalar(&access)
        }
    }

    fn scalar(&self, access: &str) -> Result<String, Error> {
        let blame = Blame::Field(self.field.name());
        let zero = match self.field.kind() {
            Kind::String | Kind::Bytes => format!("{access}.is_empty()"),
            Kind::Bool => format!("!{access}"),
            Kind::Double | Kind::Float => format!("{access} == 0.0"),
            _ => format!("{access} == 0"),
        };
        let value = match self.field.kind() {
            Kind::String => format!("{access}.as_str()"),
            _ => access.to_owned(),
        };
        let required =
            if self.required() { blame.check(&format!("!({zero})"), "is required") } else { String::new() };
        let checks = self.value_checks(&value, blame)?;
        if self.ignore() == IGNORE_IF_ZERO_VALUE && !checks.is_empty() {
            return Ok(format!("{required}if !({zero}) {{ {checks} }}\n"));
        }
        Ok(required + &checks)
    }

    /// A field that says `optional`: its rules count where it is set.
    fn optional(&self, access: &str) -> Result<String, Error> {
        if self.ignore() != 0 {
            return Err(self.unsupported("ignore"));
        }
        let blame = Blame::Field(self.field.name());
        let set = if matches!(self.field.kind(), Kind::String) { ".as_deref()" } else { "" };
        let mut code = String::new();
        if self.required() {
            code += &blame.check(&format!("{access}.is_some()"), "is required");
        }
        let checks = self.value_checks("value", blame)?;
        if !checks.is_empty() {
            code += &format!("if let Some(value) = {access}{set} {{ {checks} }}\n");
        }
        Ok(code)
    }

    fn message(&self, access: &str, message: &MessageDescriptor) -> Result<String, Error> {
        let name = self.field.name();
        let mut code = String::new();
        if self.required() {
            code += &Blame::Field(name).check(&format!("{access}.is_some()"), "is required");
        }
        let inner = self.value_checks("value", Blame::Here)? + nested(message);
        if !inner.is_empty() {
            code +=
                &format!("if let Some(value) = &{access} {{ out.within({name:?}, |out| {{ {inner} }}); }}\n");
        }
        Ok(code)
    }

    fn repeated(&self, access: &str) -> Result<String, Error> {
        let name = self.field.name();
        let blame = Blame::Field(name);
        let mut code = String::new();
        if self.required() {
            code += &blame.check(&format!("!{access}.is_empty()"), "must not be empty");
        }
        let mut item_rules = None;
        if let Some((kind, rules)) = self.rules.and_then(typed_rules) {
            if kind != "repeated" {
                return Err(self.unsupported(&kind));
            }
            for (rule, value) in rules.fields() {
                let (condition, words) = match rule.name() {
                    "min_items" => match number(value).as_str() {
                        "1" => (format!("!{access}.is_empty()"), "must not be empty".to_owned()),
                        least => (
                            format!("{access}.len() >= {least}"),
                            format!("must have at least {least} items"),
                        ),
                    },
                    "max_items" => {
                        let most = number(value);
                        (format!("{access}.len() <= {most}"), format!("must have at most {most} items"))
                    }
                    "unique" => {
                        (format!("crate::all_distinct(&{access})"), "must not have equal items".to_owned())
                    }
                    "items" => {
                        item_rules = value.as_message().cloned();
                        continue;
                    }
                    other => return Err(self.unsupported(&format!("repeated.{other}"))),
                };
                code += &blame.check(&condition, &words);
            }
        }
        let items = Checks { field: self.field, rules: item_rules.as_ref() };
        items.refuse_all_but(&["ignore"])?;
        if items.ignore() == IGNORE_ALWAYS {
            return Ok(code);
        }
        let kind = self.field.kind();
        let value = if matches!(kind, Kind::String | Kind::Message(_)) { "value" } else { "*value" };
        let inner = items.value_checks(value, Blame::Here)? + kind.as_message().map_or("", nested);
        if !inner.is_empty() {
            let look = format!("out.within_item({name:?}, index, |out| {{ {inner} }});");
            code += &format!("for (index, value) in {access}.iter().enumerate() {{ {look} }}\n");
        }
        Ok(code)
    }

    /// Refuses rules that belong to no type, such as `cel`, except those known.
    fn refuse_all_but(&self, known: &[&str]) -> Result<(), Error> {
        let set = self.rules.into_iter().flat_map(|rules| rules.fields());
        let other = set
            .map(|(rule, _)| rule)
            .find(|rule| rule.containing_oneof().is_none() && !known.contains(&rule.name()));
        other.map_or(Ok(()), |rule| Err(self.unsupported(rule.name())))
    }

    fn required(&self) -> bool {
        let value = self.rules.and_then(|rules| rules.get_field_by_name("required")?.as_bool());
        value.unwrap_or(false)
    }

    fn ignore(&self) -> i32 {
        let value = self.rules.and_then(|rules| rules.get_field_by_name("ignore")?.as_enum_number());
        value.unwrap_or(0)
    }

    /// Checks of one value; `value` is its Rust expression.
    fn value_checks(&self, value: &str, blame: Blame<'_>) -> Result<String, Error> {
        let mut code = String::new();
        if matches!(self.field.kind(), Kind::String) {
            // PostgreSQL cannot store it, and no text needs it.
            code +=
                &blame.check(&format!("!{value}.contains('\\0')"), "must not contain the character U+0000");
        }
        let Some((kind, rules)) = self.rules.and_then(typed_rules) else { return Ok(code) };
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
                    let field = || self.field.full_name().to_owned();
                    regex::Regex::new(pattern)
                        .map_err(|error| Error::BadPattern { field: field(), problem: error.to_string() })?;
                    (
                        format!(
                            "{{ static PATTERN: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| \
                             regex::Regex::new({pattern:?}).expect(\"checked when it was generated\")); PATTERN.is_match({value}) }}"
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
                        format!(
                            "(0..1_000_000_000).contains(&{value}.nanos) \
                             && ({value}.seconds, {value}.nanos) {operator} ({seconds}, {nanos})"
                        ),
                        format!("must be {words} {seconds} s"),
                    )
                }
                ("enum", "defined_only") => {
                    let Kind::Enum(descriptor) = self.field.kind() else {
                        return Err(self.unsupported("enum"));
                    };
                    let path = rust_path(descriptor.package_name(), descriptor.name());
                    (format!("{path}::is_valid({value})"), "must be a defined value".to_owned())
                }
                ("enum", "not_in") => {
                    let numbers: Vec<String> =
                        argument.as_list().unwrap_or_default().iter().map(number).collect();
                    (format!("!matches!({value}, {})", numbers.join(" | ")), "must be set".to_owned())
                }
                (kind, rule) => return Err(self.unsupported(&format!("{kind}.{rule}"))),
            };
            code += &blame.check(&condition, &message);
        }
        Ok(code)
    }

    fn unsupported(&self, rule: &str) -> Error {
        Error::UnsupportedRule { field: self.field.full_name().to_owned(), rule: rule.to_owned() }
    }
}

/// Validates a message of the suite inside another, as protovalidate does; of others nothing is known.
fn nested(message: &MessageDescriptor) -> &'static str {
    if is_ours(message) { "crate::Validate::validate(value, out);" } else { "" }
}

/// The rules of the one type that is set, e.g. (`string`, StringRules).
fn typed_rules(rules: &DynamicMessage) -> Option<(String, DynamicMessage)> {
    let (descriptor, value) =
        rules.fields().find(|(descriptor, _)| descriptor.containing_oneof().is_some())?;
    Some((descriptor.name().to_owned(), value.as_message()?.clone()))
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
pub(crate) fn rust_field(name: &str) -> String {
    match name {
        "type" | "match" | "ref" | "use" | "where" | "in" | "for" | "move" | "loop" => format!("r#{name}"),
        _ => name.to_owned(),
    }
}
