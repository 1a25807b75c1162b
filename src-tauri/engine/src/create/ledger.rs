//! What became of every content, for the manifest.
//!
//! Its lines are made while the contents are stored, and kept while they are few. Of more, only the records are kept, and the
//! lines are made of them and of the rows' ids, gone through again.

use super::contents::kinds;
use super::found::reason_of;
use super::{Scope, unwritable};
use crate::archive::manifest::ManifestWriter;
use crate::archive::tar_writer::Sealed;
use crate::error::Result;
use crate::server_data::{ContentRow, IN_S3, Order, Snapshot, WhichContents};
use crate::warning::WarningCode;

/// Bytes of lines about members that are kept.
const MEMBER_LINES: usize = 16 * 1024 * 1024;
/// Bytes of lines about missing contents that are kept.
const MISSING_LINES: usize = 2 * 1024 * 1024;

/// The account of the contents.
pub(super) struct Ledger {
    scope: Scope,
    in_s3: bool,
    records: [Vec<Record>; 2],
    members: Option<Vec<u8>>,
    missing: Option<Vec<u8>>,
    count: u64,
    bytes: u64,
}

impl Ledger {
    /// An account of the contents of `snapshot` that go into a backup of that scope.
    pub(super) fn new(snapshot: &Snapshot, scope: Scope, in_s3: bool) -> Self {
        let mut records = [Vec::new(), Vec::new()];
        for (&(which, _), records) in kinds(scope).iter().zip(&mut records) {
            records.reserve_exact(usize::try_from(snapshot.count_contents(which)).unwrap_or_default());
        }
        Self { scope, in_s3, records, members: Some(Vec::new()), missing: Some(Vec::new()), count: 0, bytes: 0 }
    }

    /// Members that hold a content.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Bytes of the contents.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The content of `row` is stored as `member`.
    pub(super) fn stored(
        &mut self,
        which: WhichContents,
        row: &ContentRow,
        member: &str,
        sealed: Sealed,
    ) -> Result<()> {
        self.count += 1;
        self.bytes += sealed.size;
        self.record(which, Record::stored(sealed));
        keep(&mut self.members, MEMBER_LINES, |lines| lines.member(member, &sealed, file_id(member, row)))
    }

    /// The content of `row` is not in the archive.
    pub(super) fn lacking(&mut self, which: WhichContents, row: &ContentRow, code: WarningCode) -> Result<()> {
        self.record(which, Record::lacking(code));
        let reason = self.reason_of(code);
        keep(&mut self.missing, MISSING_LINES, |lines| lines.missing(&row.id, code, reason))
    }

    /// Whether all lines were kept, so that they are quickly written.
    pub(super) fn is_kept(&self) -> bool {
        self.members.is_some() && self.missing.is_some()
    }

    /// Writes the lines about members.
    pub(super) fn write_members(&self, snapshot: &Snapshot, manifest: &mut ManifestWriter<'_>) -> Result<()> {
        if let Some(lines) = &self.members {
            return manifest.made(lines).map_err(unwritable);
        }
        self.each(snapshot, |folder, row, record| match record.sealed() {
            Ok(sealed) => {
                let member = row.member(folder);
                manifest.member(&member, &sealed, file_id(&member, row)).map_err(unwritable)
            }
            Err(_) => Ok(()),
        })
    }

    /// Writes the lines about missing contents.
    pub(super) fn write_missing(&self, snapshot: &Snapshot, manifest: &mut ManifestWriter<'_>) -> Result<()> {
        if let Some(lines) = &self.missing {
            return manifest.made(lines).map_err(unwritable);
        }
        self.each(snapshot, |_, row, record| match record.sealed() {
            Ok(_) => Ok(()),
            Err(code) => manifest.missing(&row.id, code, self.reason_of(code)).map_err(unwritable),
        })
    }

    fn reason_of(&self, code: WarningCode) -> &'static str {
        if self.in_s3 && code == WarningCode::Missing { IN_S3 } else { reason_of(code) }
    }

    fn record(&mut self, which: WhichContents, record: Record) {
        self.records[which as usize].push(record);
    }

    fn each(&self, snapshot: &Snapshot, mut each: impl FnMut(&str, &ContentRow, &Record) -> Result<()>) -> Result<()> {
        for &(which, folder) in kinds(self.scope) {
            let mut records = self.records[which as usize].iter();
            snapshot.for_each_content(which, Order::ById, &mut |row| match records.next() {
                Some(record) => each(folder, &row, record),
                None => Ok(()),
            })?;
        }
        Ok(())
    }
}

/// The id, where the member's name does not tell it.
fn file_id<'r>(member: &str, row: &'r ContentRow) -> Option<&'r str> {
    (!member.ends_with(row.id.as_str())).then_some(row.id.as_str())
}

/// Adds a line to `kept`, unless it would be too much.
fn keep(
    kept: &mut Option<Vec<u8>>,
    most: usize,
    line: impl FnOnce(&mut ManifestWriter<'_>) -> std::io::Result<()>,
) -> Result<()> {
    let Some(lines) = kept else { return Ok(()) };
    line(&mut ManifestWriter::of_lines(lines)).map_err(unwritable)?;
    if lines.len() > most {
        *kept = None;
    }
    Ok(())
}

/// What became of a content, in 40 bytes: there may be millions.
struct Record {
    /// Or, from [`Record::LACKING`] on, why there is none.
    size: u64,
    sha256: [u8; 32],
}

impl Record {
    const CODES: [WarningCode; 5] = [
        WarningCode::Missing,
        WarningCode::Unreadable,
        WarningCode::NotAFile,
        WarningCode::Outside,
        WarningCode::Unfinished,
    ];
    const LACKING: u64 = u64::MAX - Self::CODES.len() as u64;

    fn stored(sealed: Sealed) -> Self {
        Self { size: sealed.size, sha256: sealed.sha256 }
    }

    fn lacking(code: WarningCode) -> Self {
        let index = Self::CODES.iter().position(|known| *known == code).unwrap_or(0);
        Self { size: Self::LACKING + index as u64, sha256: [0; 32] }
    }

    fn sealed(&self) -> Result<Sealed, WarningCode> {
        match self.size.checked_sub(Self::LACKING) {
            None => Ok(Sealed { size: self.size, sha256: self.sha256 }),
            Some(index) => Err(Self::CODES.get(index as usize).copied().unwrap_or(WarningCode::Missing)),
        }
    }
}
