//! Where everything goes in a new data directory. What an archive says about that is hostile until it is found harmless.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;

use serde::Serialize;
use toml::{Table, Value};
use ts_rs::TS;

use super::config::{Config, parse};
use crate::error::Error;
use crate::names::{content_member, digest_member};

/// Bytes that a part of a path may have, and a path.
const MAX_PART: usize = 255;
const MAX_PATH: usize = 3000;
/// What lies in `content` and is no content.
const NOT_CONTENTS: [&str; 2] = ["ssl", "backups"];

/// A setting of `config.toml` that led outside the data directory, or to where something else goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Mended {
    /// Its section and name.
    pub setting: String,
    /// As the backup has it.
    pub recorded: String,
    /// As it is now.
    pub path: String,
}

/// Places of a new data directory, relative to it with `/` between the parts; each is given once.
#[derive(Debug, Default)]
pub(crate) struct Homes {
    files: Marks,
    folders: Marks,
}

/// Paths, by their hashes with keys that nobody knows: there may be millions.
#[derive(Debug, Default)]
struct Marks {
    keys: RandomState,
    marks: HashSet<u64>,
}

impl Marks {
    fn add(&mut self, path: &str) {
        self.marks.insert(self.keys.hash_one(path));
    }

    fn has(&self, path: &str) -> bool {
        self.marks.contains(&self.keys.hash_one(path))
    }
}

/// Where the server's own files go.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) database: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) mended: Vec<Mended>,
    /// The configuration with what was mended; nothing where the backup's own serves.
    pub(crate) config: Option<String>,
    /// Whether the server keeps its contents in S3, where paths are none of this disk.
    pub(crate) contents_in_s3: bool,
}

/// The server's own files: section and key of the setting, and where they are without it.
const DATABASE: (&str, &str, &str) = ("database", "file", "app.db");
const CERTIFICATE: (&str, &str, &str) = ("server", "ssl_certfile", "content/ssl/cert.pem");
const KEY: (&str, &str, &str) = ("server", "ssl_keyfile", "content/ssl/key.pem");
/// What else lies at the top.
const RESERVED: [&str; 3] = ["init", "config.toml", "config.toml.from-backup"];

impl Homes {
    /// Places for the files of a server that is configured by `config`.
    ///
    /// # Errors
    /// What is wrong with the configuration, in words without any of it.
    pub(crate) fn of_server(config: Option<&str>) -> Result<(Self, Home), String> {
        let mut table = config.map(parse).transpose()?.unwrap_or_default();
        let contents_in_s3 = Config::of(&table).contents_in_s3();
        let mut homes = Self::default();
        for reserved in RESERVED {
            homes.take(reserved);
        }
        let mut mended = Vec::new();
        let [database, certificate, key] =
            [DATABASE, CERTIFICATE, KEY].map(|setting| homes.own_file(&mut table, setting, &mut mended));
        let config = if mended.is_empty() { None } else { Some(table.to_string()) };
        Ok((homes, Home { database, certificate, key, mended, config, contents_in_s3 }))
    }

    /// Places in the folder `data_dir`, and where in it the database goes that documents get: where a `config.toml` that is
    /// there says.
    ///
    /// # Errors
    /// [`Error::Config`] where that is no place in the folder.
    pub(crate) fn of_documents(data_dir: &Path) -> Result<(Self, String), Error> {
        let named = if data_dir.is_dir() { Config::read(data_dir)?.database_file() } else { None };
        let mut homes = Self::default();
        for reserved in RESERVED.into_iter().chain([CERTIFICATE.2, KEY.2]) {
            homes.take(reserved);
        }
        let database = named.unwrap_or_else(|| DATABASE.2.to_owned());
        let problem = "its database would lie outside of its folder, or where something else does";
        match plain(&database).filter(|path| homes.take(path)) {
            Some(path) => Ok((homes, path)),
            None => Err(Error::Config { path: data_dir.join("config.toml"), problem: problem.to_owned() }),
        }
    }

    /// Places for contents beside the files of a server that is there, whose database is `database`.
    pub(crate) fn of_present(database: &str) -> Self {
        let mut homes = Self::default();
        for own in RESERVED.into_iter().chain([CERTIFICATE.2, KEY.2, database]) {
            homes.keep_off(own);
        }
        homes
    }

    /// That path is another's.
    pub(crate) fn keep_off(&mut self, path: &str) {
        if let Some(path) = plain(path) {
            self.take(&path);
        }
    }

    /// Where the content `id` goes that the database has at `recorded`; and why not there.
    pub(crate) fn content(&mut self, id: &str, recorded: &str) -> (String, Option<&'static str>) {
        let why = match plain(recorded) {
            None => "its path leads out of the folder of contents",
            Some(path) if !is_for_contents(&path) => "its path leads out of the folder of contents",
            Some(path) if self.take(&path) => return (path, None),
            Some(_) => "its path is another's",
        };
        let ways = [content_member, digest_member].map(|way| format!("content/{}", way("files", id)));
        let free = ways.iter().find(|path| self.take(path)).unwrap_or(&ways[1]);
        (free.clone(), Some(why))
    }

