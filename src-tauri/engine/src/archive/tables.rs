//! The JSON members of an archive, read as streams: row by row, keeping nothing of a row but what is asked for.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::marker::PhantomData;
use std::sync::LazyLock;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json_rows::RowReader;
use super::manifest;
use super::manifest_reader::shortened;
use super::tar_reader::Member;
use crate::archive::metadata::Metadata;

/// Whether a member of that name is a content.
pub(crate) fn is_content(name: &[u8]) -> bool {
    name.starts_with(b"files/") || name.starts_with(b"server/files/")
}

/// `metadata.json`'s name.
pub(crate) const METADATA: &str = "metadata.json";
/// `documents.json`'s name.
pub(crate) const DOCUMENTS: &str = "documents.json";
/// `folders.json`'s name.
pub(crate) const FOLDERS: &str = "folders.json";
/// `files.json`'s name.
pub(crate) const FILES: &str = "files.json";
/// `orphans.json`'s name.
pub(crate) const ORPHANS: &str = "orphans.json";
/// Bytes that `metadata.json` may have.
pub(crate) const MAX_METADATA: u64 = 1024 * 1024;
/// The version of the format that is read.
pub(crate) const VERSION: &str = "1.0";

/// A name or an id of which only equality matters, in 8 bytes: SipHash with keys that are new in every process, so that
/// nobody can make two that collide.
pub(crate) type Fingerprint = u64;

/// The fingerprint of `name`.
pub(crate) fn fingerprint(name: &[u8]) -> Fingerprint {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    KEYS.hash_one(name)
}

/// Where the bytes of a member are in the tar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Where they begin.
    pub(crate) at: u64,
    /// How many there are.
    pub(crate) size: u64,
}

/// Where the JSON members are; of two with one name, the first.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) metadata: Option<Place>,
    pub(crate) folders: Option<Place>,
    pub(crate) documents: Option<Place>,
    pub(crate) files: Option<Place>,
    pub(crate) orphans: Option<Place>,
    pub(crate) manifest: Option<Place>,
}

impl Places {
    /// Remembers `member`, if it is one of these.
    pub(crate) fn note(&mut self, member: &Member) {
        let place = match std::str::from_utf8(&member.name) {
            Ok(METADATA) => &mut self.metadata,
            Ok(FOLDERS) => &mut self.folders,
            Ok(DOCUMENTS) => &mut self.documents,
            Ok(FILES) => &mut self.files,
            Ok(ORPHANS) => &mut self.orphans,
            Ok(manifest::NAME) => &mut self.manifest,
            _ => return,
        };
        place.get_or_insert(Place { at: member.data_at, size: member.size });
    }
}

/// What `metadata.json` says.
pub(crate) enum ReadMetadata {
    /// It is of the known version.
    Known(Metadata),
    /// It is of another version.
    OtherVersion(String),
}

impl<'de> Deserialize<'de> for ReadMetadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Written {
            version: Scalar,
            created_at: Option<Box<RawValue>>,
            documents_count: Option<u64>,
            folders_count: Option<u64>,
            files_count: Option<u64>,
        }
        let written = Written::deserialize(deserializer)?;
        let version = match written.version {
            Scalar::Text(version) if version == VERSION => version,
            Scalar::Text(other) => return Ok(Self::OtherVersion(shortened(&other))),
            Scalar::Other(other) => return Ok(Self::OtherVersion(shortened(&other))),
            Scalar::Null => return Ok(Self::OtherVersion("null".to_owned())),
        };
        let missing = || de::Error::custom("a key is missing");
        let created_at =
            written.created_at.and_then(|text| text.get().parse().ok()).filter(|time: &f64| time.is_finite());
        Ok(Self::Known(Metadata {
            version,
            created_at: created_at.ok_or_else(missing)?,
            documents_count: written.documents_count.ok_or_else(missing)?,
            folders_count: written.folders_count.ok_or_else(missing)?,
            files_count: written.files_count.ok_or_else(missing)?,
        }))
    }
}

/// A row of `files.json`.
#[derive(serde::Deserialize)]
pub(crate) struct FileRow {
    /// The content's id.
    pub(crate) id: Id,
    /// The SHA-256 that the server recorded, as it stands there.
    #[serde(default)]
    pub(crate) sha256: Scalar,
}

/// A row of `folders.json`.
#[derive(serde::Deserialize)]
pub(crate) struct FolderRow {
    /// The folder's id.
    pub(crate) id: Id,
    /// The folder that it lies in.
    #[serde(default)]
    pub(crate) parent_id: Scalar,
    /// Its access rules.
    #[serde(default)]
    pub(crate) access_rules: Count,
}

/// What a document's row says, apart from its revisions.
pub(crate) struct DocumentRow {
    /// The document's id.
    pub(crate) id: String,
    /// Its title.
    pub(crate) title: String,
    /// The folder that it lies in.
    pub(crate) folder_id: Scalar,
    /// How many access rules it has.
    pub(crate) access_rules: u64,
}

/// A revision of a document.
#[derive(serde::Deserialize)]
pub(crate) struct RevisionRow {
    /// The content.
    #[serde(default)]
    pub(crate) file_id: Scalar,
    /// The document that the row names.
    #[serde(default)]
    pub(crate) document_id: Scalar,
}

