mod documented_file;

use std::fs;

use tempfile::TempDir;

use super::*;

/// The layers of one start.
#[derive(Default)]
struct Given<'a> {
    file: Option<&'a str>,
    variables: &'a [(&'a str, &'a str)],
    flags: &'a [&'a str],
    sim_clock: bool,
}

impl Given<'_> {
    fn load(&self) -> Result<Loaded, String> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("siyu.toml");
        if let Some(text) = self.file {
            fs::write(&path, text).unwrap();
        }
        let overrides = Overrides {
            set: self.flags.iter().map(ToString::to_string).collect(),
            sim_clock: self.sim_clock,
            ..Overrides::default()
        };
        let variables = self.variables.iter().map(|(name, value)| (name.into(), value.into()));
        let folder = format!("{}/", folder.path().display());
        load_from(&overrides, variables, &path).map_err(|error| error.to_string().replace(&folder, ""))
    }

    fn refused(&self) -> String {
        self.load().map(|loaded| loaded.config).unwrap_err()
    }
}

fn file(text: &str) -> Given<'_> {
    Given { file: Some(text), ..Given::default() }
}

fn flags<'a>(flags: &'a [&'a str]) -> Given<'a> {
    Given { flags, ..Given::default() }
}

fn variables<'a>(variables: &'a [(&'a str, &'a str)]) -> Given<'a> {
    Given { variables, ..Given::default() }
}

#[test]
fn without_any_layer_the_defaults_hold() {
    assert_eq!(Given::default().load().unwrap().config, Config::default());
}

#[test]
fn the_later_layer_wins() {
    let given = Given {
        file: Some("[server]\nmax_connections = 1\nmax_streams_per_connection = 1\nmax_message_bytes = 1"),
        variables: &[
            ("SIYU_SERVER__MAX_STREAMS_PER_CONNECTION", "2"),
            ("SIYU_SERVER__MAX_MESSAGE_BYTES", "2"),
        ],
        flags: &["server.max_message_bytes=3"],
        ..Given::default()
    };
    let server = given.load().unwrap().config.server;
    assert_eq!(
        (server.max_connections, server.max_streams_per_connection, server.max_message_bytes),
        (1, 2, 3)
    );
}

#[test]
fn text_gets_the_type_of_its_key() {
    let given = variables(&[
        ("SIYU_ENVIRONMENT", "development"),
        ("SIYU_AUTH__HS256_SECRET", "12345678901234567890123456789012"),
        ("SIYU_SERVER__GRPC_WEB_ORIGINS", "https://a.example, http://localhost:8080"),
        ("SIYU_SERVER__LISTEN", "[::1]:0"),
        ("SIYU_CRM__SWEEP_INTERVAL", "500ms"),
    ]);
    let config = given.load().unwrap().config;
    assert_eq!(config.auth.hs256_secret.expose(), "12345678901234567890123456789012");
    assert_eq!(config.server.grpc_web_origins, ["https://a.example", "http://localhost:8080"]);
    assert_eq!(config.server.listen.to_string(), "[::1]:0");
    assert_eq!(config.crm.sweep_interval.get().as_millis(), 500);
}

#[test]
fn variables_of_others_are_left_alone() {
    let given = variables(&[
        ("SIYU_TOKEN", "x"),
        ("SIYU_TEST_POSTGRES", "x"),
        ("SIYU_PORT", "tcp://10.0.0.1:50051"),
        ("SIYU_CRM_PORT_50051_TCP_ADDR", "10.0.0.1"),
        ("SIYU_CRM_SERVICE_HOST", "10.0.0.1"),
        ("OTHER__KEY", "x"),
    ]);
    assert_eq!(given.load().unwrap().config, Config::default());
}

#[test]
fn unknown_keys_are_refused_in_every_layer() {
    let peers = "unknown key; [peers] has accounts, ca_file, cert_file, crm, groups, key_file, messaging, subscriptions";
    assert_eq!(
        file("[peers]\naccount = 1").refused(),
        format!("peers.account: {peers} (from file siyu.toml)")
    );
    assert_eq!(
        variables(&[("SIYU_PEERS__ACCOUNT", "")]).refused(),
        format!("peers.account: {peers} (from environment variable SIYU_PEERS__ACCOUNT)")
    );
    assert_eq!(flags(&["peers.account="]).refused(), format!("peers.account: {peers} (from flag --set)"));

    for given in [file("peer = 1"), file("\"\" = 1"), file("[servers]\nlisten = 1")] {
        let message = given.refused();
        assert!(
            message.contains(": unknown key; the file has accounts, auth, crm, environment,"),
            "{message}"
        );
    }
    assert_eq!(
        file("\"peers.accounts\" = \"\"").refused(),
        format!("peers.accounts: {peers} (from file siyu.toml)"),
        "one quoted name is not section and key"
    );
    for name in ["SIYU_ENVIROMENT", "SIYU_SERVER_LISTEN", "SIYU_SERVER", "SIYU_SERVERS__LISTEN", "SIYU___A"] {
        let message = variables(&[(name, "production")]).refused();
        assert!(message.contains(": unknown key; "), "{message}");
        assert!(message.ends_with(&format!("(from environment variable {name})")), "{message}");
    }
    for flag in ["server=1", "=1", "server.listen.port=1", "server.=1"] {
        assert!(flags(&[flag]).refused().contains(": unknown key; "), "{flag}");
    }
}

