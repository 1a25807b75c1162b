//! An archive opened with its key, and where in it everything is.
//!
//! Only headers are read: the walk jumps over every content, so a large archive opens as fast as a small one with as many
//! members. Of a content 24 bytes are kept.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use super::bounded_json::{JsonError, read_json};
use super::decrypt::{Ciphertext, Ending, Plaintext, Shape};
use super::key::{KeyFacts, KeyFile, find_key};
use super::manifest;
use super::manifest_reader::{ManifestFacts, ManifestVisitor, read_manifest};
use super::metadata::{Metadata, Scope};
use super::tables::{self, Fingerprint, MAX_METADATA, Place, Places, ReadMetadata, fingerprint};
use super::tar_reader::{Flaw, FlawKind, Found, Member, Members};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::names::{members_of_content, members_of_other_content, shown};

/// Members between two looks at whether to stop.
const CHECK_EVERY: u64 = 1024;
/// Flaws of the tar that are kept in words.
const MAX_FLAWS: usize = 100;

/// An archive, and where everything in it is.
pub(crate) struct Opened {
    path: PathBuf,
    key_path: PathBuf,
    key: KeyFacts,
    ciphertext: Ciphertext,
    shape: Shape,
    members: u64,
    places: Places,
    /// By fingerprint of the member's name, and in the order of the archive.
    contents: Vec<Content>,
    server_files: [Option<Place>; SERVER_FILES.len()],
    flaws: Vec<String>,
    is_complete: bool,
}

/// The files of a server beside its documents, by their names in the archive.
pub(crate) const SERVER_FILES: [&str; 5] =
    ["server/app.db", "server/config.toml", "server/ssl/cert.pem", "server/ssl/key.pem", "server/init"];

/// What to do with an archive that is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDamage {
    /// Damage that stands in the way is an error.
    Refuse,
    /// It is noted, and what can be found is used.
    Keep,
}

#[derive(Debug, Clone, Copy)]
struct Content {
    name: Fingerprint,
    place: Place,
}

impl Opened {
    /// Opens the archive at `archive` with the key at `key` (`None`: the key beside it).
    ///
    /// # Errors
    /// [`Error::KeyMissing`], [`Error::KeyFile`], [`Error::WrongKey`], and what is wrong with the tar: damage that
    /// `on_damage` does not allow. A member of a kind that no backup holds is passed over.
    pub(crate) fn open(archive: &Path, key: Option<&Path>, on_damage: OnDamage, job: &Job) -> Result<Self> {
        let key_path = find_key(archive, key)?;
        let KeyFile { key, facts, .. } = KeyFile::read(&key_path)?;
        let ciphertext = Ciphertext::open(archive, &key)?;
        let shape = ciphertext.shape()?;
        if !shape.key_fits {
            return Err(Error::WrongKey { archive: archive.to_path_buf(), key: key_path });
        }
        let mut opened = Self {
            path: archive.to_path_buf(),
            key_path,
            key: facts,
            ciphertext,
            shape,
            members: 0,
            places: Places::default(),
            contents: Vec::new(),
            server_files: [None; SERVER_FILES.len()],
            flaws: Vec::new(),
            is_complete: true,
        };
        opened.check_size(on_damage)?;
        opened.walk(on_damage, job)?;
        Ok(opened)
    }

    /// The archive's file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The key's file.
    pub(crate) fn key_path(&self) -> &Path {
        &self.key_path
    }

    /// What the key file says; never the key.
    pub(crate) fn key(&self) -> &KeyFacts {
        &self.key
    }

    /// Bytes of the archive's file.
    pub(crate) fn size(&self) -> u64 {
        self.ciphertext.size()
    }

    /// How many members it has.
    pub(crate) fn members(&self) -> u64 {
        self.members
    }

    /// How many of them are contents, and their bytes.
    pub(crate) fn contents(&self) -> (u64, u64) {
        (self.contents.len() as u64, self.contents.iter().map(|content| content.place.size).sum())
    }

    /// How much of a server it holds.
    pub(crate) fn scope(&self) -> Scope {
        if self.server_files[0].is_some() { Scope::WholeServer } else { Scope::DocumentsOnly }
    }

    /// Where the server's file of that name is, one of [`SERVER_FILES`].
    pub(crate) fn server_file(&self, name: &str) -> Option<Place> {
        let index = SERVER_FILES.iter().position(|known| *known == name)?;
        self.server_files[index]
    }