    fn own_file(
        &mut self,
        table: &mut Table,
        (section, key, default): (&str, &str, &str),
        mended: &mut Vec<Mended>,
    ) -> String {
        let named = table.get(section).and_then(|section| section.get(key)).and_then(Value::as_str);
        let Some(recorded) = named.filter(|named| !named.is_empty()).map(str::to_owned) else {
            self.take(default);
            return default.to_owned();
        };
        if let Some(path) = plain(&recorded).filter(|path| self.take(path)) {
            return path;
        }
        self.take(default);
        if let Some(Value::Table(section)) = table.get_mut(section) {
            section.insert(key.to_owned(), default.into());
        }
        mended.push(Mended { setting: format!("[{section}] {key}"), recorded, path: default.to_owned() });
        default.to_owned()
    }

    /// Takes the place, unless it is taken, or is a folder of something, or would lie in a file.
    fn take(&mut self, path: &str) -> bool {
        let above = || path.match_indices('/').map(|(at, _)| &path[..at]);
        if self.files.has(path) || self.folders.has(path) || above().any(|above| self.files.has(above)) {
            return false;
        }
        above().for_each(|above| self.folders.add(above));
        self.files.add(path);
        true
    }
}

/// `path` as plain relative parts, if that is what it is.
pub(crate) fn plain(path: &str) -> Option<String> {
    let path = path.replace('\\', "/");
    let is_of_windows = path.as_bytes().get(1) == Some(&b':');
    if path.starts_with('/') || is_of_windows || path.contains('\0') || path.len() > MAX_PATH {
        return None;
    }
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let is_plain = !parts.is_empty() && parts.iter().all(|part| *part != ".." && part.len() <= MAX_PART);
    // Our own folders of a restore begin so, at the top.
    let is_ours = parts.first().is_some_and(|first| first.starts_with(".cfms-"));
    (is_plain && !is_ours).then(|| parts.join("/"))
}

fn is_for_contents(path: &str) -> bool {
    let mut parts = path.split('/');
    let is_inside = parts.next() == Some("content");
    is_inside && parts.next().is_some_and(|next| !NOT_CONTENTS.iter().any(|not| next.eq_ignore_ascii_case(not)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_goes_to_its_path_only_where_that_is_one_of_contents() {
        let id = "a1";
        for (recorded, expected) in [
            ("./content/files/2026/x", "content/files/2026/x"),
            ("content\\files\\y", "content/files/y"),
            ("content/hello", "content/hello"),
            ("/etc/passwd", "content/files/a1"),
            ("C:\\content\\x", "content/files/a1"),
            ("content/../init", "content/files/a1"),
            ("content/ssl/key.pem", "content/files/a1"),
            ("content/SSL/x", "content/files/a1"),
            ("content/backups/x", "content/files/a1"),
            ("config.toml", "content/files/a1"),
            ("content", "content/files/a1"),
            ("", "content/files/a1"),
            ("content/a\0b", "content/files/a1"),
        ] {
            let (path, why) = Homes::of_server(None).unwrap().0.content(id, recorded);
            assert_eq!((path.as_str(), why.is_some()), (expected, expected == "content/files/a1"), "{recorded:?}");
        }
        let long = format!("content/{}", "x".repeat(256));
        assert_eq!(Homes::of_server(None).unwrap().0.content("../..", &long).0.len(), "content/files/%".len() + 64);
    }

    #[test]
    fn no_two_contents_have_one_place_and_none_lies_in_another() {
        let (mut homes, _) = Homes::of_server(None).unwrap();
        let mut given = HashSet::new();
        for (id, recorded) in [
            ("1", "content/a"),
            ("2", "content/a"),
            ("3", "content/a/b"),
            ("4", "content/files"),
            ("5", "content/files/2"),
            ("2", "content/a"),
        ] {
            let (path, _) = homes.content(id, recorded);
            assert!(given.insert(path.clone()), "{path} twice");
            assert!(given.iter().all(|other| !other.starts_with(&format!("{path}/"))), "{path}");
            assert!(given.iter().all(|other| !path.starts_with(&format!("{other}/"))), "{path}");
        }
    }

    #[test]
    fn settings_that_lead_elsewhere_are_mended_and_the_others_stay() {
        let config = "[server]\nname = \"x\"\nssl_certfile = \"/etc/ssl/c.pem\"\nssl_keyfile = \"./tls/k.pem\"\n[database]\nfile = \"../db\"\n";
        let (_, home) = Homes::of_server(Some(config)).unwrap();
        assert_eq!(
            (home.database.as_str(), home.certificate.as_str(), home.key.as_str()),
            ("app.db", "content/ssl/cert.pem", "tls/k.pem")
        );
        assert_eq!(home.mended.len(), 2);
        let mended = Config::of(&parse(&home.config.unwrap()).unwrap());
        assert_eq!((mended.server_name(), mended.tls_key()), (Some("x"), Some("./tls/k.pem")));
        assert_eq!(mended.tls_certificate(), Some("content/ssl/cert.pem"));
        let (_, home) = Homes::of_server(Some("[database]\nfile = \"init\"\n")).unwrap();
        assert_eq!((home.database.as_str(), home.mended.len()), ("app.db", 1));
        assert!(Homes::of_server(Some("[server")).is_err());
    }
}
