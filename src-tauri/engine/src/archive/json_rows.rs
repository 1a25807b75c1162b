//! A large JSON text read value by value.
//!
//! Reading rows from memory is several times as fast as reading them from a stream. So the text goes through a window of
//! some 64 KiB; a row that does not end within it is read again with more of the text, and one that is larger than any
//! real row is read as a stream.

use std::io::{self, Read};

use serde::de::{Deserialize, Deserializer, IgnoredAny};

use super::bounded_json::{BoundedJson, JsonError};
use super::tar_reader::Source;
use crate::job::Job;

/// Bytes that are read at a time.
const WINDOW: usize = 64 * 1024;
/// Bytes up to which a single value is held in memory.
const LARGEST_IN_MEMORY: usize = 1024 * 1024;

/// A JSON text, and where reading it is.
pub(crate) struct JsonRows<'j, S> {
    text: BoundedJson<'j, S>,
    window: Vec<u8>,
    /// Where in the window reading is.
    at: usize,
    is_at_end: bool,
}

/// Reads rows of one kind into whatever they are for. A row may be read more than once before it counts.
pub(crate) trait RowReader {
    /// A row.
    type Row;
    /// Reads one from a text in memory, with no effect but the result.
    fn read<'de, D: Deserializer<'de>>(&mut self, row: D) -> Result<Self::Row, D::Error>;
    /// Takes a row that was read.
    fn take(&mut self, row: Self::Row);
    /// Reads and takes a row of any size from a stream.
    fn read_huge<'de, D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
        let row = self.read(row)?;
        self.take(row);
        Ok(())
    }
}

/// Rows that are a type of their own and go to a function.
pub(crate) struct Rows<T, F> {
    take: F,
    row: std::marker::PhantomData<fn() -> T>,
}

impl<T, F: FnMut(T)> Rows<T, F> {
    /// Gives every row to `take`.
    pub(crate) fn new(take: F) -> Self {
        Self { take, row: std::marker::PhantomData }
    }
}

impl<T: for<'de> Deserialize<'de>, F: FnMut(T)> RowReader for Rows<T, F> {
    type Row = T;

    fn read<'de, D: Deserializer<'de>>(&mut self, row: D) -> Result<T, D::Error> {
        T::deserialize(row)
    }

    fn take(&mut self, row: T) {
        (self.take)(row);
    }
}

impl<'j, S: Source> JsonRows<'j, S> {
    /// The JSON in the next `size` bytes of `text`.
    pub(crate) fn new(text: S, size: u64, job: &'j Job) -> Self {
        Self { text: BoundedJson::new(text, size, job), window: Vec::new(), at: 0, is_at_end: false }
    }

    /// The same with nothing left out of long strings.
    pub(crate) fn whole(self) -> Self {
        Self { text: self.text.whole(), ..self }
    }

    /// Reads the whole text as one list.
    pub(crate) fn only_list(mut self, rows: &mut impl RowReader) -> Result<(), JsonError> {
        self.list(rows)?;
        self.end()
    }

    /// Reads an object: `member` is called for each of its keys, and must read the value.
    pub(crate) fn only_object(
        mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.expect(b'{')?;
        if self.peek()? != b'}' {
            loop {
                let key: String = self.value()?;
                self.expect(b':')?;
                member(&mut self, &key)?;
                if self.peek()? != b',' {
                    break;
                }
                self.at += 1;
            }
        }
        self.expect(b'}')?;
        self.end()
    }

    /// Reads a list of rows; `null` is an empty one.
    pub(crate) fn list(&mut self, rows: &mut impl RowReader) -> Result<(), JsonError> {
        if self.peek()? == b'n' {
            return self.value::<()>();
        }
        self.expect(b'[')?;
        if self.peek()? != b']' {
            for number in 1_u64.. {
                self.row(rows, number)?;
                if self.peek()? != b',' {
                    break;
                }
                self.at += 1;
                // A comma announces a row.
                if self.peek()? == b']' {
                    return Err(not_json());
                }
            }
        }
        self.expect(b']')
    }

    /// Reads one value.
    pub(crate) fn value<T: for<'de> Deserialize<'de>>(&mut self) -> Result<T, JsonError> {
        let mut value = None;
        let mut rows = Rows::new(|read| value = Some(read));
        self.row(&mut rows, 0)?;
        value.ok_or_else(not_json)
    }

    /// Passes over one value.
    pub(crate) fn skip(&mut self) -> Result<(), JsonError> {
        self.value::<IgnoredAny>().map(|_| ())
    }

