//! Trust, decided on certificates, over TLS on this computer's own loopback; and the command line against the agent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use cfms_backup::protocol::Secret;
use cfms_backup::remote::{Address, Dial, KnownServers, Network, Remote};
use cfms_backup::{Code, Fingerprint, Job, Result, WarningCode};
use futures_util::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use super::scripted::real_info;
use crate::agent::served::{Ground, PASSWORD};

/// A certificate and a key; the key need not be the certificate's.
struct Pair {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Pair {
    fn new(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap().der().clone(), key }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }
}

#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server of plain JSON that says who it is, until it is dropped.
struct Server {
    port: u16,
    task: JoinHandle<()>,
}

impl Server {
    async fn with(pair: &Pair) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), Some(pair))
    }

    fn on(listener: TcpListener, pair: Option<&Pair>) -> Self {
        let port = listener.local_addr().unwrap().port();
        let acceptor = pair.map(|pair| {
            let key = PrivateKeyDer::try_from(pair.key.serialize_der()).unwrap();
            let key = ring::sign::any_supported_type(&key).unwrap();
            let certified = CertifiedKey::new(vec![pair.certificate.clone()], key);
            let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(Shows(Arc::new(certified))));
            TlsAcceptor::from(Arc::new(config))
        });
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, acceptor.clone()));
            }
        });
        Self { port, task }
    }

    fn address(&self) -> Address {
        Address::parse(&format!("localhost:{}", self.port)).unwrap()
    }

    /// Another one in its place.
    async fn replaced_by(self, pair: &Pair) -> Self {
        let port = self.port;
        drop(self);
        loop {
            match TcpListener::bind(("127.0.0.1", port)).await {
                Ok(listener) => return Self::on(listener, Some(pair)),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(stream: TcpStream, acceptor: Option<TlsAcceptor>) {
    match acceptor {
        None => talk(stream).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                talk(stream).await;
            }
        }
    }
}

async fn talk<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(stream: S) {
    let Ok(mut socket) = accept_async(stream).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { break };
        let request: Value = serde_json::from_str(&text).unwrap();
        if request["action"] == "set_passwd" {
            // It dies, without a goodbye of whatever layer.
            return;
        }
        assert_eq!(request, json!({"action": "server_info", "data": {}}));
        let answer = json!({"code": 200, "data": real_info(), "message": "", "timestamp": 1.5});
        let _ = socket.send(Message::text(answer.to_string())).await;
    }
    let _ = socket.close(None).await;
}

async fn call(network: Network) -> Result<Remote> {
    Remote::connect(Arc::new(network) as Arc<dyn Dial>, &Job::silent()).await
}