#[test]
fn wrong_values_name_key_problem_and_origin() {
    let whole_number = "expected a whole number up to 4294967295";
    assert_eq!(
        file("[server]\nmax_connections = \"many\"").refused(),
        format!(
            "server.max_connections: invalid type: found string \"many\", {whole_number} (from file siyu.toml)"
        )
    );
    assert_eq!(
        variables(&[("SIYU_CRM__MAX_CONNECTIONS", "-1")]).refused(),
        format!(
            "crm.max_connections: invalid type: found string \"-1\", {whole_number} \
             (from environment variable SIYU_CRM__MAX_CONNECTIONS)"
        )
    );
    assert_eq!(
        flags(&["server.listen=localhost"]).refused(),
        "server.listen: must be IP:PORT such as 127.0.0.1:50051 (from flag --set)"
    );
    assert_eq!(
        flags(&["server.listen"]).refused(),
        "server.listen: must be written section.key=value (from flag --set)"
    );
    assert_eq!(
        file("environment = \"prod\"").refused(),
        "environment: \"prod\" is none of development, production (from file siyu.toml)"
    );
    assert_eq!(
        flags(&["telemetry.log_format=xml"]).refused(),
        "telemetry.log_format: \"xml\" is none of text, json (from flag --set)"
    );
    assert_eq!(
        file("server = 1").refused(),
        "server: is a section: write [server] above its keys (from file siyu.toml)"
    );
}

#[test]
fn durations_are_text_and_longer_than_zero() {
    let expected = "expected a duration longer than zero such as \"10s\", \"500ms\" or \"2m\"";
    for wrong in ["", "10", "0s", "-5s", "soon", "9000h", "1 fortnight"] {
        assert_eq!(
            flags(&[&format!("server.drain_deadline={wrong}")]).refused(),
            format!("server.drain_deadline: invalid value string {wrong:?}, {expected} (from flag --set)")
        );
    }
    assert_eq!(
        file("[server]\ndrain_deadline = 10").refused(),
        format!(
            "server.drain_deadline: invalid type: found signed int `10`, {expected} (from file siyu.toml)"
        )
    );
}

#[test]
fn values_that_types_allow_but_sense_does_not() {
    let no_zero = [
        "server.max_connections",
        "server.max_streams_per_connection",
        "server.max_concurrent_requests",
        "server.max_open_streams",
        "server.max_message_bytes",
        "accounts.max_connections",
        "crm.max_connections",
    ];
    for key in no_zero {
        let message = flags(&[&format!("{key}=0")]).refused();
        assert_eq!(message, format!("{key}: must be greater than zero (from flag --set)"));
    }
    let wrong = [
        "storage.data_dir=",
        "auth.audience=",
        "auth.issuer=",
        "auth.hs256_secret=short",
        "auth.public_key_file=no/such.pem",
        "auth.jwks_file=no/such.json",
        "auth.service_token_file=no/such/token",
        "auth.reload_interval=0s",
        "accounts.database_url=mysql://u:hunter2@h/d",
        "accounts.database_url=sqlite::memory:",
        "accounts.entry_url_base=",
        "accounts.entry_url_base=lumi.example/e",
        "accounts.entry_url_base=ftp://lumi.example/e",
        "accounts.entry_url_base=https://lumi.example/e/",
        "accounts.entry_url_base=https://lumi.example/e?a",
        "accounts.live_reminder_lead=0s",
        "crm.database_url=accounts.db",
        "crm.database_url=sqlite:./data/accounts.db",
        "realtime.redis_url=hunter2",
        "realtime.redis_url=http://:hunter2@h:6379",
        "realtime.redis_url=rediss://:hunter2@h:6379/#insecure",
        "peers.accounts=127.0.0.1:50051",
        "peers.accounts=https://accounts:50051",
        "peers.accounts=ftp://accounts:50051",
        "peers.ca_file=no/such.pem",
        "server.tls_cert_file=no/such.pem",
        "server.grpc_web_origins=*",
        "server.grpc_web_origins=https://a.example/",
        "server.default_deadline=2m",
        "telemetry.log=info,siyu=loud",
        "telemetry.otlp_endpoint=collector:4317",
        "telemetry.metrics_listen=9464",
    ];
    for pair in wrong {
        let (key, _) = pair.split_once('=').unwrap();
        let message = flags(&[pair]).refused();
        assert!(message.starts_with(&format!("{key}: ")), "{pair} gave {message}");
        assert!(message.ends_with("(from flag --set)"), "{pair} gave {message}");
        assert!(!message.contains("hunter2"), "{pair} gave {message}");
    }
}

