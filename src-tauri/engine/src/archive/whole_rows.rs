//! Rows of the JSON members with everything in them, as SQLite held it.
//!
//! This is the way back of what a backup writes: numbers keep every digit, infinities are `1e999`, bytes are
//! `{"blob_hex": "…"}`, and `rule_data` becomes the text that servers write. Nothing is left out or cut: what is too
//! large to be a server's is refused.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json_rows::RowReader;
use super::tables::Each;
use crate::hex;
use crate::rule_text::dumped;

/// The keys of lists of what belongs to an object.
const REVISIONS: &str = "revisions";
const RULES: &str = "access_rules";
/// The column whose JSON is kept as text.
const RULE_DATA: &str = "rule_data";
/// How deep JSON may be nested to have been taken for JSON when the backup was made.
const MAX_DEPTH: usize = 100;
/// Keys that a row may have; no table has as many columns.
const MAX_KEYS: usize = 1000;

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// A row: its columns and their values; of two of one name the last counts.
pub(crate) type WholeRow = Vec<(String, Cell)>;

/// What belongs to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Belonging {
    Revision,
    Rule,
}

/// Who takes the rows: first what belongs to an object, then the object itself.
pub(crate) trait WholeRowTaker {
    fn belonging(&mut self, what: Belonging, row: WholeRow);
    fn object(&mut self, row: WholeRow);
}

/// Gives rows to a [`WholeRowTaker`].
pub(crate) struct WholeRows<'t, T>(pub(crate) &'t mut T);

impl<T: WholeRowTaker> RowReader for WholeRows<'_, T> {
    type Row = Collected;

    fn read<'de, D: Deserializer<'de>>(&mut self, row: D) -> Result<Collected, D::Error> {
        let mut collected = Collected::default();
        Object(&mut collected).deserialize(row)?;
        Ok(collected)
    }

    fn take(&mut self, row: Collected) {
        row.belongings.into_iter().for_each(|(what, row)| self.0.belonging(what, row));
        self.0.object(row.object);
    }

    fn read_huge<'de, D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
        Object(&mut *self.0).deserialize(row)
    }
}

/// A row of ordinary size: one that is not whole yet must have given nothing.
#[derive(Default)]
pub(crate) struct Collected {
    belongings: Vec<(Belonging, WholeRow)>,
    object: WholeRow,
}

impl WholeRowTaker for Collected {
    fn belonging(&mut self, what: Belonging, row: WholeRow) {
        self.belongings.push((what, row));
    }

    fn object(&mut self, row: WholeRow) {
        self.object = row;
    }
}

struct Object<'t, T>(&'t mut T);

impl<'de, T: WholeRowTaker> DeserializeSeed<'de> for Object<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: WholeRowTaker> Visitor<'de> for Object<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut object = WholeRow::new();
        while let Some(key) = map.next_key::<String>()? {
            let what = match &*key {
                REVISIONS => Belonging::Revision,
                RULES => Belonging::Rule,
                _ => {
                    add(&mut object, key, &map.next_value::<Box<RawValue>>()?)?;
                    continue;
                }
            };
            map.next_value_seed(Each::new(|Plain(row)| self.0.belonging(what, row)))?;
        }
        self.0.object(object);
        Ok(())
    }
}

/// A row in which nothing else lies.
struct Plain(WholeRow);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;
        impl<'de> Visitor<'de> for Columns {
            type Value = WholeRow;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WholeRow, A::Error> {
                let mut row = WholeRow::new();
                while let Some(key) = map.next_key::<String>()? {
                    add(&mut row, key, &map.next_value::<Box<RawValue>>()?)?;
                }
                Ok(row)
            }
        }
        deserializer.deserialize_map(Columns).map(Self)
    }
}

fn add<E: de::Error>(row: &mut WholeRow, key: String, value: &RawValue) -> Result<(), E> {
    let text = value.get();
    let cell = if key == RULE_DATA { rule_data(text) } else { cell(text) };
    if row.len() == MAX_KEYS {
        return Err(E::custom("it has more columns than any table"));
    }
    row.push((key, cell.map_err(E::custom)?));
    Ok(())
}

fn cell(text: &str) -> serde_json::Result<Cell> {
    Ok(match text.as_bytes().first() {
        Some(b'n') | None => Cell::Null,
        Some(b't') => Cell::Integer(1),
        Some(b'f') => Cell::Integer(0),
        Some(b'"') => Cell::Text(serde_json::from_str(text)?),
        Some(b'{') => blob(text).map_or_else(|| Cell::Text(dumped(text)), Cell::Blob),
        Some(b'[') => Cell::Text(dumped(text)),
        Some(_) => number(text),
    })
}

fn number(text: &str) -> Cell {
    let is_whole = !text.contains(['.', 'e', 'E']);
    match text.parse() {
        Ok(whole) if is_whole => Cell::Integer(whole),
        _ => Cell::Real(text.parse().unwrap_or(f64::NAN)),
    }
}

/// SQLite takes bytes where another type is declared.
fn blob(text: &str) -> Option<Vec<u8>> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Bytes {
        blob_hex: String,
    }
    let Bytes { blob_hex } = serde_json::from_str(text).ok()?;
    let mut bytes = vec![0; blob_hex.len() / 2];
    hex::decode_into(&blob_hex, &mut bytes).then_some(bytes)
}

/// A string that is no JSON stood there as it is; one that is JSON stood there as the JSON of a string.
fn rule_data(text: &str) -> serde_json::Result<Cell> {
    if text.starts_with('"') {
        let string: String = serde_json::from_str(text)?;
        if serde_json::from_str::<&RawValue>(&string).is_err() || is_deep(&string) {
            return Ok(Cell::Text(string));
        }
    }
    Ok(Cell::Text(dumped(text)))
}

/// Whether brackets in `json` are open to a depth at which it travels as a text.
fn is_deep(json: &str) -> bool {
    let (mut depth, mut deepest, mut in_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            b'"' if !is_escaped => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_escaped = in_string && byte == b'\\' && !is_escaped;
        deepest = deepest.max(depth);
    }
    deepest > MAX_DEPTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_sqlite_held_them() {
        for (text, expected) in [
            ("null", Cell::Null),
            ("true", Cell::Integer(1)),
            ("-5", Cell::Integer(-5)),
            ("9223372036854775808", Cell::Real(9_223_372_036_854_775_808.0)),
            ("5.0", Cell::Real(5.0)),
            ("1795423223.498213", Cell::Real(1_795_423_223.498_213)),
            ("1e999", Cell::Real(f64::INFINITY)),
            ("-1e999", Cell::Real(f64::NEG_INFINITY)),
            ("1e-05", Cell::Real(1e-5)),
            (r#""\u4e2d\n\"x""#, Cell::Text("中\n\"x".to_owned())),
            (r#"{ "blob_hex": "00ff" }"#, Cell::Blob(vec![0, 255])),
            (r#"{"blob_hex":"0"}"#, Cell::Text(r#"{"blob_hex": "0"}"#.to_owned())),
        ] {
            assert_eq!(cell(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_rule_that_is_a_text_never_becomes_a_rule() {
        assert_eq!(rule_data("\"this is no JSON\"").unwrap(), Cell::Text("this is no JSON".to_owned()));
        assert_eq!(rule_data("\"\"").unwrap(), Cell::Text(String::new()));
        assert_eq!(rule_data("\"{}\"").unwrap(), Cell::Text("\"{}\"".to_owned()), "it must not become a rule");
        assert_eq!(rule_data("{\"a\":1}").unwrap(), Cell::Text("{\"a\": 1}".to_owned()));
    }
}
