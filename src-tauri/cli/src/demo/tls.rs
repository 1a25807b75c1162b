//! The pair of certificate and key that a server makes for itself when it has none.

use rcgen::{CertificateParams, DnType, KeyPair};

use crate::failure::{Failure, Result};

/// Certificate and private key, both PEM: EC P-256, self-signed, for `host`.
pub(crate) fn pair(host: &str) -> Result<(String, String)> {
    let made = (|| {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, host);
        let certificate = params.self_signed(&key)?;
        Ok::<_, rcgen::Error>((certificate.pem(), key.serialize_pem()))
    })();
    made.map_err(|error| Failure::internal(format!("a certificate cannot be made: {error}")))
}
