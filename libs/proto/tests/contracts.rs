//! What the generated code of the real protos promises.

mod patterns;

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{DescriptorPool, FieldDescriptor, ReflectMessage, Value};
use regex::Regex;
use siyu_proto::{DESCRIPTORS, METHODS, Method, Validate, accounts::v1 as accounts, crm::v1 as crm};

fn pool() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTORS).unwrap()
}

#[test]
fn the_table_holds_every_method_once_and_in_order() {
    assert!(METHODS.is_sorted_by(|a, b| a.path < b.path));
    let mut declared = BTreeMap::new();
    for service in pool().services().filter(|service| service.package_name().starts_with("siyu.")) {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            declared.insert(path, (method.is_client_streaming(), method.is_server_streaming()));
        }
    }
    let listed: BTreeMap<_, _> = METHODS
        .iter()
        .map(|method| (method.path.to_owned(), (method.client_streaming, method.server_streaming)))
        .collect();
    assert_eq!(listed, declared);
    for method in METHODS {
        assert_eq!(Method::find(method.path), Some(method));
        assert_eq!(Method::find(&method.path[1..]), None);
        assert_eq!(Method::find(&format!("{}x", method.path)), None);
        // What is read may be read again, and nothing else is called Get or List: but whoever reads personal data leaves a
        // line in the audit log.
        let name = method.path.rsplit('/').next().unwrap();
        let reads = READING.iter().any(|verb| name.starts_with(verb)) && !AUDITED.contains(&name);
        assert_eq!(method.read_only, reads, "{}", method.path);
        assert!(method.idempotent || !method.read_only, "{}", method.path);
    }
}

/// What methods that change nothing are called.
const READING: [&str; 18] = [
    "Get",
    "List",
    "Backtest",
    "Compare",
    "Estimate",
    "Explain",
    "Preview",
    "Render",
    "Resolve",
    "Search",
    "Snapshot",
    "StreamEvents",
    "StreamDesk",
    "StreamHostMessages",
    "StreamInbox",
    "StreamMessages",
    "StreamPackageMembers",
    "TestReply",
];
/// Methods that read personal data, or whose reading is a touch.
const AUDITED: [&str; 3] = ["GetBooking", "GetLead", "ListFeed"];

/// Every pattern that a field of the suite declares, the rules of items included.
fn patterns() -> BTreeSet<String> {
    let pool = pool();
    let extension = pool.get_extension_by_name("buf.validate.field").unwrap();
    let ours = pool.all_messages().filter(|message| message.package_name().starts_with("siyu."));
    let fields: Vec<FieldDescriptor> =
        ours.flat_map(|message| message.fields().collect::<Vec<_>>()).collect();
    let mut found = BTreeSet::new();
    for field in fields {
        let options = field.options();
        if options.has_extension(&extension) {
            collect(&options.get_extension(&extension), &mut found);
        }
    }
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    let Some(message) = value.as_message() else { return };
    for (field, value) in message.fields() {
        match value.as_str() {
            Some(pattern) if field.name() == "pattern" => {
                assert_eq!(message.descriptor().full_name(), "buf.validate.StringRules");
                found.insert(pattern.to_owned());
            }
            _ => collect(value, found),
        }
    }
}

