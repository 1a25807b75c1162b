//! Writing the demonstration server: its files, its database, its contents.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use cfms_backup::Error;
use cfms_backup::job::Canceller;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::company::{self, Target};
use super::content::{self, Kind};
use super::random::Random;
use super::{png, schema, tls};
use crate::failure::{Failure, Result};
use crate::show;

/// What a server's folder holds at its top.
pub(crate) const ENTRIES: [&str; 6] = ["app.db", "app.db-journal", "config.toml", "content", "init", "app.log"];

/// How far back the server's history goes, in seconds.
const HISTORY: f64 = 400.0 * 86_400.0;

/// What was written.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Made {
    /// Documents.
    pub(crate) documents: u64,
    /// Folders.
    pub(crate) folders: u64,
    /// Revisions.
    pub(crate) revisions: u64,
    /// Files, the missing one among them.
    pub(crate) files: u64,
    /// Access rules.
    pub(crate) access_rules: u64,
    /// Accounts.
    pub(crate) users: u64,
    /// Bytes of the contents that are there.
    pub(crate) content_bytes: u64,
    /// The path of the missing content, as the database has it.
    pub(crate) missing_path: String,
}

/// Writes a server with contents of about `size` bytes into the empty folder `root`.
pub(crate) fn write(root: &Path, size: u64, seed: u64, password: &str, canceller: &Canceller) -> Result<Made> {
    let mut random = Random::of(seed, 0);
    let now = unix_now();
    lay_out(root, &random.id(), now)?;
    let database = root.join("app.db");
    let mut connection = schema::create(&database)?;
    let refused = |error| schema::refused(&database, error);
    let transaction = connection.transaction().map_err(refused)?;
    let mut writer = Writer { root, connection: &transaction, seed, now, made: Made::default(), canceller };
    writer.accounts(password, &mut random).map_err(refused)?;
    let folders = writer.folders(&mut random).map_err(refused)?;
    writer.hello()?;
    let documents = writer.documents(&folders, size, &mut random)?;
    writer.rules(&folders, &documents).map_err(refused)?;
    writer.history(&documents, &mut random).map_err(refused)?;
    let made = writer.made;
    transaction.commit().map_err(refused)?;
    connection.close().map_err(|(_, error)| refused(error))?;
    Ok(made)
}

fn lay_out(root: &Path, secret_key: &str, now: f64) -> Result<()> {
    // A server renews its pair when it has run out.
    let day = (now / 86_400.0) as u64 - 90;
    let (certificate, key) = tls::pair("localhost", day)?;
    make_dir(&root.join("content/ssl"))?;
    put(&root.join("config.toml"), schema::config(company::SERVER_NAME, secret_key).as_bytes())?;
    put(&root.join("content/ssl/cert.pem"), certificate.as_bytes())?;
    put(&root.join("content/ssl/key.pem"), key.as_bytes())?;
    put(&root.join("init"), b"This file indicates that the server has been initialized.\n")
}

/// A document that was written: its id, title and when it was made.
struct Written {
    id: String,
    title: String,
    created: f64,
}

struct Writer<'a> {
    root: &'a Path,
    connection: &'a Connection,
    seed: u64,
    now: f64,
    made: Made,
    canceller: &'a Canceller,
}

