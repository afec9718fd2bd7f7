use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use siyu_proto::common::v1::Role;

use super::*;
use crate::auth::{Grant, Signer, SigningKey};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: Micros = Micros::from_seconds(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn by_secret() -> Verifier {
    let verifier = Verifier::new("siyu", "siyu");
    verifier.replace("secret", KeySet::from_secret(SECRET).unwrap());
    verifier
}

fn key(kid: &str) -> SigningKey {
    let seed = kid.as_bytes()[0];
    SigningKey::from_seed(kid, &[seed; 32]).unwrap()
}

fn set(kids: &[&str]) -> KeySet {
    let keys: Vec<_> = kids.iter().map(|kid| key(kid).jwk()).collect();
    KeySet::from_jwks(&serde_json::json!({ "keys": keys }).to_string()).unwrap()
}

fn signed_by(kid: &str) -> String {
    Signer::with_key("siyu", "siyu", &key(kid)).sign(&Caller::service("x"), NOW, HOUR).unwrap()
}

fn reason(result: Result<impl fmt::Debug, Error>) -> ErrorReason {
    result.unwrap_err().reason()
}

/// Good claims, with changes.
fn claims(changes: serde_json::Value) -> serde_json::Value {
    let seconds = NOW.0 / Micros::PER_SECOND;
    let mut claims = serde_json::json!({
        "iss": "siyu", "aud": "siyu", "sub": "x", "exp": seconds + 60, "kind": "service",
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn by_hand(header: &Header, changes: serde_json::Value) -> String {
    encode(header, &claims(changes), &EncodingKey::from_secret(SECRET)).unwrap()
}

#[test]
fn a_token_brings_back_its_caller() {
    let grant = Grant { resource: "accounts/a1".to_owned(), role: Role::Admin };
    let caller = Caller::operator("op-7", vec![grant]);
    let token = Signer::with_secret("siyu", "siyu", SECRET).sign(&caller, NOW, HOUR).unwrap();
    assert_eq!(by_secret().verify(&token, NOW).unwrap(), caller);
}

#[test]
fn one_of_several_audiences_is_enough() {
    let token = by_hand(&Header::default(), serde_json::json!({"aud": ["other", "siyu"]}));
    assert_eq!(by_secret().verify(&token, NOW).unwrap(), Caller::service("x"));
}

#[test]
fn a_token_lives_from_its_beginning_to_its_end() {
    let token = Signer::with_secret("siyu", "siyu", SECRET).sign(&Caller::service("x"), NOW, HOUR).unwrap();
    assert!(by_secret().verify(&token, NOW.plus(HOUR - Duration::from_secs(1))).is_ok());
    assert_eq!(reason(by_secret().verify(&token, NOW.plus(HOUR))), ErrorReason::TokenExpired);

    let soon = NOW.0 / Micros::PER_SECOND + 61;
    let token = by_hand(&Header::default(), serde_json::json!({"nbf": soon, "exp": soon + 60}));
    assert_eq!(reason(by_secret().verify(&token, NOW)), ErrorReason::TokenInvalid);
    assert!(by_secret().verify(&token, NOW.plus(Duration::from_secs(1))).is_ok());
}

#[test]
fn foreign_tokens_are_refused() {
    let service = Caller::service("x");
    let sign = |issuer, audience, secret: &[u8]| {
        Signer::with_secret(issuer, audience, secret).sign(&service, NOW, HOUR).unwrap()
    };
    let critical = Header { crit: Some(vec!["b64".to_owned()]), ..Header::default() };
    let foreign = [
        sign("siyu", "other", SECRET),
        sign("other", "siyu", SECRET),
        sign("siyu", "siyu", b"another secret of thirty-two byte"),
        by_hand(&critical, serde_json::json!({})),
        by_hand(&Header::default(), serde_json::json!({"kind": "root"})),
        by_hand(&Header::default(), serde_json::json!({"grants": [{"resource": "accounts/a", "role": "king"}]})),
        // {"alg":"none"} with claims that would be good.
        "eyJhbGciOiJub25lIn0.eyJpc3MiOiJzaXl1IiwiYXVkIjoic2l5dSIsInN1YiI6IngiLCJleHAiOjk5OTk5OTk5OTksImtpbmQiOiJzZXJ2aWNlIn0."
            .to_owned(),
        "not a token".to_owned(),
    ];
    for token in foreign {
        assert_eq!(reason(by_secret().verify(&token, NOW)), ErrorReason::TokenInvalid, "{token}");
    }
}

#[test]
fn each_kind_of_key_checks_what_its_private_half_signed() {
    let keys = [
        (Algorithm::RS256, EncodingKey::from_rsa_pem(include_bytes!("../../../../../tests/keys/rsa.pem"))),
        (Algorithm::ES256, EncodingKey::from_ec_pem(include_bytes!("../../../../../tests/keys/p256.pem"))),
        (Algorithm::EdDSA, EncodingKey::from_ed_pem(include_bytes!("../../../../../tests/keys/ed25519.pem"))),
    ];
    let pem = [
        include_str!("../../../../../tests/keys/rsa.pub.pem"),
        include_str!("../../../../../tests/keys/p256.pub.pem"),
        include_str!("../../../../../tests/keys/ed25519.pub.pem"),
    ];
    let verifier = Verifier::new("siyu", "siyu");
    verifier.replace("file", KeySet::from_pem(&pem.concat()).unwrap());
    for (algorithm, key) in keys {
        // A key without a `kid` also checks tokens that have one.
        for kid in [None, Some("k".to_owned())] {
            let header = Header { kid, ..Header::new(algorithm) };
            let token = encode(&header, &claims(serde_json::json!({})), key.as_ref().unwrap()).unwrap();
            assert_eq!(verifier.verify(&token, NOW).unwrap(), Caller::service("x"), "{algorithm:?}");
        }
    }
    // A public key is no shared secret, whatever its form.
    for secret in pem {
        let token =
            Signer::with_secret("siyu", "siyu", secret.as_bytes()).sign(&Caller::service("x"), NOW, HOUR);
        assert_eq!(reason(verifier.verify(&token.unwrap(), NOW)), ErrorReason::TokenInvalid);
    }
}

#[test]
fn a_key_is_good_while_a_source_has_it() {
    let verifier = Verifier::new("siyu", "siyu");
    assert_eq!(reason(verifier.verify(&signed_by("a"), NOW)), ErrorReason::TokenInvalid);
    verifier.replace("file", set(&["a", "b"]));
    verifier.clone().replace("accounts", set(&["c"]));
    for kid in ["a", "b", "c"] {
        assert!(verifier.verify(&signed_by(kid), NOW).is_ok(), "{kid}");
    }
    verifier.replace("file", set(&["b"]));
    assert_eq!(reason(verifier.verify(&signed_by("a"), NOW)), ErrorReason::TokenInvalid);
    assert!(verifier.verify(&signed_by("b"), NOW).is_ok());
    assert!(verifier.verify(&signed_by("c"), NOW).is_ok());
}

#[test]
fn a_caller_tells_whether_accounts_made_the_token() {
    let verifier = Verifier::new("siyu", "siyu");
    verifier.replace("file", set(&["a"]));
    verifier.replace(ACCOUNTS_SOURCE, set(&["c"]));
    for (kid, by_accounts) in [("a", false), ("c", true)] {
        let caller = verifier.verify(&signed_by(kid), NOW).unwrap();
        assert_eq!(caller.issued_by_accounts(), by_accounts, "{kid}");
    }
}

#[test]
fn a_token_is_checked_by_the_key_it_names() {
    let verifier = Verifier::new("siyu", "siyu");
    verifier.replace("file", set(&["a", "b"]));
    let impostor = SigningKey::from_seed("b", &[b'a'; 32]).unwrap();
    let token = Signer::with_key("siyu", "siyu", &impostor).sign(&Caller::service("x"), NOW, HOUR).unwrap();
    assert_eq!(reason(verifier.verify(&token, NOW)), ErrorReason::TokenInvalid);
}

/// Gives keys away after a while, and counts how often.
struct Fake {
    asked: AtomicUsize,
    takes: Duration,
    keys: Mutex<Option<KeySet>>,
}

impl Fake {
    fn followed(takes: Duration, keys: Option<KeySet>) -> (Arc<Self>, Verifier) {
        let fake = Arc::new(Self { asked: AtomicUsize::new(0), takes, keys: Mutex::new(keys) });
        let verifier = Verifier::new("siyu", "siyu");
        verifier.follow("accounts", fake.clone());
        (fake, verifier)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tonic::async_trait]
impl KeySource for Fake {
    async fn fetch(&self) -> Result<KeySet, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        self.keys.lock().unwrap().clone().ok_or_else(|| Error::internal("nobody there"))
    }
}

#[tokio::test]
async fn an_unknown_key_is_fetched_once_for_all_who_name_it() {
    let (fake, verifier) = Fake::followed(Duration::from_millis(20), Some(set(&["a"])));
    let token = signed_by("a");
    let calls = (0..8).map(|_| verifier.authenticate(&token, NOW));
    for verified in futures_util::future::join_all(calls).await {
        let expected = Caller::service("x").with_token_of_accounts(true);
        assert_eq!(*verified.unwrap().caller, expected);
    }
    assert_eq!(fake.asked(), 1);
}

#[tokio::test]
async fn only_an_unknown_key_is_reason_to_ask() {
    let (fake, verifier) = Fake::followed(Duration::ZERO, Some(set(&["a"])));
    verifier.replace("file", KeySet::from_secret(SECRET).unwrap());
    let without_kid = by_hand(&Header::default(), serde_json::json!({"iss": "other"}));
    assert_eq!(reason(verifier.authenticate(&without_kid, NOW).await), ErrorReason::TokenInvalid);
    assert_eq!(reason(verifier.authenticate("garbage", NOW).await), ErrorReason::TokenInvalid);
    let expired = by_hand(&Header::default(), serde_json::json!({"exp": 1}));
    assert_eq!(reason(verifier.authenticate(&expired, NOW).await), ErrorReason::TokenExpired);
    assert_eq!(fake.asked(), 0);
}

#[tokio::test]
async fn strangers_who_name_keys_do_not_make_us_ask_all_the_time() {
    let (fake, verifier) = Fake::followed(Duration::ZERO, None);
    for _ in 0..20 {
        assert_eq!(reason(verifier.authenticate(&signed_by("a"), NOW).await), ErrorReason::TokenInvalid);
    }
    assert_eq!(fake.asked(), 1);
    *fake.keys.lock().unwrap() = Some(set(&["a"]));
    tokio::time::sleep(Duration::from_millis(2_050)).await;
    assert!(verifier.authenticate(&signed_by("a"), NOW).await.is_ok());
    assert_eq!(fake.asked(), 2);
}

#[tokio::test]
async fn a_source_that_does_not_answer_does_not_hold_a_call_up() {
    let (_, verifier) = Fake::followed(Duration::from_secs(3600), Some(set(&["a"])));
    let token = signed_by("a");
    let answered = tokio::time::timeout(Duration::from_secs(30), verifier.authenticate(&token, NOW)).await;
    assert_eq!(reason(answered.expect("it does not wait")), ErrorReason::TokenInvalid);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_stop_the_fetching() {
    let (fake, verifier) = Fake::followed(Duration::from_millis(30), Some(set(&["a"])));
    let token = signed_by("a");
    let gone = tokio::time::timeout(Duration::from_millis(5), verifier.authenticate(&token, NOW)).await;
    assert!(gone.is_err());
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(verifier.verify(&token, NOW).is_ok());
    assert_eq!(fake.asked(), 1);
}

/// What was checked once is not good for ever: not after its end, and not without its key.
#[test]
fn a_known_token_expires_and_goes_with_its_key() {
    let verifier = by_secret();
    let signer = Signer::with_secret("siyu", "siyu", SECRET);
    let token = signer.sign(&Caller::service("x"), NOW, HOUR).unwrap();
    for _ in 0..2 {
        assert_eq!(verifier.verify(&token, NOW).unwrap(), Caller::service("x"));
    }
    let late = verifier.verify(&token, NOW.plus(HOUR)).unwrap_err();
    assert_eq!(late.reason(), ErrorReason::TokenExpired);
    verifier.replace("secret", set(&["a"]));
    assert_eq!(verifier.verify(&token, NOW).unwrap_err().reason(), ErrorReason::TokenInvalid);
}
