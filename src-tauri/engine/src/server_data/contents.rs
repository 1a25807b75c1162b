//! The contents that rows of `files` name, opened without trusting a word of those rows.
//!
//! Whoever can write a row could name `/etc/shadow`, and a backup runs as root. So a path is walked part by part from a held
//! handle of the data directory, through no link, and only a regular file is opened at its end; not one that is the
//! server's [own](super::own). `content` itself may be a link: administrators move it to a larger disk. It is read there
//! with the rights of the data folder's [owner](super::owner), who may have set the link. Folders outside are used only
//! where the person running the backup named them, and in the same way.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::{Access, AtFlags, accessat};

use super::content_index::ContentRow;
use super::own::{FileId, Own, id_of};
use super::owner::Owner;
use super::refusal::{
    IN_S3, Refusal, Trouble, check_kind, missing, not_a_file, outside, outside_for_owner, own_file, too_long,
};
use crate::error::{Error, Result};
use crate::warning::{MOST_SHOWN, WarningCode, bounded};

/// Folders that are held open. A server has one a month.
const MAX_OPEN: usize = 64;
/// The folder of a data directory that may be a link.
const CONTENT: &str = "content";

/// A regular file, open for reading.
#[derive(Debug)]
pub(crate) struct OpenContent {
    pub(crate) file: File,
    /// Bytes that it had when it was opened.
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
    id: FileId,
    stamp: Stamp,
}

/// What changes when a file is written to, or another takes its place.
type Stamp = (u64, i64, i64, i64, i64);

/// Opens contents.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The data directory, `content` where that is a link, and the folders outside that are allowed.
    roots: Vec<Root>,
    /// Why nothing below `content` is opened, where that is a link.
    content_refusal: Option<Refusal>,
    own: Own,
    owner: Option<Arc<Owner>>,
    /// Whether what is not here is in S3.
    in_s3: bool,
    /// Root is refused nothing that could be asked beforehand.
    reads_everything: bool,
    open_folders: RefCell<HashMap<(usize, String), Held>>,
}

/// An open folder.
#[derive(Debug)]
struct Held {
    dir: Dir,
    id: FileId,
}

/// A folder below which contents are opened.
#[derive(Debug)]
struct Root {
    held: Held,
    /// What it is called, and what it is called without links: rows may say either.
    names: [PathBuf; 2],
    kind: RootKind,
    /// Whose rights are used below it; none: this process's own.
    reader: Option<Arc<Owner>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RootKind {
    Data,
    Content,
    Outside,
}

/// Where a content is, below which root.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    root: usize,
    /// Plain names joined by `/`; empty for the root itself.
    folder: String,
    name: String,
}

impl Contents {
    /// What is `own` is refused, as is what lies outside of `root` and of the folders `allow_outside`.
    pub(super) fn below(root: &Path, allow_outside: &[PathBuf], own: Own) -> Result<Self> {
        let mut contents = Self {
            roots: Vec::new(),
            content_refusal: None,
            own,
            owner: None,
            in_s3: false,
            reads_everything: rustix::process::geteuid().is_root(),
            open_folders: RefCell::default(),
        };
        contents.add(root, RootKind::Data).map_err(|e| Error::io("read", root, e))?;
        let owner = Owner::to_ask(&contents.roots[0].held.dir).map_err(|e| Error::io("read", root, e))?;
        contents.owner = owner.map(Arc::new);
        for folder in allow_outside {
            contents.add(folder, RootKind::Outside).map_err(|e| Error::io("read", folder, e))?;
        }
        let content = root.join(CONTENT);
        if content.is_symlink() {
            contents.content_refusal = contents.follow_content(&content).err();
        }
        Ok(contents)
    }

    /// The same, of a server that keeps its contents in S3 if `in_s3`.
    pub(super) fn said_to_be_in_s3(self, in_s3: bool) -> Self {
        Self { in_s3, ..self }
    }

    /// Who owns the data folder, if files outside of it are to be read with his rights.
    pub(super) fn owner(&self) -> Option<&Owner> {
        self.owner.as_deref()
    }

    /// Opens the content of `row`.
    pub(crate) fn open(&self, row: &ContentRow) -> Result<OpenContent, Refusal> {
        self.open_path(&row.path)
    }