    /// What makes no sense in the tar, in words; the first of it.
    pub(crate) fn flaws(&self) -> &[String] {
        &self.flaws
    }

    /// Whether the walk went from the beginning to the end without losing its way: what was not met is not there.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether there is a manifest.
    pub(crate) fn has_manifest(&self) -> bool {
        self.places.manifest.is_some()
    }

    /// The content of `file_id`: its member's name, where it is, and whether the archive holds only one of that name.
    pub(crate) fn content(&self, file_id: &str) -> Option<(String, Place, bool)> {
        members_of_content(file_id).find_map(|name| self.content_called(name))
    }

    /// The same where no revision may point to it.
    pub(crate) fn any_content(&self, file_id: &str) -> Option<(String, Place, bool)> {
        self.content(file_id).or_else(|| members_of_other_content(file_id).find_map(|name| self.content_called(name)))
    }

    fn content_called(&self, name: String) -> Option<(String, Place, bool)> {
        let wanted = fingerprint(name.as_bytes());
        let from = self.contents.partition_point(|content| content.name < wanted);
        let mut found = self.contents[from..].iter().take_while(|content| content.name == wanted);
        let first = found.next()?;
        Some((name, first.place, found.next().is_none()))
    }

    /// What `metadata.json` says.
    pub(crate) fn metadata(&self) -> Result<Metadata> {
        let place = self.required(tables::METADATA, self.places.metadata)?;
        if place.size > MAX_METADATA {
            return Err(self.damaged(tables::METADATA, "it is far too large"));
        }
        let read = self.read(tables::METADATA, place, &Job::silent(), |tar, size, job| {
            read_json(tar, size, job, PhantomData::<ReadMetadata>)
        })?;
        match read {
            ReadMetadata::Known(metadata) => Ok(metadata),
            ReadMetadata::OtherVersion(version) => {
                Err(Error::UnsupportedVersion { archive: self.path.clone(), version })
            }
        }
    }

    /// What the manifest says, shown to `visitor`; nothing where there is none.
    pub(crate) fn manifest(&self, visitor: &mut impl ManifestVisitor, job: &Job) -> Result<ManifestFacts> {
        match self.places.manifest {
            Some(place) => {
                let facts =
                    self.read(manifest::NAME, place, job, |tar, size, job| read_manifest(tar, size, job, visitor))?;
                if facts.format.as_deref() == Some(manifest::FORMAT) {
                    return Ok(facts);
                }
                let version = manifest::other_format(facts.format.as_deref());
                Err(Error::UnsupportedVersion { archive: self.path.clone(), version })
            }
            None => Ok(ManifestFacts::default()),
        }
    }

    /// What `read` makes of `folders.json`.
    pub(crate) fn folders<'a, T>(
        &'a self,
        job: &Job,
        read: impl FnOnce(Plaintext<'a>, u64, &Job) -> Result<T, JsonError>,
    ) -> Result<T> {
        self.read(tables::FOLDERS, self.required(tables::FOLDERS, self.places.folders)?, job, read)
    }

    /// What `read` makes of `files.json`.
    pub(crate) fn files<'a, T>(
        &'a self,
        job: &Job,
        read: impl FnOnce(Plaintext<'a>, u64, &Job) -> Result<T, JsonError>,
    ) -> Result<T> {
        self.read(tables::FILES, self.required(tables::FILES, self.places.files)?, job, read)
    }

    /// What `read` makes of `documents.json`.
    pub(crate) fn documents<'a, T>(
        &'a self,
        job: &Job,
        read: impl FnOnce(Plaintext<'a>, u64, &Job) -> Result<T, JsonError>,
    ) -> Result<T> {
        self.read(tables::DOCUMENTS, self.required(tables::DOCUMENTS, self.places.documents)?, job, read)
    }

    /// What `read` makes of `orphans.json`; nothing where there is none.
    pub(crate) fn orphans<'a, T>(
        &'a self,
        job: &Job,
        read: impl FnOnce(Plaintext<'a>, u64, &Job) -> Result<T, JsonError>,
    ) -> Result<Option<T>> {
        self.places.orphans.map(|place| self.read(tables::ORPHANS, place, job, read)).transpose()
    }

    /// Bytes of the tables.
    pub(crate) fn tables_size(&self) -> u64 {
        let Places { folders, documents, files, orphans, .. } = &self.places;
        [folders, documents, files, orphans].into_iter().flatten().map(|place| place.size).sum()
    }

