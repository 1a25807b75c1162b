//! The documents of `--json`.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::program::{Server, command, names, run};

#[test]
fn create_prints_the_report() {
    let server = Server::new();
    let run = server.create(&["--name=a", "--json"]);
    let document = run.document();
    assert_eq!(run.err, "", "nothing beside the document");
    assert_eq!(document["archive_path"], json!(server.out().join("a.cfms.enc")));
    assert_eq!(document["key_path"], json!(server.out().join("a.key")));
    assert_eq!(document["outcome"], "done_with_warnings");
    assert_eq!(document["scope"], "whole_server");
    assert_eq!(document["metadata"]["version"], "1.0");
    assert!(document["metadata"]["documents_count"].as_u64().unwrap() > 40);
    assert_eq!(document["verification"]["verdict"], "verified");
    assert_eq!(document["warnings"][0]["code"], "missing");
    assert_eq!(document["warnings"][0]["title"], "Fire safety plan 2019.pdf");
    assert_eq!(document["archive_size"], json!(fs::metadata(server.out().join("a.cfms.enc")).unwrap().len()));
    assert_eq!(document.get("error"), None);
}

#[test]
fn the_default_destination_is_the_servers_own_folder_of_backups() {
    let server = Server::whole();
    let run =
        run(["create".as_ref(), "--database".as_ref(), server.root.join("app.db").as_os_str(), "--json".as_ref()]);
    let document = run.document();
    let name = document["backup_name"].as_str().unwrap();
    assert!(name.starts_with("backup_"), "{name}");
    assert_eq!(names(&server.root.join("content/backups")), [format!("{name}.cfms.enc"), format!("{name}.key")]);
    assert_eq!(document["key_beside_archive"], true);
    assert_eq!(document["same_disk"], true);
}

#[test]
fn key_and_archive_go_where_they_are_told_to() {
    let server = Server::whole();
    let keys = server.folder.path().join("keys");
    let run =
        server.create(&["--name=a", "--documents-only", "--no-verify", "--json", "--key-dir", keys.to_str().unwrap()]);
    let document = run.document();
    assert_eq!((names(&server.out()), names(&keys)), (vec!["a.cfms.enc".into()], vec!["a.key".into()]));
    assert_eq!(document["scope"], "documents_only");
    assert_eq!(document["verification"], Value::Null);
    assert_eq!(document["key_beside_archive"], false);
    assert_eq!(document["outcome"], "done");
}

#[test]
fn verify_prints_what_it_found() {
    let server = Server::new();
    let backup = server.backup("a");
    let verify = || run(["verify".as_ref(), backup.archive.as_os_str(), "--json".as_ref()]);

    let document = verify().document();
    assert_eq!(document["verdict"], "verified");
    assert_eq!(document["archive_path"], json!(backup.archive));
    assert_eq!(document["key_path"], json!(backup.key));
    assert_eq!(document["metadata"]["version"], "1.0");
    assert_eq!(document["warnings"][0]["code"], "content_missing");
    assert_eq!(document.get("error"), None);

    backup.damage();
    let document = verify().document();
    assert_eq!(document["verdict"], "damaged");
    assert_eq!(document["error"]["code"], "damaged");
    assert!(document["findings"].as_array().unwrap().iter().any(|finding| finding["severity"] == "damage"));

    backup.cut();
    assert_eq!(verify().document()["error"]["code"], "truncated");
}

#[test]
fn verify_of_several_archives_has_a_document_for_each() {
    let server = Server::whole();
    let (sound, damaged) = (server.backup("sound"), server.backup("damaged"));
    damaged.damage();
    let run = run([
        "verify".as_ref(),
        sound.archive.as_os_str(),
        damaged.archive.as_os_str(),
        "/nonexistent/x.cfms.enc".as_ref(),
        "--json".as_ref(),
        "--progress=json".as_ref(),
    ]);
    let document = run.document();
    let archives = document["archives"].as_array().unwrap();
    let verdicts: Vec<_> = archives.iter().map(|archive| archive["verdict"].as_str()).collect();
    assert_eq!(verdicts, [Some("verified"), Some("damaged"), None]);
    assert_eq!(archives[2]["archive_path"], "/nonexistent/x.cfms.enc");
    assert_eq!(archives[2]["error"]["code"], "not_found");
    let events = run.err.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let named: Vec<_> = events.filter(|e| e["event"] == "archive").map(|e| e["archive_path"].clone()).collect();
    assert_eq!(named, [json!(sound.archive), json!(damaged.archive), json!("/nonexistent/x.cfms.enc")]);
}

