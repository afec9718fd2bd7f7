use std::{fs, net::SocketAddr};

use tokio::{io::AsyncReadExt, net::TcpListener};
use tonic::transport::Endpoint;

use super::{testing::Authority, *};

/// Takes one connection; answers where it waits for it.
async fn accepting(tls: &ServerTls) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tls.acceptor();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        if let Ok(mut stream) = secured(socket, Some(acceptor)).await {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    address
}

/// Whether a client accepts the server as `host`.
async fn accepted_as(host: &str, tls: &ServerTls, client: &ClientTls) -> bool {
    let address = accepting(tls).await;
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    let config = client.config().domain_name(host);
    endpoint.tls_config(config).unwrap().connect().await.is_ok()
}

#[tokio::test]
async fn new_certificates_are_taken_and_damaged_ones_are_not() {
    let authority = Authority::new();
    authority.sign("one.test");
    let client = authority.client().await;
    let mut tls = ServerTls::load(authority.server_files()).await.unwrap();
    let shown = tls.clone();
    assert!(accepted_as("one.test", &shown, &client).await);
    assert!(!accepted_as("two.test", &shown, &client).await);

    let (cert, key) = (authority.path("cert.pem"), authority.path("key.pem"));
    let (old_cert, old_key) = (fs::read(&cert).unwrap(), fs::read(&key).unwrap());
    authority.sign("two.test");
    let new_key = fs::read(&key).unwrap();
    // The new certificate is there, its key not yet.
    fs::write(&key, old_key).unwrap();
    tls.reload().await;
    assert!(accepted_as("one.test", &shown, &client).await);
    fs::write(&key, new_key).unwrap();
    tls.reload().await;
    assert!(accepted_as("two.test", &shown, &client).await);
    assert!(!accepted_as("one.test", &shown, &client).await);

    for damaged in [b"half of a".to_vec(), Vec::new(), old_cert] {
        fs::write(&cert, damaged).unwrap();
        tls.reload().await;
        assert!(accepted_as("two.test", &shown, &client).await);
    }
    fs::remove_file(&cert).unwrap();
    tls.reload().await;
    assert!(accepted_as("two.test", &shown, &client).await);
}

#[tokio::test]
async fn a_client_takes_a_new_authority() {
    let (old, new) = (Authority::new(), Authority::new());
    new.sign("one.test");
    let tls = ServerTls::load(new.server_files()).await.unwrap();
    let mut client = old.client().await;
    assert!(!client.reload().await);
    assert!(!accepted_as("one.test", &tls, &client).await);
    fs::write(old.path("ca.pem"), "no certificate").unwrap();
    assert!(!client.reload().await);
    fs::copy(new.path("ca.pem"), old.path("ca.pem")).unwrap();
    assert!(client.reload().await);
    assert!(accepted_as("one.test", &tls, &client).await);
}

#[tokio::test]
async fn errors_name_the_key_of_the_file() {
    let authority = Authority::new();
    let missing = ServerTls::load(authority.server_files()).await.unwrap_err().to_string();
    assert!(missing.starts_with("cert /") && missing.contains("cert.pem: No such file"), "{missing}");
    let other_key = Authority::new();
    authority.sign("one.test");
    other_key.sign("one.test");
    fs::copy(other_key.path("key.pem"), authority.path("key.pem")).unwrap();
    let wrong_key = ServerTls::load(authority.server_files()).await.unwrap_err().to_string();
    assert!(wrong_key.starts_with("key /") && wrong_key.contains("cannot be used with cert"), "{wrong_key}");
    fs::write(authority.path("cert.pem"), "-----BEGIN CERTIFICATE-----\n?").unwrap();
    let damaged = ServerTls::load(authority.server_files()).await.unwrap_err().to_string();
    assert!(damaged.starts_with("cert /"), "{damaged}");
}