/// Each pattern with texts that it must take and texts that it must not. `{63}` stands for so many letters.
const EXAMPLES: &[patterns::Example] = &[
    (
        "^(accounts/[a-z0-9-]{1,63}/contents/[A-Za-z0-9._-]{1,64})?$",
        &["", "accounts/a/contents/V.1"],
        &["accounts/a/contents/", "accounts/a/contents/a b"],
    ),
    (
        "^(https://[^\\s@]{1,990})?$",
        &["", "https://a.example/p"],
        &["http://a.example", "https://", "https://u@a.example"],
    ),
    ("^(users/[^/\\s]{1,128})?$", &["", "users/u"], &["users/", "u", "users/a/b"]),
    ("^[0-9a-z]{10}$", &["0123456789", "abcdefghij"], &["012345678", "01234567890", "ABCDEFGHIJ"]),
    ("^[a-z0-9][a-z0-9_-]{0,62}$", &["a", "vip_1-x", "{63}"], &["", "-a", "_a", "A", "{64}"]),
    ("^[a-z0-9_-]{1,63}$", &["-a", "_", "{63}"], &["", "A", "a b", "{64}"]),
    ("^[a-z][a-z0-9_]{0,31}$", &["a", "name_2", "{32}"], &["", "2", "_a", "a-b", "{33}"]),
    (
        "^accounts/[a-z0-9-]{1,63}/bookings/[A-Za-z0-9._-]{1,64}$",
        &["accounts/a/bookings/B.1"],
        &["accounts/a/bookings/", "accounts/a/bookings/a/b"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/cards/[a-z0-9-]{1,63}/slots/[0-9]{1,12}$",
        &["accounts/a/cards/c/slots/1"],
        &["accounts/a/cards/c/slots/", "accounts/a/cards/c/slots/x", "accounts/a/slots/1"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/contents/[A-Za-z0-9._-]{1,64}$",
        &["accounts/a/contents/V.1"],
        &["", "accounts/a/contents/", "accounts/a/contents/a:b"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/entryCodes/[a-z0-9-]{1,63}$",
        &["accounts/a/entryCodes/c-1"],
        &["accounts/a/entryCodes/", "accounts/a/entryCodes/C"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/homepage$",
        &["accounts/a/homepage"],
        &["accounts/a", "accounts/a/homepage/draft"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/homepage/draft$",
        &["accounts/a/homepage/draft"],
        &["accounts/a/homepage", "accounts/a/draft"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/homepage/versions/[1-9][0-9]{0,17}$",
        &["accounts/a/homepage/versions/10"],
        &["accounts/a/homepage/versions/0", "accounts/a/homepage/versions/1000000000000000000"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/lifecycleRules/[0-9]{1,18}$",
        &["accounts/a/lifecycleRules/0"],
        &["accounts/a/lifecycleRules/", "accounts/a/lifecycleRules/x"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/tagRules/[a-z0-9][a-z0-9_-]{0,62}$",
        &["accounts/a/tagRules/vip"],
        &["accounts/a/tagRules/", "accounts/a/tagRules/-a"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/tags/[a-z0-9][a-z0-9_-]{0,62}$",
        &["accounts/a/tags/vip"],
        &["accounts/a/tags/", "accounts/a/tags/-a"],
    ),
    (
        "^homepageTemplates/[a-z-]{1,63}$",
        &["homepageTemplates/flagship-store"],
        &["homepageTemplates/", "homepageTemplates/A"],
    ),
    ("^https://[^\\s]+$", &["https://a.example/p"], &["", "http://a.example", "https://", "https://a b"]),
    ("^([A-Z]{3})?$", &["", "CNY"], &["cny", "CN", "CNYX", "CNY\n", "ＣＮＹ"]),
    (
        "^([a-z0-9][a-z0-9-]{1,61}[a-z0-9])?$",
        &["", "abc", "a-1", "{63}"],
        &["ab", "-ab", "ab-", "{64}", "Abc", "a_c", "abc\n"],
    ),
    ("^[0-9]{2,6}$", &["31", "310101"], &["", "3", "3101011", "3a", "٣١"]),
    ("^[0-9a-f]{0,64}$", &["", "0af", "{64}"], &["{65}", "0AF", "xy"]),
    ("^[A-Za-z0-9._:-]{1,64}$", &["a", "A.b_c:9-", "{64}"], &["", "{65}", "a b", "a/b", "a\n", "é"]),
    ("^(https://[^\\s]+)?$", &["", "https://a.example/p"], &["http://a.example", "https://", "https://a b"]),
    ("^[A-Za-z0-9._-]{1,64}$", &["a", "A.b_c-9", "{64}"], &["", "{65}", "a b", "a:b", "a/b", "a\n", "é"]),
    (
        "^[A-Za-z0-9._:-]{1,128}$",
        &["a", "import:0000000001", "{128}"],
        &["", "{129}", "a b", "a/b", "a\n", "é"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}$",
        &["accounts/a", "accounts/{63}"],
        &[
            "",
            "accounts/",
            "accounts/{64}",
            "accounts/A",
            "accounts/a/b",
            "xaccounts/a",
            "accounts/a\n",
            "accounts/a ",
        ],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}(/fans/[^/\\s]{1,128})?$",
        &["accounts/a", "accounts/a/fans/用户", "accounts/a/fans/{128}"],
        &[
            "accounts/a/fans",
            "accounts/a/fans/",
            "accounts/a/fans/{129}",
            "accounts/a/fans/b/c",
            "accounts/a/fans/b c",
        ],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/fans/[^/\\s]{1,128}$",
        &["accounts/a/fans/u1", "accounts/a/fans/用户", "accounts/{63}/fans/{128}"],
        &[
            "accounts/a",
            "accounts/a/fans/",
            "accounts/a/fans/b/",
            "accounts/a/fans/{129}",
            "accounts/a/fans/b\u{3000}c",
        ],
    ),
    (
        "^(accounts/[a-z0-9-]{1,63}/cards/[a-z0-9-]{1,63})?$",
        &["", "accounts/a/cards/b", "accounts/{63}/cards/{63}"],
        &[
            "accounts/a",
            "accounts/a/cards/",
            "accounts/a/cards/{64}",
            "accounts/a/cards/B",
            "accounts/a/cards/b\n",
        ],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/tierRules/[0-9]{1,18}$",
        &["accounts/a/tierRules/0", "accounts/a/tierRules/999999999999999999"],
        &["accounts/a/tierRules/", "accounts/a/tierRules/1000000000000000000", "accounts/a/tierRules/-1"],
    ),
    (
        "^((accounts|enterprises)/[a-z0-9-]{1,63}|platform)$",
        &["accounts/a", "enterprises/{63}", "platform"],
        &["", "accounts", "platforms", "accounts/A", "users/a", "accounts/a/b", "platform\n"],
    ),
    ("^[a-z]{1,32}$", &["crm", "accounts"], &["", "CRM", "crm1", "crm\n", "a b"]),
    (
        "^enterprises/[a-z0-9-]{1,63}$",
        &["enterprises/a", "enterprises/{63}"],
        &["enterprises/", "enterprises/{64}", "accounts/a", "enterprises/a/"],
    ),
    (
        "^users/[^/\\s]{1,128}$",
        &["users/u1", "users/用户", "users/{128}"],
        &["users/", "users/{129}", "users/a/b", "users/a b", "users/a\n", "u1"],
    ),
    (
        "^consumers/[a-z]{1,32}-[a-z]{1,32}$",
        &["consumers/crm-accounts"],
        &[
            "consumers/",
            "consumers/crm",
            "consumers/crm-",
            "consumers/CRM-accounts",
            "consumers/a-b-c",
            "consumers/a-b\n",
        ],
    ),
    ("^feeds/[a-z]{1,32}$", &["feeds/accounts"], &["feeds/", "feeds/Accounts", "feeds/a/b", "feeds/a\n"]),
    (
        "^(accounts|enterprises)/[a-z0-9-]{1,63}$",
        &["accounts/a", "enterprises/{63}"],
        &["", "platform", "accounts/{64}", "users/a", "accounts/a/b", "enterprises/a\n"],
    ),
    (
        "^(accounts|enterprises)/[a-z0-9-]{1,63}/operators/[a-z0-9-]{1,63}$",
        &["accounts/a/operators/li", "enterprises/{63}/operators/{63}"],
        &[
            "accounts/a",
            "accounts/a/operators/",
            "users/a/operators/li",
            "accounts/a/operators/{64}",
            "accounts/a/operators/Li",
        ],
    ),
    ("^[0-9a-f]{64}$", &["{64}"], &["", "{63}", "{65}", "0AF", "xy"]),
    ("^[^\\s]{1,200}$", &["a", "files/licence", "{200}", "字"], &["", "{201}", "a b", "a\n", "a\u{3000}b"]),
    (
        "^accounts/[a-z0-9-]{1,63}/apiKeys/[a-z0-9-]{1,63}$",
        &["accounts/a/apiKeys/k1"],
        &[
            "accounts/a/apiKeys/",
            "accounts/a/apikeys/k1",
            "enterprises/a/apiKeys/k1",
            "accounts/a/apiKeys/K1",
        ],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/cards/[a-z0-9-]{1,63}$",
        &["accounts/a/cards/ten-off", "accounts/a/cards/{63}"],
        &["accounts/a/cards/", "accounts/a/cards/{64}", "accounts/a/cards/A", "accounts/a/cards/b/c"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/contents/[^/\\s]{1,128}$",
        &["accounts/a/contents/live-1", "accounts/a/contents/{128}"],
        &["", "accounts/a/contents/", "accounts/a/contents/{129}", "accounts/a/contents/b c"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/groups/[^/\\s]{1,128}$",
        &["accounts/a/groups/vip", "accounts/a/groups/{128}"],
        &["", "accounts/a/groups/", "accounts/a/groups/{129}", "accounts/a/groups/b c"],
    ),
    ("^([a-z0-9][a-z0-9_-]{0,62})?$", &["", "vip_member", "{63}"], &["{64}", "a b", "A", "-a", "a\n"]),
    (
        "^accounts/[a-z0-9-]{1,63}/cards/[a-z0-9-]{1,63}/claims/[A-Za-z0-9._-]{1,64}$",
        &["accounts/a/cards/b/claims/1", "accounts/a/cards/b/claims/{64}"],
        &[
            "",
            "accounts/a/cards/b/claims/",
            "accounts/a/cards/b/claims/{65}",
            "accounts/a/cards/b/claims/c:d",
        ],
    ),
    (
        "^(accounts/[a-z0-9-]{1,63}/cards/[a-z0-9-]{1,63}/claims/[A-Za-z0-9._-]{1,64})?$",
        &["", "accounts/a/cards/b/claims/1"],
        &["accounts/a/cards/b", "accounts/a/cards/b/claims/{65}"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/certifications/[1-9][0-9]{0,8}$",
        &["accounts/a/certifications/1", "accounts/a/certifications/999999999"],
        &[
            "accounts/a/certifications/0",
            "accounts/a/certifications/01",
            "accounts/a/certifications/1000000000",
        ],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/rightReservations/[A-Za-z0-9._-]{1,64}$",
        &["accounts/a/rightReservations/push-1", "accounts/a/rightReservations/{64}"],
        &[
            "accounts/a/rightReservations/",
            "accounts/a/rightReservations/{65}",
            "accounts/a/rightReservations/a b",
        ],
    ),
    ("^[a-z0-9_-]{0,63}$", &["", "ads", "{63}"], &["{64}", "Ads", "a b", "a\n"]),
    (
        "^(accounts/[a-z0-9-]{1,63})?$",
        &["", "accounts/a", "accounts/{63}"],
        &["accounts/", "accounts/{64}", "accounts/a/b", "accounts/a\n"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/[A-Za-z0-9/._-]{1,136}$",
        &["accounts/a/pushes/spring", "accounts/a/{136}"],
        &["accounts/a", "accounts/a/", "accounts/a/{137}", "accounts/a/b c", "accounts/a/b\n"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/packages/[a-z0-9][a-z0-9_-]{0,62}$",
        &["accounts/a/packages/may", "accounts/a/packages/{63}"],
        &["accounts/a/packages/", "accounts/a/packages/{64}", "accounts/a/packages/-a"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/segments/[a-z0-9][a-z0-9_-]{0,62}$",
        &["accounts/a/segments/warm_1", "accounts/a/segments/{63}"],
        &["accounts/a/segments/", "accounts/a/segments/{64}", "accounts/a/segments/A"],
    ),
    (
        "^accounts/[a-z0-9-]{1,63}/pushes/[a-z0-9-]{1,63}$",
        &["accounts/a/pushes/spring", "accounts/a/pushes/{63}"],
        &["accounts/a/pushes/", "accounts/a/pushes/{64}", "accounts/a/pushes/A"],
    ),
    (
        "^(accounts/[a-z0-9-]{1,63}/pushes/[a-z0-9-]{1,63}/plans/[0-9a-z]{26})?$",
        &["", "accounts/a/pushes/b/plans/{26}"],
        &["accounts/a/pushes/b", "accounts/a/pushes/b/plans/{25}", "accounts/a/pushes/b/plans/{27}"],
    ),
];

/// Puts letters in the place of numbers in braces.
fn written_out(example: &str) -> String {
    let Some((before, rest)) = example.split_once('{') else { return example.to_owned() };
    let (number, after) = rest.split_once('}').unwrap();
    format!("{before}{}{}", "a".repeat(number.parse().unwrap()), written_out(after))
}

#[test]
fn every_pattern_takes_what_it_should_and_nothing_else() {
    let more = [patterns::OF_LEADS, patterns::OF_MESSAGING, patterns::OF_GROUPS, patterns::OF_ENVELOPES];
    let examples = || EXAMPLES.iter().chain(more.into_iter().flatten());
    let with_examples: BTreeSet<String> = examples().map(|(pattern, ..)| (*pattern).to_owned()).collect();
    assert_eq!(patterns(), with_examples, "a new pattern needs examples here");
    for &(pattern, good, bad) in examples() {
        let regex = Regex::new(pattern).unwrap();
        for text in good.iter().map(|text| written_out(text)) {
            assert!(regex.is_match(&text), "{pattern} must take {text:?}");
        }
        for text in bad.iter().map(|text| written_out(text)) {
            assert!(!regex.is_match(&text), "{pattern} must not take {text:?}");
        }
    }
}

fn broken(message: &impl Validate) -> Vec<(String, &'static str)> {
    message.violations().into_iter().map(|violation| (violation.field, violation.rule)).collect()
}

fn good_rules() -> crm::CreateTierRulesRequest {
    crm::CreateTierRulesRequest {
        parent: "accounts/a".to_owned(),
        tier_rules: Some(crm::TierRules {
            half_life: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
            weights: vec![crm::KindWeight { kind: 1, points: 0.0 }],
            favorable_enter: 1.0,
            favorable_leave: 1.0,
            true_love_enter: 1.0,
            true_love_leave: 1.0,
            ..crm::TierRules::default()
        }),
        request_id: String::new(),
    }
}

#[test]
fn each_rule_is_enforced_and_names_the_path_of_its_field() {
    assert_eq!(broken(&good_rules()), []);
    let changed = |change: &dyn Fn(&mut crm::TierRules)| {
        let mut request = good_rules();
        change(request.tier_rules.as_mut().unwrap());
        broken(&request)
    };
    let half_life = |seconds, nanos| {
        changed(&move |rules| rules.half_life = Some(prost_types::Duration { seconds, nanos }))
    };
    let one = |field: &str, rule: &'static str| vec![(field.to_owned(), rule)];
    let weight = |kind, points| crm::KindWeight { kind, points };

    let without = crm::CreateTierRulesRequest { tier_rules: None, ..good_rules() };
    assert_eq!(broken(&without), one("tier_rules", "is required"));
    assert_eq!(changed(&|rules| rules.half_life = None), one("tier_rules.half_life", "is required"));
    assert_eq!(half_life(3_599, 999_999_999), one("tier_rules.half_life", "must be at least 3600 s"));
    assert_eq!(half_life(315_360_000, 0), []);
    assert_eq!(half_life(315_360_000, 1), one("tier_rules.half_life", "must be at most 315360000 s"));
    assert_eq!(changed(&|rules| rules.weights.clear()), one("tier_rules.weights", "must not be empty"));
    let many = changed(&|rules| rules.weights = vec![weight(1, 1.0); 65]);
    assert_eq!(many, one("tier_rules.weights", "must have at most 64 items"));
    let named =
        changed(&|rules| rules.weights = vec![weight(1, 1.0), weight(0, 1.0), weight(99, 1_000_000.5)]);
    let places: Vec<&str> = named.iter().map(|(field, _)| field.as_str()).collect();
    let expected =
        ["tier_rules.weights[1].kind", "tier_rules.weights[2].kind", "tier_rules.weights[2].points"];
    assert_eq!(places, expected);
    assert_eq!(named[0].1, "must be set");
    assert_eq!(named[1].1, "must be a defined value");
    let zero = changed(&|rules| rules.favorable_leave = 0.0);
    assert_eq!(zero, one("tier_rules.favorable_leave", "must be greater than 0.0"));
    assert!(!changed(&|rules| rules.favorable_leave = f64::NAN).is_empty());
}

#[test]
fn texts_have_no_zero_character_and_are_counted_in_characters() {
    let target = |target: String| {
        let interaction = crm::Interaction {
            event_id: "e".to_owned(),
            user: "users/u".to_owned(),
            kind: 1,
            event_time: Some(prost_types::Timestamp::default()),
            target,
            ..crm::Interaction::default()
        };
        broken(&interaction)
    };
    assert_eq!(target("字".repeat(200)), []);
    assert_eq!(target("字".repeat(201)), [("target".to_owned(), "must have at most 200 characters")]);
    let zero = target("a\0b".to_owned());
    assert_eq!(zero.len(), 1);
    assert_eq!(zero[0].0, "target");
    // Items of a batch are judged one by one by the service, not with the batch.
    let batch = crm::IngestInteractionsRequest {
        parent: "accounts/a".to_owned(),
        interactions: vec![crm::Interaction::default()],
    };
    assert_eq!(broken(&batch), []);
}

#[test]
fn debug_shows_no_secret() {
    let shown = accounts::CreateApiKeyResponse { secret: "siyu_secret".to_owned(), ..Default::default() };
    assert_eq!(format!("{shown:?}"), r#"CreateApiKeyResponse { api_key: None, secret: "[redacted]" }"#);
    let shown = accounts::ExchangeApiKeyRequest { api_key: "siyu_secret".to_owned() };
    assert_eq!(format!("{shown:?}"), r#"ExchangeApiKeyRequest { api_key: "[redacted]" }"#);
}

#[test]
fn the_rules_of_an_optional_field_count_where_it_is_set() {
    let cap = |per_fan_cap| broken(&accounts::CouponSettings { per_fan_cap, ..Default::default() });
    assert_eq!((cap(None), cap(Some(1))), (vec![], vec![]));
    assert_eq!(cap(Some(0)), [("per_fan_cap".to_owned(), "must be at least 1")]);
}
