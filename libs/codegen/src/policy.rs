//! The table of methods and their policies, and the link from each request to its method.

use std::fmt::Write;

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, ReflectMessage,
};

use crate::{Error, rust_path};

const EXTENSION: &str = "siyu.common.v1.policy";
/// `google.protobuf.MethodOptions.IdempotencyLevel.NO_SIDE_EFFECTS`
const NO_SIDE_EFFECTS: i32 = 1;
/// `google.protobuf.MethodOptions.IdempotencyLevel.IDEMPOTENT`
const IDEMPOTENT: i32 = 2;
/// The field that makes any other method safe to repeat (AIP-155).
const REQUEST_ID: &str = "request_id";
/// Services for tests: they have no storage to remember a request in.
const TESTING: &str = "siyu.testing.v1";

/// Generates `METHODS` and one `impl Call` per request message of every service in a `siyu.` package.
///
/// # Errors
/// [`Error::MissingPolicy`] for a method without policy, [`Error::BadPolicy`] for one that cannot be enforced,
/// [`Error::MissingRequestId`] for a method that could not be repeated safely.
pub fn generate(pool: &DescriptorPool) -> Result<String, Error> {
    let extension = pool.get_extension_by_name(EXTENSION).ok_or(Error::MissingExtension(EXTENSION))?;
    let services = pool.services().filter(|service| service.package_name().starts_with("siyu."));
    let mut methods: Vec<MethodDescriptor> = services.flat_map(|s| s.methods().collect::<Vec<_>>()).collect();
    methods.sort_by_key(path);

    let mut table = String::new();
    let mut impls = String::new();
    for (index, method) in methods.iter().enumerate() {
        let policy = Policy::read(method, &extension)?;
        let request_id = request_id_expression(method)?;
        let level = idempotency_level(method);
        writeln!(
            table,
            "    crate::Method {{ path: {:?}, access: crate::common::v1::Access::{}, role: crate::common::v1::Role::{}, \
             client_streaming: {}, server_streaming: {}, read_only: {}, idempotent: {} }},",
            path(method),
            policy.access,
            policy.role,
            method.is_client_streaming(),
            method.is_server_streaming(),
            level == NO_SIDE_EFFECTS,
            level == NO_SIDE_EFFECTS || level == IDEMPOTENT,
        )
        .expect("writing to a String");
        writeln!(
            impls,
            "impl crate::Call for {} {{\n    fn method() -> &'static crate::Method {{ &METHODS[{index}] }}\n    \
             fn resource(&self) -> &str {{ {} }}\n    fn user(&self) -> &str {{ {} }}\n    \
             fn request_id(&self) -> &str {{ {} }}\n}}",
            rust_path(method.input().package_name(), method.input().name()),
            policy.resource_expression,
            policy.user_expression,
            request_id,
        )
        .expect("writing to a String");
    }
    Ok(format!(
        "/// Every method of the suite, sorted by path.\npub static METHODS: &[crate::Method] = &[\n{table}];\n{impls}"
    ))
}

/// `/siyu.crm.v1.FanService/GetFan`
fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

fn idempotency_level(method: &MethodDescriptor) -> i32 {
    let options = method.options();
    options.get_field_by_name("idempotency_level").and_then(|v| v.as_enum_number()).unwrap_or_default()
}

/// Rust expression of type `&str` over `self`: the id of the request, empty where the method needs none.
fn request_id_expression(method: &MethodDescriptor) -> Result<String, Error> {
    let request = method.input();
    let field = request.get_field_by_name(REQUEST_ID).filter(is_one_text);
    let needs_none = matches!(idempotency_level(method), NO_SIDE_EFFECTS | IDEMPOTENT)
        || method.parent_service().package_name() == TESTING;
    match field {
        Some(_) => Ok(format!("self.{REQUEST_ID}.as_str()")),
        None if needs_none => Ok("\"\"".to_owned()),
        None => Err(Error::MissingRequestId {
            method: method.full_name().to_owned(),
            request: request.full_name().to_owned(),
        }),
    }
}

struct Policy {
    access: String,
    role: String,
    /// Rust expression of type `&str` over `self`: the resource name in the request.
    resource_expression: String,
    /// Rust expression of type `&str` over `self`: the name of the user who is acted for.
    user_expression: String,
}

