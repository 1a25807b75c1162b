//! A database that a crashed server left behind: what was committed is in the backup, what was not is not, and its files
//! are left for the server to recover.

use std::fs;

use crate::harness::{Ground, everything_below, program, python, script};

const COMMITTED: &str = "import sys; sys.path.insert(0, sys.argv[1]); from opened import Opened; o = Opened(sys.argv[2]); \
    d = o.json('documents.json'); print(len(d), len(o.json('folders.json')), sum('UNCOMMITTED' in x['title'] for x in d), \
    sum(x['title'].startswith('later committed') for x in d), b'UNCOMMITTED' in o.read('server/app.db'))";

fn crashed(mode: &str) -> Ground {
    let ground = Ground::bare();
    let output =
        script("writers.py").args(["crashed".as_ref(), ground.server().as_os_str(), mode.as_ref()]).output().unwrap();
    assert!(!output.status.success() && output.stderr.is_empty(), "it was killed: {output:?}");
    ground
}

/// Backs up what was left, and looks at what the archive holds with openssl and Python.
fn only_what_was_committed(ground: &Ground) {
    let before = everything_below(&ground.server());
    let run = ground.create("a", &["--allow-missing"]).ended(0);
    assert_eq!(run.document()["verification"]["verdict"], "verified");
    assert_eq!(changed(&before, &everything_below(&ground.server())), [""; 0]);
    let support = crate::harness::root().join("tests/support");
    let looked = std::process::Command::new("python3")
        .args(["-B", "-c", COMMITTED])
        .args([support.as_os_str(), ground.archive("a").as_os_str()])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&looked.stdout).trim(), "3000 0 0 1500 False", "{looked:?}");
    python("real_restore.py", [ground.archive("a"), ground.key("a"), ground.path("restored")]);
}

/// The files that are there no more, new or other than before; the folders' own times and a live log's index apart.
fn changed(
    before: &std::collections::BTreeMap<std::path::PathBuf, String>,
    after: &std::collections::BTreeMap<std::path::PathBuf, String>,
) -> Vec<String> {
    let paths = before.keys().chain(after.keys()).filter(|path| !path.to_string_lossy().ends_with("-shm"));
    let mut changed: Vec<_> =
        paths.filter(|path| before.get(*path) != after.get(*path)).map(|path| path.display().to_string()).collect();
    changed.dedup();
    changed
}

#[test]
fn a_hot_journal_is_recovered_in_the_copy_and_left_where_it_is() {
    let ground = crashed("delete");
    let database = fs::read(ground.server().join("app.db")).unwrap();
    let journal = fs::read(ground.server().join("app.db-journal")).unwrap();
    assert!(journal.len() > 512 && journal[..8] == *b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "the journal is hot");
    assert!(database.windows(11).any(|text| text == b"UNCOMMITTED"), "the trap is set: uncommitted rows are on disk");
    only_what_was_committed(&ground);
}

#[test]
fn a_log_that_was_not_merged_is_read_and_left_where_it_is() {
    let ground = crashed("wal");
    assert!(fs::metadata(ground.server().join("app.db-wal")).unwrap().len() > 4096);
    assert!(ground.server().join("app.db-shm").exists());
    only_what_was_committed(&ground);
}

#[test]
fn a_log_without_its_index_is_read_and_no_index_is_made() {
    let ground = crashed("wal");
    fs::remove_file(ground.server().join("app.db-shm")).unwrap();
    only_what_was_committed(&ground);
    assert!(!ground.server().join("app.db-shm").exists());
}

#[test]
fn a_log_whose_end_was_torn_holds_what_was_committed_before() {
    let ground = crashed("wal");
    let log = ground.server().join("app.db-wal");
    let length = fs::metadata(&log).unwrap().len();
    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(length - 1000).unwrap();
    fs::remove_file(ground.server().join("app.db-shm")).unwrap();
    only_what_was_committed(&ground);
}

/// Root may write everywhere, so the folder is one of another's on which nobody may write.
#[test]
fn a_server_in_a_folder_that_cannot_be_written_is_backed_up() {
    for mode in ["delete", "wal"] {
        let ground = crashed(mode);
        let as_nobody = crate::harness::is_root();
        for folder in ["", "out", "tmp"] {
            open_to_all(&ground.path(folder));
        }
        let before = everything_below(&ground.server());
        let mut command = if as_nobody {
            let mut command = ground.command("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program()]);
            command
        } else {
            read_only(&ground.server());
            ground.command(program())
        };
        let run: crate::harness::Run =
            command.args(ground.create_arguments("a", &["--allow-missing"])).output().unwrap().into();
        run.ended(0);
        assert_eq!(changed(&before, &everything_below(&ground.server())), [""; 0]);
        if !as_nobody {
            fs::set_permissions(ground.server(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
    }
}

#[test]
fn damage_to_a_table_that_no_member_shows_is_told_and_goes_along() {
    let ground = Ground::with("small");
    let database = ground.server().join("app.db");
    let opened = rusqlite::Connection::open(&database).unwrap();
    let (page, size): (u64, u64) = opened
        .query_row(
            "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE type = 'table' AND name = 'users'",
            [],
            |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)),
        )
        .unwrap();
    drop(opened);
    assert_eq!(ground.create("sound", &[]).ended(0).warnings(), []);
    let mut bytes = fs::read(&database).unwrap();
    bytes[((page - 1) * size) as usize] = 0xff;
    fs::write(&database, &bytes).unwrap();

    let run = ground.create("damaged", &[]).ended(0);
    let codes: Vec<_> = run.warnings().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["database_damaged"], "{run:?}");
    assert_eq!(run.document()["verification"]["verdict"], "verified");
    // What is left out is not looked at either.
    assert_eq!(ground.create("documents", &["--documents-only"]).ended(0).warnings(), []);
}

fn open_to_all(folder: &std::path::Path) {
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
}

fn read_only(folder: &std::path::Path) {
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
}
