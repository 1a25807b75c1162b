//! Rows of `folders.json`, `documents.json` and `files.json` as a tree needs them.
//!
//! A value may be anything: an infinite time is written `1e999`, which no JSON parser takes for a number. So values are
//! taken as text and understood afterwards. Of a row too large for memory this would need all the memory at once, and such
//! a row is read value by value.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::archive::json_rows::RowReader;
use crate::archive::tables::{Each, Id, Scalar};
use crate::rights::Condition;

/// Values that a rule may consist of, and bytes of its texts; a larger one is not understood.
const MAX_RULE: usize = 4096;

/// A document or folder without what belongs to it.
#[derive(Default)]
pub(crate) struct ObjectRow {
    pub(crate) id: String,
    /// A folder's name too.
    pub(crate) title: String,
    /// The folder that it lies in.
    pub(crate) parent: Option<String>,
    /// Unix seconds; NaN where there are none.
    pub(crate) created_time: f64,
    /// Only later servers have it.
    pub(crate) inherit: Option<bool>,
    /// 0, or absent: as ever.
    pub(crate) status: i64,
    pub(crate) current_revision: Option<String>,
}

/// A revision.
pub(crate) struct RevisionRow {
    pub(crate) id: String,
    pub(crate) file_id: Option<String>,
    pub(crate) created_time: f64,
}

/// An access rule.
pub(crate) struct RuleRow {
    pub(crate) access_type: String,
    pub(crate) condition: Condition,
}

/// A row of `files.json`.
#[derive(serde::Deserialize)]
pub(crate) struct FileRow {
    pub(crate) id: Id,
    #[serde(default)]
    pub(crate) sha256: Scalar,
}

/// Who takes the objects: first what belongs to one, then the object itself.
pub(crate) trait ObjectTaker {
    fn rule(&mut self, rule: RuleRow);
    fn revision(&mut self, revision: RevisionRow);
    fn object(&mut self, object: ObjectRow);
}

/// Gives objects to an [`ObjectTaker`].
pub(crate) struct Objects<'t, T>(pub(crate) &'t mut T);

impl<T: ObjectTaker> RowReader for Objects<'_, T> {
    type Row = Collected;

    fn read<'de, D: Deserializer<'de>>(&mut self, row: D) -> Result<Collected, D::Error> {
        let mut collected = Collected::default();
        Object::<_, InMemory>(&mut collected, PhantomData).deserialize(row)?;
        Ok(collected)
    }

    fn take(&mut self, row: Collected) {
        row.rules.into_iter().for_each(|rule| self.0.rule(rule));
        row.revisions.into_iter().for_each(|revision| self.0.revision(revision));
        self.0.object(row.object);
    }

    fn read_huge<'de, D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
        Object::<_, Streamed>(&mut *self.0, PhantomData).deserialize(row)
    }
}

/// A row of ordinary size: one that is not whole yet must have given nothing.
#[derive(Default)]
pub(crate) struct Collected {
    rules: Vec<RuleRow>,
    revisions: Vec<RevisionRow>,
    object: ObjectRow,
}

impl ObjectTaker for Collected {
    fn rule(&mut self, rule: RuleRow) {
        self.rules.push(rule);
    }
    fn revision(&mut self, revision: RevisionRow) {
        self.revisions.push(revision);
    }
    fn object(&mut self, object: ObjectRow) {
        self.object = object;
    }
}

/// How single values are read.
trait Way {
    type Value: for<'de> Deserialize<'de> + Into<Scalar> + Default;
    type RuleData: for<'de> Deserialize<'de> + Into<Condition>;
}

/// From a text in memory.
struct InMemory;
/// From a stream.
struct Streamed;

impl Way for InMemory {
    type Value = Taken<Scalar>;
    type RuleData = Taken<Condition>;
}

impl Way for Streamed {
    type Value = Scalar;
    type RuleData = Condition;
}

/// What is made of a value's text.
struct Taken<T>(T);

impl Default for Taken<Scalar> {
    fn default() -> Self {
        Self(Scalar::Null)
    }
}

impl From<Taken<Self>> for Scalar {
    fn from(taken: Taken<Self>) -> Self {
        taken.0
    }
}

impl From<Taken<Self>> for Condition {
    fn from(taken: Taken<Self>) -> Self {
        taken.0
    }
}

impl<'de> Deserialize<'de> for Taken<Scalar> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        Ok(Self(if is_number {
            Scalar::Other(text.to_owned())
        } else {
            serde_json::from_str(text).unwrap_or_default()
        }))
    }
}

impl<'de> Deserialize<'de> for Taken<Condition> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        Ok(Self(serde_json::from_str(text).unwrap_or(Condition::NotUnderstood)))
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut left = MAX_RULE;
        let value = Limited(&mut left).deserialize(deserializer)?;
        Ok(value.map_or(Self::NotUnderstood, |value| Self::of_rule_data(&value)))
    }
}

