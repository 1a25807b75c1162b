//! `manifest.json` read as a stream: a million members pass by, none is kept here.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::tables::{Each, Id, Scalar};
use crate::hex;
use crate::warning::Warning;

/// How many warnings of a manifest are kept.
const MAX_WARNINGS: usize = 1000;
/// Bytes of a text in a kept warning.
const MAX_TEXT: usize = 1024;

/// What a manifest says besides its members.
#[derive(Default)]
pub(crate) struct ManifestFacts {
    /// Its format.
    pub(crate) format: Option<String>,
    /// What made it.
    pub(crate) created_by: Option<String>,
    /// The moment whose state the archive holds, in Unix seconds.
    pub(crate) snapshot_at: Option<f64>,
    /// The server's configured name.
    pub(crate) server_name: Option<String>,
    /// What a person should know; the first of them.
    pub(crate) warnings: Vec<Warning>,
}

/// A member as the manifest promises it.
pub(crate) struct Promised {
    /// Its name.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) size: u64,
    /// Their SHA-256.
    pub(crate) sha256: [u8; 32],
}

/// A content that the archive does not hold.
#[derive(serde::Deserialize)]
pub(crate) struct Missing {
    /// The content.
    pub(crate) file_id: Id,
    #[serde(default)]
    code: Scalar,
    /// Why.
    #[serde(default)]
    pub(crate) reason: Scalar,
}

impl Missing {
    /// Whether there never was a content: its upload did not finish, and no document shows it.
    pub(crate) fn never_was(&self) -> bool {
        self.code.text() == Some("unfinished")
    }
}

/// Who looks at a manifest.
pub(crate) trait ManifestVisitor {
    /// A member that the archive must have.
    fn member(&mut self, promised: Promised);
    /// A content that it does not have.
    fn missing(&mut self, missing: Missing);
}

/// All of a manifest, shown to a [`ManifestVisitor`].
pub(crate) struct Manifest<'v, V>(pub(crate) &'v mut V);

impl<'de, V: ManifestVisitor> DeserializeSeed<'de> for Manifest<'_, V> {
    type Value = ManifestFacts;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ManifestFacts, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, V: ManifestVisitor> Visitor<'de> for Manifest<'_, V> {
    type Value = ManifestFacts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ManifestFacts, A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(field_identifier, rename_all = "snake_case")]
        enum Key {
            Format,
            CreatedBy,
            SnapshotAt,
            Server,
            Members,
            ContentsMissing,
            Warnings,
            #[serde(other)]
            Other,
        }
        #[derive(serde::Deserialize)]
        struct Server {
            #[serde(default)]
            name: Scalar,
        }
        let mut facts = ManifestFacts::default();
        let text_of = |scalar: &Scalar| scalar.text().map(shortened);
        let mut has_members = false;
        while let Some(key) = map.next_key()? {
            match key {
                Key::Format => facts.format = text_of(&map.next_value()?),
                Key::CreatedBy => facts.created_by = text_of(&map.next_value()?),
                Key::SnapshotAt => {
                    let time: Scalar = map.next_value()?;
                    facts.snapshot_at = time.text().and_then(|text| text.parse().ok()).filter(|t: &f64| t.is_finite());
                }
                Key::Server => {
                    let server: Option<Server> = map.next_value()?;
                    facts.server_name = server.and_then(|server| text_of(&server.name));
                }
                Key::Members => {
                    has_members = true;
                    map.next_value_seed(Each::new(|member| self.0.member(member)))?;
                }
                Key::ContentsMissing => map.next_value_seed(Each::new(|missing| self.0.missing(missing)))?,
                Key::Warnings => {
                    let warnings = &mut facts.warnings;
                    map.next_value_seed(Each::new(|Told(warning)| {
                        if warnings.len() < MAX_WARNINGS {
                            warnings.extend(warning);
                        }
                    }))?;
                }
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if has_members { Ok(facts) } else { Err(de::Error::missing_field("members")) }
    }
}

impl<'de> Deserialize<'de> for Promised {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Written {
            name: String,
            size: u64,
            sha256: String,
        }
        let written = Written::deserialize(deserializer)?;
        let mut sha256 = [0; 32];
        if !hex::decode_into(&written.sha256, &mut sha256) {
            return Err(de::Error::custom("no SHA-256"));
        }
        Ok(Self { name: written.name, size: written.size, sha256 })
    }
}

/// A warning; `None` for a kind that this program does not know yet.
struct Told(Option<Warning>);

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Written {
            #[serde(default)]
            code: Scalar,
            #[serde(default)]
            file_id: Scalar,
            #[serde(default)]
            document_id: Scalar,
            #[serde(default)]
            title: Scalar,
            #[serde(default)]
            path: Scalar,
            #[serde(default)]
            reason: Scalar,
        }
        let written = Written::deserialize(deserializer)?;
        let text_of = |scalar: &Scalar| scalar.text().map(shortened);
        let code = de::value::StrDeserializer::<de::value::Error>::new(written.code.text().unwrap_or_default());
        Ok(Self(Deserialize::deserialize(code).ok().map(|code| Warning {
            code,
            file_id: text_of(&written.file_id),
            document_id: text_of(&written.document_id),
            title: text_of(&written.title),
            path: text_of(&written.path),
            reason: text_of(&written.reason).unwrap_or_default(),
        })))
    }
}

/// `text`, cut where it is longer than anybody reads.
pub(crate) fn shortened(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let end = (0..=MAX_TEXT).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
    format!("{}…", &text[..end])
}
