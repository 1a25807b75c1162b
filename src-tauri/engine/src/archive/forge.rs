//! Archives for tests, made without any of the code that writes real ones: sound, odd and hostile.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use aes::Aes256;
use cipher::{Array, BlockModeEncrypt, KeyIvInit};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::decrypt::read_buffered;
use super::tar_reader::Source;
use crate::hex;

pub(crate) const KEY: [u8; 32] = [7; 32];
const IV: [u8; 16] = [9; 16];

/// A tar that is put together member by member.
#[derive(Clone, Default)]
pub(crate) struct Forge {
    pub(crate) tar: Vec<u8>,
    promised: Vec<Value>,
}

impl Forge {
    /// A member with a GNU header; it gets into the manifest too.
    pub(crate) fn member(mut self, name: &str, bytes: &[u8]) -> Self {
        let sha256 = hex::encode(&Sha256::digest(bytes));
        let name_in_manifest = name.strip_prefix("./").unwrap_or(name);
        self.promised.push(json!({ "name": name_in_manifest, "size": bytes.len(), "sha256": sha256 }));
        self.unannounced(name, bytes)
    }

    /// A member that the manifest will not list.
    pub(crate) fn unannounced(mut self, name: &str, bytes: &[u8]) -> Self {
        self.header(name, b'0', bytes.len() as u64, |_| {});
        self.data(bytes)
    }

    /// A member of JSON.
    pub(crate) fn json(self, name: &str, value: &Value) -> Self {
        self.member(name, serde_json::to_string_pretty(value).unwrap().as_bytes())
    }

    /// The manifest of all members so far, changed by `change`.
    pub(crate) fn manifest(self, change: impl FnOnce(&mut Value)) -> Self {
        let mut manifest = json!({
            "format": "cfms-backup/1", "created_by": "cfms-backup 0.1.0", "snapshot_at": 1.5,
            "server": { "name": "Testserver", "schema_sha256": "0", "alembic_version": null },
            "members": self.promised, "contents_missing": [], "warnings": [],
        });
        change(&mut manifest);
        let text = serde_json::to_vec_pretty(&manifest).unwrap();
        self.unannounced("manifest.json", &text)
    }

    /// A header alone, changed by `change` before its checksum is made.
    pub(crate) fn header(&mut self, name: &str, kind: u8, size: u64, change: impl FnOnce(&mut [u8; 512])) {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(size);
        let mut block = *header.as_bytes();
        change(&mut block);
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.tar.extend_from_slice(&block);
    }

    /// Bytes, filled up to a block.
    pub(crate) fn data(mut self, bytes: &[u8]) -> Self {
        self.tar.extend_from_slice(bytes);
        self.tar.resize(self.tar.len().next_multiple_of(512), 0);
        self
    }

    /// PAX records about the next member.
    pub(crate) fn pax(mut self, records: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (key, value) in records {
            let bare = key.len() + value.len() + 3;
            let length = (bare + 1..).find(|length| bare + length.to_string().len() == *length).unwrap();
            text.push_str(&format!("{length} {key}={value}\n"));
        }
        self.header("./PaxHeaders/x", b'x', text.len() as u64, |_| {});
        self.data(text.as_bytes())
    }

    /// The end mark, filled up to a record.
    pub(crate) fn end(mut self) -> Self {
        self.tar.resize((self.tar.len() + 1024).next_multiple_of(10240), 0);
        self
    }

    /// Encrypts it into `folder` as `b.cfms.enc` with a key file beside it, with or without a digest.
    pub(crate) fn write(&self, folder: &Path, with_digest: bool) -> PathBuf {
        write_archive(folder, &encrypt(&self.tar), with_digest)
    }
}

/// Writes `archive` and its key file.
pub(crate) fn write_archive(folder: &Path, archive: &[u8], with_digest: bool) -> PathBuf {
    let path = folder.join("b.cfms.enc");
    std::fs::write(&path, archive).unwrap();
    let mut key =
        json!({ "key": hex::encode(&KEY), "algorithm": "AES-256-CBC", "created_at": 5.0, "backup_name": "b" });
    if with_digest {
        key["archive_size"] = json!(archive.len());
        key["archive_sha256"] = json!(hex::encode(&Sha256::digest(archive)));
    }
    std::fs::write(folder.join("b.key"), key.to_string()).unwrap();
    path
}

/// IV, and `tar` with PKCS#7 padding.
pub(crate) fn encrypt(tar: &[u8]) -> Vec<u8> {
    [&IV[..], &encrypt_after(&IV, tar)].concat()
}

