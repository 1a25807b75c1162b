//! JSON that cannot fill the memory.
//!
//! `serde_json` keeps every string that it reads and every bracket that is open, however many. Between it and a member
//! of an archive stands this reader: it passes JSON on, cuts strings at a length that nothing real has, and refuses what
//! is nested too deeply, is not UTF-8 or has raw control characters or numbers without end, also where nobody looks at the
//! value.

use std::io::{self, BufReader, Read};

use serde::de::DeserializeSeed;
use serde_json::error::Category;

use super::decrypt::read_buffered;
use super::tar_reader::Source;
use crate::error::{Error, Result};
use crate::job::Job;

/// Bytes that a string may have; more are left out. No name of a member is longer, and no id.
const MAX_STRING: usize = 128 * 1024;
/// Bytes that a string may have where nothing may be left out: a server takes messages of 1 MiB.
const MAX_WHOLE_STRING: usize = 16 * 1024 * 1024;
/// Digits that a number may have, its point and exponent among them. No clock and no counter has as many.
pub(crate) const MAX_NUMBER: usize = 1024;
/// Brackets that may be open. `serde_json` itself has the same limit for values that are looked at.
pub(crate) const MAX_DEPTH: u32 = 127;

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
    pub(crate) fn ends_too_early() -> Self {
        Self::Text("its JSON ends too early".to_owned())
    }

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
    let mut bounded = BoundedJson::new(text, size, job);
    let mut deserializer = serde_json::Deserializer::from_reader(BufReader::with_capacity(16 * 1024, &mut bounded));
    let value = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| bounded.problem(error, "its JSON"))
}

/// JSON on its way from a member to a parser.
pub(crate) struct BoundedJson<'j, S> {
    text: S,
    left: u64,
    job: &'j Job,
    place: Place,
    depth: u32,
    utf8: Utf8,
    /// Whether a string that is too long is refused, and not cut.
    is_whole: bool,
    /// Bytes of the current string so far.
    length: usize,
    /// Whether the character or escape that is under way is passed on: all of it or nothing.
    keeps: bool,
    /// Bytes of a number, or a word, that the last piece of the text ended within.
    begun: usize,
    /// Whether a blank came last, outside strings.
    after_blank: bool,
    /// Whether the first half of a pair of `\u` escapes was just passed on, which must not stay alone.
    half_a_pair: bool,
}

impl<'j, S> BoundedJson<'j, S> {
    /// The JSON in the next `size` bytes of `text`.
    pub(crate) fn new(text: S, size: u64, job: &'j Job) -> Self {
        Self {
            text,
            left: size,
            job,
            place: Place::Outside,
            depth: 0,
            utf8: Utf8::default(),
            is_whole: false,
            length: 0,
            keeps: true,
            begun: 0,
            after_blank: false,
            half_a_pair: false,
        }
    }

    /// The same with nothing left out.
    pub(crate) fn whole(self) -> Self {
        Self { is_whole: true, ..self }
    }

    fn longest(&self) -> usize {
        if self.is_whole { MAX_WHOLE_STRING } else { MAX_STRING }
    }

    /// What a parser's `error` about `what` means.
    pub(crate) fn problem(&self, error: serde_json::Error, what: &str) -> JsonError {
        match error.classify() {
            Category::Io => self.failed(io::Error::from(error)),
            Category::Eof => JsonError::ends_too_early(),
            Category::Syntax => JsonError::Text(format!("{what} is not well formed")),
            Category::Data => JsonError::Text(format!("{what} is not what belongs there")),
        }
    }

    /// What an `error` of reading this means.
    pub(crate) fn failed(&self, error: io::Error) -> JsonError {
        match error.kind() {
            _ if self.job.check().is_err() => JsonError::Cancelled,
            io::ErrorKind::InvalidData => JsonError::Text(error.to_string()),
            _ => JsonError::Io(error),
        }
    }
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
                return if limit == 0 { Ok(0) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
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
        let (mut index, mut kept) = (0, 0);
        while index < bytes.len() {
            let (run, keeps) = match self.run(&bytes[index..])? {
                (0, _) if !self.utf8.accepts(bytes[index]) => return Err(refused("its text is not UTF-8")),
                (0, _) => (1, self.step(bytes[index])?),
                run => run,
            };
            if keeps {
                if kept < index {
                    bytes.copy_within(index..index + run, kept);
                }
                kept += run;
            }
            index += run;
        }
        Ok(kept)
    }