#[test]
fn inspect_prints_what_the_archive_holds() {
    let server = Server::new();
    let backup = server.backup("a");
    let run = run(["inspect".as_ref(), backup.archive.as_os_str(), "--json".as_ref()]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let document = run.document();
    assert_eq!(document["archive_path"], json!(backup.archive));
    assert_eq!(document["key_path"], json!(backup.key));
    assert_eq!(document["metadata"]["version"], "1.0");
    assert_eq!(document["server_name"], "Harbour Works 海港工程");
    assert_eq!(document["contents_missing"], 1);
    assert_eq!(document["warnings"].as_array().unwrap().len(), 1);
    let sizes: Vec<_> = document["largest"].as_array().unwrap().iter().map(|d| d["bytes"].as_u64().unwrap()).collect();
    assert!(!sizes.is_empty() && sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
}

#[test]
fn a_failure_is_a_document_with_code_message_advice_and_params() {
    let cases: [(&[&str], i32, &str); 6] = [
        (&["create", "--data-dir", "/nonexistent/x"], 1, "not_found"),
        (&["create", "--data-dir", "/nonexistent/x", "--name", "a/b"], 2, "bad_name"),
        (&["verify", "/nonexistent/x.cfms.enc"], 1, "not_found"),
        (&["inspect", "/nonexistent/x.cfms.enc"], 1, "not_found"),
        (&["create"], 2, "usage"),
        (&["frobnicate"], 2, "usage"),
    ];
    for (arguments, code, name) in cases {
        let run = run(arguments.iter().copied().chain(["--json"]));
        assert_eq!(run.code, Some(code), "{run:?}");
        assert_eq!(run.err, "", "{arguments:?}");
        let document = run.document();
        let error = document["error"].as_object().unwrap();
        assert_eq!(error["code"], name, "{document:#}");
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert!(!error["advice"].as_str().unwrap().is_empty(), "{document:#}");
        assert!(error["params"].is_object());
        assert_eq!(document.as_object().unwrap().len(), 1, "{document:#}");
    }
    let message = run(["create", "--json"]).document()["error"]["message"].to_string();
    assert!(message.contains("--database <FILE>"), "what is missing is named: {message}");
}

#[test]
fn progress_as_json_is_one_event_a_line_and_never_runs_backwards() {
    let server = Server::whole();
    let run = server.create(&["--json", "--progress=json"]);
    run.document();
    let mut phases = Vec::new();
    let mut done = 0;
    for line in run.err.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        match event["event"].as_str().unwrap() {
            "phase" => {
                phases.push(event["phase"].as_str().unwrap().to_owned());
                done = 0;
            }
            "done" => {
                let bytes = event["bytes"].as_u64().unwrap();
                assert!(bytes >= done, "{line}");
                done = bytes;
            }
            "plan" => assert!(event["phases"].as_array().unwrap().len() >= 2, "{line}"),
            other => panic!("an event {other}"),
        }
    }
    assert_eq!(phases, ["snapshot", "survey", "encrypt", "verify", "publish"]);
}

#[test]
fn who_stops_reading_does_not_break_the_run() {
    let server = Server::whole();
    let mut child = command(server.create_arguments(&["--name=a", "--json"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
    assert_eq!(names(&server.out()), ["a.cfms.enc", "a.key"]);
}

#[test]
fn a_document_that_cannot_be_written_is_a_failure_and_goes_to_standard_error() {
    let server = Server::whole();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command(server.create_arguments(&["--json"])).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("cannot write to standard output"), "{told}");
    assert!(told.contains("\"archive_path\""), "where the backup is must not be lost: {told}");
}

#[test]
fn a_path_that_is_no_utf8_is_shown_as_far_as_it_can_be() {
    use std::os::unix::ffi::OsStrExt;
    let server = Server::whole();
    let folder = server.folder.path().join(std::ffi::OsStr::from_bytes(b"out\xff"));
    let run = run([
        "create".as_ref(),
        "--data-dir".as_ref(),
        server.root.as_os_str(),
        "--output".as_ref(),
        folder.as_os_str(),
        "--name=a".as_ref(),
        "--json".as_ref(),
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.document()["archive_path"].as_str().unwrap().ends_with("out\u{fffd}/a.cfms.enc"), "{run:?}");
    assert_eq!(names(&folder), ["a.cfms.enc", "a.key"]);
}