#[derive(serde::Deserialize)]
struct WrittenRevision<V: Default> {
    #[serde(default)]
    id: V,
    #[serde(default)]
    file_id: Scalar,
    #[serde(default)]
    created_time: V,
}

#[derive(serde::Deserialize)]
struct WrittenRule<R> {
    #[serde(default)]
    access_type: Scalar,
    rule_data: Option<R>,
}

struct Object<'t, T, W>(&'t mut T, PhantomData<fn() -> W>);

impl<'de, T: ObjectTaker, W: Way> DeserializeSeed<'de> for Object<'_, T, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: ObjectTaker, W: Way> Visitor<'de> for Object<'_, T, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document or a folder")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(field_identifier, rename_all = "snake_case")]
        enum Key {
            Id,
            #[serde(alias = "name")]
            Title,
            #[serde(alias = "parent_id")]
            FolderId,
            CreatedTime,
            Inherit,
            Status,
            CurrentRevisionId,
            AccessRules,
            Revisions,
            #[serde(other)]
            Other,
        }
        let mut object = ObjectRow { created_time: f64::NAN, ..ObjectRow::default() };
        let mut id = None;
        while let Some(key) = map.next_key()? {
            match key {
                Key::Id => id = Some(map.next_value::<Id>()?.0),
                Key::Title => object.title = text(map.next_value()?).unwrap_or_default(),
                Key::FolderId => object.parent = text(map.next_value()?),
                Key::CreatedTime => object.created_time = time(map.next_value::<W::Value>()?.into()),
                Key::Inherit => object.inherit = whole(map.next_value::<W::Value>()?.into()).map(|value| value != 0),
                Key::Status => object.status = whole(map.next_value::<W::Value>()?.into()).unwrap_or_default(),
                Key::CurrentRevisionId => object.current_revision = text(map.next_value::<W::Value>()?.into()),
                Key::AccessRules => map.next_value_seed(Each::new(|rule: WrittenRule<W::RuleData>| {
                    self.0.rule(RuleRow {
                        access_type: text(rule.access_type).unwrap_or_default(),
                        condition: rule.rule_data.map_or(Condition::Everyone, Into::into),
                    });
                }))?,
                Key::Revisions => map.next_value_seed(Each::new(|revision: WrittenRevision<W::Value>| {
                    self.0.revision(RevisionRow {
                        id: text(revision.id.into()).unwrap_or_default(),
                        file_id: text(revision.file_id),
                        created_time: time(revision.created_time.into()),
                    });
                }))?,
                Key::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        object.id = id.ok_or_else(|| de::Error::missing_field("id"))?;
        self.0.object(object);
        Ok(())
    }
}

fn text(scalar: Scalar) -> Option<String> {
    match scalar {
        Scalar::Null => None,
        Scalar::Text(text) | Scalar::Other(text) => Some(text),
    }
}

fn time(scalar: Scalar) -> f64 {
    scalar.text().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

/// A whole number, or a truth value as one.
fn whole(scalar: Scalar) -> Option<i64> {
    match scalar.text()? {
        "true" => Some(1),
        "false" => Some(0),
        number => number.parse().ok(),
    }
}

/// A JSON value, or nothing if it is too large.
struct Limited<'l>(&'l mut usize);

impl Limited<'_> {
    fn costs(&mut self, more: usize) -> bool {
        *self.0 = self.0.saturating_sub(more + 1);
        *self.0 > 0
    }

    fn keep<E>(mut self, bytes: usize, value: impl FnOnce() -> Value) -> Result<Option<Value>, E> {
        Ok(self.costs(bytes).then(value))
    }
}

impl<'de> DeserializeSeed<'de> for Limited<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Limited<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        self.keep(0, || Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Option<Value>, E> {
        self.keep(0, || value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Option<Value>, E> {
        self.keep(0, || value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Option<Value>, E> {
        self.keep(0, || value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Option<Value>, E> {
        self.keep(0, || value.into())
    }
    fn visit_str<E>(self, text: &str) -> Result<Option<Value>, E> {
        self.keep(text.len(), || text.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Option<Value>, A::Error> {
        let mut values = Vec::new();
        while self.costs(0)
            && let Some(value) = list.next_element_seed(Limited(self.0))?
        {
            values.extend(value);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok((*self.0 > 0).then_some(values.into()))
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Option<Value>, A::Error> {
        let mut values = serde_json::Map::new();
        while self.costs(0)
            && let Some(key) = map.next_key::<String>()?
        {
            self.costs(key.len());
            values.extend(map.next_value_seed(Limited(self.0))?.map(|value| (key, value)));
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok((*self.0 > 0).then_some(values.into()))
    }
}