#[test]
fn files_of_tls_go_together() {
    let pem = tempfile::NamedTempFile::new().unwrap();
    let set = |key: &str| format!("{key}={}", pem.path().display());
    let needs = [
        ("server.tls_cert_file", "needs server.tls_key_file"),
        ("server.tls_key_file", "needs server.tls_cert_file"),
        ("server.tls_client_ca_file", "needs server.tls_cert_file"),
        ("peers.cert_file", "needs peers.key_file"),
        ("peers.key_file", "needs peers.cert_file"),
    ];
    for (key, problem) in needs {
        assert_eq!(flags(&[&set(key)]).refused(), format!("{key}: {problem} (from flag --set)"));
    }
    let without_ca = [set("peers.cert_file"), set("peers.key_file")];
    let message = flags(&without_ca.each_ref().map(String::as_str)).refused();
    assert_eq!(message, "peers.cert_file: needs peers.ca_file (from flag --set)");

    let all = needs.map(|(key, _)| set(key));
    let mut all: Vec<_> = all.iter().map(String::as_str).collect();
    let ca_file = set("peers.ca_file");
    all.extend([ca_file.as_str(), "peers.accounts=https://accounts:50051"]);
    assert_eq!(flags(&all).load().unwrap().config.peers.accounts, "https://accounts:50051");
}

#[test]
fn production_refuses_the_comforts_of_development() {
    assert_eq!(
        file("environment = \"production\"").refused(),
        "auth.jwks_file: must be set when environment is \"production\", or auth.public_key_file (from default)"
    );
    let key = tempfile::NamedTempFile::new().unwrap();
    let key_file = format!("auth.public_key_file={}", key.path().display());
    let jwks_file = format!("auth.jwks_file={}", key.path().display());
    let production = ["environment=production", &key_file];
    for files in [production, ["environment=production", &jwks_file]] {
        assert_eq!(flags(&files).load().unwrap().config.environment, Environment::Production);
    }
    let secret = ("SIYU_AUTH__HS256_SECRET", "0123456789abcdef0123456789abcdef");
    assert_eq!(
        Given { variables: &[secret], ..flags(&production) }.refused(),
        "auth.hs256_secret: is not allowed when environment is \"production\" \
         (from environment variable SIYU_AUTH__HS256_SECRET)"
    );
    assert_eq!(
        Given { sim_clock: true, ..flags(&production) }.refused(),
        "--sim-clock: is not allowed when environment is \"production\" (from flag)"
    );
}

#[test]
fn a_named_file_must_be_readable_toml() {
    let named = Overrides { file: Some("no/such.toml".into()), ..Overrides::default() };
    let message = load_from(&named, [], Path::new("")).unwrap_err().to_string();
    assert!(message.starts_with("configuration file no/such.toml: No such file"), "{message}");

    let variable = [("SIYU_CONFIG".into(), "none.toml".into())];
    let message = load_from(&Overrides::default(), variable, Path::new("")).unwrap_err().to_string();
    assert!(message.starts_with("configuration file none.toml: No such file"), "{message}");

    let message = file("[server]\nlisten = ").refused();
    assert!(message.starts_with("configuration file siyu.toml: TOML parse error at line 2"), "{message}");
}

#[test]
fn the_description_names_origins_and_hides_secrets() {
    let given = Given {
        file: Some("[crm]\ndatabase_url = \"postgres://siyu:hunter2@db/crm?password=hunter3\""),
        variables: &[("SIYU_AUTH__HS256_SECRET", "a secret that nobody should see!")],
        flags: &["server.max_connections=7"],
        ..Given::default()
    };
    let loaded = given.load().unwrap();
    let described = loaded.describe();
    let row = |key: &str| {
        let line = described.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        row("auth.hs256_secret"),
        "auth.hs256_secret \"****\" \"\" environment variable SIYU_AUTH__HS256_SECRET"
    );
    assert_eq!(row("server.max_connections"), "server.max_connections 7 10000 flag --set");
    assert_eq!(row("server.drain_deadline"), "server.drain_deadline \"10s\" \"10s\" default");
    assert_eq!(row("server.grpc_web_origins"), "server.grpc_web_origins [] [] default");
    let url = row("crm.database_url");
    assert!(
        url.starts_with("crm.database_url \"postgres://siyu:****@db/crm?password=****\" \"\" file "),
        "{url}"
    );
    assert_eq!(described.lines().count(), 1 + describe::keys(&loaded.defaults).len());

    let debugged = format!("{loaded:?}");
    assert!(!debugged.contains("hunter") && !debugged.contains("nobody"), "{debugged}");
}