    fn row(&mut self, rows: &mut impl RowReader, number: u64) -> Result<(), JsonError> {
        self.peek()?;
        loop {
            let mut deserializer = serde_json::Deserializer::from_slice(&self.window[self.at..]);
            let read = rows.read(&mut deserializer);
            let used = deserializer.into_iter::<IgnoredAny>().byte_offset();
            // What the window's end cuts may look like another value, or like none: `1` of `12`, `-` of `-1`.
            let is_cut = self.at + used >= self.window.len() && !self.is_at_end;
            match read {
                Ok(row) if !is_cut => {
                    rows.take(row);
                    self.at += used;
                    return Ok(());
                }
                Err(error) if !is_cut => {
                    return Err(self.problem(error, number));
                }
                _ if self.window.len() - self.at >= LARGEST_IN_MEMORY => {
                    return rows
                        .read_huge(&mut serde_json::Deserializer::from_reader(&mut *self))
                        .map_err(|error| self.problem(error, number));
                }
                _ => self.read_on()?,
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek()? != byte {
            return Err(not_json());
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is no blank; it stays where it is.
    fn peek(&mut self) -> Result<u8, JsonError> {
        loop {
            match self.window[self.at..].iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t')) {
                Some(blanks) => {
                    self.at += blanks;
                    return Ok(self.window[self.at]);
                }
                None if self.is_at_end => return Err(JsonError::ends_too_early()),
                None => {
                    self.at = self.window.len();
                    self.read_on()?;
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Err(JsonError::Text(_)) if self.is_at_end && self.window[self.at..].trim_ascii().is_empty() => Ok(()),
            Ok(_) => Err(not_json()),
            Err(error) => Err(error),
        }
    }

    /// Reads more behind what has not been used yet.
    fn read_on(&mut self) -> Result<(), JsonError> {
        self.window.drain(..self.at);
        self.at = 0;
        let filled = self.window.len();
        // Twice as much each time, so that a large row is not read over and over again.
        self.window.resize(filled + WINDOW.max(filled), 0);
        let read = self.text.read(&mut self.window[filled..]);
        self.window.truncate(filled + read.as_ref().copied().unwrap_or_default());
        match read {
            Ok(read) => self.is_at_end = read == 0,
            Err(error) => return Err(self.text.failed(error)),
        }
        Ok(())
    }

    fn problem(&self, error: serde_json::Error, number: u64) -> JsonError {
        let what = if number > 0 { format!("row {number} of its JSON") } else { "its JSON".to_owned() };
        self.text.problem(error, &what)
    }
}

/// What has not been used yet, and then the rest: for rows that are read as a stream.
impl<S: Source> Read for JsonRows<'_, S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.at == self.window.len() && !self.is_at_end {
            self.at = 0;
            self.window.resize(WINDOW, 0);
            let read = self.text.read(&mut self.window);
            self.window.truncate(read.as_ref().copied().unwrap_or_default());
            self.is_at_end = read? == 0;
        }
        let some = bytes.len().min(self.window.len() - self.at);
        bytes[..some].copy_from_slice(&self.window[self.at..self.at + some]);
        self.at += some;
        Ok(some)
    }
}

fn not_json() -> JsonError {
    JsonError::Text("it is not the JSON that belongs there".to_owned())
}

/// A reader of a whole text as one list of `rows`.
pub(crate) fn rows_into<S: Source>(rows: &mut impl RowReader) -> impl FnOnce(S, u64, &Job) -> Result<(), JsonError> {
    |text, size, job| JsonRows::new(text, size, job).only_list(rows)
}

/// The same for rows of which nothing may be left out.
pub(crate) fn whole_rows_into<S: Source>(
    rows: &mut impl RowReader,
) -> impl FnOnce(S, u64, &Job) -> Result<(), JsonError> {
    |text, size, job| JsonRows::new(text, size, job).whole().only_list(rows)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::archive::forge::Pieces;

    fn rows_of(text: &str, piece: usize) -> Result<Vec<Value>, String> {
        typed_rows_of(text, piece)
    }

    fn typed_rows_of<T: for<'de> Deserialize<'de>>(text: &str, piece: usize) -> Result<Vec<T>, String> {
        let mut found = Vec::new();
        let mut rows = Rows::new(|row: T| found.push(row));
        let source = Pieces::new(text.as_bytes(), piece);
        match JsonRows::new(source, text.len() as u64, &Job::silent()).only_list(&mut rows) {
            Ok(()) => Ok(found),
            Err(JsonError::Text(problem)) => Err(problem),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn rows_are_the_same_wherever_the_window_cuts_them() {
        let rows = [
            r#"{"a":-1.5e-3,"b":[true,false,null],"c":"x\"ä\ud83d\ude00"}"#,
            "-12",
            "3.25",
            "1e5",
            "true",
            "\"\\u00e4\"",
        ];
        let expected: Vec<Value> = rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        let text = format!("[{}]", rows.join(", "));
        for piece in 1..=text.len() {
            assert_eq!(rows_of(&text, piece).unwrap(), expected, "pieces of {piece}");
            // What is passed over is parsed by other code, which calls a cut number wrong.
            let ignored = typed_rows_of::<IgnoredAny>(&text, piece).unwrap();
            assert_eq!(ignored.len(), expected.len(), "pieces of {piece}");
        }
    }

    #[test]
    fn a_row_larger_than_the_memory_for_it_is_read_all_the_same() {
        let large = Value::from((0..400_000).collect::<Vec<u32>>());
        let text = format!("[1,{large},{{\"after\":2}}]");
        assert!(large.to_string().len() > 2 * LARGEST_IN_MEMORY);
        assert_eq!(rows_of(&text, 5000).unwrap(), [json!(1), large, json!({ "after": 2 })]);
    }

    #[test]
    fn what_is_no_list_of_rows_is_said_to_be_none() {
        assert_eq!(rows_of("[]", 9).unwrap(), [Value::Null; 0]);
        assert_eq!(rows_of(" null ", 2).unwrap(), [Value::Null; 0]);
        for text in [
            "", " ", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[1]x", "{}", "1", "nul", "[nul]", "[-]",
            "[1.]",
        ] {
            for piece in [1, 2, 99] {
                assert!(rows_of(text, piece).is_err(), "{text:?} in pieces of {piece}");
            }
        }
        assert_eq!(rows_of("[1,2,x]", 99).unwrap_err(), "row 3 of its JSON is not well formed");
    }
}
