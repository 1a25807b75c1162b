use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Child;

use sha2::{Digest, Sha256};

use super::*;
use crate::error::Code;

/// Every file of a folder with what it holds and when it was written.
fn fingerprint(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, i64, i64, u64)> {
    let entries = fs::read_dir(root).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| {
            let found = fs::metadata(&path).expect("metadata");
            let content = if found.is_file() { fs::read(&path).expect("a file") } else { Vec::new() };
            (path, (content, found.mtime(), found.mtime_nsec(), found.ino()))
        })
        .collect()
}

fn refusal(server: &Server) -> Error {
    let outcome = ServerData::open(&server.root).and_then(|data| data.snapshot(false, &[], &Job::silent()));
    outcome.map(|_| ()).expect_err("a refusal")
}

fn folders_of(snapshot: &Snapshot) -> u64 {
    snapshot.counts().folders
}

/// The bytes of the snapshot as a database of their own.
fn reopened(snapshot: &Snapshot) -> (TempDir, Connection) {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let path = scratch.path().join("copy.db");
    let mut bytes = Vec::new();
    let mut content = snapshot.open_bytes().expect("the copy");
    content.file.read_to_end(&mut bytes).expect("its bytes");
    assert_eq!((bytes.len() as u64, content.size), (snapshot.size(), snapshot.size()));
    assert!(!content.has_changed());
    fs::write(&path, bytes).expect("a file");
    let connection = Connection::open(&path).expect("a database");
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(sound, "ok");
    (scratch, connection)
}

