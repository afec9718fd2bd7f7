//! TLS and mutual TLS: between services, towards clients, and with certificates that are exchanged while a process runs.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use siyu::{
    connect::{Client, connect, connect_over},
    suite::ServiceName,
};
use siyu_clock::{Clock, Stopwatch};
use siyu_proto::{
    accounts::v1::{GetAccountRequest, accounts_service_client::AccountsServiceClient},
    crm::v1::{
        IngestInteractionsRequest, InteractionKind, interaction_service_client::InteractionServiceClient,
    },
};
use siyu_rpc::{
    time::to_proto,
    tls::{ClientFiles, ClientTls, Identity, PemFile},
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tonic::{Code, Status};

use crate::{
    frames::PREFACE,
    support::{event, reason},
};

/// Longer than anything here takes: only a hanging test waits for so long.
const LONG: Duration = Duration::from_secs(30);
/// How a client of TLS begins: a record of a handshake, with the first bytes of a hello.
const CLIENT_HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

/// Signs certificates.
struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
struct Signed {
    cert: PathBuf,
    key: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Makes a certificate for `host`, in files called after `file`.
    fn sign(&self, file: &str, host: &str) -> Signed {
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new([host.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let path = |end: &str| self.folder.path().join(format!("{file}{end}"));
        let signed = Signed { cert: path(".pem"), key: path(".key") };
        fs::write(&signed.cert, cert.pem()).unwrap();
        fs::write(&signed.key, key.serialize_pem()).unwrap();
        signed
    }

    /// A certificate for a server at this address.
    fn sign_server(&self) -> Signed {
        self.sign("server", "127.0.0.1")
    }
}

fn setting(key: &str, path: &Path) -> String {
    format!("{key}={}", path.display())
}

/// Settings of a server with this certificate.
fn server(signed: &Signed) -> Vec<String> {
    vec![setting("server.tls_cert_file", &signed.cert), setting("server.tls_key_file", &signed.key)]
}

/// TLS of a client who trusts `authority` and shows `identity`.
async fn client_tls(authority: &Authority, identity: Option<&Signed>) -> ClientTls {
    let file = |path: &Path| PemFile { key: "test", path: path.to_owned() };
    let identity = identity.map(|signed| Identity { cert: file(&signed.cert), key: file(&signed.key) });
    ClientTls::load(ClientFiles { ca: file(&authority.ca()), identity }).await.unwrap()
}

/// A process with TLS of which all clients need to know the URL.
struct Secured {
    installation: Installation,
    process: Process,
    url: String,
}

impl Secured {
    /// Starts accounts with these settings.
    async fn start(set: Vec<String>) -> Self {
        let installation = Installation::create(Engine::Sqlite).await.unwrap().unwrap();
        let launch = Launch { services: vec![ServiceName::Accounts], set, ..Launch::default() };
        let mut process = installation.start(&launch).unwrap();
        let url = process.listening().await.unwrap();
        assert!(url.starts_with("https://127.0.0.1:"), "{url}");
        Self { installation, process, url }
    }

    fn address(&self) -> &str {
        self.url.trim_start_matches("https://")
    }

    async fn connect(&self, tls: &ClientTls) -> anyhow::Result<Client> {
        timeout(LONG, connect_over(&self.url, Some(tls), &self.installation.token)).await?
    }

    /// Starts crm beside it, which calls accounts with these settings.
    /// It has no TLS itself; answers its URL.
    async fn start_crm(&self, set: Vec<String>) -> (Process, String) {
        let launch = Launch { services: vec![ServiceName::Crm], set, ..Launch::default() };
        let mut process = self.installation.start(&launch).unwrap();
        let url = process.ready().await.unwrap();
        (process, url)
    }

    /// A connection to such a crm.
    async fn connect_crm(&self, url: &str) -> Client {
        connect(url, &self.installation.token).await.unwrap()
    }

    async fn remove(self) {
        self.process.terminate().await.unwrap();
        self.installation.remove().await.unwrap();
    }
}

/// Whether accounts answers: it does not know this account.
async fn answers(client: &Client) -> bool {
    let request = GetAccountRequest { name: "accounts/nobody".to_owned() };
    match AccountsServiceClient::new(client.clone()).get_account(request).await {
        Err(status) if status.code() == Code::NotFound => true,
        // What tonic makes of a connection that was closed.
        Err(status) if matches!(status.code(), Code::Unavailable | Code::Cancelled | Code::Unknown) => false,
        other => panic!("{other:?}"),
    }
}

/// Reports a view to the crm, which asks accounts for the account.
async fn view(client: &Client, account: &str) -> Result<i64, Status> {
    let view = event("view", "u1", InteractionKind::View, to_proto(Clock::System.now()));
    let request =
        IngestInteractionsRequest { parent: format!("accounts/{account}"), interactions: vec![view] };
    let answer = InteractionServiceClient::new(client.clone()).ingest_interactions(request).await?;
    Ok(answer.into_inner().accepted_count)
}

async fn closed(mut stream: TcpStream) {
    let _ = timeout(LONG, stream.read_to_end(&mut Vec::new())).await.expect("the connection is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_show_each_other_certificates() {
    let authority = Authority::new();
    let (accounts_signed, crm_signed) = (authority.sign_server(), authority.sign("crm", "crm"));
    let mut set = server(&accounts_signed);
    set.push(setting("server.tls_client_ca_file", &authority.ca()));
    let accounts = Secured::start(set).await;
    let platform = accounts.connect(&client_tls(&authority, Some(&crm_signed)).await).await.unwrap();
    create_accounts(&platform, &["shop".to_owned()]).await.unwrap();

    let trusting =
        vec![format!("peers.accounts={}", accounts.url), setting("peers.ca_file", &authority.ca())];
    let identity =
        |signed: &Signed| [setting("peers.cert_file", &signed.cert), setting("peers.key_file", &signed.key)];
    let set = trusting.iter().cloned().chain(identity(&crm_signed)).collect();
    let (process, url) = accounts.start_crm(set).await;
    let crm = accounts.connect_crm(&url).await;
    assert_eq!(view(&crm, "shop").await.unwrap(), 1);
    assert_eq!(view(&crm, "nobody").await.unwrap_err().code(), Code::NotFound);
    process.terminate().await.unwrap();

    // Without a certificate, and with one that somebody else has signed.
    let stranger = Authority::new();
    let other = stranger.sign("crm", "crm");
    let refused = [trusting.clone(), trusting.iter().cloned().chain(identity(&other)).collect()];
    for set in refused {
        let (process, url) = accounts.start_crm(set).await;
        let refusal = view(&accounts.connect_crm(&url).await, "unknown").await.unwrap_err();
        assert_eq!(
            (refusal.code(), reason(&refusal)),
            (Code::Unavailable, "DEPENDENCY_UNAVAILABLE".to_owned()),
            "{refusal}"
        );
        process.terminate().await.unwrap();
    }
    accounts.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_and_servers_refuse_whom_they_do_not_trust() {
    let (authority, other) = (Authority::new(), Authority::new());
    let known = authority.sign("client", "client");
    let unknown = other.sign("client", "client");
    let mut set = server(&authority.sign_server());
    set.push(setting("server.tls_client_ca_file", &authority.ca()));
    let accounts = Secured::start(set).await;

    let trusted = accounts.connect(&client_tls(&authority, Some(&known)).await).await.unwrap();
    assert!(answers(&trusted).await);
    for identity in [None, Some(&unknown)] {
        // With TLS 1.3 a client learns only from its first call that it was refused.
        match accounts.connect(&client_tls(&authority, identity).await).await {
            Ok(client) => assert!(!answers(&client).await),
            Err(refused) => println!("{refused:#}"),
        }
    }
    let mistaken = client_tls(&other, Some(&known)).await;
    let refused = accounts.connect(&mistaken).await.unwrap_err();
    assert!(format!("{refused:#}").contains("certificate"), "{refused:#}");
    accounts.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_exchanged_while_connections_live() {
    let (old, new) = (Authority::new(), Authority::new());
    let signed = old.sign_server();
    let mut set = server(&signed);
    set.push("auth.reload_interval=100ms".to_owned());
    let accounts = Secured::start(set).await;
    let (old_tls, new_tls) = (client_tls(&old, None).await, client_tls(&new, None).await);
    let early = accounts.connect(&old_tls).await.unwrap();
    assert!(answers(&early).await);
    assert!(accounts.connect(&new_tls).await.is_err());

    // Damaged files change nothing.
    let good = fs::read(&signed.cert).unwrap();
    fs::write(&signed.cert, "damaged").unwrap();
    sleep(Duration::from_millis(500)).await;
    assert!(answers(&accounts.connect(&old_tls).await.unwrap()).await);
    fs::write(&signed.cert, good).unwrap();

    let next = new.sign_server();
    fs::copy(&next.cert, &signed.cert).unwrap();
    fs::copy(&next.key, &signed.key).unwrap();
    let stopwatch = Stopwatch::start();
    let late = loop {
        if let Ok(client) = accounts.connect(&new_tls).await {
            break client;
        }
        assert!(stopwatch.elapsed() < LONG, "the new certificate is not used");
        sleep(Duration::from_millis(50)).await;
    };
    assert!(answers(&late).await);
    // Who trusts the old authority alone could not have connected again.
    assert!(accounts.connect(&old_tls).await.is_err());
    assert!(answers(&early).await);
    accounts.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_go_on_is_cut() {
    const PLACES: usize = 20;
    let authority = Authority::new();
    let mut set = server(&authority.sign_server());
    set.extend([format!("server.max_connections={PLACES}"), "server.preface_timeout=1s".to_owned()]);
    let accounts = Secured::start(set).await;
    let stopwatch = Stopwatch::start();
    let mut silent = Vec::new();
    for number in 0..PLACES {
        let mut stream = TcpStream::connect(accounts.address()).await.unwrap();
        let beginning: &[u8] = if number % 2 == 0 { b"" } else { CLIENT_HELLO };
        stream.write_all(beginning).await.unwrap();
        silent.push(stream);
    }
    let tls = client_tls(&authority, None).await;
    assert!(accounts.connect(&tls).await.is_err(), "they have all the places");
    for stream in silent {
        closed(stream).await;
    }
    assert!(stopwatch.elapsed() < Duration::from_secs(10), "{:?}", stopwatch.elapsed());
    assert!(answers(&accounts.connect(&tls).await.unwrap()).await);
    accounts.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_otherwise_is_closed() {
    let authority = Authority::new();
    let accounts = Secured::start(server(&authority.sign_server())).await;
    let mut plain = TcpStream::connect(accounts.address()).await.unwrap();
    plain.write_all(PREFACE).await.unwrap();
    closed(plain).await;

    // Clients of TLS at a port without it.
    let set = vec![format!("peers.accounts={}", accounts.url), setting("peers.ca_file", &authority.ca())];
    let (process, plain_url) = accounts.start_crm(set).await;
    let mut hello = TcpStream::connect(plain_url.trim_start_matches("http://")).await.unwrap();
    hello.write_all(CLIENT_HELLO).await.unwrap();
    closed(hello).await;
    let as_if_tls = plain_url.replace("http://", "https://");
    let tls = client_tls(&authority, None).await;
    let refused = timeout(LONG, connect_over(&as_if_tls, Some(&tls), "token")).await.unwrap();
    assert!(refused.is_err());
    process.terminate().await.unwrap();
    accounts.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_stop_the_start() {
    let authority = Authority::new();
    let (one, other) = (authority.sign("one", "127.0.0.1"), authority.sign("other", "127.0.0.1"));
    let installation = Installation::create(Engine::Sqlite).await.unwrap().unwrap();
    let set = server(&Signed { cert: one.cert, key: other.key });
    let mut process = installation.start(&Launch { set, ..Launch::default() }).unwrap();
    let said = process.listening().await.unwrap_err().to_string();
    assert!(said.contains("server.tls_key_file"), "{said}");
    installation.remove().await.unwrap();
}