impl Writer<'_> {
    fn accounts(&mut self, password: &str, random: &mut Random) -> rusqlite::Result<()> {
        let begun = self.now - HISTORY;
        for (group, shown) in company::GROUPS {
            self.connection.execute("INSERT INTO user_groups VALUES (?, ?)", params![group, shown])?;
        }
        for (group, permissions) in company::PERMISSIONS {
            for permission in permissions {
                self.connection.execute(
                    "INSERT INTO group_permissions (group_name, permission, granted, start_time) VALUES (?, ?, 1, ?)",
                    params![group, permission, begun],
                )?;
            }
        }
        for (index, user) in company::USERS.iter().enumerate() {
            let salt = random.id()[..32].to_owned();
            let hash = hex(&Sha256::digest(format!("{password}{salt}").as_bytes()));
            let last_login = self.now - 3600.0 - random.fraction() * 9.0 * 86_400.0;
            self.connection.execute(
                "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    user.name,
                    hash,
                    salt,
                    // Servers refuse passwords that are older than a year.
                    self.now - 20.0 * 86_400.0 * (index + 1) as f64,
                    user.nickname,
                    (user.name != "guest").then_some(last_login),
                    begun + 86_400.0 * index as f64,
                    &random.id()[..32],
                ],
            )?;
            for group in user.groups {
                self.connection.execute(
                    "INSERT INTO user_memberships (username, group_name, start_time) VALUES (?, ?, ?)",
                    params![user.name, group, begun],
                )?;
            }
            self.made.users += 1;
        }
        self.connection.execute(
            "INSERT INTO user_permissions (username, permission, granted, start_time, end_time) VALUES
             ('mara.hoffmann', 'view_access_rules', 1, ?1, NULL), ('guest', 'set_passwd', 0, ?1, ?2)",
            params![begun, self.now + 30.0 * 86_400.0],
        )?;
        Ok(())
    }

    fn folders(&mut self, random: &mut Random) -> rusqlite::Result<Vec<String>> {
        let ids: Vec<String> = company::FOLDERS.iter().map(|_| random.id()).collect();
        for (index, folder) in company::FOLDERS.iter().enumerate() {
            self.connection.execute(
                "INSERT INTO folders VALUES (?, ?, ?, ?)",
                params![
                    ids[index],
                    folder.name,
                    self.now - HISTORY + index as f64 * 5_000.0 + random.fraction(),
                    folder.parent.map(|parent| &ids[parent])
                ],
            )?;
            self.made.folders += 1;
        }
        Ok(ids)
    }

    /// The document that every fresh server has.
    fn hello(&mut self) -> Result<()> {
        let content = b"Hello! This document is on every CFMS server.\n";
        put(&self.root.join("content/hello"), content)?;
        let begun = self.now - HISTORY;
        let inserted = (|| {
            self.connection.execute("INSERT INTO documents VALUES ('hello', 'Hello World', ?, NULL)", [begun])?;
            self.connection.execute("INSERT INTO files VALUES ('init', NULL, './content/hello', ?, 1)", [begun])?;
            self.revision("hello", "init", begun)
        })();
        inserted.map_err(|error| schema::refused(&self.root.join("app.db"), error))?;
        self.made.documents += 1;
        self.made.files += 1;
        self.made.content_bytes += content.len() as u64;
        Ok(())
    }

    fn documents(&mut self, folders: &[String], size: u64, random: &mut Random) -> Result<Vec<Written>> {
        let mut written = Vec::new();
        let mut logo = None;
        for document in &company::DOCUMENTS {
            let folder = document.folder.map(|index| folders[index].as_str());
            let missing = document.title == company::MISSING;
            let (document, file) =
                self.document(folder, document.title, document.kind, document.revisions, missing, random)?;
            if document.title == "Logo.svg" {
                logo = Some(file);
            }
            written.push(document);
        }
        if let Some(logo) = logo {
            written.push(self.copy_of(&logo, folders, random)?);
        }
        for number in 1.. {
            let Some(left) = size.checked_sub(self.made.content_bytes).filter(|&left| left >= 4096) else { break };
            let (folder, title, kind) = large(number, left);
            written.push(self.document(Some(&folders[folder]), &title, kind, 1, false, random)?.0);
        }
        Ok(written)
    }

    /// A document, and the id of its newest file.
    fn document(
        &mut self,
        folder: Option<&str>,
        title: &str,
        kind: Kind,
        revisions: u32,
        missing: bool,
        random: &mut Random,
    ) -> Result<(Written, String)> {
        let id = random.id();
        let created = self.now - HISTORY * (0.05 + 0.9 * random.fraction());
        self.insert_document(&id, title, created, folder)?;
        let mut file = String::new();
        let mut at = created;
        for revision in 1..=revisions {
            if self.canceller.is_cancelled() {
                return Err(Error::Cancelled.into());
            }
            let content = content::write(kind, title, revision, &mut Random::of(self.seed, random.next()));
            file = self.file(&content, at, missing, random)?;
            self.revision(&id, &file, at).map_err(|error| schema::refused(&self.root.join("app.db"), error))?;
            at += (self.now - at) * (0.1 + 0.4 * random.fraction());
        }
        Ok((Written { id, title: title.to_owned(), created }, file))
    }

    /// A second document with the same file, as servers have it after a copy.
    fn copy_of(&mut self, file: &str, folders: &[String], random: &mut Random) -> Result<Written> {
        let (id, created) = (random.id(), self.now - 86_400.0);
        self.insert_document(&id, "Logo for the annual report.svg", created, Some(&folders[1]))?;
        self.revision(&id, file, created).map_err(|error| schema::refused(&self.root.join("app.db"), error))?;
        Ok(Written { id, title: "Logo for the annual report.svg".into(), created })
    }

    fn insert_document(&mut self, id: &str, title: &str, created: f64, folder: Option<&str>) -> Result<()> {
        self.made.documents += 1;
        let inserted =
            self.connection.execute("INSERT INTO documents VALUES (?, ?, ?, ?)", params![id, title, created, folder]);
        inserted.map(drop).map_err(|error| schema::refused(&self.root.join("app.db"), error))
    }

    fn revision(&mut self, document: &str, file: &str, created: f64) -> rusqlite::Result<()> {
        self.made.revisions += 1;
        let insert = "INSERT INTO document_revisions (document_id, file_id, created_time) VALUES (?, ?, ?)";
        self.connection.execute(insert, params![document, file, created]).map(drop)
    }

    fn file(&mut self, content: &[u8], created: f64, missing: bool, random: &mut Random) -> Result<String> {
        let (year, month, _) = show::civil(created.max(0.0) as u64 / 86_400);
        let folder = format!("content/files/{year}/{month:02}");
        let path = format!("./{folder}/{}", random.id());
        let id = random.id();
        let inserted = self.connection.execute(
            "INSERT INTO files VALUES (?, ?, ?, ?, 1)",
            params![id, hex(&Sha256::digest(content)), path, created],
        );
        inserted.map_err(|error| schema::refused(&self.root.join("app.db"), error))?;
        self.made.files += 1;
        if missing {
            self.made.missing_path = path;
        } else {
            make_dir(&self.root.join(&folder))?;
            put(&self.root.join(&path[2..]), content)?;
            self.made.content_bytes += content.len() as u64;
        }
        Ok(id)
    }

    fn rules(&mut self, folders: &[String], documents: &[Written]) -> rusqlite::Result<()> {
        for rule in &company::RULES {
            let groups = json!({ "match": "any", "require": rule.groups });
            let group = match rule.right {
                Some(right) => {
                    json!({ "match": "any", "rights": { "match": "all", "require": [right] }, "groups": groups })
                }
                None => json!({ "match": "all", "groups": groups }),
            };
            let data = ascii(&json!({ "match": "all", "match_groups": [group] }).to_string());
            let (table, column, id) = match rule.target {
                Target::Folder(index) => ("folder_access_rules", "folder_id", Some(&folders[index])),
                Target::Document(title) => {
                    let id = documents.iter().find(|document| document.title == title).map(|document| &document.id);
                    ("document_access_rules", "document_id", id)
                }
            };
            let insert = format!("INSERT INTO {table} (access_type, {column}, rule_data) VALUES (?, ?, ?)");
            self.connection.execute(&insert, params![rule.access, id, data])?;
            self.made.access_rules += 1;
        }
        Ok(())
    }

    /// What a server notes while people work with it.
    fn history(&mut self, documents: &[Written], random: &mut Random) -> rusqlite::Result<()> {
        for document in documents {
            let user = random.pick(&company::USERS.map(|user| user.name));
            self.connection.execute(
                "INSERT INTO audit_entries VALUES (?, 'create_document', ?, ?, ?, 200, ?, ?)",
                params![
                    random.id(),
                    user,
                    document.id,
                    ascii(&json!({ "title": document.title }).to_string()),
                    format!("192.0.2.{}", 10 + random.below(40)),
                    document.created
                ],
            )?;
        }
        let Some(strategy) = documents.iter().find(|document| document.title == "Strategy 2030.pdf") else {
            return Ok(());
        };
        self.connection.execute(
            "INSERT INTO object_access_entries (entity_type, entity_identifier, target_type, target_identifier,
             access_type, start_time, end_time) VALUES ('user', 'mara.hoffmann', 'document', ?, 'read', ?, ?)",
            params![strategy.id, self.now - 3.0 * 86_400.0, self.now + 11.0 * 86_400.0],
        )?;
        self.connection.execute(
            "INSERT INTO userblock_entries VALUES (1, 'guest', ?, ?, 'all', NULL)",
            params![self.now - 86_400.0, self.now + 6.0 * 86_400.0],
        )?;
        self.connection.execute("INSERT INTO userblock_sub_entries VALUES (1, 1, 'write')", [])?;
        Ok(())
    }
}