    /// How large the content of `row` is, in bytes, if it could be opened.
    pub(crate) fn size_of(&self, row: &ContentRow) -> Result<u64, Refusal> {
        self.at(&row.path, |folder, name, reader| {
            let reads_everything = self.reads_everything && reader.is_none();
            let found = folder.symlink_metadata(name)?;
            check_kind(found.file_type())?;
            self.refuse_own(id_in(&found))?;
            let is_refused = !reads_everything
                && accessat(folder, name, Access::READ_OK, AtFlags::EACCESS) == Err(rustix::io::Errno::ACCESS);
            if is_refused { Err(Trouble::Io(ErrorKind::PermissionDenied.into())) } else { Ok(found.len()) }
        })
    }

    /// Where the content of `row` is, or should be: for people, not to be opened.
    pub(crate) fn shown_path(&self, row: &ContentRow) -> PathBuf {
        let root = &self.roots[0].names[0];
        match self.locate(&row.path) {
            Ok(place) if self.roots[place.root].kind == RootKind::Content => {
                root.join(CONTENT).join(place.folder).join(place.name)
            }
            Ok(place) => self.roots[place.root].names[0].join(place.folder).join(place.name),
            Err(_) => root.join(bounded(row.path.replace('\\', "/"))),
        }
    }

    /// The folder that would have to be allowed for the content of `row`, which was refused as outside, to be read.
    pub(super) fn folder_to_allow(&self, row: &ContentRow) -> Option<PathBuf> {
        let shown = self.shown_path(row);
        let real = shown.canonicalize().ok()?;
        if !real.is_file() || self.own.holds(&real) {
            return None;
        }
        // Through a link in the data directory: where it leads. Rows of a server that was moved: its old content folder.
        let steps = shown.ancestors().collect::<Vec<_>>().into_iter().rev();
        let below_root = steps.filter(|step| step.starts_with(&self.roots[0].names[0]));
        let link = below_root.skip(1).find(|step| step.is_symlink()).and_then(|link| link.canonicalize().ok());
        let content = real.ancestors().find(|above| above.ends_with(CONTENT));
        let folder = link.filter(|target| target.is_dir()).or(content.map(Path::to_path_buf));
        folder.or_else(|| real.parent().map(Path::to_path_buf))
    }

    /// Opens what lies at `path`, where a row may say so.
    pub(crate) fn open_path(&self, path: &str) -> Result<OpenContent, Refusal> {
        self.at(path, |folder, name, _| {
            let mut options = OpenOptions::new();
            options.read(true).follow(FollowSymlinks::No).nonblock(true);
            let file = match folder.open_with(name, &options) {
                Ok(file) => file.into_std(),
                Err(error) => {
                    // A link, a socket: say so, and not what the system calls it.
                    check_kind(folder.symlink_metadata(name)?.file_type())?;
                    return Err(error.into());
                }
            };
            let content = OpenContent::of_file(file).map_err(Trouble::Refused)?;
            self.refuse_own(content.id)?;
            Ok(content)
        })
    }

