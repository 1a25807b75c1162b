//! The members of a tar, one after the other, with limits of our own.
//!
//! Every flavour is read: v7, USTAR, PAX, GNU. What is forged or damaged is told as a [`Flaw`] and costs neither memory
//! nor time: no size is believed before it was held against what is there, records about a member are limited in length
//! and number, and a name is only ever a text. After a damaged header the walk goes on at the next one that is surely
//! ours, so that one damage does not hide another.

use std::io::{self, BufRead, Read};

use super::decrypt::read_buffered;
use super::tar_header::{self, Block, Header, Kind, TAR_BLOCK};

/// Bytes that one record about a member (a long name, PAX records) may have.
const MAX_RECORD: u64 = 64 * 1024;
/// How many such records may come before one member.
const MAX_RECORDS: u32 = 16;

/// Where a tar is read from.
pub(crate) trait Source: BufRead {
    /// Bytes of the whole tar.
    fn size(&self) -> u64;
    /// Where reading is.
    fn position(&self) -> u64;
    /// Passes over `bytes`, or to the end.
    fn skip(&mut self, bytes: u64) -> io::Result<()>;
}

/// A file in the tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name, without `./` at the start. Any bytes: never a path.
    pub(crate) name: Vec<u8>,
    /// Its bytes. They are there, all of them.
    pub(crate) size: u64,
    /// Where it begins: the first header that belongs to it.
    pub(crate) begins_at: u64,
    /// Where its bytes begin.
    pub(crate) data_at: u64,
}

/// What is wrong with the tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// In what way.
    pub(crate) kind: FlawKind,
    /// The member that it is about, where it has a name.
    pub(crate) member: Option<Vec<u8>>,
    /// In words.
    pub(crate) reason: String,
}

/// How a tar is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlawKind {
    /// It ends too early.
    Truncated,
    /// A header, or a record about a member, makes no sense.
    Header,
    /// Something follows the end.
    TrailingBytes,
    /// A member is of a kind that no backup holds.
    MemberKind,
}

/// What the walk met.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file; its bytes are read with [`Members::body`], or passed over.
    Member(Member),
    /// Something wrong.
    Flaw(Flaw),
}

/// A walk through the members of a tar.
pub(crate) struct Members<S> {
    source: S,
    next_header: u64,
    body_left: u64,
    end_is_sound: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Walking,
    /// After a damaged header: looking for the next good one.
    Searching {
        zeros: u64,
    },
    Ended,
}

/// What records said about the member that they precede.
#[derive(Default)]
struct Records {
    begins_at: Option<u64>,
    count: u32,
    /// Whether one of them is about the next member alone, which must come then.
    await_a_member: bool,
    name: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl<S: Source> Members<S> {
    /// Walks through `source`. `end_is_sound` says that the archive's end is in place: then a member that is larger than
    /// the archive is a lie, and no sign that the archive was cut.
    pub(crate) fn new(source: S, end_is_sound: bool) -> Self {
        Self { source, next_header: 0, body_left: 0, end_is_sound, state: State::Walking }
    }

    /// The name of the member that begins at `begins_at`, where one does.
    pub(crate) fn name_at(source: S, begins_at: u64) -> io::Result<Option<Vec<u8>>> {
        let mut members = Self { next_header: begins_at, ..Self::new(source, true) };
        Ok(match members.next()? {
            Some(Found::Member(member)) => Some(member.name),
            _ => None,
        })
    }

    /// The next thing; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        let mut records = Records::default();
        loop {
            self.body_left = 0;
            self.source.skip(self.next_header.saturating_sub(self.source.position()))?;
            let at = self.source.position();
            let block = match self.state {
                State::Ended => return Ok(None),
                _ if self.left() < TAR_BLOCK => return Ok(self.ended_early()),
                _ => self.block()?,
            };
            self.next_header = at + TAR_BLOCK;
            if tar_header::is_zero(&block) {
                match &mut self.state {
                    State::Searching { zeros } => *zeros += 1,
                    _ => {
                        let without_member = || {
                            let reason = "a record about a member stands at the end, where none follows";
                            flaw(FlawKind::Header, None, reason.to_owned())
                        };
                        let end = self.at_end_mark()?;
                        return Ok(if records.await_a_member { end.or_else(without_member) } else { end });
                    }
                }
                continue;
            }
            let Some(header) = Header::parse(&block) else {
                if let State::Searching { zeros } = &mut self.state {
                    *zeros = 0;
                    continue;
                }
                self.state = State::Searching { zeros: 0 };
                return Ok(flaw(FlawKind::Header, None, format!("the header at {at} is damaged")));
            };
            if matches!(self.state, State::Searching { .. }) {
                if !is_surely_ours(&header) {
                    self.state = State::Searching { zeros: 0 };
                    continue;
                }
                self.state = State::Walking;
            }
            records.begins_at.get_or_insert(at);
            if let Some(found) = self.take(header, &mut records)? {
                return Ok(Some(found));
            }
        }
    }

