//! Requests as an audit entry shows them.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;
use siyu_proto::Method;

use crate::Error;

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(siyu_proto::DESCRIPTORS).expect("the build wrote them"));

/// What stands in the place of a field marked `debug_redact`.
const REDACTED: &str = "[redacted]";
/// Most bytes of a request that are kept whole.
const MOST_BYTES: usize = 8 * 1024;

/// A request of `method` as JSON, without what its proto marks as `debug_redact`. Only the beginning of a long one.
///
/// # Errors
/// INTERNAL when `payload` is no request of the method, which is a mistake in the code.
pub(super) fn redacted_json(method: &Method, payload: &[u8]) -> Result<String, Error> {
    let descriptor = request_descriptor(method)
        .ok_or_else(|| Error::internal(format!("{} is not described", method.path)))?;
    let message = DynamicMessage::decode(descriptor.clone(), payload).map_err(Error::internal)?;
    let mut value = serde_json::to_value(&message).map_err(Error::internal)?;
    redact(&mut value, &descriptor);
    let text = value.to_string();
    Ok(if text.len() <= MOST_BYTES { text } else { beginning(&text) })
}

fn request_descriptor(method: &Method) -> Option<MessageDescriptor> {
    let (service, name) = method.path.trim_start_matches('/').split_once('/')?;
    let service = POOL.get_service_by_name(service)?;
    service.methods().find(|method| method.name() == name).map(|method| method.input())
}

fn redact(value: &mut Value, descriptor: &MessageDescriptor) {
    let Some(object) = value.as_object_mut() else { return };
    for field in descriptor.fields() {
        let Some(inner) = object.get_mut(field.json_name()) else { continue };
        if is_redacted(&field) {
            *inner = Value::from(REDACTED);
            continue;
        }
        let Kind::Message(message) = field.kind() else { continue };
        match inner {
            Value::Array(items) => items.iter_mut().for_each(|item| redact(item, &message)),
            Value::Object(entries) if field.is_map() => {
                if let Kind::Message(of_value) = message.map_entry_value_field().kind() {
                    entries.values_mut().for_each(|entry| redact(entry, &of_value));
                }
            }
            _ => redact(inner, &message),
        }
    }
}

fn is_redacted(field: &FieldDescriptor) -> bool {
    let options = field.options();
    options.get_field_by_name("debug_redact").and_then(|value| value.as_bool()) == Some(true)
}

fn beginning(text: &str) -> String {
    let end = text.floor_char_boundary(MOST_BYTES);
    serde_json::json!({ "beginning": text[..end] }).to_string()
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use siyu_proto::{Call, accounts::v1 as accounts};

    use super::*;

    #[test]
    fn a_request_reads_as_json() {
        let request = accounts::UpdateAccountRequest {
            account: Some(accounts::Account { name: "accounts/a".to_owned(), ..Default::default() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
            request_id: "r1".to_owned(),
        };
        let method = accounts::UpdateAccountRequest::method();
        let json = redacted_json(method, &request.encode_to_vec()).unwrap();
        let expected = r#"{"account":{"name":"accounts/a"},"requestId":"r1","updateMask":"displayName"}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn what_is_marked_is_masked_wherever_it_stands() {
        const PROTO: &str = r#"
            syntax = "proto3";
            package test;
            message Person { string name = 1; string phone = 2 [debug_redact = true]; }
            message Request {
              Person one = 1;
              repeated Person more = 2;
              map<string, Person> by_name = 3;
              Person hidden = 4 [debug_redact = true];
              repeated int64 codes = 5 [debug_redact = true];
              string note = 6;
            }"#;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("test.proto"), PROTO).unwrap();
        let mut compiler = protox::Compiler::new([folder.path()]).unwrap();
        compiler.open_file("test.proto").unwrap();
        let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap();
        let person = serde_json::json!({"name": "Li", "phone": "138"});
        let masked = serde_json::json!({"name": "Li", "phone": REDACTED});
        let mut request = serde_json::json!({
            "one": person, "more": [person, {"name": "Wu"}], "byName": {"li": person}, "hidden": person,
            "codes": ["7"], "note": "138",
        });
        redact(&mut request, &pool.get_message_by_name("test.Request").unwrap());
        let expected = serde_json::json!({
            "one": masked, "more": [masked, {"name": "Wu"}], "byName": {"li": masked}, "hidden": REDACTED,
            "codes": REDACTED, "note": "138",
        });
        assert_eq!(request, expected);
    }

    #[test]
    fn only_the_beginning_of_a_long_request_is_kept() {
        let account = accounts::Account { display_name: "\"字".repeat(100_000), ..Default::default() };
        let request = accounts::UpdateAccountRequest { account: Some(account), ..Default::default() };
        let json = redacted_json(accounts::UpdateAccountRequest::method(), &request.encode_to_vec()).unwrap();
        assert!(json.len() <= 20_000 && json.starts_with(r#"{"beginning":""#), "{}", json.len());
        serde_json::from_str::<Value>(&json).unwrap();
    }
}
