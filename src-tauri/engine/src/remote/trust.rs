//! Whether the server at the other end is the one that is meant: the certificate is looked at before a byte is said.
//!
//! A pinned fingerprint decides, over a valid chain too. Where there is none, the fingerprint that the person gives
//! decides; where there is none either, a chain to an authority of the system does. There is no switch that trusts all.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use crate::certificate::{Certificate, Fingerprint};
use crate::error::RemoteError;

/// What is known of a server's certificate before it is seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trust {
    /// Decided on earlier.
    pub(crate) pinned: Option<Fingerprint>,
    /// Given now, to compare with.
    pub(crate) given: Option<Fingerprint>,
}

/// Looks at one server's certificate in one handshake, and keeps what it saw.
#[derive(Debug)]
pub(crate) struct Examiner {
    trust: Trust,
    server: String,
    provider: Arc<CryptoProvider>,
    /// Where no fingerprint decides: the system's authorities, or why there are none.
    chain: Option<Result<Arc<WebPkiServerVerifier>, String>>,
    seen: Mutex<Seen>,
}

/// What a handshake has shown.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The certificate.
    pub(crate) certificate: Option<Certificate>,
    /// Why it is not trusted.
    pub(crate) refusal: Option<RemoteError>,
}

impl Examiner {
    /// For a handshake with `server` (its address, for messages).
    pub(crate) fn new(trust: Trust, server: String) -> Self {
        let provider = Arc::new(ring::default_provider());
        let chain_decides = trust.pinned.is_none() && trust.given.is_none();
        let chain = chain_decides.then(|| authorities(&provider));
        Self { trust, server, provider, chain, seen: Mutex::default() }
    }

    /// The configuration of a handshake in which `examiner` looks.
    pub(crate) fn configure(examiner: &Arc<Self>) -> Result<ClientConfig, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&examiner.provider));
        let builder = builder.with_safe_default_protocol_versions()?.dangerous();
        Ok(builder.with_custom_certificate_verifier(Arc::clone(examiner) as Arc<_>).with_no_client_auth())
    }

    /// What it saw.
    pub(crate) fn take_seen(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Decides on a certificate; `by_chain` says what is wrong with its chain, and is asked only where that matters.
    fn judge(
        &self,
        certificate: &Certificate,
        by_chain: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), RemoteError> {
        let (server, shown) = (self.server.clone(), certificate.fingerprint);
        match self.trust {
            Trust { pinned: Some(expected), .. } if expected != shown => {
                Err(RemoteError::CertificateChanged { server, expected, certificate: Box::new(certificate.clone()) })
            }
            Trust { given: Some(expected), .. } if expected != shown => {
                Err(RemoteError::CertificateOther { server, expected, certificate: Box::new(certificate.clone()) })
            }
            Trust { pinned: None, given: None } => by_chain().map_err(|problem| RemoteError::CertificateUnknown {
                server,
                certificate: Box::new(certificate.clone()),
                problem,
            }),
            _ => Ok(()),
        }
    }
}

impl ServerCertVerifier for Examiner {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = Certificate::of(end_entity);
        let judgement = self.judge(&certificate, || match &self.chain {
            Some(Ok(verifier)) => verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map(drop)
                .map_err(|error| in_words(&error, certificate.self_signed)),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err("no authority was asked".to_owned()),
        });
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.certificate = Some(certificate);
        seen.refusal = judgement.err();
        match seen.refusal {
            None => Ok(ServerCertVerified::assertion()),
            Some(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

const SELF_SIGNED: &str = "it signed its certificate itself, as most CFMS servers do";

/// The authorities that the system trusts.
fn authorities(provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|_| "this computer knows no certificate authorities".to_owned())
}

fn in_words(error: &rustls::Error, is_self_signed: bool) -> String {
    let words = match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) if !is_self_signed => {
            "no authority that this computer trusts has signed it"
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "it is for another name",
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "it has expired"
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "it is not valid yet",
        _ if is_self_signed => SELF_SIGNED,
        error => return error.to_string(),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(trust: Trust, der: &[u8], chain_is_valid: bool) -> Option<crate::Code> {
        let examiner = Examiner::new(trust, "a:1".to_owned());
        let by_chain = || if chain_is_valid { Ok(()) } else { Err("bad".to_owned()) };
        examiner.judge(&Certificate::of(der), by_chain).err().map(|error| error.code())
    }

    #[test]
    fn the_pin_decides_over_the_chain_and_what_is_given_over_neither() {
        use crate::Code::{CertificateChanged, CertificateOther, CertificateUnknown};
        let (one, two) = (Some(Fingerprint::of(b"1")), Some(Fingerprint::of(b"2")));
        for (pinned, given, chain_is_valid, expected) in [
            (None, None, true, None),
            (None, None, false, Some(CertificateUnknown)),
            (None, one, false, None),
            (None, two, true, Some(CertificateOther)),
            (one, None, false, None),
            (one, one, false, None),
            (one, two, true, Some(CertificateOther)),
            (two, None, true, Some(CertificateChanged)),
            // Who gives the new one must forget the old one first.
            (two, one, true, Some(CertificateChanged)),
        ] {
            assert_eq!(judge(Trust { pinned, given }, b"1", chain_is_valid), expected, "{pinned:?} {given:?}");
        }
    }
}
