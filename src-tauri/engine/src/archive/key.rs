//! The key and its file, `NAME.key`:
//!
//! ```json
//! { "key": "<64 hex digits>", "algorithm": "AES-256-CBC", "created_at": 1234567890.123, "backup_name": "NAME",
//!   "archive_size": 20512, "archive_sha256": "<64 hex digits>" }
//! ```
//!
//! The last two are ours: with them `sha256sum` alone proves an archive. Readers need `key` and `algorithm`.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rand::TryRng;
use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use ts_rs::TS;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{Error, Result};
use crate::hex;
use crate::names::{ARCHIVE_SUFFIX, KEY_SUFFIX};

/// The only cipher of the format.
pub(crate) const ALGORITHM: &str = "AES-256-CBC";

/// A key file is read up to this many bytes; a larger one is none.
pub(crate) const MAX_KEY_FILE: u64 = 64 * 1024;

/// The 256 bits that open an archive. Wiped when dropped; shows nothing of itself.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// A new key from the operating system's random source.
    pub(crate) fn generate() -> Result<Self> {
        let mut key = Self([0; 32]);
        fill_random(&mut key.0)?;
        Ok(key)
    }

    /// The bytes, for the cipher.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Fills `bytes` from the operating system's random source.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<()> {
    rand::rngs::SysRng.try_fill_bytes(bytes).map_err(|error| Error::Io {
        action: "read",
        path: PathBuf::from("the system's random source"),
        source: std::io::Error::other(error),
    })
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HexKey;
        impl Visitor<'_> for HexKey {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("64 hex digits")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Key, E> {
                let mut key = Key([0; 32]);
                // The text itself must not get into the message, as it may be most of a key.
                if hex::decode_into(text, &mut key.0) { Ok(key) } else { Err(E::custom("no 64 hex digits")) }
            }
        }
        deserializer.deserialize_str(HexKey)
    }
}

/// What a key file says about its archive.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct KeyFacts {
    /// Always `AES-256-CBC`.
    pub algorithm: String,
    /// When the backup was begun, in Unix seconds.
    pub created_at: Option<f64>,
    /// The backup's name.
    pub backup_name: Option<String>,
    /// The archive's size in bytes; only in key files of this program.
    #[ts(type = "number | null")]
    pub archive_size: Option<u64>,
    /// The archive's SHA-256; only in key files of this program.
    pub archive_sha256: Option<String>,
}

/// A key with what its file says about the archive.
#[derive(Debug)]
pub(crate) struct KeyFile {
    /// The key.
    pub(crate) key: Key,
    /// The rest.
    pub(crate) facts: KeyFacts,
    /// Whether it says something of the archive's digest that is none: then it is not what was written once.
    pub(crate) has_damaged_digest: bool,
}

/// Facts of other makers may be of any type: what is not understood is not known, and does not stop a restore.
#[derive(serde::Deserialize)]
struct Written {
    key: Key,
    algorithm: String,
    #[serde(default)]
    created_at: serde_json::Value,
    #[serde(default)]
    backup_name: serde_json::Value,
    #[serde(default)]
    archive_size: serde_json::Value,
    #[serde(default)]
    archive_sha256: serde_json::Value,
}

impl KeyFile {
    /// Reads the key file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let unusable = |problem| Error::KeyFile { path: path.to_path_buf(), problem };
        // Looked at first: opening a pipe would wait for a writer.
        if !std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?.is_file() {
            return Err(unusable("it is not a regular file"));
        }
        let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
        // Sized beforehand: a buffer that grows leaves copies of the key behind in freed memory.
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_KEY_FILE as usize + 1));
        file.take(MAX_KEY_FILE + 1).read_to_end(&mut text).map_err(|e| Error::io("read", path, e))?;
        if text.len() as u64 > MAX_KEY_FILE {
            return Err(unusable("it is too large to be one"));
        }
        Self::parse(&text).map_err(unusable)
    }

    /// Understands a text of our own, to prove that what will be written can be read.
    pub(crate) fn parse_own(text: &str, path: &Path) -> Result<Self> {
        Self::parse(text.as_bytes()).map_err(|problem| Error::KeyFile { path: path.to_path_buf(), problem })
    }

    /// Understands the text of a key file, or says what is wrong with it, never with any of the text.
    fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let json: serde_json::Result<de::IgnoredAny> = serde_json::from_slice(text);
        if json.is_err() {
            return Err("it is not JSON");
        }
        let written: Written =
            serde_json::from_slice(text).map_err(|_| "it holds no \"key\" of 64 hex digits with an \"algorithm\"")?;
        if written.algorithm != ALGORITHM {
            return Err("its algorithm is not AES-256-CBC");
        }
        let text_of = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let archive_sha256 = text_of(&written.archive_sha256).map(|digest| digest.to_ascii_lowercase());
        let archive_sha256 = archive_sha256.filter(|digest| hex::decode_into(digest, &mut [0; 32]));
        Ok(Self {
            key: written.key,
            has_damaged_digest: archive_sha256.is_none() && !written.archive_sha256.is_null(),
            facts: KeyFacts {
                algorithm: written.algorithm,
                created_at: written.created_at.as_f64(),
                backup_name: text_of(&written.backup_name),
                archive_size: written.archive_size.as_u64(),
                archive_sha256,
            },
        })
    }
}