    /// How many of the next `bytes` are nothing special, and whether they are passed on. Nearly all bytes are dealt with
    /// here, many at once.
    fn run(&mut self, bytes: &[u8]) -> io::Result<(usize, bool)> {
        if self.utf8.following > 0 {
            return Ok((0, true));
        }
        Ok(match self.place {
            Place::Outside if bytes[0] == b' ' => {
                // Indentation is half of the text. A single blank says as much, and of a line break's none is needed.
                let spaces = bytes.iter().position(|&byte| byte != b' ').unwrap_or(bytes.len());
                self.begun = 0;
                let after_blank = std::mem::replace(&mut self.after_blank, true);
                if after_blank { (spaces, false) } else { (1, true) }
            }
            Place::Outside => {
                let run = bytes.iter().position(|&byte| is_special_outside(byte)).unwrap_or(bytes.len());
                self.bound_numbers(&bytes[..run], run == bytes.len())?;
                let last = bytes[run.saturating_sub(1)];
                self.after_blank = run > 0 && matches!(last, b'\n' | b'\r' | b'\t');
                (run, true)
            }
            Place::InString if self.length < self.longest() => {
                let room = self.longest() - self.length;
                let run = plain_run(&bytes[..bytes.len().min(room)]);
                if run > 0 {
                    (self.keeps, self.half_a_pair) = (true, false);
                }
                self.length += run;
                (run, true)
            }
            Place::InString if self.is_whole && bytes[0] != b'"' => {
                return Err(refused("a string of its JSON is larger than any server's"));
            }
            Place::InString if !self.half_a_pair => (plain_run(bytes), false),
            _ => (0, true),
        })
    }

