use super::*;
use crate::warning::WarningCode;

fn server_of(files: u32, here: impl Fn(u32) -> bool) -> Server {
    let mut sql = String::new();
    for file in 0..files {
        sql += &format!(
            "INSERT INTO files VALUES ('{file:04}', NULL, 'content/files/2026/{file:04}', 1, 1);
             INSERT INTO documents VALUES ('d{file}', 'Title {file}', 1, NULL);
             INSERT INTO document_revisions VALUES ({file}, 'd{file}', '{file:04}', 1);"
        );
    }
    let server = Server::with(&sql);
    for file in (0..files).filter(|&file| here(file)) {
        server.put(&format!("content/files/2026/{file:04}"), "1234");
    }
    server
}

#[test]
fn a_survey_counts_what_a_backup_would_hold() {
    let server = server_of(3, |_| true);
    server.put("config.toml", "[server]\nname = '文档'\n");
    let survey = server.survey();
    assert_eq!((survey.documents, survey.folders, survey.files, survey.users), (3, 0, 3, 0));
    assert_eq!(survey.content_bytes, 12);
    assert_eq!(survey.server_name.as_deref(), Some("文档"));
    assert_eq!(survey.database, server.path("app.db"));
    assert!(survey.last_change.is_some_and(|time| time > 1e9));
    assert!(survey.estimated_bytes > survey.estimated_bytes_documents_only + survey.database_bytes / 2);
    assert_eq!((survey.estimated_bytes - 32) % 10240, 0);
    assert!(!survey.incomplete && survey.warnings.is_empty() && survey.missing_below.is_none());
}

#[test]
fn missing_contents_are_named_with_their_documents() {
    let server = server_of(20, |file| file != 7);
    let survey = server.survey();
    assert_eq!(survey.contents_missing, 1);
    assert!(!survey.incomplete);
    let warning = &survey.warnings[0];
    assert_eq!(warning.code, WarningCode::Missing);
    assert_eq!(warning.file_id.as_deref(), Some("0007"));
    assert_eq!(warning.title.as_deref(), Some("Title 7"));
    assert_eq!(warning.path.as_deref(), Some("content/files/2026/0007"));
    assert_eq!(survey.missing_below, Some(server.path("content/files/2026")));
}

#[test]
fn a_disk_that_is_not_mounted_is_an_incomplete_backup_foreseen() {
    let survey = server_of(30, |file| file >= 10).survey();
    assert!(survey.incomplete);
    let survey = server_of(2, |_| false).survey();
    assert!(survey.incomplete);
    assert_eq!(survey.contents_missing, 2);
}

#[test]
fn unfinished_uploads_without_content_are_no_warning_but_lost_avatars_are() {
    let server = Server::with(
        "INSERT INTO files VALUES ('unfinished', NULL, 'content/u', 1, 0), ('avatar', NULL, 'content/a', 1, 1)",
    );
    let survey = server.survey();
    let named: Vec<_> = survey.warnings.iter().filter_map(|warning| warning.file_id.as_deref()).collect();
    assert_eq!(named, ["avatar"]);
    assert!(!survey.incomplete, "no document lacks its content");
}

#[test]
fn folders_outside_with_readable_files_are_offered() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let elsewhere = elsewhere.path().canonicalize().expect("its path");
    fs::create_dir_all(elsewhere.join("content/files")).expect("a folder");
    fs::write(elsewhere.join("content/files/x"), "X").expect("a file");
    let path = elsewhere.join("content/files/x");
    let server = Server::with(&format!(
        "INSERT INTO files VALUES ('x', NULL, '{}', 1, 1), ('y', NULL, '/no/such/y', 1, 1),
             ('z', NULL, 'content/files/z', 1, 1);
         INSERT INTO document_revisions VALUES (1, 'd', 'x', 1), (2, 'd', 'y', 1), (3, 'd', 'z', 1)",
        path.display()
    ));
    let survey = server.survey();
    assert_eq!(survey.outside_folders, [elsewhere.join("content")]);
    assert_eq!((survey.contents_missing, survey.contents_outside), (3, 2));
    assert_eq!(survey.missing_below, Some(server.path("content/files")), "what is outside is missing nowhere");
    let allowed = server.open().survey(&survey.outside_folders, false, &Job::silent()).expect("a survey");
    assert_eq!((allowed.contents_missing, allowed.contents_outside, allowed.content_bytes), (2, 1, 1));
    let _ = fs::remove_dir_all(elsewhere);
}

#[test]
fn a_path_of_megabytes_is_not_repeated_whole() {
    let server = Server::with(
        "INSERT INTO files VALUES ('f', NULL, 'content/' || replace(hex(zeroblob(1000000)), '0', '路/'), 1, 1);
         INSERT INTO documents VALUES ('d', replace(hex(zeroblob(1000000)), '0', '题'), 1, NULL);
         INSERT INTO document_revisions VALUES (1, 'd', 'f', 1);",
    );
    let survey = server.survey();
    let warning = &survey.warnings[0];
    assert_eq!(warning.code, WarningCode::Missing);
    for shown in [&warning.path, &warning.title, &survey.missing_below.map(|path| path.display().to_string())] {
        let length = shown.as_ref().map_or(usize::MAX, String::len);
        assert!((4000..4400).contains(&length), "{length}");
    }
}

#[test]
fn a_server_without_configuration_or_start_marker_is_told_of() {
    let server = server_of(1, |_| true);
    fs::remove_file(server.path("config.toml")).expect("it is removed");
    fs::remove_file(server.path("init")).expect("it is removed");
    let survey = server.survey();
    let told: Vec<_> = survey.warnings.iter().map(|told| (told.code, told.path.clone().unwrap_or_default())).collect();
    let expected = ["config.toml", "init"].map(|file| server.path(file).display().to_string());
    assert_eq!(told, expected.map(|path| (WarningCode::ServerFileMissing, path)));
    assert!(survey.warnings[1].reason.contains("deletes its database"));
}

#[test]
fn contents_of_documents_and_others_are_counted_apart_and_those_in_s3_are_said_to_be_there() {
    let server = Server::with(
        "INSERT INTO files VALUES ('f', NULL, 'files/f', 1, 1), ('avatar', NULL, 'avatars/a', 1, 1);
         INSERT INTO document_revisions VALUES (1, 'd', 'f', 1)",
    );
    server.put("config.toml", "[provider]\nstorage = \"s3\"\n");
    let survey = server.survey();
    assert_eq!((survey.files, survey.contents_missing, survey.other_contents_missing), (1, 1, 1));
    assert!(survey.contents_in_s3 && survey.incomplete);
    assert!(survey.warnings.iter().all(|warning| warning.reason == "the server keeps its contents in S3"));
}
