//! The tables of a CFMS server's database, as the first servers make them.

/// The statements that make them.
pub const SERVER_TABLES: &str = "
CREATE TABLE users (
    username VARCHAR(255) NOT NULL PRIMARY KEY, pass_hash TEXT NOT NULL, salt TEXT NOT NULL,
    passwd_last_modified FLOAT NOT NULL, nickname VARCHAR(255), last_login FLOAT, created_time FLOAT NOT NULL,
    secret_key VARCHAR(32));
CREATE TABLE user_groups (group_name VARCHAR(255) NOT NULL PRIMARY KEY, group_display_name VARCHAR(128));
CREATE TABLE object_access_entries (
    id INTEGER NOT NULL PRIMARY KEY, entity_type VARCHAR(16) NOT NULL, entity_identifier VARCHAR(255) NOT NULL,
    target_type VARCHAR(16) NOT NULL, target_identifier VARCHAR(255) NOT NULL, access_type VARCHAR(16) NOT NULL,
    start_time FLOAT NOT NULL, end_time FLOAT);
CREATE TABLE files (
    id VARCHAR(255) NOT NULL PRIMARY KEY, sha256 VARCHAR(64), path TEXT NOT NULL, created_time FLOAT NOT NULL,
    active BOOLEAN NOT NULL);
CREATE TABLE folders (
    id VARCHAR(255) NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL, created_time FLOAT NOT NULL,
    parent_id VARCHAR(255) REFERENCES folders (id));
CREATE TABLE user_permissions (
    id INTEGER NOT NULL PRIMARY KEY, username VARCHAR(255) NOT NULL REFERENCES users (username),
    permission VARCHAR(255) NOT NULL, granted BOOLEAN NOT NULL, start_time FLOAT NOT NULL, end_time FLOAT);
CREATE TABLE user_memberships (
    id INTEGER NOT NULL PRIMARY KEY, username VARCHAR(255) NOT NULL REFERENCES users (username),
    group_name VARCHAR(255) NOT NULL REFERENCES user_groups (group_name), start_time FLOAT NOT NULL, end_time FLOAT);
CREATE TABLE group_permissions (
    id INTEGER NOT NULL PRIMARY KEY, group_name VARCHAR(255) NOT NULL REFERENCES user_groups (group_name),
    permission VARCHAR(255) NOT NULL, granted BOOLEAN NOT NULL, start_time FLOAT NOT NULL, end_time FLOAT);
CREATE TABLE audit_entries (
    id VARCHAR(255) NOT NULL PRIMARY KEY, action VARCHAR(255) NOT NULL,
    username VARCHAR(255) REFERENCES users (username), target VARCHAR(255), data JSON, result INTEGER NOT NULL,
    remote_address VARCHAR(64), logged_time FLOAT NOT NULL);
CREATE TABLE file_tasks (
    id VARCHAR(255) NOT NULL PRIMARY KEY, file_id VARCHAR(255) NOT NULL REFERENCES files (id),
    status INTEGER NOT NULL, mode INTEGER NOT NULL, start_time FLOAT NOT NULL, end_time FLOAT);
CREATE TABLE userblock_entries (
    block_id INTEGER NOT NULL PRIMARY KEY, username VARCHAR(255) NOT NULL REFERENCES users (username),
    timestamp FLOAT NOT NULL, expiry FLOAT NOT NULL, target_type VARCHAR(32) NOT NULL, target_id VARCHAR(255));
CREATE TABLE documents (
    id VARCHAR(255) NOT NULL PRIMARY KEY, title VARCHAR(255) NOT NULL, created_time FLOAT NOT NULL,
    folder_id VARCHAR(255) REFERENCES folders (id));
CREATE TABLE folder_access_rules (
    id INTEGER NOT NULL PRIMARY KEY, access_type VARCHAR(64) NOT NULL,
    folder_id VARCHAR(255) REFERENCES folders (id), rule_data JSON NOT NULL);
CREATE TABLE userblock_sub_entries (
    id INTEGER NOT NULL PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES userblock_entries (block_id),
    block_type VARCHAR(64) NOT NULL);
CREATE TABLE document_revisions (
    id INTEGER NOT NULL PRIMARY KEY, document_id VARCHAR(255) NOT NULL REFERENCES documents (id),
    file_id VARCHAR(255) NOT NULL REFERENCES files (id), created_time FLOAT NOT NULL);
CREATE TABLE document_access_rules (
    id INTEGER NOT NULL PRIMARY KEY, access_type VARCHAR(64) NOT NULL,
    document_id VARCHAR(255) NOT NULL REFERENCES documents (id), rule_data JSON NOT NULL);
";
