//! JSON that cannot fill the memory.
//!
//! `serde_json` keeps every string that it reads and every bracket that is open, however many. Between it and a member
//! of an archive stands this reader: it passes JSON on, cuts strings at a length that nothing real has, and refuses what
//! is nested too deeply, is not UTF-8 or has raw control characters, also where nobody looks at the value.

use std::io::{self, BufReader, Read};

use serde::de::DeserializeSeed;

use super::decrypt::read_buffered;
use super::tar_reader::Source;
use crate::error::{Error, Result};
use crate::job::Job;

/// Bytes that a string may have; more are left out. No name of a member is longer, and no id.
const MAX_STRING: usize = 128 * 1024;
/// Brackets that may be open. `serde_json` itself has the same limit for values that are looked at.
const MAX_DEPTH: u32 = 127;

/// Why a member is not the JSON that it should be.
#[derive(Debug)]
pub(crate) enum JsonError {
    /// Its text; in words that hold none of it.
    Text(String),
    /// Reading it.
    Io(io::Error),
    /// The person asked to stop.
    Cancelled,
}

impl JsonError {
    /// The text's problem, or the error that reading it was.
    pub(crate) fn into_problem(self, unreadable: impl FnOnce(io::Error) -> Error) -> Result<String> {
        match self {
            Self::Text(problem) => Ok(problem),
            Self::Io(error) => Err(unreadable(error)),
            Self::Cancelled => Err(Error::Cancelled),
        }
    }
}

/// Reads `text` as one JSON value into `seed`, with nothing after it.
pub(crate) fn read_json<'de, T>(
    text: impl Source,
    size: u64,
    job: &Job,
    seed: impl DeserializeSeed<'de, Value = T>,
) -> Result<T, JsonError> {
    let bounded = BoundedJson {
        text,
        left: size,
        job,
        place: Place::Outside,
        depth: 0,
        utf8: Utf8::default(),
        length: 0,
        keeps: true,
        half_a_pair: false,
    };
    let mut deserializer = serde_json::Deserializer::from_reader(BufReader::with_capacity(16 * 1024, bounded));
    let value = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            _ if job.check().is_err() => JsonError::Cancelled,
            serde_json::error::Category::Io => match io::Error::from(error) {
                error if error.kind() == io::ErrorKind::InvalidData => JsonError::Text(error.to_string()),
                error => JsonError::Io(error),
            },
            serde_json::error::Category::Eof => JsonError::Text("its JSON ends too early".to_owned()),
            serde_json::error::Category::Syntax => {
                JsonError::Text(format!("it is not JSON (line {line}, column {column})"))
            }
            serde_json::error::Category::Data => {
                JsonError::Text(format!("its JSON is not what belongs there (line {line}, column {column})"))
            }
        }
    })
}

struct BoundedJson<'j, S> {
    text: S,
    left: u64,
    job: &'j Job,
    place: Place,
    depth: u32,
    utf8: Utf8,
    /// Bytes of the current string so far.
    length: usize,
    /// Whether the character or escape that is under way is passed on: all of it or nothing.
    keeps: bool,
    /// Whether the first half of a pair of `\uXXXX` was just passed on, which must not stay alone.
    half_a_pair: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    InString,
    /// After a backslash.
    Escape,
    /// After `\u` and so many digits.
    Digits(u8),
}

impl<S: Source> Read for BoundedJson<'_, S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            self.job.check().map_err(io::Error::other)?;
            let limit = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
            let read = read_buffered(&mut self.text, &mut out[..limit])?;
            self.left -= read as u64;
            if read == 0 {
                return if self.left == 0 || out.is_empty() { Ok(0) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            let kept = self.pass(&mut out[..read])?;
            // Nothing at all would mean the end.
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

impl<S> BoundedJson<'_, S> {
    /// Moves what is passed on to the front of `bytes`, and says how much it is.
    fn pass(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut kept = 0;
        for index in 0..bytes.len() {
            let byte = bytes[index];
            if !self.utf8.accepts(byte) {
                return Err(refused("its text is not UTF-8"));
            }
            if self.step(byte)? {
                bytes[kept] = byte;
                kept += 1;
            }
        }
        Ok(kept)
    }

    /// Goes on by `byte`, and says whether it is passed on.
    fn step(&mut self, byte: u8) -> io::Result<bool> {
        if self.place != Place::Outside {
            return self.step_in_string(byte);
        }
        match byte {
            b'"' => (self.place, self.length) = (Place::InString, 0),
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(refused("its JSON is nested too deeply"));
                }
            }
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Ok(true)
    }

    fn step_in_string(&mut self, byte: u8) -> io::Result<bool> {
        let has_room = self.length < MAX_STRING;
        match (self.place, byte) {
            (_, 0..=0x1f) => return Err(refused("a string of its JSON has a control character")),
            (Place::InString, b'"') => {
                self.place = Place::Outside;
                return Ok(true);
            }
            (Place::InString, b'\\') => {
                self.keeps = has_room || self.half_a_pair;
                self.place = Place::Escape;
            }
            // The rest of a character.
            (Place::InString, 0x80..=0xbf) => {}
            (Place::InString, _) => (self.keeps, self.half_a_pair) = (has_room, false),
            (Place::Escape, b'u') => self.place = Place::Digits(0),
            (Place::Escape, _) => (self.place, self.half_a_pair) = (Place::InString, false),
            (Place::Digits(digit), _) => {
                self.half_a_pair = match digit {
                    0 => matches!(byte, b'd' | b'D'),
                    1 => self.half_a_pair && matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B'),
                    _ => self.half_a_pair && self.keeps,
                };
                self.place = if digit == 3 { Place::InString } else { Place::Digits(digit + 1) };
            }
            (Place::Outside, _) => {}
        }
        self.length += 1;
        Ok(self.keeps)
    }
}

fn refused(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// A check of UTF-8 byte by byte: how many bytes are to follow, and in which range the next one must be.
#[derive(Clone, Copy)]
struct Utf8 {
    following: u8,
    lowest: u8,
    highest: u8,
}

impl Default for Utf8 {
    fn default() -> Self {
        Self { following: 0, lowest: 0x80, highest: 0xbf }
    }
}

impl Utf8 {
    fn accepts(&mut self, byte: u8) -> bool {
        if self.following == 0 {
            let (following, lowest, highest) = match byte {
                0..=0x7f => return true,
                0xc2..=0xdf => (1, 0x80, 0xbf),
                0xe0 => (2, 0xa0, 0xbf),
                0xed => (2, 0x80, 0x9f),
                0xe1..=0xef => (2, 0x80, 0xbf),
                0xf0 => (3, 0x90, 0xbf),
                0xf1..=0xf3 => (3, 0x80, 0xbf),
                0xf4 => (3, 0x80, 0x8f),
                _ => return false,
            };
            *self = Self { following, lowest, highest };
            return true;
        }
        let fits = (self.lowest..=self.highest).contains(&byte);
        *self = Self { following: self.following - 1, lowest: 0x80, highest: 0xbf };
        fits
    }
}
