//! The contents that rows of `files` name, opened without trusting a word of those rows.
//!
//! Whoever can write a row could name `/etc/shadow`, and a backup runs as root. So a path is walked part by part from a held
//! handle of the data directory, through no link, and only a regular file is opened at its end. `content` itself may be a
//! link: administrators move it to a larger disk. Folders outside are used only where the person running the backup named
//! them, and in the same way.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, FileType, OpenOptions};
use nix::errno::Errno;
use rustix::fs::{Access, AtFlags, accessat};

use super::content_index::ContentRow;
use crate::error::{Error, Result};
use crate::warning::WarningCode;

/// Folders that are held open. A server has one a month.
const MAX_OPEN: usize = 64;
/// The folder of a data directory that may be a link.
const CONTENT: &str = "content";

/// Why a content was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: WarningCode,
    pub(crate) reason: String,
}

/// A regular file, open for reading.
#[derive(Debug)]
pub(crate) struct OpenContent {
    pub(crate) file: File,
    /// Bytes that it had when it was opened.
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
    stamp: Stamp,
}

/// What changes when a file is written to, or another takes its place.
type Stamp = (u64, i64, i64, i64, i64);

/// Opens contents.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The data directory, `content` where that is a link, and the folders outside that are allowed.
    roots: Vec<Root>,
    /// Whether `content` is a link that leads nowhere.
    content_is_dangling: bool,
    /// Root is refused nothing that could be asked beforehand.
    reads_everything: bool,
    open_folders: RefCell<HashMap<(usize, String), Dir>>,
}