fn known(scratch: &Path) -> KnownServers {
    KnownServers::at(scratch.join("known_servers.json"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_certificate_is_decided_on_by_its_fingerprint_and_remembered() {
    let scratch = tempfile::tempdir().unwrap();
    let pair = Pair::new(|params| params.distinguished_name.push(DnType::CommonName, "files.example.org"));
    let server = Server::with(&pair).await;
    let network = || Network::new(server.address(), Some(known(scratch.path())));

    let error = call(network()).await.unwrap_err();
    assert_eq!(error.code(), Code::CertificateUnknown);
    let params = error.params();
    assert_eq!(params["fingerprint"], pair.fingerprint().to_string());
    assert_eq!((params["names"].as_str(), params["self_signed"].as_str()), ("files.example.org, localhost", "true"));
    assert!(!params["not_before"].is_empty() && !params["not_after"].is_empty());

    let other = Pair::new(|_| ()).fingerprint();
    let error = call(network().trusting(Some(other))).await.unwrap_err();
    assert_eq!(error.code(), Code::CertificateOther);
    assert_eq!(known(scratch.path()).list().unwrap(), []);

    let remote = call(network().trusting(Some(pair.fingerprint()))).await.unwrap();
    assert_eq!(remote.facts().certificate.unwrap().fingerprint, pair.fingerprint());
    assert!(call(network()).await.is_ok());
    assert!(known(scratch.path()).forget(&server.address()).unwrap());
    assert_eq!(call(network()).await.unwrap_err().code(), Code::CertificateUnknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_certificate_is_a_hard_stop_whatever_is_given() {
    let scratch = tempfile::tempdir().unwrap();
    let (old, new) = (Pair::new(|_| ()), Pair::new(|_| ()));
    let server = Server::with(&old).await;
    let network = |address| Network::new(address, Some(known(scratch.path())));
    call(network(server.address()).trusting(Some(old.fingerprint()))).await.unwrap();
    let server = server.replaced_by(&new).await;
    for given in [None, Some(new.fingerprint())] {
        let error = call(network(server.address()).trusting(given)).await.unwrap_err();
        assert_eq!(error.code(), Code::CertificateChanged);
        let params = error.params();
        let told = (params["expected"].as_str(), params["fingerprint"].as_str());
        assert_eq!(told, (old.fingerprint().to_string().as_str(), new.fingerprint().to_string().as_str()));
        assert!(error.advice().unwrap().contains("servers forget"));
    }
    known(scratch.path()).forget(&server.address()).unwrap();
    call(network(server.address()).trusting(Some(new.fingerprint()))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_its_key_proves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let real = Pair::new(|_| ());
    let stolen = Pair { certificate: real.certificate.clone(), key: KeyPair::generate().unwrap() };
    let server = Server::with(&stolen).await;
    let network = Network::new(server.address(), Some(known(scratch.path()))).trusting(Some(real.fingerprint()));
    let error = call(network).await.unwrap_err();
    assert_eq!(error.code(), Code::ServerUnreachable, "{error}");
    assert_eq!(known(scratch.path()).list().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_certificate_that_has_expired_is_a_warning() {
    let scratch = tempfile::tempdir().unwrap();
    let pair = Pair::new(|params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let server = Server::with(&pair).await;
    let network = Network::new(server.address(), Some(known(scratch.path())));
    let warnings = call(network.trusting(Some(pair.fingerprint()))).await.unwrap().facts().warnings;
    assert_eq!(warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), [WarningCode::CertificateExpired]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_encryption_stays_on_this_computer_unless_the_person_says_so() {
    let server = Server::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), None);
    let address = |text: String| Address::parse(&text).unwrap();
    let remote = call(Network::new(address(format!("ws://localhost:{}", server.port)), None)).await.unwrap();
    assert_eq!(remote.facts().certificate, None);
    // An address of documentation, where nobody is: it is not even called.
    let error = call(Network::new(address("ws://192.0.2.1:5104".to_owned()), None)).await.unwrap_err();
    assert_eq!(error.code(), Code::Unencrypted);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_and_who_speaks_no_tls_have_words_of_their_own() {
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::parse(&plain.local_addr().unwrap().to_string()).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        drop(stream.read_to_end(&mut Vec::new()).await);
    });
    let error = call(Network::new(address, None)).await.unwrap_err();
    assert_eq!(error.code(), Code::NotCfmsServer, "{error}");
    assert!(error.to_string().contains("it does not speak TLS"), "{error}");
    let encrypted = Server::with(&Pair::new(|_| ())).await;
    let address = Address::parse(&format!("ws://localhost:{}", encrypted.port)).unwrap();
    let error = call(Network::new(address, None)).await.unwrap_err();
    assert!(error.to_string().contains("use wss://"), "{error}");
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::parse(&nobody.local_addr().unwrap().to_string()).unwrap();
    drop(nobody);
    let error = call(Network::new(address, None)).await.unwrap_err();
    assert_eq!(error.code(), Code::ServerUnreachable);
    assert!(error.to_string().contains("nothing listens there"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_is_told_in_words_of_this_program() {
    let pair = Pair::new(|_| ());
    let server = Server::with(&pair).await;
    let mut remote = call(Network::new(server.address(), None).trusting(Some(pair.fingerprint()))).await.unwrap();
    let secret = Secret::from("secret");
    let error = remote.set_password("admin", &secret, &secret, &Job::silent()).await.unwrap_err();
    assert_eq!(error.code(), Code::OutcomeUnknown, "{error}");
    assert!(error.to_string().contains("hung up") && !error.to_string().contains("http"), "{error}");
}

/// The program with a home of its own, in which no server is known yet.
fn program(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cfms-backup"));
    command.args(arguments).env("XDG_CONFIG_HOME", home).env_remove("DBUS_SESSION_BUS_ADDRESS").stdin(Stdio::null());
    command
}

async fn run(mut command: Command) -> (Option<i32>, Value, String) {
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let err = String::from_utf8(stderr).unwrap();
    (status.code(), serde_json::from_slice(&stdout).unwrap_or_else(|error| panic!("{error}: {err}")), err)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_to_an_authority_is_fine_until_a_pin_says_otherwise() {
    let scratch = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "Authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&authority_key).unwrap();
    let roots = scratch.path().join("roots.pem");
    fs::write(&roots, authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let signed = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let signed = signed.signed_by(&key, &Issuer::new(params, &authority_key)).unwrap();
    let pair = Pair { certificate: signed.der().clone(), key };
    let server = Server::with(&pair).await;
    let address = server.address().to_string();

    let info = |home: &Path, address: &str| {
        let mut command = program(home, &["remote", "info", "--json", "--server", address]);
        command.env("SSL_CERT_FILE", &roots).env_remove("SSL_CERT_DIR");
        command
    };
    let (code, document, err) = run(info(scratch.path(), &address)).await;
    assert_eq!((code, &document["server"]["version"]), (Some(0), &real_info()["version"]), "{err}");
    assert!(!scratch.path().join("cfms-backup").exists(), "a chain pins nothing");
    // For another name it is not valid.
    let (code, document, _) = run(info(scratch.path(), &address.replace("localhost", "127.0.0.1"))).await;
    assert_eq!((code, &document["error"]["code"]), (Some(6), &json!("certificate_unknown")));
    assert!(document["error"]["params"]["problem"].as_str().unwrap().contains("another name"), "{document}");
    let list = KnownServers::at(scratch.path().join("cfms-backup/known_servers.json"));
    list.trust(&server.address(), Fingerprint::of(b"another")).unwrap();
    let (code, document, _) = run(info(scratch.path(), &address)).await;
    assert_eq!((code, &document["error"]["code"]), (Some(6), &json!("certificate_changed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_backs_up_through_the_agent_and_brings_the_copy_home() {
    let served = Ground::new().serve(&[]);
    let scratch = tempfile::tempdir().unwrap();
    let home = scratch.path().join("config");
    let address = served.address.to_string();
    let out = scratch.path().join("out");
    let (out, keys) = (out.to_str().unwrap().to_owned(), scratch.path().join("keys").to_str().unwrap().to_owned());
    let server = ["--json", "--server", &address];
    let account = ["--username", "admin", "--password-env", "CFMS_TEST_PASSWORD"];
    let call = |verb: &[&str], password: &str| {
        let verb: Vec<&str> = verb.iter().copied().chain(server).collect();
        let mut command = program(&home, &verb);
        command.env("CFMS_TEST_PASSWORD", password);
        command
    };

    let (code, document, err) = run(call(&["remote", "info"], "")).await;
    assert_eq!((code, &document["error"]["code"]), (Some(6), &json!("certificate_unknown")));
    let flag = format!("--trust-fingerprint {}", served.fingerprint);
    assert!(document["error"]["advice"].as_str().unwrap().contains(&flag), "{document} {err}");
    let trust = served.fingerprint.replace(':', "").to_lowercase();
    let (code, document, _) = run(call(&["remote", "info", "--trust-fingerprint", &trust], "")).await;
    assert_eq!((code, &document["server"]["sends_files"]), (Some(0), &json!(true)));

    let backup = |more: &[&str], password: &str| {
        let verb: Vec<&str> = ["remote", "backup"].into_iter().chain(account).chain(more.iter().copied()).collect();
        call(&verb, password)
    };
    let (code, document, _) = run(backup(&[], "wrong")).await;
    assert_eq!((code, &document["error"]["code"]), (Some(7), &json!("credentials_refused")));
    let (code, document, _) = run(backup(&[], "")).await;
    assert_eq!((code, &document["error"]["code"]), (Some(2), &json!("usage")));

    let more = ["--name", "monday", "--output", &out, "--key-dir", &keys, "--progress", "json"];
    let (code, document, err) = run(backup(&more, PASSWORD)).await;
    assert_eq!(code, Some(0), "{document} {err}");
    assert_eq!(document["archive_path"], "./content/backups/monday.cfms.enc");
    assert_eq!(document["copy"]["archive_path"], format!("{out}/monday.cfms.enc"));
    assert_eq!(document["copy"]["verification"]["verdict"], "verified");
    assert_eq!(document["metadata"], document["copy"]["metadata"]);
    assert!(!format!("{document}{err}").contains(PASSWORD));
    let mut phases = BTreeMap::new();
    for line in err.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if event["event"] == "phase" {
            phases.insert(event["phase"].as_str().unwrap().to_owned(), event["total"].clone());
        }
    }
    assert!(["server_work", "download", "verify", "publish"].iter().all(|phase| phases.contains_key(*phase)), "{err}");
    assert!(phases["server_work"].is_number(), "the agent tells how far it is: {phases:?}");
    let at_home = fs::read(format!("{out}/monday.cfms.enc")).unwrap();
    assert_eq!(at_home, fs::read(served.root.join("content/backups/monday.cfms.enc")).unwrap());

    let (code, document, _) = run(backup(&["--name", "monday"], PASSWORD)).await;
    assert_eq!(code, Some(1), "{document}");
    // What cannot come home is not made.
    fs::write(format!("{out}/tuesday.cfms.enc"), "mine").unwrap();
    let (code, document, _) = run(backup(&["--name", "tuesday", "--output", &out], PASSWORD)).await;
    assert_eq!((code, &document["error"]["code"]), (Some(1), &json!("already_exists")));
    let in_a_file = format!("{out}/monday.cfms.enc");
    let (code, document, _) = run(backup(&["--name", "tuesday", "--output", &in_a_file], PASSWORD)).await;
    assert_eq!((code, &document["error"]["code"]), (Some(1), &json!("not_a_folder")));
    assert!(!served.root.join("content/backups/tuesday.key").exists());
    // No keyring runs here, and the backup is made all the same.
    let (code, document, err) = run(backup(&["--name", "wednesday", "--remember"], PASSWORD)).await;
    let told = (&document["warnings"][0]["code"], &document["backup_name"]);
    assert_eq!((code, told), (Some(0), (&json!("not_remembered"), &json!("wednesday"))), "{document} {err}");
    let other = scratch.path().join("other").to_str().unwrap().to_owned();
    let fetch = |name: &'static str| {
        let verb: Vec<&str> = ["remote", "download", name, "--output", &other, "--delete-from-server"]
            .into_iter()
            .chain(account)
            .collect();
        call(&verb, PASSWORD)
    };
    let (code, document, err) = run(fetch("monday")).await;
    assert_eq!((code, &document["deleted_from_server"]), (Some(0), &json!(true)), "{document} {err}");
    assert!(!served.root.join("content/backups/monday.key").exists());
    assert_eq!(fs::read(format!("{other}/monday.cfms.enc")).unwrap(), at_home);
    let (code, document, _) = run(fetch("tuesday")).await;
    assert_eq!((code, &document["error"]["code"]), (Some(1), &json!("not_on_server")));

    let (code, document, _) = run(program(&home, &["servers", "list", "--json"])).await;
    assert_eq!((code, &document["servers"][0]["fingerprint"]), (Some(0), &json!(served.fingerprint)));
    let forget = || program(&home, &["servers", "forget", "--json", &address]);
    assert_eq!(run(forget()).await.0, Some(0));
    assert_eq!(run(forget()).await.0, Some(1));
    assert_eq!(run(call(&["remote", "info"], "")).await.0, Some(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_lacks_most_contents_comes_home_and_ends_with_8() {
    let ground = Ground::new();
    fs::remove_dir_all(ground.root.join("content/files")).unwrap();
    let served = ground.serve(&[]);
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let (address, out) = (served.address.to_string(), out.to_str().unwrap());
    let server = ["--json", "--server", &address, "--trust-fingerprint", &served.fingerprint];
    let account = ["--username", "admin", "--password-env", "CFMS_TEST_PASSWORD", "--output", out];
    let verb: Vec<&str> = ["remote", "backup"].into_iter().chain(server).chain(account).collect();
    let mut command = program(&scratch.path().join("config"), &verb);
    command.env("CFMS_TEST_PASSWORD", PASSWORD);
    let (code, document, err) = run(command).await;
    assert_eq!((code, &document["error"]["code"]), (Some(8), &json!("incomplete")), "{document} {err}");
    assert_eq!(document["copy"]["outcome"], "incomplete");
    assert!(Path::new(document["copy"]["archive_path"].as_str().unwrap()).exists());
}