#[test]
fn a_pipe_or_a_link_beside_the_database_is_refused_and_not_waited_for() {
    for suffix in ["-journal", "-wal", "-shm"] {
        let server = Server::with("SELECT 1");
        let beside = server.path(&format!("app.db{suffix}"));
        nix::unistd::mkfifo(&beside, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        assert_eq!(refusal(&server).code(), Code::DatabaseDamaged, "{suffix}");
        fs::remove_file(&beside).expect("the pipe");
        std::os::unix::fs::symlink("/etc/passwd", &beside).expect("a link");
        assert_eq!(refusal(&server).code(), Code::DatabaseDamaged, "{suffix}");
    }
}

#[test]
fn a_text_that_no_server_could_have_written_is_refused_before_it_fills_the_memory() {
    let server = Server::with("INSERT INTO documents VALUES ('d', CAST(zeroblob(200000000) AS TEXT), 1.0, NULL)");
    let snapshot = server.open().snapshot(false, &[], &Job::silent());
    let outcome = snapshot.and_then(|snapshot| snapshot.write_documents(&mut std::io::sink(), &Job::silent()));
    let refused = outcome.expect_err("a refusal");
    assert!(refused.to_string().contains("larger than 16 MiB"), "{refused}");
}

#[test]
fn what_a_schema_computes_wrongly_is_no_damage_and_a_table_without_row_numbers_is_none_of_a_server() {
    let computed = "INSERT INTO users VALUES ('u', ''); \
                    ALTER TABLE users ADD COLUMN g TEXT GENERATED ALWAYS AS (abs(-9223372036854775808)) VIRTUAL";
    let copy = Server::with(computed).open().copy_database(false, &[], &Job::silent()).expect("a copy");
    let check = SoundnessCheck::begin(&copy, true, &Job::silent()).expect("a check");
    assert_eq!(check.finish().expect("its end"), None);
    let without_numbers = SCHEMA.replacen("title VARCHAR", "rowid TEXT, oid TEXT, _rowid_ TEXT, title VARCHAR", 1);
    assert_eq!(refusal(&Server::bare(&without_numbers)).code(), Code::NotCfms);
}

/// Starts a Python process that works on the database and waits until it says `ready`.
fn start(program: &str, server: &Server) -> Option<Child> {
    let mut child = python(program, &[&server.path("app.db")])?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    Some(child)
}

/// Kills it as a power cut would.
fn kill(mut child: Child) {
    child.kill().expect("it is killed");
    child.wait().expect("it is gone");
}

#[test]
fn a_snapshot_is_a_plain_database_and_leaves_the_server_as_it_was() {
    let server = Server::with("INSERT INTO folders VALUES ('f', 'F', 1, NULL)");
    let before = fingerprint(&server.root);
    let snapshot = server.snapshot();
    assert_eq!(fingerprint(&server.root), before);
    assert_eq!(folders_of(&snapshot), 1);
    assert!(snapshot.taken_at() > 1e9);
    let (_scratch, copy) = reopened(&snapshot);
    let mode: String = copy.query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("a mode");
    assert_eq!(mode, "delete");
    // The copy read through twice is the same: handles do not disturb each other.
    let (_scratch, _copy) = reopened(&snapshot);
    assert_eq!(printed(|out, job| snapshot.write_folders(out, job)).matches("\"id\"").count(), 1);
}

#[test]
fn the_schema_is_named_by_the_digest_of_its_texts() {
    let server = Server::bare(&format!("{SCHEMA} CREATE TABLE alembic_version (version_num VARCHAR(32))"));
    let connection = Connection::open(server.path("app.db")).expect("a database");
    connection.execute("INSERT INTO alembic_version VALUES ('abc123')", []).expect("a row");
    let mut digest = Sha256::new();
    let mut statement =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY rowid").expect("SQL");
    for sql in statement.query_map([], |row| row.get::<_, String>(0)).expect("texts") {
        digest.update(format!("{}\n", sql.expect("a text")));
    }
    drop(statement);
    drop(connection);
    let snapshot = server.snapshot();
    assert_eq!(snapshot.schema_sha256(), crate::hex::encode(&digest.finalize()));
    assert_eq!(snapshot.alembic_version().as_deref(), Some("abc123"));
    assert_eq!(Server::with("SELECT 1").snapshot().alembic_version(), None);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_backed_up_in_either_mode() {
    for mode in ["DELETE", "WAL"] {
        let server = Server::bare(&format!("PRAGMA journal_mode = {mode}; {SCHEMA}"));
        fs::set_permissions(&server.root, fs::Permissions::from_mode(0o555)).expect("permissions");
        let before = fingerprint(&server.root);
        assert_eq!(folders_of(&server.snapshot()), 0);
        assert_eq!(fingerprint(&server.root), before, "{mode}");
        fs::set_permissions(&server.root, fs::Permissions::from_mode(0o755)).expect("permissions");
    }
}

#[test]
fn a_crash_in_a_transaction_leaves_committed_rows_only_and_its_journal_alone() {
    let server = Server::with("INSERT INTO folders VALUES ('committed', 'F', 1, NULL)");
    let program = "
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('PRAGMA cache_size = 5')
c.execute('PRAGMA cache_spill = 1')
c.execute('BEGIN IMMEDIATE')
c.execute(\"UPDATE folders SET name = 'uncommitted'\")
for i in range(3000):
    c.execute('INSERT INTO folders VALUES (?, ?, 1, NULL)', (str(i), 'x' * 300))
print('ready', flush=True)
sys.stdin.read()
";
    let Some(writer) = start(program, &server) else { return };
    kill(writer);
    let before = fingerprint(&server.root);
    let journal = &before[&server.path("app.db-journal")].0;
    assert!(journal.first().is_some_and(|&byte| byte != 0), "the journal is hot");
    assert!(before[&server.path("app.db")].0.len() > 100_000, "uncommitted pages reached the database");

    let snapshot = server.snapshot();
    assert_eq!(folders_of(&snapshot), 1);
    assert!(printed(|out, job| snapshot.write_folders(out, job)).contains("\"name\": \"F\""));
    let (_scratch, _copy) = reopened(&snapshot);
    assert_eq!(fingerprint(&server.root), before);
}

#[test]
fn a_journal_that_rolls_nothing_back_is_no_hindrance() {
    // As `journal_mode` truncate and persist leave it, and a crash before the journal was begun.
    for journal in [&b""[..], &[0; 28], &[0; 4096]] {
        let server = Server::with("INSERT INTO folders VALUES ('f', 'F', 1, NULL)");
        fs::write(server.path("app.db-journal"), journal).expect("a journal");
        let before = fingerprint(&server.root);
        let snapshot = server.snapshot();
        assert_eq!(folders_of(&snapshot), 1);
        let (_scratch, _copy) = reopened(&snapshot);
        assert_eq!(fingerprint(&server.root), before);
    }
}

#[test]
fn rows_that_an_index_and_its_table_do_not_agree_on_are_damage_and_not_left_out() {
    let lost = "CREATE TABLE spare (id TEXT); INSERT INTO folders VALUES ('f', 'F', 1, NULL); PRAGMA writable_schema = ON; \
                UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'spare') \
                WHERE name = 'folders'";
    let refused = refusal(&Server::with(lost));
    assert_eq!(refused.code(), Code::DatabaseDamaged);
    assert!(refused.to_string().contains("the table folders has 0 rows, and an index of it 1"), "{refused}");
}

#[test]
fn pages_that_lead_on_without_end_are_damage() {
    const FAN: usize = 300;
    for table in ["documents", "folders", "files"] {
        for name in [table.to_owned(), format!("sqlite_autoindex_{table}_1")] {
            let server = Server::with(
                "INSERT INTO folders VALUES ('f', 'F', 1, NULL); INSERT INTO documents VALUES ('d', 'D', 1, 'f'); \
                 INSERT INTO files VALUES ('c', NULL, 'content/c', 1, 1)",
            );
            let root: u32 = Connection::open(server.path("app.db"))
                .and_then(|c| {
                    c.query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?", [&name], |row| row.get(0))
                })
                .expect("its root");
            let mut pages = fs::read(server.path("app.db")).expect("the database");
            let size = usize::from(u16::from_be_bytes([pages[16], pages[17]]));
            let first_new = (pages.len() / size) as u32 + 1;
            let at = (root as usize - 1) * size;
            let is_index = pages[at] == 10;
            let leaf = pages[at..at + size].to_vec();
            // Each page leads three hundred times to the next one.
            let interior = |child: u32| {
                let mut page = vec![0; size];
                let mut cell = child.to_be_bytes().to_vec();
                cell.extend_from_slice(if is_index { &[3, 2, 1, 9] } else { &[1] });
                page[0] = if is_index { 2 } else { 5 };
                page[3..5].copy_from_slice(&(FAN as u16).to_be_bytes());
                page[8..12].copy_from_slice(&child.to_be_bytes());
                for n in 0..FAN {
                    let cell_at = size - (n + 1) * cell.len();
                    page[cell_at..cell_at + cell.len()].copy_from_slice(&cell);
                    page[12 + 2 * n..14 + 2 * n].copy_from_slice(&(cell_at as u16).to_be_bytes());
                }
                page[5..7].copy_from_slice(&((size - FAN * cell.len()) as u16).to_be_bytes());
                page
            };
            pages[at..at + size].copy_from_slice(&interior(first_new));
            for level in 1..=8 {
                pages.extend(interior(first_new + level));
            }
            pages.extend(leaf);
            let count = (pages.len() / size) as u32;
            pages[28..32].copy_from_slice(&count.to_be_bytes());
            fs::write(server.path("app.db"), pages).expect("the database");
            let refused = refusal(&server);
            assert!(refused.to_string().contains(&format!("the table {table} has no end")), "{name}: {refused}");
        }
    }
}

#[test]
fn a_wal_left_by_a_crash_is_merged_in_the_copy_with_and_without_its_shm() {
    for keep_shm in [true, false] {
        let server = Server::bare(&format!("PRAGMA journal_mode = WAL; {SCHEMA}"));
        let program = "
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('PRAGMA wal_autocheckpoint = 0')
c.execute('PRAGMA cache_size = 5')
for i in range(50):
    c.execute('INSERT INTO folders VALUES (?, ?, 1, NULL)', (str(i), 'x'))
c.execute('BEGIN IMMEDIATE')
for i in range(3000):
    c.execute('INSERT INTO folders VALUES (?, ?, 1, NULL)', ('u' + str(i), 'x' * 300))
print('ready', flush=True)
sys.stdin.read()
";
        let Some(writer) = start(program, &server) else { return };
        kill(writer);
        if !keep_shm {
            fs::remove_file(server.path("app.db-shm")).expect("the shm is removed");
        }
        let before = fingerprint(&server.root);
        assert!(before[&server.path("app.db-wal")].0.len() > 100_000, "uncommitted pages reached the WAL");
        let snapshot = server.snapshot();
        assert_eq!(folders_of(&snapshot), 50);
        let (_scratch, _copy) = reopened(&snapshot);
        assert_eq!(fingerprint(&server.root), before);
    }
}

#[test]
fn a_server_in_wal_mode_is_copied_while_it_writes_and_keeps_its_wal() {
    let server = Server::bare(&format!("PRAGMA journal_mode = WAL; {SCHEMA}"));
    let program = "
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('PRAGMA wal_autocheckpoint = 0')
for i in range(50):
    c.execute('INSERT INTO folders VALUES (?, ?, 1, NULL)', (str(i), 'x'))
c.execute('BEGIN IMMEDIATE')
c.execute(\"INSERT INTO folders VALUES ('u', 'x', 1, NULL)\")
print('ready', flush=True)
sys.stdin.read(1)
c.execute('COMMIT')
";
    let Some(mut writer) = start(program, &server) else { return };
    let wal = fs::read(server.path("app.db-wal")).expect("the WAL");
    let snapshot = server.snapshot();
    assert_eq!(folders_of(&snapshot), 50);
    let (_scratch, _copy) = reopened(&snapshot);
    assert_eq!(fs::read(server.path("app.db-wal")).expect("the WAL"), wal);
    writer.stdin.take().expect("its input").write_all(b"x").expect("a byte");
    assert!(writer.wait().expect("it ends").success(), "the writer could commit");
    assert_eq!(folders_of(&server.snapshot()), 51);
}

#[test]
fn a_database_is_known_by_how_it_is_written_and_by_whom() {
    let mode = |server: &Server| {
        let files = source::DatabaseFiles::of(&server.path("app.db")).expect("a database");
        files.mode(&fs::File::open(&files.main).expect("a file")).expect("a mode")
    };
    assert_eq!(mode(&Server::with("SELECT 1")), source::Mode::Rollback);
    let server = Server::bare(&format!("PRAGMA journal_mode = WAL; {SCHEMA}"));
    assert_eq!(mode(&server), source::Mode::AbandonedWal, "closed in order");
    let program = "
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute(\"INSERT INTO folders VALUES ('f', 'F', 1, NULL)\")
print('ready', flush=True)
sys.stdin.read()
";
    let Some(writer) = start(program, &server) else { return };
    assert_eq!(mode(&server), source::Mode::LivingWal);
    kill(writer);
    assert!(server.path("app.db-shm").exists());
    assert_eq!(mode(&server), source::Mode::AbandonedWal, "killed");
}

#[test]
fn a_transaction_in_progress_is_not_in_the_snapshot() {
    let server = Server::with("INSERT INTO folders VALUES ('f', 'F', 1, NULL)");
    let program = "
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('BEGIN IMMEDIATE')
c.execute(\"INSERT INTO folders VALUES ('u', 'x', 1, NULL)\")
print('ready', flush=True)
sys.stdin.read(1)
c.execute('COMMIT')
";
    let Some(mut writer) = start(program, &server) else { return };
    assert_eq!(folders_of(&server.snapshot()), 1);
    writer.stdin.take().expect("its input").write_all(b"x").expect("a byte");
    assert!(writer.wait().expect("it ends").success(), "the writer could commit");
    assert_eq!(folders_of(&server.snapshot()), 2);
}

#[test]
fn waiting_for_a_lock_hears_the_wish_to_stop() {
    let server = Server::with("SELECT 1");
    let program = "
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('BEGIN EXCLUSIVE')
print('ready', flush=True)
sys.stdin.read()
";
    let Some(writer) = start(program, &server) else { return };
    let job = Job::silent();
    let canceller = job.canceller();
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.open().snapshot(false, &[], &job).map(|_| ()));
        canceller.cancel();
        waiting.join().expect("no panic")
    });
    assert!(matches!(waiting, Err(Error::Cancelled)), "{waiting:?}");
    kill(writer);
    server.snapshot();
}

#[test]
fn reading_a_large_server_hears_the_wish_to_stop() {
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)";
    let server = Server::with(&format!(
        "{rows} INSERT INTO files SELECT i, NULL, i, 1, 1 FROM n;
         {rows} INSERT INTO document_revisions SELECT i, i, i, 1 FROM n"
    ));
    let job = Job::silent();
    let snapshot = server.open().snapshot(false, &[], &job).expect("a snapshot");
    job.canceller().cancel();
    let outcome = snapshot.for_each_content(WhichContents::OfDocuments, Order::ById, &mut |_| Ok(()));
    assert!(matches!(outcome, Err(Error::Cancelled)), "{outcome:?}");
}

#[test]
fn what_is_no_cfms_database_is_refused_with_what_it_lacks() {
    let lacking = Server::bare("CREATE TABLE documents (id, title, created_time); CREATE TABLE files (id, path)");
    let Error::NotCfms { missing, .. } = refusal(&lacking) else { panic!("another error") };
    for part in
        ["documents.folder_id", "the table folders", "files.sha256", "files.active", "the table document_revisions"]
    {
        assert!(missing.contains(part), "{part} in {missing}");
    }
    let view = Server::bare(&format!("{SCHEMA} DROP TABLE folders; CREATE VIEW folders AS SELECT 1 AS id"));
    assert!(matches!(refusal(&view), Error::NotCfms { missing, .. } if missing.contains("the table folders")));

    let empty = Server::with("SELECT 1");
    fs::write(empty.path("app.db"), "").expect("a file");
    assert!(matches!(refusal(&empty), Error::NotCfms { missing, .. } if missing.contains("empty")));
    for text in ["short", &"no database at all ".repeat(1000)] {
        fs::write(empty.path("app.db"), text).expect("a file");
        assert!(matches!(refusal(&empty), Error::NotCfms { missing, .. } if missing.contains("SQLite")), "{text:.20}");
    }
}

#[test]
fn a_damaged_database_is_said_to_be() {
    let rows: String =
        (0..2000).map(|i| format!("INSERT INTO folders VALUES ('{i}', '{}', 1, NULL);", "x".repeat(50))).collect();
    let server = Server::with(&rows);
    let mut bytes = fs::read(server.path("app.db")).expect("the database");
    let end = bytes.len();
    bytes[4096 * 9..end].fill(0xa5);
    fs::write(server.path("app.db"), &bytes).expect("a file");
    let outcome = server
        .open()
        .snapshot(false, &[], &Job::silent())
        .and_then(|snapshot| snapshot.write_folders(&mut std::io::sink(), &Job::silent()));
    assert_eq!(outcome.map_err(|error| error.code()), Err(Code::DatabaseDamaged));
}

#[test]
fn what_may_not_be_read_is_said_to_be() {
    if rustix::process::geteuid().is_root() {
        return skipped("root may read everything");
    }
    let server = Server::with("SELECT 1");
    fs::set_permissions(server.path("app.db"), fs::Permissions::from_mode(0o000)).expect("permissions");
    assert_eq!(refusal(&server).code(), Code::PermissionDenied);
}

#[test]
fn a_data_directory_is_opened_by_its_folder_or_its_database() {
    let server = Server::with("SELECT 1");
    assert_eq!(server.open().database(), server.path("app.db"));
    let by_file = ServerData::open(&server.path("app.db")).expect("data");
    assert_eq!(by_file.root(), server.root);

    fs::rename(server.path("app.db"), server.path("other.sqlite")).expect("a rename");
    let code = |path: &Path| ServerData::open(path).map(|_| ()).map_err(|error| error.code());
    assert_eq!(code(&server.root), Err(Code::NotCfms));
    assert_eq!(code(&server.path("app.db")), Err(Code::NotFound));
    server.put("config.toml", "[database]\ntype = 'sqlite'\nfile = 'other.sqlite'\n");
    assert_eq!(server.open().database(), server.path("other.sqlite"));
    server.put("config.toml", "[database]\nfile = 'nothing.db'\n");
    assert_eq!(code(&server.root), Err(Code::NotFound));
    server.put("config.toml", "[database]\ntype = 'mysql'\nfile = 'other.sqlite'\n");
    assert_eq!(code(&server.root), Err(Code::MySql));
    server.put("config.toml", "[provider]\nstorage = 's3'\n[database]\nfile = 'other.sqlite'\n");
    assert!(server.open().contents_in_s3());
}

#[test]
fn a_configuration_that_is_no_toml_is_told_by_line_and_without_its_secrets() {
    let server = Server::with("SELECT 1");
    server.put("config.toml", "[server]\nsecret_key = \"hunter2\" \"oops\"\n");
    let Err(Error::Config { problem, .. }) = ServerData::open(&server.root) else { panic!("another outcome") };
    assert!(problem.contains("line 2"), "{problem}");
    assert!(!problem.contains("hunter2"), "{problem}");
}

#[test]
fn one_run_a_source_at_a_time() {
    let server = Server::with("SELECT 1");
    let before = fingerprint(&server.root);
    let lock = server.open().lock().expect("the lock");
    assert_eq!(server.open().lock().map(|_| ()).map_err(|error| error.code()), Err(Code::SourceBusy));
    drop(lock);
    assert!(server.open().lock().is_ok());
    assert_eq!(fingerprint(&server.root), before, "no lock file is left");
}

#[test]
fn the_copy_has_no_name_and_a_dead_runs_is_removed() {
    let server = Server::with("SELECT 1");
    let base = std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
    let dead = base.join(format!("cfms-backup-snapshot-{:016x}", rand::random::<u64>()));
    fs::create_dir(&dead).expect("a folder");
    fs::write(dead.join("snapshot.db"), "remains").expect("a file");
    fs::write(dead.join("lock"), "").expect("a file");
    let living = base.join(format!("cfms-backup-snapshot-{:016x}", rand::random::<u64>()));
    fs::create_dir(&living).expect("a folder");
    let lock = fs::File::create(living.join("lock")).expect("a file");
    lock.lock().expect("the lock");

    let snapshot = server.snapshot();
    assert!(!dead.exists(), "a dead run's copy is removed");
    assert!(living.exists(), "a living run's is not");
    let open: Vec<_> = fs::read_dir("/proc/self/fd")
        .expect("open files")
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|path| path.ends_with("snapshot.db (deleted)"))
        .collect();
    assert!(!open.is_empty(), "the copy is open and has no name");
    drop(snapshot);
    fs::remove_dir_all(living).expect("the folder is removed");
}