/// Who looks at the documents: first a document's revisions one by one, then the document itself.
pub(crate) trait DocumentVisitor {
    /// A revision of the document that [`DocumentVisitor::document`] will give next.
    fn revision(&mut self, revision: RevisionRow);
    /// A document.
    fn document(&mut self, document: DocumentRow);
}

/// A JSON value of which only the text matters.
#[derive(Default)]
pub(crate) enum Scalar {
    /// `null`, or nothing.
    #[default]
    Null,
    /// A string.
    Text(String),
    /// A number or a truth value, as text; bytes, in hex; nothing of other values.
    Other(String),
}

impl Scalar {
    /// Its text.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Null => None,
            Self::Text(text) | Self::Other(text) => Some(text),
        }
    }

    /// The fingerprint of its text.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        self.text().map(|text| fingerprint(text.as_bytes()))
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnePiece;
        impl<'de> Visitor<'de> for OnePiece {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            // SQLite takes bytes where a text is declared: they come as `{"blob_hex": "…"}`.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
                let mut shown = String::new();
                while let Some(key) = map.next_key::<String>()? {
                    match map.next_value::<Scalar>()? {
                        Scalar::Text(text) if key == "blob_hex" => shown = format!("blob {text}"),
                        _ => {}
                    }
                }
                Ok(Scalar::Other(shown))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other(String::new()))
            }
            fn visit_unit<E>(self) -> Result<Scalar, E> {
                Ok(Scalar::Null)
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::Other(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar::Other(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar::Other(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar::Other(value.to_string()))
            }
        }
        deserializer.deserialize_any(OnePiece)
    }
}

/// A [`Scalar`] that must be there. SQLite lets a primary key of text be NULL: that is the empty id.
pub(crate) struct Id(pub(crate) String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) | Scalar::Other(text) => Self(text),
            Scalar::Null => Self(String::new()),
        })
    }
}

/// How many elements a list has; `null` has none.
#[derive(Default)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut count = 0;
        Each::new(|_: IgnoredAny| count += 1).deserialize(deserializer)?;
        Ok(Self(count))
    }
}

/// `orphans.json`, of which only the shape matters here: lists by the names of tables.
pub(crate) struct OrphanTables;

impl<'de> Deserialize<'de> for OrphanTables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lists;
        impl<'de> Visitor<'de> for Lists {
            type Value = OrphanTables;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of lists")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OrphanTables, A::Error> {
                while let Some((IgnoredAny, Count(_))) = map.next_entry()? {}
                Ok(OrphanTables)
            }
        }
        deserializer.deserialize_map(Lists)
    }
}

/// Gives every element of a list to a function; `null` is an empty list.
pub(crate) struct Each<T, F> {
    each: F,
    element: PhantomData<fn() -> T>,
}

impl<T, F: FnMut(T)> Each<T, F> {
    /// Gives the elements to `each`.
    pub(crate) fn new(each: F) -> Self {
        Self { each, element: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Each<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element()? {
            (self.each)(element);
        }
        Ok(())
    }
}

/// Shows documents to a [`DocumentVisitor`].
pub(crate) struct Documents<'v, V>(pub(crate) &'v mut V);

impl<V: DocumentVisitor> RowReader for Documents<'_, V> {
    type Row = Collected;

    fn read<'de, D: Deserializer<'de>>(&mut self, row: D) -> Result<Collected, D::Error> {
        let mut collected = Collected::default();
        Document(&mut collected).deserialize(row)?;
        Ok(collected)
    }

    fn take(&mut self, row: Collected) {
        row.revisions.into_iter().for_each(|revision| self.0.revision(revision));
        row.document.into_iter().for_each(|document| self.0.document(document));
    }

    fn read_huge<'de, D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
        Document(&mut *self.0).deserialize(row)
    }
}

/// A document of ordinary size: one that is not whole yet must have shown nothing.
#[derive(Default)]
pub(crate) struct Collected {
    revisions: Vec<RevisionRow>,
    document: Option<DocumentRow>,
}

impl DocumentVisitor for Collected {
    fn revision(&mut self, revision: RevisionRow) {
        self.revisions.push(revision);
    }

    fn document(&mut self, document: DocumentRow) {
        self.document = Some(document);
    }
}

struct Document<'v, V>(&'v mut V);

impl<'de, V: DocumentVisitor> DeserializeSeed<'de> for Document<'_, V> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, V: DocumentVisitor> Visitor<'de> for Document<'_, V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(field_identifier, rename_all = "snake_case")]
        enum Key {
            Id,
            Title,
            FolderId,
            AccessRules,
            Revisions,
            #[serde(other)]
            Other,
        }
        let (mut id, mut title, mut folder_id, mut access_rules) = (None, Scalar::Null, Scalar::Null, Count(0));
        while let Some(key) = map.next_key()? {
            match key {
                Key::Id => id = Some(map.next_value::<Id>()?.0),
                Key::Title => title = map.next_value()?,
                Key::FolderId => folder_id = map.next_value()?,
                Key::AccessRules => access_rules = map.next_value()?,
                Key::Revisions => map.next_value_seed(Each::new(|revision| self.0.revision(revision)))?,
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.0.document(DocumentRow {
            id: id.ok_or_else(|| de::Error::missing_field("id"))?,
            title: title.text().unwrap_or_default().to_owned(),
            folder_id,
            access_rules: access_rules.0,
        });
        Ok(())
    }
}