/// `tar` with PKCS#7 padding, after the ciphertext block `before`.
pub(crate) fn encrypt_after(before: &[u8; 16], tar: &[u8]) -> Vec<u8> {
    let padding = 16 - tar.len() % 16;
    let mut bytes = [tar, &vec![padding as u8; padding]].concat();
    cbc::Encryptor::<Aes256>::new(&KEY.into(), before.into()).encrypt_blocks(Array::slice_as_chunks_mut(&mut bytes).0);
    bytes
}

/// IV, and whole blocks as they are.
pub(crate) fn encrypt_unpadded(mut blocks: Vec<u8>) -> Vec<u8> {
    cbc::Encryptor::<Aes256>::new(&KEY.into(), &IV.into()).encrypt_blocks(Array::slice_as_chunks_mut(&mut blocks).0);
    [&IV[..], &blocks].concat()
}

/// The tables of a small server: two folders, two documents, three contents.
pub(crate) struct SmallServer {
    pub(crate) metadata: Value,
    pub(crate) folders: Value,
    pub(crate) documents: Value,
    pub(crate) files: Value,
    pub(crate) contents: Vec<(&'static str, Vec<u8>)>,
}

impl SmallServer {
    pub(crate) fn new() -> Self {
        let contents: Vec<(&str, Vec<u8>)> =
            vec![("f1", b"first".to_vec()), ("f2", vec![b'2'; 3000]), ("f3", Vec::new())];
        let file = |id: &str, sha256: Value| json!({ "id": id, "sha256": sha256, "path": format!("./content/files/{id}"), "created_time": 1.0, "active": true });
        let digest = |index: usize| json!(hex::encode(&Sha256::digest(&contents[index].1)).to_uppercase());
        let revision = |id: u64, document: &str, file: &str| json!({ "id": id, "document_id": document, "file_id": file, "created_time": 1.0 });
        let rule = json!({ "id": 1, "access_type": "read", "rule_data": { "match": "all", "match_groups": [] } });
        Self {
            metadata: json!({ "version": "1.0", "created_at": 5.0, "documents_count": 2, "folders_count": 2, "files_count": 3 }),
            folders: json!([
                { "id": "inner", "name": "内", "created_time": 1.0, "parent_id": "outer", "access_rules": [rule] },
                { "id": "outer", "name": "Out\"er", "created_time": 1.0, "parent_id": null, "access_rules": [] },
            ]),
            documents: json!([
                { "id": "d1", "title": "Budget", "created_time": 1.0, "folder_id": "inner", "access_rules": [rule],
                  "revisions": [revision(1, "d1", "f1"), revision(2, "d1", "f2"), revision(3, "d1", "f2")] },
                { "id": "d2", "title": "财务", "created_time": 1.0, "folder_id": null, "access_rules": [],
                  "revisions": [revision(4, "d2", "f3"), revision(5, "d2", "f1")] },
            ]),
            files: json!([file("f1", digest(0)), file("f2", digest(1)), file("f3", Value::Null)]),
            contents,
        }
    }

    /// Its archive as this program writes it, without manifest and end.
    pub(crate) fn forge(&self) -> Forge {
        let tables = Forge::default()
            .json("metadata.json", &self.metadata)
            .json("folders.json", &self.folders)
            .json("documents.json", &self.documents)
            .json("files.json", &self.files);
        self.contents.iter().fold(tables, |forge, (id, bytes)| forge.member(&format!("files/{id}"), bytes))
    }

    /// The whole tar.
    pub(crate) fn whole(&self) -> Forge {
        self.forge().manifest(|_| {}).end()
    }
}

/// A text that comes in pieces of `piece` bytes.
pub(crate) struct Pieces<'t> {
    text: &'t [u8],
    at: usize,
    piece: usize,
}

impl<'t> Pieces<'t> {
    pub(crate) fn new(text: &'t [u8], piece: usize) -> Self {
        Self { text, at: 0, piece }
    }
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let end = (self.at / self.piece + 1) * self.piece;
        Ok(&self.text[self.at..end.min(self.text.len())])
    }
    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, bytes)
    }
}

impl Source for Pieces<'_> {
    fn size(&self) -> u64 {
        self.text.len() as u64
    }
    fn position(&self) -> u64 {
        self.at as u64
    }
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.at = (self.at + bytes as usize).min(self.text.len());
        Ok(())
    }
}