    fn add(&mut self, path: &Path, kind: RootKind) -> io::Result<()> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        self.add_open(dir, path, kind, None)
    }

    fn add_open(&mut self, dir: Dir, path: &Path, kind: RootKind, reader: Option<Arc<Owner>>) -> io::Result<()> {
        let names = [std::path::absolute(path)?, path.canonicalize()?];
        self.roots.push(Root { held: Held::of(dir)?, names, kind, reader });
        Ok(())
    }

    /// Opens the folder that the link `content` leads to.
    fn follow_content(&mut self, content: &Path) -> Result<(), Refusal> {
        let unreadable = |error: io::Error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                missing("the folder content is a link that leads nowhere")
            }
            ErrorKind::PermissionDenied => outside_for_owner("the folder content is a link out of the server's folder"),
            _ => Trouble::Io(error).refusal(),
        };
        let real = content.canonicalize().map_err(unreadable)?;
        if let Some(allowed) = self.below_allowed(&real).map_err(|trouble| trouble.refusal())? {
            return self.add_open(allowed, content, RootKind::Content, None).map_err(unreadable);
        }
        let open = || Dir::open_ambient_dir(content, ambient_authority());
        let opened = match &self.owner {
            Some(owner) => owner.acting(open).and_then(|opened| opened),
            None => open(),
        };
        opened
            .and_then(|dir| {
                let reader = self.owner.clone();
                self.add_open(dir, content, RootKind::Content, reader)
            })
            .map_err(unreadable)
    }

    /// The folder `real`, if it is one that is allowed or lies below one.
    fn below_allowed(&self, real: &Path) -> Result<Option<Dir>, Trouble> {
        let allowed = self.roots.iter().filter(|root| root.kind == RootKind::Outside);
        for root in allowed {
            match real.strip_prefix(&root.names[1]).ok().map(Path::to_str) {
                Some(Some("")) => return Ok(Some(root.held.dir.try_clone()?)),
                Some(Some(below)) => return Ok(Some(walk(&root.held, below, &self.own)?.dir)),
                _ => {}
            }
        }
        Ok(None)
    }

    fn refuse_own(&self, id: FileId) -> Result<(), Trouble> {
        if self.own.is_file(id) { Err(Trouble::Refused(own_file())) } else { Ok(()) }
    }

    /// Does `act` in the folder that `path` leads to, with the last part of it.
    fn at<T>(&self, path: &str, act: impl Fn(&Dir, &str, Option<&Owner>) -> Result<T, Trouble>) -> Result<T, Refusal> {
        let place = self.locate(path)?;
        let outcome = self.at_place(&place, &act);
        let outcome = match outcome {
            Err(Trouble::Link(link)) => match self.behind_link(&place) {
                Some(behind) => self.at_place(&behind, &act),
                None => Err(Trouble::Link(link)),
            },
            outcome => outcome,
        };
        outcome.map_err(|trouble| match trouble.refusal() {
            refusal if self.in_s3 && refusal.code == WarningCode::Missing => missing(IN_S3),
            refusal => refusal,
        })
    }

    fn at_place<T>(
        &self,
        place: &Place,
        act: impl Fn(&Dir, &str, Option<&Owner>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let root = &self.roots[place.root];
        let Some(reader) = &root.reader else { return self.within(root, place, act) };
        let outcome = reader.acting(|| self.within(root, place, act)).map_err(Trouble::Io);
        match outcome.and_then(|outcome| outcome) {
            Err(Trouble::Io(error)) if error.kind() == ErrorKind::PermissionDenied => {
                Err(Trouble::Refused(outside_for_owner("it lies behind the link content, outside the server's folder")))
            }
            outcome => outcome,
        }
    }

    fn within<T>(
        &self,
        root: &Root,
        place: &Place,
        act: impl Fn(&Dir, &str, Option<&Owner>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let act = |held: &Held| match self.own.is_named(held.id, &place.name) {
            true => Err(Trouble::Refused(own_file())),
            false => act(&held.dir, &place.name, root.reader.as_deref()),
        };
        if self.own.is_folder(root.held.id) {
            return Err(Trouble::Refused(own_file()));
        }
        if place.folder.is_empty() {
            return act(&root.held);
        }
        let mut open_folders = self.open_folders.borrow_mut();
        let key = (place.root, place.folder.clone());
        if let Some(folder) = open_folders.get(&key) {
            return act(folder);
        }
        if open_folders.len() >= MAX_OPEN {
            open_folders.clear();
        }
        let folder = walk(&root.held, &place.folder, &self.own)?;
        act(open_folders.entry(key).or_insert(folder))
    }

    /// Where a place really is, if a link on its way leads below a folder that is allowed.
    fn behind_link(&self, place: &Place) -> Option<Place> {
        let root = &self.roots[place.root].names[1];
        let real = root.join(&place.folder).join(&place.name).canonicalize().ok()?;
        self.place_of(&plain_parts(real.to_str()?)?, &[RootKind::Outside])
    }

    fn locate(&self, path: &str) -> Result<Place, Refusal> {
        if path.contains('\0') {
            return Err(missing("its path contains a NUL character"));
        }
        if path.len() >= MOST_SHOWN {
            return Err(too_long());
        }
        // Servers on Windows write the separator of theirs.
        let path = path.replace('\\', "/");
        let bytes = path.as_bytes();
        if bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' {
            return Err(outside("its path is one of a Windows machine"));
        }
        let is_absolute = path.starts_with('/');
        let Some(mut parts) = plain_parts(&path) else {
            let resolved = self.resolve(&path);
            return self
                .place_of(&resolved.iter().map(String::as_str).collect::<Vec<_>>(), &[RootKind::Outside])
                .ok_or_else(|| outside("its path leads upwards, with \"..\""));
        };
        if is_absolute {
            let kinds = [RootKind::Content, RootKind::Data, RootKind::Outside];
            return self
                .place_of(&parts, &kinds)
                .ok_or_else(|| outside("its path leads out of the server's folder"))
                .and_then(|place| self.through_content(place));
        }
        match parts.pop() {
            Some(name) => self.through_content(Place { root: 0, folder: parts.join("/"), name: name.to_owned() }),
            None => Err(not_a_file("its path names the server's folder itself")),
        }
    }

    /// The same place below `content` where that is a link, with a handle of its own.
    fn through_content(&self, place: Place) -> Result<Place, Refusal> {
        let is_data = self.roots[place.root].kind == RootKind::Data;
        let first = place.folder.split('/').next().filter(|first| !first.is_empty()).unwrap_or(&place.name);
        if !is_data || first != CONTENT {
            return Ok(place);
        }
        if let Some(refusal) = &self.content_refusal {
            return Err(refusal.clone());
        }
        match self.roots.iter().position(|root| root.kind == RootKind::Content) {
            Some(root) if !place.folder.is_empty() => {
                let folder = place.folder.strip_prefix(CONTENT).unwrap_or_default().trim_start_matches('/');
                Ok(Place { root, folder: folder.to_owned(), name: place.name })
            }
            Some(_) => Err(not_a_file("its path names the folder content itself")),
            None => Ok(place),
        }
    }

    /// The place of an absolute path, given by its parts, below a root of one of `kinds`.
    fn place_of(&self, parts: &[&str], kinds: &[RootKind]) -> Option<Place> {
        for kind in kinds {
            for (index, root) in self.roots.iter().enumerate().filter(|(_, root)| root.kind == *kind) {
                for name in &root.names {
                    let Some(prefix) = name.to_str().and_then(plain_parts) else { continue };
                    if let Some([folder @ .., last]) = parts.strip_prefix(prefix.as_slice()) {
                        return Some(Place { root: index, folder: folder.join("/"), name: (*last).to_owned() });
                    }
                }
            }
        }
        None
    }

    /// The parts of the absolute path that `path` means, without `..`.
    fn resolve(&self, path: &str) -> Vec<String> {
        let root = self.roots[0].names[0].to_string_lossy();
        let start: &str = if path.starts_with('/') { "" } else { &root };
        let mut parts: Vec<String> = Vec::new();
        for part in start.split('/').chain(path.split('/')) {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part.to_owned()),
            }
        }
        parts
    }
}