    /// The bytes of the member that [`Members::next`] just gave.
    pub(crate) fn body(&mut self) -> Body<'_, S> {
        Body { source: &mut self.source, left: &mut self.body_left }
    }

    /// After the end: whether only zeros follow. Reads the rest.
    pub(crate) fn rest_is_zeros(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                return Ok(true);
            }
            if !tar_header::is_zero(bytes) {
                return Ok(false);
            }
            let len = bytes.len();
            self.source.consume(len);
        }
    }

    /// What `header` means. `None` where there is nothing to tell: a directory, a record about the next member.
    fn take(&mut self, header: Header, records: &mut Records) -> io::Result<Option<Found>> {
        let kind = header.kind();
        let is_record = matches!(kind, Kind::Records | Kind::GlobalRecords | Kind::LongName | Kind::LongLink);
        let size = match records.size {
            Some(size) if !is_record => Some(size),
            _ => header.size,
        };
        let size = match kind {
            Kind::Directory | Kind::Special(_) => 0,
            _ => match size {
                Some(size) if size <= self.left() => size,
                claimed => return Ok(self.beyond_the_end(header, records, claimed)),
            },
        };
        let data_at = self.source.position();
        self.next_header = data_at + size.next_multiple_of(TAR_BLOCK);
        if is_record {
            return self.record(kind, size, records);
        }
        let records = std::mem::take(records);
        let begins_at = records.begins_at.unwrap_or(data_at);
        let name = stripped(records.name.unwrap_or(header.name));
        let odd = |what: &str| Ok(flaw(FlawKind::MemberKind, Some(name.clone()), format!("it is {what}")));
        match kind {
            Kind::Directory => return Ok(None),
            Kind::Special(what) => return odd(what),
            Kind::Unknown => return odd("of an unknown kind"),
            Kind::Sparse => {
                if header.map_goes_on {
                    self.skip_map(size)?;
                }
                return odd("a sparse file");
            }
            _ if records.sparse => return odd("a sparse file"),
            _ => {}
        }
        self.body_left = size;
        Ok(Some(Found::Member(Member { name, size, begins_at, data_at })))
    }

    fn record(&mut self, kind: Kind, size: u64, records: &mut Records) -> io::Result<Option<Found>> {
        records.count += 1;
        if size > MAX_RECORD || records.count > MAX_RECORDS {
            let reason = if size > MAX_RECORD {
                format!("a record about a member has {size} bytes, more than {MAX_RECORD}")
            } else {
                format!("a member has more than {MAX_RECORDS} records about it")
            };
            return Ok(flaw(FlawKind::Header, None, reason));
        }
        records.await_a_member |= kind != Kind::GlobalRecords;
        if kind == Kind::LongLink {
            return Ok(None);
        }
        let mut text = vec![0; size as usize];
        self.source.read_exact(&mut text)?;
        let understood = match kind {
            Kind::LongName => {
                text.truncate(text.iter().position(|&byte| byte == 0).unwrap_or(text.len()));
                records.name = Some(text);
                true
            }
            Kind::GlobalRecords => {
                // What would rename or resize every further member is no archive of a server.
                let mut global = Records::default();
                read_pax(&text, &mut global) && global.name.is_none() && global.size.is_none() && !global.sparse
            }
            _ => read_pax(&text, records),
        };
        let problem = || flaw(FlawKind::Header, None, "a record about a member makes no sense".to_owned());
        Ok(if understood { None } else { problem() })
    }

    /// The map of a sparse file goes on in blocks of its own, before its bytes.
    fn skip_map(&mut self, size: u64) -> io::Result<()> {
        let mut goes_on = true;
        while goes_on && self.left() >= TAR_BLOCK {
            goes_on = self.block()?[504] != 0;
        }
        self.next_header = self.source.position().saturating_add(size.next_multiple_of(TAR_BLOCK));
        Ok(())
    }

    fn beyond_the_end(&mut self, header: Header, records: &mut Records, claimed: Option<u64>) -> Option<Found> {
        let records = std::mem::take(records);
        let name = stripped(records.name.unwrap_or(header.name));
        match claimed {
            Some(size) if !self.end_is_sound => {
                self.state = State::Ended;
                let left = self.left();
                let reason = format!("the archive ends within it: {left} of {size} bytes are there");
                flaw(FlawKind::Truncated, Some(name), reason)
            }
            Some(size) => {
                self.state = State::Searching { zeros: 0 };
                let left = self.left();
                flaw(FlawKind::Header, Some(name), format!("its header claims {size} bytes; {left} are left"))
            }
            None => {
                self.state = State::Searching { zeros: 0 };
                flaw(FlawKind::Header, Some(name), "its header claims an impossible size".to_owned())
            }
        }
    }

    /// The tar's end is two blocks of zeros; one has been read.
    fn at_end_mark(&mut self) -> io::Result<Option<Found>> {
        self.state = State::Ended;
        if self.left() < TAR_BLOCK {
            return Ok(flaw(FlawKind::Truncated, None, "it ends within its end mark".to_owned()));
        }
        if tar_header::is_zero(&self.block()?) {
            return Ok(None);
        }
        Ok(flaw(FlawKind::TrailingBytes, None, "members follow a block of zeros, which is the end".to_owned()))
    }

    fn ended_early(&mut self) -> Option<Found> {
        let found_end = matches!(self.state, State::Searching { zeros } if zeros >= 2);
        let within = self.left() > 0;
        self.state = State::Ended;
        if found_end && !within {
            return None;
        }
        let reason = if within { "it ends within a header" } else { "it ends after a member, without the end mark" };
        flaw(FlawKind::Truncated, None, reason.to_owned())
    }

    fn left(&self) -> u64 {
        self.source.size().saturating_sub(self.source.position())
    }

    fn block(&mut self) -> io::Result<Block> {
        let mut block = [0; TAR_BLOCK as usize];
        self.source.read_exact(&mut block)?;
        Ok(block)
    }
}

