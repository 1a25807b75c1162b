//! The archive: `NAME.cfms.enc` and its key, `NAME.key`.
//!
//! ```text
//! 16 bytes   IV, random for every archive
//! the rest   AES-256-CBC, PKCS#7 padding, of a plain tar
//! ```
//!
//! Writing goes through [`Encryptor`](encrypt) and [`TarWriter`](tar_writer), reading through `decrypt` and
//! `tar_reader`; none of them knows what the members mean. `destination` owns the two files while they are written.

pub(crate) mod bounded_json;
pub(crate) mod decrypt;
pub(crate) mod destination;
pub(crate) mod encrypt;
mod folder;
#[cfg(test)]
pub(crate) mod forge;
pub(crate) mod json_rows;
pub(crate) mod key;
pub(crate) mod manifest;
pub(crate) mod manifest_reader;
pub(crate) mod metadata;
pub(crate) mod opened;
pub(crate) mod partial;
pub(crate) mod stream;
pub(crate) mod tables;
pub(crate) mod tar_header;
pub(crate) mod tar_reader;
pub(crate) mod tar_writer;
pub(crate) mod whole_rows;

/// Bytes of the IV, and of a block of the cipher.
pub(crate) const BLOCK: usize = 16;
