//! Tokens that are good for nothing, on a suite that trusts public keys and no secret.

use std::{fs, path::Path, time::Duration};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use siyu_clock::Micros;
use siyu_proto::common::v1::Access;
use siyu_rpc::auth::{Caller, ON_BEHALF_OF, Signer, SigningKey};
use siyu_tests::{Engine, TestSuite};
use tokio::time::{sleep, timeout};

use super::{bearer, call_all, let_in, refused};
use crate::raw::{call, channel};

const ANY_METHOD: &str = "/siyu.accounts.v1.AccountsService/ListEnterprises";
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

/// Public keys that the suite trusts: RSA, P-256 and Ed25519, made with
/// `openssl genpkey -algorithm … | openssl pkey -pubout`.
const PUBLIC_PEM: [&str; 3] = [
    include_str!("../../keys/rsa.pub.pem"),
    include_str!("../../keys/p256.pub.pem"),
    include_str!("../../keys/ed25519.pub.pem"),
];

fn key(kid: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(kid, &[seed; 32]).unwrap()
}

fn write_jwks(path: &Path, keys: &[&SigningKey]) {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
    // Replaced at once, as a careful operator does.
    let draft = path.with_extension("draft");
    fs::write(&draft, serde_json::json!({ "keys": keys }).to_string()).unwrap();
    fs::rename(&draft, path).unwrap();
}

/// A suite that trusts the three PEM keys and two of a JSON Web Key Set, of which the second is then retired.
async fn start(engine: Engine, folder: &Path) -> Option<(TestSuite, Keys)> {
    let keys = Keys { current: key("current", 1), retired: key("retired", 2) };
    let (jwks, pem) = (folder.join("jwks.json"), folder.join("keys.pem"));
    write_jwks(&jwks, &[&keys.current, &keys.retired]);
    fs::write(&pem, PUBLIC_PEM.concat()).unwrap();
    let settings = [
        format!("auth.jwks_file={}", jwks.display()),
        format!("auth.public_key_file={}", pem.display()),
        "auth.reload_interval=20ms".to_owned(),
    ];
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let signer = Signer::with_key("siyu", "siyu", &keys.current);
    let suite = TestSuite::start_signed(engine, &settings, signer).await.unwrap()?;
    retire(&suite, &keys, &jwks).await;
    Some((suite, keys))
}

struct Keys {
    current: SigningKey,
    retired: SigningKey,
}

impl Keys {
    fn signed(&self, key: &SigningKey, now: Micros) -> String {
        Signer::with_key("siyu", "siyu", key).sign(&Caller::service("crm"), now, HOUR).unwrap()
    }
}

/// Takes a key out of the file while the suite runs, and waits until it is refused.
async fn retire(suite: &TestSuite, keys: &Keys, jwks: &Path) {
    let token = bearer(&keys.signed(&keys.retired, suite.clock.now()));
    let headers = [("authorization", token.as_str())];
    let channel = channel(suite).await;
    call(&channel, ANY_METHOD, &headers, vec![Vec::new()]).await.expect("good as long as it is listed");
    write_jwks(jwks, &[&keys.current]);
    let refused = async {
        while call(&channel, ANY_METHOD, &headers, vec![Vec::new()]).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, refused).await.expect("a retired key is refused");
}

/// A token for a service, signed with anything as if it were a shared secret.
fn hs256(secret: &[u8], kid: Option<&str>, now: Micros) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::HS256) };
    let exp = now.plus(HOUR).0 / Micros::PER_SECOND;
    let claims =
        serde_json::json!({"iss": "siyu", "aud": "siyu", "sub": "crm", "exp": exp, "kind": "service"});
    encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
}

/// All bad tokens there are, each with a name.
fn bad_tokens(keys: &Keys, now: Micros) -> Vec<(String, String)> {
    let service = Caller::service("crm");
    let good = keys.signed(&keys.current, now);
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let of_user = Signer::with_key("siyu", "siyu", &keys.current).sign(&Caller::user("u1"), now, HOUR);
    let of_user = of_user.unwrap();
    let claims_of_user = of_user.split('.').nth(1).unwrap();
    let by = |issuer, audience| {
        Signer::with_key(issuer, audience, &keys.current).sign(&service, now, HOUR).unwrap()
    };
    // {"alg":"none"}, {"alg":"None"} and {"alg":"none","kid":"current"}
    let none = ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJOb25lIn0", "eyJhbGciOiJub25lIiwia2lkIjoiY3VycmVudCJ9"];
    let mut tokens = vec![
        ("garbage".to_owned(), "garbage".to_owned()),
        ("nothing".to_owned(), String::new()),
        ("no signature".to_owned(), format!("{header}.{claims}.")),
        ("claims of another token".to_owned(), format!("{header}.{claims_of_user}.{signature}")),
        ("wrong audience".to_owned(), by("siyu", "other")),
        ("wrong issuer".to_owned(), by("other", "siyu")),
        ("a retired key".to_owned(), keys.signed(&keys.retired, now)),
        ("an unknown key".to_owned(), keys.signed(&key("unknown", 3), now)),
        ("another key of the same kid".to_owned(), keys.signed(&key("current", 3), now)),
        ("any secret".to_owned(), hs256(&[7; 32], None, now)),
    ];
    for none in none {
        tokens.push((format!("alg none: {none}"), format!("{none}.{claims}.")));
        tokens.push((format!("alg none, signed: {none}"), format!("{none}.{claims}.{signature}")));
    }
    let current = keys.current.jwk().to_string();
    let public = PUBLIC_PEM.into_iter().chain(PUBLIC_PEM.map(str::trim)).chain([keys.current.x(), &current]);
    for public in public {
        for kid in [None, Some("current")] {
            tokens.push((format!("HS256 with {public}, kid {kid:?}"), hs256(public.as_bytes(), kid, now)));
        }
    }
    tokens
}