fn flaw(kind: FlawKind, member: Option<Vec<u8>>, reason: String) -> Option<Found> {
    Some(Found::Flaw(Flaw { kind, member, reason }))
}

/// Whether a header that was found by searching begins a member of a backup, and is no part of a content: a document may
/// itself be a tar.
fn is_surely_ours(header: &Header) -> bool {
    const STARTS: [&[u8]; 3] = [b"files/", b"server/", b"PaxHeader"];
    const NAMES: [&[u8]; 7] = [
        b"metadata.json",
        b"documents.json",
        b"folders.json",
        b"files.json",
        b"orphans.json",
        b"manifest.json",
        b"@LongLink",
    ];
    let name = header.name.strip_prefix(b"./").unwrap_or(&header.name);
    let named = NAMES.contains(&name) || STARTS.iter().any(|start| name.starts_with(start));
    // `././@LongLink` and `././@PaxHeader` are the names that two widespread makers give to records.
    named || header.name.starts_with(b"././@")
}

fn stripped(mut name: Vec<u8>) -> Vec<u8> {
    let mut start = 0;
    while name[start..].starts_with(b"./") {
        start += 2;
    }
    name.drain(..start);
    name
}

/// Takes over what PAX records say: `<length> <key>=<value>\n`, the length that of the whole record.
fn read_pax(mut text: &[u8], records: &mut Records) -> bool {
    // Makers fill up with zeros.
    while text.first().is_some_and(|&byte| byte != 0) {
        let Some((key, value, rest)) = split_record(text) else { return false };
        match key {
            b"path" if value.contains(&0) => return false,
            b"path" => records.name = Some(value.to_vec()),
            b"size" => match std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()) {
                Some(size) if size <= i64::MAX as u64 => records.size = Some(size),
                _ => return false,
            },
            _ if key.starts_with(b"GNU.sparse.") => records.sparse = true,
            _ => {}
        }
        text = rest;
    }
    true
}

fn split_record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().take(8).position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(&text[..space]).ok()?.parse().ok()?;
    let (record, rest) = text.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], rest))
}

/// The bytes of one member.
pub(crate) struct Body<'m, S> {
    source: &'m mut S,
    left: &'m mut u64,
}

impl<S: Source> BufRead for Body<'_, S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if *self.left == 0 {
            return Ok(&[]);
        }
        let bytes = self.source.fill_buf()?;
        let some = usize::try_from(*self.left).unwrap_or(usize::MAX).min(bytes.len());
        Ok(&bytes[..some])
    }

    fn consume(&mut self, bytes: usize) {
        *self.left -= bytes as u64;
        self.source.consume(bytes);
    }
}

impl<S: Source> Read for Body<'_, S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, bytes)
    }
}