impl OpenContent {
    /// Takes an open file, if it is a regular one.
    pub(super) fn of_file(file: File) -> Result<Self, Refusal> {
        let found = file.metadata().map_err(|error| Trouble::Io(error).refusal())?;
        if !found.is_file() {
            return Err(not_a_file("it is no regular file"));
        }
        let modified = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Self { file, size: found.len(), modified, id: id_of(&found), stamp: stamp(&found) })
    }

    /// Whether it was written to, or another put in its place, since it was opened.
    pub(crate) fn has_changed(&self) -> bool {
        self.file.metadata().map_or(true, |found| stamp(&found) != self.stamp)
    }
}

fn stamp(found: &std::fs::Metadata) -> Stamp {
    (found.len(), found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec())
}

/// The parts of a path that say something; `None` if one of them leads upwards.
fn plain_parts(path: &str) -> Option<Vec<&str>> {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    (!parts.contains(&"..")).then_some(parts)
}

impl Held {
    fn of(dir: Dir) -> io::Result<Self> {
        let id = id_in(&dir.dir_metadata()?);
        Ok(Self { dir, id })
    }
}

/// Goes down from `root`, one folder after the other, and into none that is the server's own.
fn walk(root: &Held, folder: &str, own: &Own) -> Result<Held, Trouble> {
    let mut held: Option<Held> = None;
    for name in folder.split('/') {
        let from = &held.as_ref().unwrap_or(root).dir;
        let next = from.open_dir_nofollow(name).map_err(|error| match from.symlink_metadata(name) {
            Ok(found) if found.file_type().is_symlink() => Trouble::Link(name.to_owned()),
            Ok(found) if !found.is_dir() => Trouble::Refused(missing(&format!("{name:?} on its way is no folder"))),
            _ => Trouble::Io(error),
        })?;
        let next = Held::of(next)?;
        if own.is_folder(next.id) {
            return Err(Trouble::Refused(own_file()));
        }
        held = Some(next);
    }
    // `split` gives one part at least.
    held.ok_or_else(|| Trouble::Io(ErrorKind::NotFound.into()))
}

fn id_in(found: &cap_std::fs::Metadata) -> FileId {
    use cap_std::fs::MetadataExt as _;
    (found.dev(), found.ino())
}
