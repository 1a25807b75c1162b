//! The certificate and key that the agent shows: given ones, the server's own, or a pair made once and kept.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use zeroize::Zeroizing;

use super::state;
use crate::certificate::Fingerprint;
use crate::error::{Error, Result};
use crate::server_data::ServerData;

/// Whose pair is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsPair {
    /// One that was given.
    Given {
        /// The certificate's file, and the chain above it.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The server's own, if it is there and can be used; else one that the agent makes and keeps.
    Automatic,
}

/// The text of a file.
type Text = Zeroizing<Vec<u8>>;

/// A pair that is ready for use.
pub(super) struct Identity {
    pub(super) acceptor: TlsAcceptor,
    pub(super) fingerprint: Fingerprint,
    /// Where the certificate lies.
    pub(super) path: PathBuf,
}

impl Identity {
    /// Reads the pair, or makes one in `folder`.
    pub(super) fn of(wanted: &TlsPair, source: &ServerData, folder: &Path) -> Result<Self> {
        if let TlsPair::Given { certificate, key } = wanted {
            let read = |path: &Path| fs::read(path).map(Zeroizing::new).map_err(|e| Error::io("read", path, e));
            return Self::parse((certificate, &read(certificate)?), (key, &read(key)?));
        }
        if let Some(identity) = Self::of_server(source) {
            return Ok(identity);
        }
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let kept = (state::read(&certificate)?, state::read(&key)?);
        let (certificate_pem, key_pem) = match kept {
            (Some(certificate), Some(key)) => (certificate, key),
            _ => make(&certificate, &key, source.listens_on().0)?,
        };
        Self::parse((&certificate, &certificate_pem), (&key, &key_pem))
    }

    /// The pair that the server itself shows, if it can be used.
    fn of_server(source: &ServerData) -> Option<Self> {
        let read = |member: &str| {
            let file = source.server_files().into_iter().find(|file| file.member == member)?;
            let mut bytes = Zeroizing::new(Vec::new());
            // With the rights of the data folder's owner, as for a backup.
            source.open_server_file(&file, &[]).ok()??.file.read_to_end(&mut bytes).ok()?;
            Some((file.path, bytes))
        };
        let (certificate, key) = (read("server/ssl/cert.pem")?, read("server/ssl/key.pem")?);
        Self::parse((&certificate.0, &certificate.1), (&key.0, &key.1)).ok()
    }

    fn parse((certificate, pem): (&Path, &[u8]), (key, key_pem): (&Path, &[u8])) -> Result<Self> {
        let unusable = |path: &Path, problem: String| Error::TlsPair { path: path.to_path_buf(), problem };
        let chain: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let chain = chain.map_err(|_| unusable(certificate, "it is no PEM file".to_owned()))?;
        let first = chain.first().ok_or_else(|| unusable(certificate, "it holds no certificate".to_owned()))?;
        let fingerprint = Fingerprint::of(first);
        // The parser's own words might quote the key.
        let secret =
            PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| unusable(key, "it holds no private key".to_owned()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_no_client_auth())
            .and_then(|builder| builder.with_single_cert(chain, secret))
            .map_err(|error| unusable(certificate, words(&error)))?;
        // Tickets would come while a client sends its first request, and there are clients that read and write from two
        // threads, which not every TLS library bears. Sessions are few and long: nothing is lost without tickets.
        config.send_tls13_tickets = 0;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { acceptor, fingerprint, path: certificate.to_path_buf() })
    }
}

fn words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "the key is of another certificate".to_owned(),
        error => error.to_string(),
    }
}

/// Makes a self-signed pair for ten years: who trusts it trusts its fingerprint, which a new one would change.
fn make(certificate: &Path, key: &Path, host: &str) -> Result<(Text, Text)> {
    const YEAR: u64 = 31_556_952;
    let year = 1970 + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / YEAR;
    let year = i32::try_from(year).unwrap_or(2026);
    let made = (|| {
        let pair = KeyPair::generate()?;
        let mut names = vec![host.to_owned(), "localhost".to_owned()];
        names.dedup();
        let mut params = CertificateParams::new(names)?;
        (params.not_before, params.not_after) = (date_time_ymd(year - 1, 1, 1), date_time_ymd(year + 10, 1, 1));
        params.distinguished_name.push(DnType::CommonName, "CFMS Backup agent");
        let text = |pem: String| Text::new(pem.into_bytes());
        Ok::<_, rcgen::Error>((text(params.self_signed(&pair)?.pem()), text(pair.serialize_pem())))
    })();
    let (certificate_pem, key_pem) = made.map_err(|error| Error::TlsPair {
        path: certificate.to_path_buf(),
        problem: format!("it could not be made: {error}"),
    })?;
    // The key first: a certificate without its key would be taken for a whole pair.
    state::replace(key, &key_pem)?;
    state::replace(certificate, &certificate_pem)?;
    Ok((certificate_pem, key_pem))
}
