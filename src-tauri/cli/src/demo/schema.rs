//! The database of a CFMS server, as the server itself creates it.

use std::path::Path;

use cfms_backup::Error;
use cfms_backup::server_data::SERVER_TABLES;
use rusqlite::Connection;

use crate::failure::{Failure, Result};

/// The configuration of a server, as servers ship it, with the name and port of this one.
pub(crate) fn config(server_name: &str, secret_key: &str) -> String {
    format!(
        r#"debug = false

[server]
name = "{server_name}"
host = "localhost"
port = 5104
dualstack_ipv6 = true
secret_key = "{secret_key}"
ssl_keyfile = "./content/ssl/key.pem"
ssl_certfile = "./content/ssl/cert.pem"
file_chunk_size = 2097152

[document]
allow_name_duplicate = false

[security]
passwd_min_length = 8
passwd_max_length = 32
enable_passwd_force_expiration = true
require_passwd_enforcement_changes = true
passwd_expire_after_days = 365
passwd_must_contain = []

[database]
type = "sqlite"
file = "app.db"
"#
    )
}

/// Creates the database at `path`, all tables empty.
pub(crate) fn create(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(|error| refused(path, error))?;
    connection.execute_batch(SERVER_TABLES).map_err(|error| refused(path, error))?;
    Ok(connection)
}

/// SQLite's refusal to write the database at `path`.
pub(crate) fn refused(path: &Path, error: rusqlite::Error) -> Failure {
    let source = std::io::Error::other(error);
    Error::Io { action: "write", path: path.to_path_buf(), source }.into()
}