/// The `number`th document of some size, of at most about `left` bytes: photographs, readings and long reports in turn.
fn large(number: u64, left: u64) -> (usize, String, Kind) {
    let month = 1 + (number - 1) % 12;
    let (width, height) = [(1280, 960), (1600, 1200), (1920, 1280), (1024, 768)][(number % 4) as usize];
    match number % 3 {
        1 if png::size(width, height) <= left => {
            (company::PHOTOS, format!("Eastern pier, picture {number:03}.png"), Kind::Photo(width, height))
        }
        2 if left >= 2 << 20 => (company::OLD_REPORTS, format!("Site diary, volume {number}.pdf"), Kind::Report(300)),
        _ => {
            let bytes = left.min((1 + number % 8) << 20);
            let title =
                format!("{} {number:03}-2026-{month:02}.csv", ["传感器读数", "Sensor log"][(number % 2) as usize]);
            (company::MEASUREMENTS, title, Kind::Readings(bytes))
        }
    }
}

/// JSON as Python writes it: all but ASCII escaped.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => text.push(char::from(byte)),
            // Writing into a String cannot fail.
            _ => drop(write!(text, "\\u{unit:04x}")),
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn make_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Failure::io("create", path, error))
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| Failure::io("write", path, error))
}

/// Unix seconds. Who has no clock lives a while after 1970, so that a history fits before.
fn unix_now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    now.max(2.0 * HISTORY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_the_database_is_ascii_as_a_server_writes_it() {
        assert_eq!(ascii(r#"{"g":"财务🙂"}"#), r#"{"g":"\u8d22\u52a1\ud83d\ude42"}"#);
    }
}
