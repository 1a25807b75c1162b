//! The pair of certificate and key that a server makes for itself when it has none.

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

use crate::failure::{Failure, Result};
use crate::show;

/// Certificate and private key, both PEM: EC P-256, self-signed, for `host`, good for a year from the `day`th day after
/// 1970-01-01.
pub(crate) fn pair(host: &str, day: u64) -> Result<(String, String)> {
    let date = |day| {
        let (year, month, day) = show::civil(day);
        // A year of this era fits, and so do month and day.
        date_time_ymd(year as i32, month as u8, day as u8)
    };
    let made = (|| {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        (params.not_before, params.not_after) = (date(day), date(day + 365));
        params.distinguished_name.push(DnType::CommonName, host);
        let certificate = params.self_signed(&key)?;
        Ok::<_, rcgen::Error>((certificate.pem(), key.serialize_pem()))
    })();
    made.map_err(|error| Failure::internal(format!("a certificate cannot be made: {error}")))
}
