//! The exit codes, each reached by the way that the help promises it for. Those of signals are in `signals`.

use std::fs;

use crate::program::{Server, names, run};

#[test]
fn every_exit_code_is_reached_as_the_help_says() {
    let (server, whole) = (Server::new(), Server::whole());
    let damaged = server.backup("damaged");
    damaged.damage();
    let cut = server.backup("cut");
    cut.cut();
    let sound = server.backup("sound");
    let archive = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (sound_archive, other_key) = (archive(&sound.archive), archive(&cut.key));
    let no_key = server.folder.path().join("no.key");
    fs::write(&no_key, "{}").unwrap();

    let create = |server: &Server, more: &[&str]| server.create(more).code;
    let call = |arguments: &[&str]| run(arguments).code;
    let table: [(&str, i32, Option<i32>); 19] = [
        ("a backup of a whole server", 0, create(&whole, &["--name=a"])),
        ("one without warnings, strict", 0, create(&whole, &["--name=b", "--strict"])),
        ("one with a warning", 0, create(&server, &["--name=c"])),
        ("one with a warning, strict", 3, create(&server, &["--name=d", "--strict"])),
        ("a name that is taken", 1, create(&whole, &["--name=a"])),
        ("another disk wanted", 1, create(&whole, &["--require-other-disk"])),
        ("a server that is not there", 1, call(&["create", "--data-dir", "/nonexistent/server"])),
        ("no verb", 2, call(&[])),
        ("an unknown flag", 2, call(&["create", "--wrong"])),
        ("no source", 2, call(&["create"])),
        ("two sources", 2, call(&["create", "--data-dir", "/a", "--database", "/a/app.db"])),
        ("a name that is a path", 2, create(&whole, &["--name=../x"])),
        ("one key for two archives", 2, call(&["verify", &sound_archive, &sound_archive, "--key", &other_key])),
        ("a sound archive", 0, call(&["verify", &sound_archive])),
        ("the key of another archive", 4, call(&["verify", &sound_archive, "--key", &other_key])),
        ("a key file without a key", 4, call(&["verify", &sound_archive, "--key", no_key.to_str().unwrap()])),
        ("a damaged archive", 5, call(&["verify", &archive(&damaged.archive)])),
        ("an archive that is cut off", 5, call(&["verify", &archive(&cut.archive)])),
        ("help", 0, call(&["--help"])),
    ];
    for (what, expected, code) in table {
        assert_eq!(code, Some(expected), "{what}");
    }
}

#[test]
fn a_backup_without_most_contents_is_written_and_ends_with_8() {
    let server = Server::new();
    fs::remove_dir_all(server.root.join("content/files")).unwrap();

    let run = server.create(&["--name=a"]);
    assert_eq!(run.code, Some(8), "{run:?}");
    assert!(run.err.contains("incomplete"), "{run:?}");
    assert_eq!(names(&server.out()), ["a.cfms.enc", "a.key"]);

    let run = server.create(&["--name=b", "--json"]);
    let document = run.document();
    assert_eq!(document["error"]["code"], "incomplete");
    assert_eq!(document["outcome"], "incomplete");
    assert!(document["error"]["params"]["path"].as_str().unwrap().ends_with("content/files"), "{document:#}");

    assert_eq!(server.create(&["--name=c", "--allow-missing"]).code, Some(0));
    assert_eq!(server.create(&["--name=d", "--allow-missing", "--strict"]).code, Some(3));
}

#[test]
fn several_archives_end_with_the_worst_code() {
    let server = Server::new();
    let (sound, wrong, damaged) = (server.backup("sound"), server.backup("wrong"), server.backup("damaged"));
    damaged.damage();
    fs::copy(&sound.key, &wrong.key).unwrap();

    let verify = |archives: &[&std::path::Path]| {
        run(["verify".as_ref()].into_iter().chain(archives.iter().map(|archive| archive.as_os_str()))).code
    };
    assert_eq!(verify(&[&sound.archive, &wrong.archive]), Some(4));
    assert_eq!(verify(&[&wrong.archive, &damaged.archive, &sound.archive]), Some(5));
    assert_eq!(verify(&[&sound.archive, "/nonexistent/x.cfms.enc".as_ref()]), Some(1));
}

#[test]
fn a_file_size_limit_is_an_error_and_not_a_death_by_signal() {
    let server = Server::whole().with_hole(64 << 20);
    let program = env!("CARGO_BIN_EXE_cfms-backup");
    // Too little for the archive, and for the snapshot already.
    for blocks in ["2048", "8"] {
        let output = std::process::Command::new("sh")
            .args(["-c", "ulimit -f \"$1\"; shift; exec \"$0\" \"$@\"", program, blocks])
            .args(server.create_arguments(&["--json"]))
            .output()
            .unwrap();
        let run = crate::program::Run::from(output);
        assert_eq!(run.code, Some(1), "{run:?}");
        let error = &run.document()["error"];
        assert_eq!(error["code"], "file_too_large", "{run:?}");
        assert!(!error["message"].as_str().unwrap().contains(" 0 bytes"), "{run:?}");
        assert_eq!(names(&server.out()), [""; 0]);
    }
}

#[test]
fn a_file_where_a_folder_is_wanted_is_named_with_advice() {
    let server = Server::whole();
    let file = server.folder.path().join("a file");
    fs::write(&file, "").unwrap();
    for wanted in [file.clone(), file.join("below")] {
        for option in ["--output", "--key-dir"] {
            let mut arguments = vec!["create".into(), "--data-dir".into(), server.root.clone().into(), "--json".into()];
            if option == "--key-dir" {
                arguments.extend(["--output".into(), server.out().into()]);
            }
            arguments.extend([option.into(), std::ffi::OsString::from(&wanted)]);
            let run = run(arguments);
            assert_eq!(run.code, Some(1), "{run:?}");
            let error = &run.document()["error"];
            assert_eq!(error["code"], "not_a_folder", "{run:?}");
            assert_eq!(error["params"]["path"], file.to_str().unwrap(), "{run:?}");
            assert!(error["advice"].is_string(), "{run:?}");
        }
    }
}