async fn nothing_can_be_called_without_a_good_token(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let Some((suite, keys)) = start(engine, folder.path()).await else { return };
    let now = suite.clock.now();
    let service = bearer(&keys.signed(&keys.current, now));
    for (method, result) in call_all(&suite, &[("authorization", &service)]).await {
        let_in(&result, method.path);
    }

    let channel = channel(&suite).await;
    for (name, token) in bad_tokens(&keys, now) {
        let token = bearer(&token);
        for (method, result) in call_all(&suite, &[("authorization", &token)]).await {
            refused(result, "TOKEN_INVALID", &format!("{}: {name}", method.path));
        }
        // The same check, so one method will do.
        let headers = [("authorization", service.as_str()), (ON_BEHALF_OF, token.as_str())];
        let result = call(&channel, ANY_METHOD, &headers, vec![Vec::new()]).await;
        refused(result, "TOKEN_INVALID", &format!("on behalf of {name}"));
    }

    let bare = keys.signed(&keys.current, now);
    let none: [&[(&'static str, &str)]; 4] = [
        &[],
        &[("authorization", "Basic c2l5dTpzaXl1")],
        &[("authorization", &bare)],
        &[(ON_BEHALF_OF, &service)],
    ];
    for headers in none {
        for (method, result) in call_all(&suite, headers).await {
            if method.access == Access::Public && headers.is_empty() {
                let_in(&result, method.path);
            } else {
                refused(result, "TOKEN_MISSING", &format!("{}: {headers:?}", method.path));
            }
        }
    }
    suite.finish().await;
}

async fn a_token_is_good_to_the_second(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let Some((suite, keys)) = start(engine, folder.path()).await else { return };
    let service = bearer(&suite.token(&Caller::service("crm")));
    let short = Signer::with_key("siyu", "siyu", &keys.current);
    let short = short.sign(&Caller::service("crm"), suite.clock.now(), Duration::from_secs(60)).unwrap();
    let short = bearer(&short);
    let own = [("authorization", short.as_str())];
    let on_behalf = [("authorization", service.as_str()), (ON_BEHALF_OF, short.as_str())];

    suite.advance(Duration::from_secs(59)).await;
    for headers in [&own[..], &on_behalf] {
        for (method, result) in call_all(&suite, headers).await {
            let_in(&result, method.path);
        }
    }
    suite.advance(Duration::from_secs(1)).await;
    for headers in [&own[..], &on_behalf] {
        for (method, result) in call_all(&suite, headers).await {
            refused(result, "TOKEN_EXPIRED", method.path);
        }
    }
    suite.finish().await;
}

async fn only_services_call_on_behalf_of_others(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let Some((suite, _)) = start(engine, folder.path()).await else { return };
    let user = bearer(&suite.token(&Caller::user("users/u1")));
    let operator = bearer(&suite.token(&Caller::operator("op", Vec::new())));
    let service = bearer(&suite.token(&Caller::service("crm")));
    for caller in [&user, &operator] {
        for other in [&user, &operator, &service] {
            let headers = [("authorization", caller.as_str()), (ON_BEHALF_OF, other.as_str())];
            for (method, result) in call_all(&suite, &headers).await {
                refused(result, "ROLE_TOO_LOW", method.path);
            }
        }
    }
    // What a service may do it may do for anybody.
    let headers = [("authorization", service.as_str()), (ON_BEHALF_OF, user.as_str())];
    for (method, result) in call_all(&suite, &headers).await {
        let_in(&result, method.path);
    }
    suite.finish().await;
}

mod on_sqlite {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_can_be_called_without_a_good_token() {
        super::nothing_can_be_called_without_a_good_token(Engine::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_token_is_good_to_the_second() {
        super::a_token_is_good_to_the_second(Engine::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn only_services_call_on_behalf_of_others() {
        super::only_services_call_on_behalf_of_others(Engine::Sqlite).await;
    }
}

mod on_postgres {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_can_be_called_without_a_good_token() {
        super::nothing_can_be_called_without_a_good_token(Engine::Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_token_is_good_to_the_second() {
        super::a_token_is_good_to_the_second(Engine::Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn only_services_call_on_behalf_of_others() {
        super::only_services_call_on_behalf_of_others(Engine::Postgres).await;
    }
}
