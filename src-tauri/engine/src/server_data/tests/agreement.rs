use super::*;

/// What a backup of documents would hold, and whether it would be made.
fn exported(server: &Server) -> Result<[Vec<u8>; 4]> {
    let job = Job::silent();
    let copy = server.open().copy_database(false, &[], &job)?;
    let check = SoundnessCheck::begin(&copy, false, &job)?;
    let snapshot = Snapshot::of(copy, &job)?;
    let mut tables = [const { Vec::new() }; 4];
    let [documents, folders, files, orphans] = &mut tables;
    snapshot.write_documents(documents, &job)?;
    snapshot.write_folders(folders, &job)?;
    snapshot.write_files(files, &job)?;
    snapshot.write_orphans(orphans, &job)?;
    check.finish()?;
    Ok(tables)
}

fn page_of(path: &Path, index: &str) -> usize {
    let connection = Connection::open(path).expect("a database");
    let query = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    connection.query_row(query, [index], |row| row.get::<_, u32>(0)).expect("its page") as usize
}

#[test]
fn a_damaged_index_never_makes_another_backup_than_a_sound_one() {
    let rows = (0..20).map(|n| {
        format!(
            "INSERT INTO folders VALUES ('folder{n}', 'F', 1.0, NULL); \
             INSERT INTO documents VALUES ('document{n}', 'D', 1.0, 'folder{n}'); \
             INSERT INTO files VALUES ('file{n}', NULL, './content/files/file{n}', 1.0, 1); \
             INSERT INTO document_revisions VALUES ({n}, 'document{n}', 'file{n}', 1.0); \
             INSERT INTO document_access_rules VALUES ({n}, 'read', 'document{n}', '{{}}');"
        )
    });
    let server = Server::with(&rows.collect::<String>());
    let expected = exported(&server).expect("a sound server's");
    let path = server.path("app.db");
    let sound = fs::read(&path).expect("the database");
    let mut refused = 0;
    for index in ["sqlite_autoindex_documents_1", "sqlite_autoindex_folders_1", "sqlite_autoindex_files_1"] {
        let page = (page_of(&path, index) - 1) * 4096;
        for bit in (0..4096 * 8).step_by(101) {
            let mut damaged = sound.clone();
            damaged[page + bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &damaged).expect("it is damaged");
            match exported(&server) {
                Ok(tables) => assert!(tables == expected, "{index}, bit {bit}"),
                Err(error) => {
                    assert_eq!(error.code(), crate::error::Code::DatabaseDamaged, "{index}, bit {bit}: {error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 50, "only {refused} were refused");
}