impl Policy {
    fn read(method: &MethodDescriptor, extension: &ExtensionDescriptor) -> Result<Self, Error> {
        let options = method.options();
        let missing = || Error::MissingPolicy { method: method.full_name().to_owned() };
        let bad = |problem: &str| Error::BadPolicy {
            method: method.full_name().to_owned(),
            problem: problem.to_owned(),
        };
        if !options.has_extension(extension) {
            return Err(missing());
        }
        let value = options.get_extension(extension);
        let message = value.as_message().ok_or_else(missing)?;

        let access = enum_variant(message, "access");
        let role = enum_variant(message, "role");
        let text = |field: &str| {
            let value = message.get_field_by_name(field).and_then(|v| v.as_str().map(str::to_owned));
            value.unwrap_or_default()
        };
        let (resource, user) = (text("resource"), text("user"));
        let on_resource = access == "Resource";
        let for_user = access == "User";
        // What these act on is not checked, but it says whose audit log the call belongs to.
        let names_resource = on_resource || ((access == "Platform" || for_user) && !resource.is_empty());
        match () {
            () if access == "Unspecified" => return Err(bad("the policy does not say `access`")),
            () if on_resource && role == "Unspecified" => return Err(bad("ACCESS_RESOURCE needs a `role`")),
            () if on_resource && resource.is_empty() => {
                return Err(bad("ACCESS_RESOURCE needs a `resource`"));
            }
            () if !on_resource && role != "Unspecified" => {
                return Err(bad("`role` goes with ACCESS_RESOURCE alone"));
            }
            () if !names_resource && !resource.is_empty() => {
                return Err(bad(
                    "`resource` goes with ACCESS_RESOURCE, ACCESS_PLATFORM and ACCESS_USER alone",
                ));
            }
            () if for_user && user.is_empty() => return Err(bad("ACCESS_USER needs a `user`")),
            () if !for_user && !user.is_empty() => return Err(bad("`user` goes with ACCESS_USER alone")),
            () => {}
        }
        let expression = |option: &str, field_path: &str| match field_path {
            "" => Ok("\"\"".to_owned()),
            _ => text_expression(&method.input(), field_path).ok_or_else(|| {
                let request = method.input();
                bad(&format!("`{option}: \"{field_path}\"` is not a string field of {}", request.full_name()))
            }),
        };
        let resource_expression = expression("resource", &resource)?;
        let user_expression = expression("user", &user)?;
        Ok(Self { access, role, resource_expression, user_expression })
    }
}

/// The Rust variant name of an enum field: `ACCESS_RESOURCE` is `Resource`.
fn enum_variant(message: &DynamicMessage, field: &str) -> String {
    let descriptor = message.descriptor().get_field_by_name(field).expect("policy.proto defines the field");
    let Kind::Enum(kind) = descriptor.kind() else { unreachable!("policy.proto makes the field an enum") };
    let number = message.get_field(&descriptor).as_enum_number().unwrap_or_default();
    let value = kind.get_value(number).expect("the compiler accepts defined values only");
    let prefix = format!("{}_", field.to_uppercase());
    let words = value.name().trim_start_matches(&prefix).to_lowercase();
    words.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// `account.name` becomes `self.account.as_ref().map_or("", |m| m.name.as_str())`.
fn text_expression(request: &MessageDescriptor, field_path: &str) -> Option<String> {
    match field_path.split_once('.') {
        None => {
            let field = request.get_field_by_name(field_path)?;
            is_one_text(&field).then(|| format!("self.{field_path}.as_str()"))
        }
        Some((outer, inner)) => {
            let outer_field = request.get_field_by_name(outer)?;
            let Kind::Message(message) = outer_field.kind() else { return None };
            let field = message.get_field_by_name(inner)?;
            (!outer_field.is_list() && is_one_text(&field))
                .then(|| format!("self.{outer}.as_ref().map_or(\"\", |message| message.{inner}.as_str())"))
        }
    }
}

/// Whether a field always holds exactly one text.
fn is_one_text(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::String) && !field.is_list() && field.containing_oneof().is_none()
}
