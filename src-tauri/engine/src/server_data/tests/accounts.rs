//! The users of the live database.

use super::*;
use crate::error::Code;

const USERS: &str = "
    CREATE TABLE IF NOT EXISTS user_groups (group_name VARCHAR(255) NOT NULL PRIMARY KEY);
    CREATE TABLE user_permissions (id INTEGER PRIMARY KEY, username TEXT, permission TEXT, granted BOOLEAN, start_time FLOAT,
        end_time FLOAT);
    CREATE TABLE user_memberships (id INTEGER PRIMARY KEY, username TEXT, group_name TEXT, start_time FLOAT, end_time FLOAT);
    CREATE TABLE group_permissions (id INTEGER PRIMARY KEY, group_name TEXT, permission TEXT, granted BOOLEAN,
        start_time FLOAT, end_time FLOAT);
    INSERT INTO users (username, pass_hash) VALUES ('admin', 'h');
    INSERT INTO user_groups VALUES ('sysop');
    INSERT INTO user_memberships VALUES (1, 'admin', 'sysop', 0, NULL), (2, 'admin', 'gone', 0, 5.5);
    INSERT INTO group_permissions VALUES (1, 'sysop', 'manage_system', 1, 0, NULL), (2, 'sysop', 'odd', 'yes', 0, NULL),
        (3, 'gone', 'manage_system', 1, 0, NULL)";

#[test]
fn a_user_is_read_with_groups_and_their_permissions() {
    let server = Server::with(USERS);
    let lookup = server.open().look_up("admin").unwrap();
    let account = lookup.account.unwrap();
    assert_eq!((account.username.as_str(), account.pass_hash.as_str(), account.salt), ("admin", "h", None));
    assert!(!account.is_disabled && account.totp_secret.is_none() && account.password_changed.is_none());
    let groups: Vec<_> =
        account.memberships.iter().map(|m| (m.group.as_str(), m.span.end, m.permissions.len())).collect();
    assert_eq!(groups, [("sysop", None, 2), ("gone", Some(5.5), 0)], "a group that is not there gives nothing");
    let granted = account.memberships[0].permissions.iter().map(|p| p.is_granted).collect::<Vec<_>>();
    assert_eq!(granted, [true, false], "what is not plainly granted is not");
    assert!(lookup.is_argon2 && lookup.banned_subnets.is_empty());
    assert!(server.open().look_up("Admin").unwrap().account.is_none());
}

#[test]
fn a_database_without_users_is_no_cfms_server_for_an_agent() {
    let server = Server::bare("CREATE TABLE t (x)");
    let error = server.open().look_up("admin").err().unwrap();
    assert_eq!(error.code(), Code::NotCfms, "{error}");
}

#[test]
fn a_server_that_writes_is_waited_for_and_one_that_never_ends_is_told() {
    let server = Server::with(USERS);
    let writer = Connection::open(server.path("app.db")).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE; INSERT INTO users VALUES ('new', 'x')").unwrap();
    let source = server.open();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| source.look_up("new"));
        std::thread::sleep(std::time::Duration::from_millis(300));
        writer.execute_batch("COMMIT").unwrap();
        assert!(reading.join().unwrap().unwrap().account.is_some());
    });
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(source.look_up("new").err().unwrap().code(), Code::DatabaseLocked);
}

#[test]
fn the_users_of_a_server_that_crashed_are_read_and_its_files_stay_as_they_are() {
    let server = Server::with(USERS);
    // A log that nobody merged: the process that wrote it is gone.
    let writer = Connection::open(server.path("app.db")).unwrap();
    let mode: String = writer.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    writer.execute_batch("INSERT INTO users VALUES ('late', 'x')").unwrap();
    let crashed = Server::with("SELECT 1");
    for name in ["app.db", "app.db-wal"] {
        fs::copy(server.path(name), crashed.path(name)).unwrap();
    }
    drop(writer);
    let before = (fs::read(crashed.path("app.db")).unwrap(), fs::read(crashed.path("app.db-wal")).unwrap());
    let lookup = crashed.open().look_up("late").unwrap();
    assert!(lookup.account.is_some());
    let after = (fs::read(crashed.path("app.db")).unwrap(), fs::read(crashed.path("app.db-wal")).unwrap());
    assert!(before == after && !crashed.path("app.db-shm").exists());
}