    /// The plaintext from `place` on.
    pub(crate) fn plaintext(&self, place: Place) -> Plaintext<'_> {
        let mut tar = Plaintext::new(&self.ciphertext, self.shape.tar_size);
        tar.jump(place.at);
        tar
    }

    /// `error`, met while reading the archive.
    pub(crate) fn unreadable(&self, error: std::io::Error) -> Error {
        self.ciphertext.unreadable(error)
    }

    /// That the member `name` is not what was written.
    pub(crate) fn damaged(&self, name: &str, problem: &str) -> Error {
        Error::Damaged { archive: self.path.clone(), problem: format!("{}: {problem}", shown(name)) }
    }

    /// Holds the archive's size against the key file's, which costs no reading.
    fn check_size(&mut self, on_damage: OnDamage) -> Result<()> {
        let size = self.size();
        let Some(written) = self.key.archive_size.filter(|&written| written != size) else { return Ok(()) };
        let problem = format!("it has {size} bytes; the key file says {written}");
        let archive = self.path.clone();
        match on_damage {
            OnDamage::Refuse if size < written => Err(Error::Truncated { archive, problem }),
            OnDamage::Refuse => Err(Error::Damaged { archive, problem }),
            OnDamage::Keep => {
                self.flaws.push(problem);
                Ok(())
            }
        }
    }

    fn walk(&mut self, on_damage: OnDamage, job: &Job) -> Result<()> {
        let tar = Plaintext::new(&self.ciphertext, self.shape.tar_size);
        let mut walk = Members::new(tar, self.shape.ending == Ending::Sound);
        loop {
            if self.members.is_multiple_of(CHECK_EVERY) {
                job.check()?;
            }
            match walk.next().map_err(|e| self.ciphertext.unreadable(e))? {
                None => break,
                Some(Found::Member(member)) => {
                    self.members += 1;
                    self.places.note(&member);
                    note_content(&mut self.contents, &member);
                    note_server_file(&mut self.server_files, &member);
                }
                Some(Found::Flaw(flaw)) if flaw.kind == FlawKind::MemberKind => {}
                Some(Found::Flaw(flaw)) if on_damage == OnDamage::Refuse => return Err(self.flawed(&flaw)),
                Some(Found::Flaw(flaw)) => {
                    self.is_complete = false;
                    if self.flaws.len() < MAX_FLAWS {
                        self.flaws.push(in_words(&flaw));
                    }
                }
            }
        }
        self.contents.sort_unstable_by_key(|content| (content.name, content.place.at));
        Ok(())
    }

    fn required(&self, name: &str, place: Option<Place>) -> Result<Place> {
        place.ok_or_else(|| self.damaged(name, "it is missing"))
    }

    fn read<'a, T>(
        &'a self,
        name: &str,
        place: Place,
        job: &Job,
        read: impl FnOnce(Plaintext<'a>, u64, &Job) -> Result<T, JsonError>,
    ) -> Result<T> {
        read(self.plaintext(place), place.size, job).map_err(|problem| {
            match problem.into_problem(|error| self.unreadable(error)) {
                Ok(problem) => self.damaged(name, &problem),
                Err(error) => error,
            }
        })
    }

    fn flawed(&self, flaw: &Flaw) -> Error {
        let (archive, problem) = (self.path.clone(), in_words(flaw));
        match flaw.kind {
            FlawKind::Truncated => Error::Truncated { archive, problem },
            _ => Error::Damaged { archive, problem },
        }
    }
}

fn note_content(contents: &mut Vec<Content>, member: &Member) {
    if tables::is_content(&member.name) {
        contents.push(Content { name: fingerprint(&member.name), place: place_of(member) });
    }
}

fn note_server_file(files: &mut [Option<Place>; SERVER_FILES.len()], member: &Member) {
    if let Some(index) = SERVER_FILES.iter().position(|name| name.as_bytes() == member.name) {
        files[index].get_or_insert(place_of(member));
    }
}

fn place_of(member: &Member) -> Place {
    Place { at: member.data_at, size: member.size }
}

fn in_words(flaw: &Flaw) -> String {
    let member = flaw.member.as_deref().map(|name| format!("{}: ", shown(&String::from_utf8_lossy(name))));
    format!("{}{}", member.unwrap_or_default(), flaw.reason)
}
