//! The key is in its file and nowhere else.

use std::fs;

use serde_json::Value;

use crate::program::{Server, run};

#[test]
fn the_key_is_in_no_output() {
    let server = Server::new();
    let mut runs = vec![server.create(&["--name=a"]), server.create(&["--name=b", "--json", "--progress=json"])];
    let archive = server.out().join("a.cfms.enc");
    for verb in ["verify", "inspect"] {
        runs.push(run([verb.as_ref(), archive.as_os_str()]));
        runs.push(run([
            verb.as_ref(),
            archive.as_os_str(),
            "--json".as_ref(),
            "--key".as_ref(),
            server.out().join("b.key").as_os_str(),
        ]));
    }
    for name in ["a.key", "b.key"] {
        let file: Value = serde_json::from_slice(&fs::read(server.out().join(name)).unwrap()).unwrap();
        let key = file["key"].as_str().unwrap().to_lowercase();
        assert_eq!(key.len(), 64);
        for run in &runs {
            let said = format!("{}{}", run.out, run.err).to_lowercase();
            assert!(!said.contains(&key) && !said.contains(&key[..32]) && !said.contains(&key[32..]), "{run:?}");
        }
    }
}

#[test]
fn a_key_file_that_is_no_key_is_not_quoted() {
    let server = Server::whole();
    let backup = server.backup("a");
    let wrong = server.folder.path().join("wrong.key");
    fs::write(&wrong, r#"{"key": "5ec4e7", "algorithm": "AES-256-CBC"}"#).unwrap();
    for form in ["--progress=none", "--json"] {
        let run =
            run(["verify".as_ref(), backup.archive.as_os_str(), "--key".as_ref(), wrong.as_os_str(), form.as_ref()]);
        assert_eq!(run.code, Some(4), "{run:?}");
        assert!(!run.out.contains("5ec4e7") && !run.err.contains("5ec4e7"), "{run:?}");
    }
}

#[test]
fn no_flag_takes_a_key_itself() {
    for verb in ["create", "verify", "inspect"] {
        let help = run([verb, "--help"]).out;
        let keys: Vec<_> =
            help.lines().filter(|line| line.trim_start().starts_with('-') && line.contains("key")).collect();
        assert!(keys.iter().all(|line| line.contains("<FILE>") || line.contains("<DIR>")), "{keys:?}");
    }
}
