//! What the generators refuse: everything that would look declared and not be enforced.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use prost_reflect::DescriptorPool;
use protox::{
    Compiler, Error as CompileError,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver},
};
use siyu_codegen::{Error, policy, validation};

/// A file that exists only here.
struct InMemory(String);

impl FileResolver for InMemory {
    fn open_file(&self, name: &str) -> Result<File, CompileError> {
        if name == NAME { File::from_source(name, &self.0) } else { Err(CompileError::file_not_found(name)) }
    }
}

const NAME: &str = "siyu/test/v1/test.proto";

/// A pool of one file in the package `siyu.test.v1`, beside the real protos that it imports.
fn pool(declarations: &str) -> DescriptorPool {
    pool_of("siyu.test.v1", declarations)
}

fn pool_of(package: &str, declarations: &str) -> DescriptorPool {
    let source = format!(
        "syntax = \"proto3\";\npackage {package};\n\
         import \"buf/validate/validate.proto\";\nimport \"google/protobuf/timestamp.proto\";\n\
         import \"siyu/common/v1/policy.proto\";\n{declarations}"
    );
    let protos: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let mut resolver = ChainFileResolver::new();
    resolver.add(InMemory(source));
    resolver.add(IncludeFileResolver::new(protos));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    compiler.open_file(NAME).unwrap_or_else(|error| panic!("{error:?}\n{declarations}"));
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

/// A service whose one method has these options.
fn method(options: &str) -> DescriptorPool {
    pool(&format!(
        "message Thing {{ string name = 1; int32 size = 2; repeated string labels = 3; optional string nick = 4; }}\n\
         message DoRequest {{ string parent = 1; Thing thing = 2; repeated Thing things = 3; string request_id = 4; }}\n\
         message DoResponse {{}}\n\
         service Things {{ rpc Do(DoRequest) returns (DoResponse) {{ {options} }} }}"
    ))
}

fn bad_policy(options: &str) -> String {
    match policy::generate(&method(options)) {
        Err(Error::BadPolicy { method, problem }) => {
            assert_eq!(method, "siyu.test.v1.Things.Do");
            problem
        }
        other => panic!("{options}: {other:?}"),
    }
}

#[test]
fn a_method_without_policy_is_named() {
    for options in ["", "option idempotency_level = NO_SIDE_EFFECTS;"] {
        let error = policy::generate(&method(options)).unwrap_err();
        assert!(
            matches!(&error, Error::MissingPolicy { method } if method == "siyu.test.v1.Things.Do"),
            "{error}"
        );
    }
}

#[test]
fn a_policy_must_fit_itself_and_its_request() {
    let policy = |fields: &str| format!("option (siyu.common.v1.policy) = {{{fields}}};");
    let resource = |path: &str| {
        let fields = format!("access: ACCESS_RESOURCE role: ROLE_ANALYST resource: \"{path}\"");
        bad_policy(&policy(&fields))
    };
    assert_eq!(bad_policy(&policy("")), "the policy does not say `access`");
    assert_eq!(
        bad_policy(&policy("role: ROLE_ADMIN resource: \"parent\"")),
        "the policy does not say `access`"
    );
    assert_eq!(
        bad_policy(&policy("access: ACCESS_RESOURCE resource: \"parent\"")),
        "ACCESS_RESOURCE needs a `role`"
    );
    assert_eq!(
        bad_policy(&policy("access: ACCESS_RESOURCE role: ROLE_OWNER")),
        "ACCESS_RESOURCE needs a `resource`"
    );
    assert_eq!(
        bad_policy(&policy("access: ACCESS_PLATFORM role: ROLE_OWNER")),
        "`role` goes with ACCESS_RESOURCE alone"
    );
    assert_eq!(
        bad_policy(&policy("access: ACCESS_PUBLIC resource: \"parent\"")),
        "`resource` goes with ACCESS_RESOURCE, ACCESS_PLATFORM and ACCESS_USER alone"
    );
    assert_eq!(
        bad_policy(&policy("access: ACCESS_PLATFORM resource: \"nobody\"")),
        "`resource: \"nobody\"` is not a string field of siyu.test.v1.DoRequest"
    );
    assert_eq!(bad_policy(&policy("access: ACCESS_USER")), "ACCESS_USER needs a `user`");
    assert_eq!(
        bad_policy(&policy("access: ACCESS_PLATFORM user: \"parent\"")),
        "`user` goes with ACCESS_USER alone"
    );
    assert_eq!(
        bad_policy(&policy("access: ACCESS_USER user: \"nobody\"")),
        "`user: \"nobody\"` is not a string field of siyu.test.v1.DoRequest"
    );
    // Not there, no text, many texts, a text that may be missing, below a text, below many messages, too deep.
    for path in [
        "nobody",
        "thing",
        "thing.size",
        "thing.nobody",
        "thing.labels",
        "thing.nick",
        "parent.name",
        "things.name",
        "thing.name.more",
    ] {
        let problem = resource(path);
        assert_eq!(
            problem,
            format!("`resource: \"{path}\"` is not a string field of siyu.test.v1.DoRequest")
        );
    }
}

#[test]
fn a_method_that_cannot_be_repeated_is_named() {
    let changes = |package: &str, fields: &str, level: &str| {
        let source = format!(
            "message DoRequest {{ string parent = 1; {fields} }}\n message DoResponse {{}}\n\
             service Things {{ rpc Do(DoRequest) returns (DoResponse) {{ {level}\n\
             option (siyu.common.v1.policy) = {{access: ACCESS_PLATFORM}}; }} }}"
        );
        policy::generate(&pool_of(package, &source))
    };
    let test = "siyu.test.v1";
    for fields in ["", "int64 request_id = 2;", "repeated string request_id = 2;", "string id = 2;"] {
        let error = changes(test, fields, "").unwrap_err();
        assert!(
            matches!(&error, Error::MissingRequestId { method, request }
                if method == "siyu.test.v1.Things.Do" && request == "siyu.test.v1.DoRequest"),
            "{fields}: {error}"
        );
    }
    let expression = |code: &str| code.split("fn request_id(&self) -> &str { ").nth(1).unwrap().to_owned();
    let code = changes(test, "string request_id = 2;", "").unwrap();
    assert!(expression(&code).starts_with("self.request_id.as_str() }"), "{code}");
    let harmless = ["option idempotency_level = IDEMPOTENT;", "option idempotency_level = NO_SIDE_EFFECTS;"];
    for (package, level) in [(test, harmless[0]), (test, harmless[1]), ("siyu.testing.v1", "")] {
        let code = changes(package, "", level).unwrap();
        assert!(expression(&code).starts_with("\"\" }"), "{code}");
    }
}

#[test]
fn good_policies_become_a_sorted_table() {
    let pool = pool(
        "message Thing { string name = 1; }\n\
         message ZapRequest { Thing thing = 1; }\n message AskRequest { string parent = 1; }\n\
         message GoRequest { string request_id = 1; }\n message Response {}\n\
         service Things {\n\
           rpc Zap(stream ZapRequest) returns (Response) { option idempotency_level = IDEMPOTENT;\n\
             option (siyu.common.v1.policy) =\n\
             {access: ACCESS_RESOURCE role: ROLE_ADMIN resource: \"thing.name\"}; }\n\
           rpc Ask(AskRequest) returns (stream Response) { option idempotency_level = NO_SIDE_EFFECTS;\n\
             option (siyu.common.v1.policy) = {access: ACCESS_RESOURCE role: ROLE_ANALYST resource: \"parent\"}; }\n\
         }\n\
         service Early { rpc Go(GoRequest) returns (Response) {\n\
           option (siyu.common.v1.policy) = {access: ACCESS_PLATFORM}; } }",
    );
    let code = policy::generate(&pool).unwrap();
    let place = |text: &str| code.find(text).unwrap_or_else(|| panic!("no {text} in\n{code}"));
    let go = place("path: \"/siyu.test.v1.Early/Go\"");
    let ask = place("path: \"/siyu.test.v1.Things/Ask\"");
    let zap = place("path: \"/siyu.test.v1.Things/Zap\"");
    assert!(go < ask && ask < zap, "{code}");
    let (go, ask, zap) = (&code[go..ask], &code[ask..zap], &code[zap..]);
    for (entry, access, role, flags) in [
        (go, "Access::Platform", "Role::Unspecified", [false, false, false, false]),
        (ask, "Access::Resource", "Role::Analyst", [false, true, true, true]),
        (zap, "Access::Resource", "Role::Admin", [true, false, false, true]),
    ] {
        assert!(entry.contains(access) && entry.contains(role), "{entry}");
        let names = ["client_streaming", "server_streaming", "read_only", "idempotent"];
        for (name, flag) in names.into_iter().zip(flags) {
            assert!(entry.contains(&format!("{name}: {flag}")), "{name}: {entry}");
        }
    }
    assert!(code.contains("self.thing.as_ref().map_or(\"\", |message| message.name.as_str())"), "{code}");
    assert!(code.contains("self.parent.as_str()"), "{code}");
}

/// The field and the rule that a message with these fields is refused for.
fn unsupported(fields: &str) -> (String, String) {
    let pool = pool(&format!("enum Kind {{ KIND_UNSPECIFIED = 0; }}\nmessage Thing {{ {fields} }}"));
    match validation::generate(&pool) {
        Err(Error::UnsupportedRule { field, rule }) => (field, rule),
        other => panic!("{fields}: {other:?}"),
    }
}

#[test]
fn a_rule_that_would_not_be_enforced_is_named() {
    let cases = [
        ("string mail = 1 [(buf.validate.field).string.email = true];", "mail", "string.email"),
        ("string id = 1 [(buf.validate.field).string.len = 3];", "id", "string.len"),
        ("bytes data = 1 [(buf.validate.field).bytes.max_len = 3];", "data", "bytes.max_len"),
        ("int32 size = 1 [(buf.validate.field).int32.const = 3];", "size", "int32.const"),
        ("Kind kind = 1 [(buf.validate.field).enum.in = 0];", "kind", "enum.in"),
        (
            "google.protobuf.Timestamp at = 1 [(buf.validate.field).timestamp.lt_now = true];",
            "at",
            "timestamp.lt_now",
        ),
        ("map<string, string> tags = 1 [(buf.validate.field).map.min_pairs = 1];", "tags", "map.min_pairs"),
        (
            "repeated string names = 1 [(buf.validate.field).repeated.items.string.uuid = true];",
            "names",
            "string.uuid",
        ),
        (
            "string name = 1 [(buf.validate.field).cel = {id: \"x\" expression: \"this != ''\"}];",
            "name",
            "cel",
        ),
        (
            "repeated string names = 1 [(buf.validate.field).repeated.items.cel = {id: \"x\" expression: \"true\"}];",
            "names",
            "cel",
        ),
        (
            "repeated string names = 1 [(buf.validate.field).repeated.items.required = true];",
            "names",
            "required",
        ),
    ];
    for (fields, field, rule) in cases {
        assert_eq!(unsupported(fields), (format!("siyu.test.v1.Thing.{field}"), rule.to_owned()));
    }
    let of_message = |fields: &str| unsupported(fields).0;
    assert_eq!(of_message("oneof either { string a = 1; string b = 2; }"), "siyu.test.v1.Thing");
    let rule = "option (buf.validate.message).cel = {id: \"x\" expression: \"true\"}; string a = 1;";
    assert_eq!(of_message(rule), "siyu.test.v1.Thing");
}

#[test]
fn a_pattern_that_is_no_regular_expression_is_named() {
    let pool = pool("message Thing { string name = 1 [(buf.validate.field).string.pattern = \"^[a-z$\"]; }");
    let error = validation::generate(&pool).unwrap_err();
    assert!(
        matches!(&error, Error::BadPattern { field, .. } if field == "siyu.test.v1.Thing.name"),
        "{error}"
    );
}

#[test]
fn messages_of_others_are_left_alone() {
    let code = validation::generate(&pool("message Thing { google.protobuf.Timestamp at = 1; }")).unwrap();
    assert!(code.contains("impl crate::Validate for crate::test::v1::Thing"), "{code}");
    assert!(!code.contains("google") && !code.contains("buf"), "{code}");
}