/// A folder below which contents are opened.
#[derive(Debug)]
struct Root {
    dir: Dir,
    /// What it is called, and what it is called without links: rows may say either.
    names: [PathBuf; 2],
    kind: RootKind,
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
    pub(super) fn below(root: &Path, allow_outside: &[PathBuf]) -> Result<Self> {
        let mut contents = Self {
            roots: Vec::new(),
            content_is_dangling: false,
            reads_everything: rustix::process::geteuid().is_root(),
            open_folders: RefCell::default(),
        };
        contents.add(root, RootKind::Data).map_err(|e| Error::io("read", root, e))?;
        let content = root.join(CONTENT);
        if content.is_symlink() {
            match contents.add(&content, RootKind::Content) {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    contents.content_is_dangling = true;
                }
                Err(error) => return Err(Error::io("read", content, error)),
            }
        }
        for folder in allow_outside {
            contents.add(folder, RootKind::Outside).map_err(|e| Error::io("read", folder, e))?;
        }
        Ok(contents)
    }

    /// Opens the content of `row`.
    pub(crate) fn open(&self, row: &ContentRow) -> Result<OpenContent, Refusal> {
        self.open_path(&row.path)
    }

    /// How large the content of `row` is, in bytes, if it could be opened.
    pub(crate) fn size_of(&self, row: &ContentRow) -> Result<u64, Refusal> {
        self.at(&row.path, |folder, name| {
            let found = folder.symlink_metadata(name)?;
            check_kind(found.file_type())?;
            let is_refused = !self.reads_everything
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
            Err(_) => root.join(row.path.replace('\\', "/")),
        }
    }

    /// The folder that would have to be allowed for the content of `row`, which was refused as outside, to be read.
    pub(super) fn folder_to_allow(&self, row: &ContentRow) -> Option<PathBuf> {
        let shown = self.shown_path(row);
        let real = shown.canonicalize().ok()?;
        if !real.is_file() {
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

    pub(super) fn open_path(&self, path: &str) -> Result<OpenContent, Refusal> {
        self.at(path, |folder, name| {
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
            OpenContent::of_file(file).map_err(Trouble::Refused)
        })
    }

    fn add(&mut self, path: &Path, kind: RootKind) -> io::Result<()> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        let names = [std::path::absolute(path)?, path.canonicalize()?];
        self.roots.push(Root { dir, names, kind });
        Ok(())
    }

    /// Does `act` in the folder that `path` leads to, with the last part of it.
    fn at<T>(&self, path: &str, act: impl Fn(&Dir, &str) -> Result<T, Trouble>) -> Result<T, Refusal> {
        let place = self.locate(path)?;
        let outcome = self.at_place(&place, &act);
        let outcome = match outcome {
            Err(Trouble::Link(link)) => match self.behind_link(&place) {
                Some(behind) => self.at_place(&behind, &act),
                None => Err(Trouble::Link(link)),
            },
            outcome => outcome,
        };
        outcome.map_err(|trouble| trouble.refusal())
    }

    fn at_place<T>(&self, place: &Place, act: impl Fn(&Dir, &str) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let root = &self.roots[place.root].dir;
        if place.folder.is_empty() {
            return act(root, &place.name);
        }
        let mut open_folders = self.open_folders.borrow_mut();
        let key = (place.root, place.folder.clone());
        if let Some(folder) = open_folders.get(&key) {
            return act(folder, &place.name);
        }
        if open_folders.len() >= MAX_OPEN {
            open_folders.clear();
        }
        let folder = walk(root, &place.folder)?;
        act(open_folders.entry(key).or_insert(folder), &place.name)
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
        if self.content_is_dangling {
            return Err(missing("the folder content is a link that leads nowhere"));
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
        Ok(Self { file, size: found.len(), modified, stamp: stamp(&found) })
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

/// Goes down from `root`, one folder after the other.
fn walk(root: &Dir, folder: &str) -> Result<Dir, Trouble> {
    let mut held: Option<Dir> = None;
    for name in folder.split('/') {
        let from = held.as_ref().unwrap_or(root);
        let next = from.open_dir_nofollow(name).map_err(|error| match from.symlink_metadata(name) {
            Ok(found) if found.file_type().is_symlink() => Trouble::Link(name.to_owned()),
            Ok(found) if !found.is_dir() => Trouble::Refused(missing(&format!("{name:?} on its way is no folder"))),
            _ => Trouble::Io(error),
        })?;
        held = Some(next);
    }
    // `split` gives one part at least.
    held.ok_or_else(|| Trouble::Io(ErrorKind::NotFound.into()))
}

fn check_kind(kind: FileType) -> Result<(), Trouble> {
    if kind.is_file() {
        Ok(())
    } else if kind.is_symlink() {
        Err(Trouble::Link(String::new()))
    } else if kind.is_dir() {
        Err(Trouble::Refused(not_a_file("there is a folder in its place")))
    } else {
        Err(Trouble::Refused(not_a_file("there is a pipe, a socket or a device in its place")))
    }
}

/// What stood in the way.
enum Trouble {
    Io(io::Error),
    /// A link of that name; the last part of the path if the name is empty.
    Link(String),
    Refused(Refusal),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Trouble {
    fn refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Link(name) if name.is_empty() => outside("it is a link, and links are not followed"),
            Self::Link(name) => {
                outside(&format!("its path leads through the link {name:?}, and links are not followed"))
            }
            Self::Io(error) if error.kind() == ErrorKind::NotFound => missing("it is not on disk"),
            Self::Io(error) if error.raw_os_error() == Some(Errno::ENAMETOOLONG as i32) => {
                missing("its path is longer than any file's can be")
            }
            // Replaced by a link between the look and the opening.
            Self::Io(error) if error.raw_os_error() == Some(Errno::ELOOP as i32) => {
                outside("it is a link, and links are not followed")
            }
            Self::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
                Refusal { code: WarningCode::Unreadable, reason: "no permission to read it".to_owned() }
            }
            Self::Io(error) => Refusal { code: WarningCode::Unreadable, reason: format!("it cannot be read: {error}") },
        }
    }
}

fn missing(reason: &str) -> Refusal {
    Refusal { code: WarningCode::Missing, reason: reason.to_owned() }
}

fn outside(reason: &str) -> Refusal {
    Refusal { code: WarningCode::Outside, reason: reason.to_owned() }
}

fn not_a_file(reason: &str) -> Refusal {
    Refusal { code: WarningCode::NotAFile, reason: reason.to_owned() }
}