/// The text of a finished key file. Its buffer is sized beforehand, so that no part of the key is left in freed memory.
pub(crate) fn key_file_text(
    key: &Key,
    created_at: f64,
    backup_name: &str,
    archive_size: u64,
    archive_sha256: &str,
) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(1024 + backup_name.len() * 6));
    text.push_str("{\n  \"key\": \"");
    hex::encode_to(key.bytes(), &mut text);
    let name = serde_json::Value::from(backup_name);
    text.push_str(&format!(
        "\",\n  \"algorithm\": \"{ALGORITHM}\",\n  \"created_at\": {created_at:?},\n  \"backup_name\": {name},\n  \
         \"archive_size\": {archive_size},\n  \"archive_sha256\": \"{archive_sha256}\"\n}}\n"
    ));
    text
}

/// The key of `archive`: the one given, else the one beside it. An archive that is not there is told first, as its key
/// cannot be either.
pub(crate) fn find_key(archive: &Path, given: Option<&Path>) -> Result<PathBuf> {
    std::fs::metadata(archive).map_err(|e| Error::io("read", archive, e))?;
    if let Some(given) = given {
        return Ok(given.to_path_buf());
    }
    let file_name = archive.file_name().unwrap_or_default().as_bytes();
    let stem = file_name.strip_suffix(ARCHIVE_SUFFIX.as_bytes()).unwrap_or(file_name);
    let beside = archive.with_file_name(OsStr::from_bytes(&[stem, KEY_SUFFIX.as_bytes()].concat()));
    if beside.exists() {
        Ok(beside)
    } else {
        Err(Error::KeyMissing { archive: archive.to_path_buf(), expected: beside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1B1C1D1E1F";

    fn parse(text: &str) -> Result<KeyFile, &'static str> {
        KeyFile::parse(text.as_bytes())
    }

    #[test]
    fn a_key_file_of_our_own_reads_back_as_it_was() {
        let key = Key::generate().unwrap();
        let digest = "ab".repeat(32);
        let text = key_file_text(&key, 1234567890.0, "年度 \"x\"", 20512, &digest);
        let read = parse(&text).unwrap();
        assert_eq!(read.key.bytes(), key.bytes());
        assert_eq!(read.facts.created_at, Some(1234567890.0));
        assert!(text.contains("\"created_at\": 1234567890.0,"));
        assert_eq!(read.facts.backup_name.as_deref(), Some("年度 \"x\""));
        assert_eq!((read.facts.archive_size, read.facts.archive_sha256), (Some(20512), Some(digest)));
    }

    #[test]
    fn a_servers_key_file_is_enough_and_digits_may_be_upper_case() {
        let text =
            format!("{{\"algorithm\": \"AES-256-CBC\", \"key\": \"{DIGITS}\", \"created_at\": \"today\", \"x\": []}}");
        let read = parse(&text).unwrap();
        assert_eq!(read.key.bytes()[31], 31);
        assert_eq!((read.facts.created_at, read.facts.archive_sha256), (None, None));
    }

    #[test]
    fn what_is_no_key_is_refused_without_a_word_of_its_text() {
        for text in [
            String::new(),
            "null".to_owned(),
            DIGITS.to_owned(),
            format!("{{\"key\": \"{DIGITS}\"}}"),
            format!("{{\"key\": \"{DIGITS}0\", \"algorithm\": \"AES-256-CBC\"}}"),
            format!("{{\"key\": \"{}\", \"algorithm\": \"AES-256-CBC\"}}", &DIGITS[2..]),
            format!("{{\"key\": \"{DIGITS}\", \"algorithm\": \"AES-256-GCM\"}}"),
            "{\"key\": 7, \"algorithm\": \"AES-256-CBC\"}".to_owned(),
        ] {
            let problem = parse(&text).unwrap_err();
            assert!(!problem.contains("0001"), "{problem}");
        }
    }

    #[test]
    fn a_key_shows_nothing_of_itself() {
        let shown =
            format!("{:?}", parse(&format!("{{\"key\": \"{DIGITS}\", \"algorithm\": \"AES-256-CBC\"}}")).unwrap());
        assert!(shown.contains("Key(…)"));
        assert!(!shown.contains("0, 1, 2") && !shown.contains("0001"), "{shown}");
    }

    #[test]
    fn the_key_beside_an_archive_is_found_whatever_bytes_its_name_has() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join(OsStr::from_bytes(b"x\xff.cfms.enc"));
        assert!(matches!(find_key(&archive, None), Err(Error::NotFound { path }) if path == archive));
        std::fs::write(&archive, "").unwrap();
        let key = dir.path().join(OsStr::from_bytes(b"x\xff.key"));
        assert!(matches!(find_key(&archive, None), Err(Error::KeyMissing { expected, .. }) if expected == key));
        std::fs::write(&key, "").unwrap();
        assert_eq!(find_key(&archive, None).unwrap(), key);
        assert_eq!(find_key(&archive, Some(Path::new("other"))).unwrap(), Path::new("other"));
    }
}