    /// Refuses a number without end in `run`, which stands outside strings and may go on in the next piece.
    fn bound_numbers(&mut self, run: &[u8], goes_on: bool) -> io::Result<()> {
        let is_between = |byte: &u8| matches!(byte, b',' | b':' | b'\n' | b'\r' | b'\t');
        let begun = std::mem::take(&mut self.begun);
        if begun + run.len() > MAX_NUMBER {
            let mut words = run.split(is_between);
            let first = begun + words.next().unwrap_or_default().len();
            if first > MAX_NUMBER || words.any(|word| word.len() > MAX_NUMBER) {
                return Err(refused("a number of its JSON has far too many digits"));
            }
        }
        if goes_on {
            let after = run.iter().rposition(is_between);
            self.begun = after.map_or(begun + run.len(), |last| run.len() - last - 1);
        }
        Ok(())
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
        let has_room = self.length < self.longest();
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

/// Whether `byte` means something outside strings, or is no ASCII.
fn is_special_outside(byte: u8) -> bool {
    matches!(byte, b'"' | b'[' | b']' | b'{' | b'}' | b' ' | 0x80..)
}

/// Whether `byte` means something within strings, or is no ASCII.
fn is_special_inside(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | !(0x20..0x80).contains(&byte)
}

/// How many bytes at the start of `bytes` mean nothing in a string.
fn plain_run(bytes: &[u8]) -> usize {
    /// So many are looked at with one instruction.
    const AT_ONCE: usize = 16;
    let whole = bytes
        .chunks_exact(AT_ONCE)
        .take_while(|chunk| !chunk.iter().fold(false, |special, &byte| special | is_special_inside(byte)));
    let skipped = whole.count() * AT_ONCE;
    let rest = &bytes[skipped..];
    skipped + rest.iter().position(|&byte| is_special_inside(byte)).unwrap_or(rest.len())
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

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use serde::Deserialize;
    use serde::de::IgnoredAny;

    use super::*;
    use crate::archive::forge::Pieces;

    fn read<T: for<'de> Deserialize<'de>>(text: &[u8], piece: usize) -> Result<T, String> {
        let source = Pieces::new(text, piece);
        read_json(source, text.len() as u64, &Job::silent(), PhantomData::<T>).map_err(|error| match error {
            JsonError::Text(problem) => problem,
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn json_comes_through_unchanged_however_it_is_cut_into_pieces() {
        let text = r#"  {"a" : [1, 2.50 ,  true, null,{"b":"x  y\"z\\"}],
            "ü\ud83d\ude00\n" :   "  财务 🙂 ", "" : "\u00e4" }  "#;
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        for piece in 1..40 {
            assert_eq!(read::<serde_json::Value>(text.as_bytes(), piece).unwrap(), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn blanks_that_separate_are_never_left_out() {
        for piece in 1..8 {
            for text in ["[1  2]", "tr  ue", "[1 \n 2]", "1 \t 2", "- 1"] {
                assert!(read::<IgnoredAny>(text.as_bytes(), piece).is_err(), "{text:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn an_endless_string_is_cut_where_a_character_ends() {
        for unit in ["x", "\\n", "ä", "财", "🙂", "\\ud83d\\ude00", "\\u00e4", "x\\ud83d\\ude00"] {
            let text = format!("[\"{}\",\"after\"]", unit.repeat(300_000 / unit.len()));
            for piece in [4096, 4097, 7] {
                let [cut, after] = read::<[String; 2]>(text.as_bytes(), piece).unwrap();
                assert_eq!(after, "after");
                assert!(cut.len() <= MAX_STRING + 16, "{} bytes of {unit}", cut.len());
                assert!(cut.len() >= MAX_STRING / 4, "{} bytes of {unit}", cut.len());
            }
        }
    }

    #[test]
    fn a_number_without_end_is_refused_however_it_is_cut_into_pieces() {
        for piece in [1, 7, 1024, 5000] {
            let longest = "7".repeat(MAX_NUMBER);
            for around in
                [("[", "]"), ("[1,", ",2]"), ("{\"a\":", ",\"b\":2.5}"), ("[1\n,\t", "\r,2]"), ("[1, ", " ,2]")]
            {
                let text = format!("{}{longest}{}", around.0, around.1);
                assert!(read::<IgnoredAny>(text.as_bytes(), piece).is_ok(), "{around:?} in pieces of {piece}");
                let text = format!("{}{longest}7{}", around.0, around.1);
                let refusal = read::<IgnoredAny>(text.as_bytes(), piece).err();
                assert_eq!(
                    refusal.as_deref(),
                    Some("a number of its JSON has far too many digits"),
                    "{around:?} {piece}"
                );
            }
            let many = format!("[{}]", ["1"; 5000].join(","));
            assert!(read::<IgnoredAny>(many.as_bytes(), piece).is_ok());
        }
    }

    #[test]
    fn what_nobody_looks_at_is_checked_all_the_same() {
        let deep = "[".repeat(128) + &"]".repeat(128);
        let allowed = "[".repeat(120) + &"]".repeat(120);
        assert_eq!(read::<IgnoredAny>(deep.as_bytes(), 5).err().as_deref(), Some("its JSON is nested too deeply"));
        assert!(read::<IgnoredAny>(allowed.as_bytes(), 5).is_ok());
        for bad in [&b"\"\xff\""[..], b"\"\xc3\"", b"\"\xed\xa0\x80\"", b"\"\xc0\xaf\"", b"\"\xf4\x90\x80\x80\""] {
            for piece in 1..4 {
                assert_eq!(read::<IgnoredAny>(bad, piece).err().as_deref(), Some("its text is not UTF-8"), "{bad:?}");
            }
        }
        assert_eq!(
            read::<IgnoredAny>(b"\"a\nb\"", 9).err().as_deref(),
            Some("a string of its JSON has a control character")
        );
        assert_eq!(read::<IgnoredAny>(b"[1", 9).err().as_deref(), Some("its JSON ends too early"));
    }
}
