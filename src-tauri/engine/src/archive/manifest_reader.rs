//! `manifest.json` read as a stream: a million members pass by, none is kept here.

use serde::de::{self, Deserialize, Deserializer};

use super::bounded_json::JsonError;
use super::json_rows::{JsonRows, Rows};
use super::tables::{Id, Scalar};
use super::tar_reader::Source;
use crate::hex;
use crate::job::Job;
use crate::listed::Listed;
use crate::warning::Warning;

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
    /// How many there are, or were before they became too many for a manifest.
    pub(crate) warnings_total: u64,
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

/// Looks at none of it.
pub(crate) struct Uninterested;

impl ManifestVisitor for Uninterested {
    fn member(&mut self, _: Promised) {}
    fn missing(&mut self, _: Missing) {}
}

/// Shows the manifest in the next `size` bytes of `text` to `visitor`.
pub(crate) fn read_manifest(
    text: impl Source,
    size: u64,
    job: &Job,
    visitor: &mut impl ManifestVisitor,
) -> Result<ManifestFacts, JsonError> {
    let mut facts = ManifestFacts::default();
    let (mut has_members, mut warnings) = (false, Listed::default());
    let text_of = |scalar: &Scalar| scalar.text().map(shortened);
    JsonRows::new(text, size, job).only_object(|json, key| {
        match key {
            "format" => facts.format = text_of(&json.value()?),
            "created_by" => facts.created_by = text_of(&json.value()?),
            "snapshot_at" => {
                let time: Scalar = json.value()?;
                facts.snapshot_at = time.text().and_then(|text| text.parse().ok()).filter(|t: &f64| t.is_finite());
            }
            "server" => {
                let server: Option<Server> = json.value()?;
                facts.server_name = server.and_then(|server| text_of(&server.name));
            }
            "members" => {
                has_members = true;
                json.list(&mut Rows::new(|member| visitor.member(member)))?;
            }
            "contents_missing" => json.list(&mut Rows::new(|missing| visitor.missing(missing)))?,
            "warnings" => json.list(&mut Rows::new(|Noted(warning)| match warning {
                Some(warning) => warnings.note(|| warning),
                None => warnings.count(1),
            }))?,
            "warnings_total" => {
                let total: Scalar = json.value()?;
                facts.warnings_total = total.text().and_then(|text| text.parse().ok()).unwrap_or_default();
            }
            _ => json.skip()?,
        }
        Ok(())
    })?;
    facts.warnings_total = facts.warnings_total.max(warnings.total());
    facts.warnings = warnings.into_list();
    if has_members { Ok(facts) } else { Err(JsonError::Text("it has no list of members".to_owned())) }
}

#[derive(serde::Deserialize)]
struct Server {
    #[serde(default)]
    name: Scalar,
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
struct Noted(Option<Warning>);

impl<'de> Deserialize<'de> for Noted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Row {
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
        let written = Row::deserialize(deserializer)?;
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
