//! A server's certificate as a person decides on it: the fingerprint, and what the certificate says of itself.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use ts_rs::TS;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::hex;
use crate::names::shown;

/// Names of a certificate that are told; nobody compares more.
const MAX_NAMES: usize = 20;
/// Characters of a name that are told.
const MAX_NAME: usize = 255;

/// The SHA-256 of a certificate's DER. Shown as `openssl x509 -fingerprint -sha256` prints it: `97:B2:FC:…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Reads what a person pastes: 64 hex digits of either case, with or without colons and spaces, also with openssl's
    /// words before it (`sha256 Fingerprint=`). `None` if it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.rsplit_once('=').map_or(text, |(words, digits)| {
            if words.to_ascii_lowercase().contains("fingerprint") { digits } else { text }
        });
        let digits: String = text.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
        let mut bytes = [0; 32];
        hex::decode_into(&digits, &mut bytes).then_some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no SHA-256 fingerprint"))
    }
}

/// What a server's certificate says of itself. Its texts are the server's: control characters are escaped already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Certificate {
    /// What to compare.
    #[ts(as = "String")]
    pub fingerprint: Fingerprint,
    /// Whom it is for: the subject's common name and the alternative names, each once.
    pub names: Vec<String>,
    /// Who signed it, in full.
    pub issuer: String,
    /// Whether it names itself as its issuer, as most servers' do.
    pub self_signed: bool,
    /// Valid from, in Unix seconds; `None` where the certificate could not be read.
    #[ts(type = "number | null")]
    pub not_before: Option<i64>,
    /// Valid until, in Unix seconds.
    #[ts(type = "number | null")]
    pub not_after: Option<i64>,
}

impl Certificate {
    /// Reads a certificate in DER. One that cannot be read has a fingerprint and nothing else.
    pub fn of(der: &[u8]) -> Self {
        let fingerprint = Fingerprint::of(der);
        let Ok((_, read)) = X509Certificate::from_der(der) else {
            let (names, issuer) = (Vec::new(), String::new());
            return Self { fingerprint, names, issuer, self_signed: false, not_before: None, not_after: None };
        };
        Self {
            fingerprint,
            names: names(&read),
            issuer: told(&read.issuer().to_string()),
            self_signed: read.issuer().as_raw() == read.subject().as_raw(),
            not_before: Some(read.validity().not_before.timestamp()),
            not_after: Some(read.validity().not_after.timestamp()),
        }
    }

    /// Whether it had ended at `now` (Unix seconds).
    pub fn has_expired(&self, now: f64) -> bool {
        self.not_after.is_some_and(|end| (end as f64) < now)
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(told);
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let alternative =
        alternative.iter().flat_map(|extension| &extension.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(told(name)),
            GeneralName::IPAddress(bytes) => ip(bytes).map(|ip| ip.to_string()),
            _ => None,
        });
    let mut names = Vec::new();
    for name in common.chain(alternative) {
        if !names.contains(&name) && names.len() < MAX_NAMES {
            names.push(name);
        }
    }
    names
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn told(text: &str) -> String {
    shown(&text.chars().take(MAX_NAME).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str =
        "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55";

    #[test]
    fn a_fingerprint_is_shown_as_openssl_does_and_read_as_people_paste_it() {
        let of_nothing = Fingerprint::of(b"");
        assert_eq!(of_nothing.to_string(), SHOWN);
        let bare = SHOWN.replace(':', "");
        for text in [
            SHOWN.to_owned(),
            bare.clone(),
            bare.to_lowercase(),
            format!(" {}\n", SHOWN.to_lowercase()),
            format!("sha256 Fingerprint={SHOWN}"),
            format!("SHA256 Fingerprint={SHOWN}\n"),
        ] {
            assert_eq!(Fingerprint::parse(&text), Some(of_nothing), "{text}");
        }
        for text in ["", "E3:B0", &bare[2..], &format!("{bare}00"), &format!("x={bare}"), "g".repeat(64).as_str()] {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_certificate_says_whom_it_is_for_until_when_and_by_whom() {
        let mut params =
            rcgen::CertificateParams::new(vec!["files.example.org".to_owned(), "10.0.0.7".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "files\u{1b}[2J");
        params.not_before = rcgen::date_time_ymd(2026, 3, 2);
        params.not_after = rcgen::date_time_ymd(2027, 3, 2);
        let key = rcgen::KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap();
        let read = Certificate::of(der.der());
        assert_eq!(read.names, ["files\\u{1b}[2J", "files.example.org", "10.0.0.7"]);
        assert!(read.self_signed);
        assert_eq!((read.not_before, read.not_after), (Some(1_772_409_600), Some(1_803_945_600)));
        assert!(!read.has_expired(1_803_945_600.0) && read.has_expired(1_803_945_600.5));
        assert!(read.issuer.contains("files\\u{1b}[2J"), "{}", read.issuer);
    }

    #[test]
    fn what_is_no_certificate_has_a_fingerprint_all_the_same() {
        let read = Certificate::of(b"junk");
        assert_eq!((read.fingerprint, read.not_after), (Fingerprint::of(b"junk"), None));
        assert!(!read.has_expired(f64::MAX));
    }
}
