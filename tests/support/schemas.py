"""The tables of CFMS servers: the older schema, and a later one with more columns."""

OLDER = """
CREATE TABLE users (username VARCHAR(255) NOT NULL, pass_hash TEXT NOT NULL, salt TEXT NOT NULL,
    passwd_last_modified FLOAT NOT NULL, nickname VARCHAR(255), last_login FLOAT, created_time FLOAT NOT NULL,
    secret_key VARCHAR(32), PRIMARY KEY (username));
CREATE TABLE user_groups (group_name VARCHAR(255) NOT NULL, group_display_name VARCHAR(128), PRIMARY KEY (group_name));
CREATE TABLE group_permissions (id INTEGER NOT NULL, group_name VARCHAR(255) NOT NULL, permission VARCHAR(255) NOT NULL,
    granted BOOLEAN NOT NULL, start_time FLOAT NOT NULL, end_time FLOAT, PRIMARY KEY (id));
CREATE TABLE user_permissions (id INTEGER NOT NULL, username VARCHAR(255) NOT NULL, permission VARCHAR(255) NOT NULL,
    granted BOOLEAN NOT NULL, start_time FLOAT NOT NULL, end_time FLOAT, PRIMARY KEY (id));
CREATE TABLE user_memberships (id INTEGER NOT NULL, username VARCHAR(255) NOT NULL, group_name VARCHAR(255) NOT NULL,
    start_time FLOAT NOT NULL, end_time FLOAT, PRIMARY KEY (id));
CREATE TABLE object_access_entries (id INTEGER NOT NULL, entity_type VARCHAR(16) NOT NULL,
    entity_identifier VARCHAR(255) NOT NULL, target_type VARCHAR(16) NOT NULL, target_identifier VARCHAR(255) NOT NULL,
    access_type VARCHAR(16) NOT NULL, start_time FLOAT NOT NULL, end_time FLOAT, PRIMARY KEY (id));
CREATE TABLE audit_entries (id VARCHAR(255) NOT NULL, action VARCHAR(255) NOT NULL, username VARCHAR(255),
    target VARCHAR(255), data JSON, result INTEGER NOT NULL, remote_address VARCHAR(64), logged_time FLOAT NOT NULL,
    PRIMARY KEY (id));
CREATE TABLE file_tasks (id VARCHAR(255) NOT NULL, file_id VARCHAR(255) NOT NULL, status INTEGER NOT NULL,
    mode INTEGER NOT NULL, start_time FLOAT NOT NULL, end_time FLOAT, PRIMARY KEY (id));
CREATE TABLE files (id VARCHAR(255) NOT NULL, sha256 VARCHAR(64), path TEXT NOT NULL, created_time FLOAT NOT NULL,
    active BOOLEAN NOT NULL, PRIMARY KEY (id));
CREATE TABLE folders (id VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, created_time FLOAT NOT NULL,
    parent_id VARCHAR(255), PRIMARY KEY (id), FOREIGN KEY(parent_id) REFERENCES folders (id));
CREATE TABLE documents (id VARCHAR(255) NOT NULL, title VARCHAR(255) NOT NULL, created_time FLOAT NOT NULL,
    folder_id VARCHAR(255), PRIMARY KEY (id), FOREIGN KEY(folder_id) REFERENCES folders (id));
CREATE TABLE document_revisions (id INTEGER NOT NULL, document_id VARCHAR(255) NOT NULL, file_id VARCHAR(255) NOT NULL,
    created_time FLOAT NOT NULL, PRIMARY KEY (id), FOREIGN KEY(document_id) REFERENCES documents (id),
    FOREIGN KEY(file_id) REFERENCES files (id));
CREATE TABLE document_access_rules (id INTEGER NOT NULL, access_type VARCHAR(64) NOT NULL,
    document_id VARCHAR(255) NOT NULL, rule_data JSON NOT NULL, PRIMARY KEY (id));
CREATE TABLE folder_access_rules (id INTEGER NOT NULL, access_type VARCHAR(64) NOT NULL, folder_id VARCHAR(255),
    rule_data JSON NOT NULL, PRIMARY KEY (id));
"""

LATER = '''
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, PRIMARY KEY (version_num));
CREATE TABLE users (username VARCHAR(64) NOT NULL, pass_hash TEXT NOT NULL, passwd_last_modified FLOAT NOT NULL,
    nickname VARCHAR(255), avatar_id VARCHAR(255), last_login FLOAT, created_time FLOAT NOT NULL,
    status INTEGER NOT NULL, secret_key VARCHAR(64), totp_secret VARCHAR(32), totp_enabled BOOLEAN NOT NULL,
    totp_backup_codes TEXT, PRIMARY KEY (username));
CREATE TABLE user_groups (group_name VARCHAR(255) NOT NULL, group_display_name VARCHAR(128), PRIMARY KEY (group_name));
CREATE TABLE files (id VARCHAR(255) NOT NULL, sha256 VARCHAR(64), path TEXT NOT NULL, created_time FLOAT NOT NULL,
    active BOOLEAN NOT NULL, "odd column ""名""" TEXT, PRIMARY KEY (id));
CREATE TABLE folders (id VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, created_time FLOAT NOT NULL,
    parent_id VARCHAR(255), inherit BOOLEAN NOT NULL, status INTEGER NOT NULL, status_operation_id VARCHAR(255),
    PRIMARY KEY (id));
CREATE TABLE documents (id VARCHAR(255) NOT NULL, title VARCHAR(255) NOT NULL, created_time FLOAT NOT NULL,
    folder_id VARCHAR(255), current_revision_id INTEGER, inherit BOOLEAN NOT NULL, status INTEGER NOT NULL,
    status_operation_id VARCHAR(255), sticker BLOB, weight FLOAT, PRIMARY KEY (id));
CREATE TABLE document_revisions (id INTEGER NOT NULL, document_id VARCHAR(255) NOT NULL, file_id VARCHAR(255) NOT NULL,
    created_time FLOAT NOT NULL, parent_revision_id INTEGER, status INTEGER NOT NULL, PRIMARY KEY (id));
CREATE TABLE document_access_rules (id INTEGER NOT NULL, access_type VARCHAR(64) NOT NULL,
    document_id VARCHAR(255) NOT NULL, rule_data JSON NOT NULL, note TEXT, PRIMARY KEY (id));
CREATE TABLE folder_access_rules (id INTEGER NOT NULL, access_type VARCHAR(64) NOT NULL, folder_id VARCHAR(255),
    rule_data JSON NOT NULL, PRIMARY KEY (id));
CREATE TABLE keyrings (id VARCHAR(64) NOT NULL, username VARCHAR(64) NOT NULL, dek BLOB, PRIMARY KEY (id));
'''
